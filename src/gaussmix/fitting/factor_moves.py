"""Moves of mixtures of factor analyzers out of a poor local optimum: one component is removed, another one is split.

Responsibilities of rows with many columns are zero or one. Therefore moves are made with labels: the rows of the removed
component get their second best label, and a split is an optimum of two components for the rows of one.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, IntArray
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.factor_starts import factor_start
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.wide_starts import labels_of_kind

_HALVES = ("principal axes", "random", "random")  # starts of a split
_ITERATIONS = 10  # of each of them
_CANDIDATES = 3  # components to split, and components to remove for each of them


def propose_factor_moves(
    data: Sample, mixture: Mixture, update: FactorUpdate, rng: np.random.Generator
) -> Iterator[Mixture]:
    """Yield starts with one component removed and one split, in descending order of what they gain.

    Parameters
    ----------
    data : Sample
        Rows of the search, with a diagonal root.
    mixture : Mixture
        Result of EM on these rows.
    update : FactorUpdate
        The M-step.
    rng : Generator
        Source of random numbers of the splits.

    Yields
    ------
    Mixture
        Start in the units of the data.
    """
    k, structure = mixture.n_components, type(mixture.covariance)
    assert issubclass(structure, Factor)
    scores = NativeEngine.of(data.rows).score_rows(mixture.whitened(), "scores")
    labels, best = scores.argmax(axis=1), scores.max(axis=1)
    np.put_along_axis(scores, labels[:, None], -np.inf, axis=1)
    second = scores.argmax(axis=1)
    lost = np.bincount(labels, data.rows.explicit_weights * (best - scores.max(axis=1)), minlength=k)
    splits: dict[int, tuple[float, BoolArray]] = {}
    for component in range(k):
        where = np.flatnonzero(labels == component)
        before = float(data.rows.explicit_weights[where] @ (best[where] - np.log(mixture.weights[component])))
        split = _split(data, where, structure, update, rng)
        if split is not None:
            splits[component] = split[0] - before, split[1]
    widest = sorted(splits, key=lambda component: -splits[component][0])[:_CANDIDATES]
    cheapest = np.argsort(lost, kind="stable").tolist()
    moves = [
        (lost[gone] - splits[component][0], gone, component)
        for component in widest
        for gone in [one for one in cheapest if one != component][:_CANDIDATES]
    ]
    for _, gone, component in sorted(moves):
        moved = np.where(labels == gone, second, labels)
        moved[np.flatnonzero(labels == component)[splits[component][1]]] = gone
        yield factor_start(data, moved, structure, k, rng)


def _split(
    data: Sample, where: IntArray, structure: type[Factor], update: FactorUpdate, rng: np.random.Generator
) -> tuple[float, BoolArray] | None:
    """Return the log-likelihood of the best of some optima of two components, and which rows are in the second one."""
    least = structure.n_factors + 2
    if len(where) < 2 * least:
        return None
    rows = data.rows.take(where)
    part = Sample(rows, np.average(rows.values, axis=0, weights=rows.weights), data.root, None)
    engine, by_steps = NativeEngine.of(rows), replace(update, by_steps=True)
    found: list[tuple[float, BoolArray]] = []
    for kind in _HALVES:
        start = factor_start(part, labels_of_kind(part, None, kind, structure, 2, rng), structure, 2, rng)
        fit = fit_em(engine, by_steps, start, None, max_iter=_ITERATIONS)
        is_second = engine.score_rows(fit.mixture.whitened(), "labels") == 1
        if least <= is_second.sum() <= len(where) - least:
            found.append((fit.moments.log_likelihood, is_second))
    return max(found, key=lambda one: one[0], default=None)
