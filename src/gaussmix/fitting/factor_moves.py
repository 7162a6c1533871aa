"""Moves of mixtures of factor analyzers out of a poor local optimum: one component is removed, another one is split.

Responsibilities of rows with many columns are zero or one. Therefore moves are made with labels: the rows of the
removed component get their second best label, and a split comes from EM with two components on the rows of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.factor_starts import factor_start
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.wide_starts import labels_of_kind

_HALVES = ("principal axes", "lengths", "random", "random")  # starts of a split
_ITERATIONS, _MORE_ITERATIONS = 10, 30  # of each of them, and of the best one
_LEAST_PER_FACTOR = 2  # rows of a half, as of a cluster with axes of its own in a start
_CANDIDATES = 3  # components to split, and components to remove for each of them


@dataclass(frozen=True, eq=False)
class _Split:
    """Two components for the rows of one."""

    engine: NativeEngine
    fit: Fit
    gain: float

    @property
    def is_second(self) -> BoolArray:
        """Which rows are in the second component."""
        return np.asarray(self.engine.score_rows(self.fit.mixture.whitened(), "labels") == 1)

    def is_sound(self, least: int) -> bool:
        """Return whether both components have at least so many rows."""
        return bool(self.fit.moments.counts.min() >= least)

    def continued(self, update: FactorUpdate, max_iter: int) -> "_Split":
        """Return the split after more iterations."""
        fit = fit_em(self.engine, update, self.fit.mixture, None, max_iter=max_iter).uninterrupted()
        return _Split(self.engine, fit, self.gain + fit.moments.log_likelihood - self.fit.moments.log_likelihood)


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
    second, by_steps = scores.argmax(axis=1), replace(update, by_steps=True)
    lost = np.bincount(labels, data.rows.explicit_weights * (best - scores.max(axis=1)), minlength=k)
    splits: dict[int, _Split] = {}
    for component in range(k):
        where = np.flatnonzero(labels == component)
        if not where.size:
            continue
        before = float(data.rows.explicit_weights[where] @ (best[where] - np.log(mixture.weights[component])))
        split = _split(data.rows.take(where), data, before, structure, by_steps, rng)
        if split is not None:
            splits[component] = split
    widest = sorted(splits, key=lambda component: -splits[component].gain)[:_CANDIDATES]
    splits = {component: splits[component].continued(by_steps, _MORE_ITERATIONS) for component in widest}
    cheapest = np.argsort(lost, kind="stable").tolist()
    moves = [
        (lost[gone] - splits[component].gain, gone, component)
        for component in widest
        for gone in [one for one in cheapest if one != component][:_CANDIDATES]
    ]
    for _, gone, component in sorted(moves):
        moved = np.where(labels == gone, second, labels)
        moved[np.flatnonzero(labels == component)[splits[component].is_second]] = gone
        yield factor_start(data, moved, structure, k, rng)


def _split(
    rows: WeightedRows,
    data: Sample,
    before: float,
    structure: type[Factor],
    update: FactorUpdate,
    rng: np.random.Generator,
) -> _Split | None:
    """Return the best of some splits of a component with these rows, whose log-likelihood was ``before``."""
    least = _LEAST_PER_FACTOR * (structure.n_factors + 1)
    if rows.n_rows < 2 * least:
        return None
    part = Sample(rows, np.average(rows.values, axis=0, weights=rows.weights), data.root, None)
    engine, found = NativeEngine.of(rows), []
    for kind in _HALVES:
        labels = labels_of_kind(part, None, kind, structure, 2, rng)
        start = factor_start(part, labels, structure, 2, rng)
        fit = fit_em(engine, update, start, None, max_iter=_ITERATIONS).uninterrupted()
        found.append(_Split(engine, fit, fit.moments.log_likelihood - before))
    return max((split for split in found if split.is_sound(least)), key=lambda split: split.gain, default=None)
