"""Starts of mixtures with noise: which rows are noise at the start, and the clusters of the others.

The rows whose nearest neighbors are far away are noise at the start (Byers and Raftery, Nearest-neighbor clutter
removal for estimating features in spatial point processes, Journal of the American Statistical Association 93 (1998),
577-584). Under noise of the rate L, the volume of the ball to the q-th neighbor is gamma distributed, with shape q
and rate L, and so it is among rows of components, with a greater rate. Where components are not uniform inside, or
many columns make volumes unlike, the share of noise that this gives can be far off, and so starts have other shares
too.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import draw_starts
from gaussmix.fitting.wide_starts import draw_wide_starts

FEW_NOISE = 0.02
"""Weight of the noise of starts in which no row is noise."""

_SHARES = (0.15, 0.5)  # of rows that are noise at the start, besides the one by Byers and Raftery
_LIKE = 0.05  # closer shares are the same
_NEIGHBORS = 10
_REFERENCES = 2_000  # rows among which neighbors are looked for
_BLOCK = 1 << 22  # distances at a time
_ITERATIONS = 50
_MOST_NOISE = 0.95
_LEAST_SHARE = 1e-3  # of a row in the components, with which it takes part in moves
_LEAST_ROWS = 2  # dense rows of each component


@dataclass(frozen=True, eq=False)
class DenseRows:
    """Rows that are not noise at the start.

    Attributes
    ----------
    data : Sample
        The rows.
    noise : float
        Share of the other rows.
    """

    data: Sample
    noise: float


def with_weight_of_noise(mixture: Mixture, background: Background, weight: float) -> Mixture:
    """Return a mixture without noise with noise of a weight."""
    return replace(mixture, weights=(1 - weight) * mixture.weights, background=background.with_weight(weight))


def proposals_beside_noise(
    data: Sample, mixture: Mixture, propose: Callable[[Sample, Mixture], Iterable[Mixture]]
) -> Iterator[Mixture]:
    """Yield other mixtures whose components a function proposes, with the noise of the current one.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    mixture : Mixture
        The current mixture.
    propose : callable
        Function that returns mixtures without noise, given the rows, as far as they are not noise, and the components
        alone.

    Yields
    ------
    Mixture
        Proposals; those of the function itself if the mixture has no noise.
    """
    background = mixture.background
    if background is None:
        yield from propose(data, mixture)
        return
    shares = 1 - mixture.responsibilities(data.rows.values)[:, -1]
    held = shares > _LEAST_SHARE
    if not held.any():
        return
    some = data.rows.take(held)
    rows = replace(some, weights=shares[held] * some.explicit_weights)
    for proposal in propose(replace(data, rows=rows, incomplete=None), mixture.without_noise()):
        yield with_weight_of_noise(proposal, background, background.weight)


def draw_noise_starts(
    data: Sample,
    background: Background,
    structure: type[AbstractCovariance],
    n_components: int,
    numbers: Iterable[int],
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    """Yield starts with noise: those of `draw_starts` for all rows, and for the dense rows at several shares of noise.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    background : Background
        Noise of any weight.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    numbers : iterable of int
        Numbers of the starts, from 0; each is drawn for every share.
    streams : iterator of Generator
        Random streams.

    Yields
    ------
    Mixture
        Start in the units of the data.
    """
    numbers = list(numbers)
    levels = dense_rows(data, background, structure, n_components, next(streams))
    sources = [_starts_of(level.data, structure, n_components, numbers, streams) for level in levels]
    for _ in numbers:
        for level, source in zip(levels, sources, strict=True):
            yield with_weight_of_noise(next(source), background, level.noise)


def _starts_of(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    numbers: list[int],
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    if data.rows.n_features > MOST_FEATURES:
        return draw_wide_starts(data, structure, n_components, len(numbers), streams)
    return draw_starts(data, structure, n_components, numbers, streams)


def dense_rows(
    data: Sample,
    background: Background,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
) -> list[DenseRows]:
    """Return the rows that are not noise, for several shares of noise; first by Byers and Raftery, last all rows.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    background : Background
        Noise, whose region gives the units of distances.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components, each of which needs some rows.
    rng : Generator
        Source of random numbers: with many rows, neighbors are looked for among some of them.

    Returns
    -------
    list of DenseRows
        Rows by ascending position.
    """
    distances = neighbor_distances(data, background, rng)
    weights = data.rows.explicit_weights
    likely = noise_by_neighbors(distances, weights, data.rows.n_features)
    first = float(weights @ likely / weights.sum())
    levels = [(likely, first)]
    order = np.argsort(distances, kind="stable")
    before = np.empty(len(order))
    before[order] = np.cumsum(weights[order]) / weights.sum()
    levels += [(before > 1 - share, share) for share in _SHARES if abs(share - first) > _LIKE]
    found = []
    for is_noise, share in levels:
        if np.count_nonzero(~is_noise) >= max(_LEAST_ROWS * n_components, data.rows.n_features + 1) and share > 0:
            found.append(DenseRows(Sample.of(data.rows.take(~is_noise), structure.form), min(share, _MOST_NOISE)))
    return [*found, DenseRows(data, FEW_NOISE)]


def neighbor_distances(data: Sample, background: Background, rng: np.random.Generator) -> FloatArray:
    """Return the distance (n,) of each row to its tenth neighbor, in units in which the region of noise is a cube."""
    cube = np.linalg.solve(background.edges, (data.rows.values - background.center).T).T
    n = len(cube)
    chosen = np.arange(n)
    if n > _REFERENCES:
        shares = data.rows.explicit_weights
        chosen = np.sort(rng.choice(n, _REFERENCES, replace=False, p=shares / shares.sum()))
    references = cube[chosen]
    rank = min(_NEIGHBORS, len(references) - 1)  # the first one is the row itself
    squares = (references**2).sum(axis=1)
    result = np.empty(n)
    step = max(1, _BLOCK // len(references))
    for start in range(0, n, step):
        part = cube[start : start + step]
        found = squares - 2 * part @ references.T
        result[start : start + step] = np.partition(found, rank, axis=1)[:, rank] + (part**2).sum(axis=1)
    return np.sqrt(np.maximum(result, 0.0))


def noise_by_neighbors(distances: FloatArray, weights: FloatArray, n_features: int) -> BoolArray:
    """Return (n,) bools: which rows are noise by a mixture of two gamma distributions of the balls to a neighbor.

    Parameters
    ----------
    distances : (n,) array
        Distance to the tenth neighbor.
    weights : (n,) array
        Weights of the rows.
    n_features : int
        Number of features d; the volume of a ball is proportional to ``distance^d``.
    """
    logs = n_features * np.log(np.maximum(distances, np.finfo(np.float64).tiny))
    logs = logs - np.median(logs)
    noisy = (logs > 0).astype(np.float64)
    for _ in range(_ITERATIONS):
        before, log_scores = noisy, []
        for shares in (1 - noisy, noisy):
            held = float(weights @ shares)
            if held <= 0:
                return np.zeros(len(logs), dtype=np.bool_)
            log_mean = float(np.log(weights @ (shares * np.exp(np.clip(logs, -600, 600))) / held))
            # The rate is q / mean of the volumes; the terms of both distributions that are equal cancel.
            scores = np.log(held) - _NEIGHBORS * (log_mean + np.exp(np.clip(logs - log_mean, None, 600)))
            log_scores.append(scores)
        noisy = 1 / (1 + np.exp(np.clip(log_scores[0] - log_scores[1], -600, 600)))
        if np.abs(noisy - before).max() < 1e-6:
            break
    return np.asarray(noisy > 0.5)
