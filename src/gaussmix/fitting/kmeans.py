"""k-means by an engine, as the limit of EM with equal spheres of vanishing radius (Bishop 2006, section 9.3.2).

The iterations are those of Lloyd's algorithm. `gaussmix.fitting.initialization` runs it on a bounded number of rows,
scaled to about unit size, with weights of at most one.
"""

import math

import numpy as np

from gaussmix.core.engines import AbstractEngine, NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random
from gaussmix.core.whitened import WhitenedMixture

_SHARPNESS = 2.0**100  # inverse radius of the spheres, so large that responsibilities are 0 or 1
_TOL = 1e-4  # as in scikit-learn: squared shift of the centers at which to stop, relative to the mean variance


def k_means(rows: WeightedRows, n_components: int, rng: Random, *, max_iter: int, tries: int = 1) -> FloatArray:
    """Return the centers (k, d) of k-means: Lloyd's algorithm from k-means++ seeds, the best of several tries.

    Tries are compared by the last pass, before the last move of the centers.

    Parameters
    ----------
    rows : WeightedRows
        Rows with positive weights, the largest about one.
    n_components : int
        Number of clusters.
    rng : numpy RandomState or Generator
        Source of random numbers.
    max_iter : int
        Maximum number of iterations.
    tries : int, default=1
        Number of runs from different seeds.

    References
    ----------
    Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28 (1982), 129-137.
    """
    engine = NativeEngine.of(rows)
    tol = _TOL * float(rows.values.var(axis=0).mean())
    best, best_fit = None, -np.inf
    for _ in range(tries):
        centers = rows.values[draw_seeds(rows, n_components, rng)].astype(np.float64)
        for _ in range(max_iter):
            moments = engine.accumulate(_spheres(centers))
            moved = _moved(engine, rows.values, centers, moments)
            shift = float(((moved - centers) ** 2).sum())
            centers = moved
            if shift <= tol:
                break
        if best is None or moments.log_likelihood > best_fit:
            best, best_fit = centers, moments.log_likelihood
    assert best is not None
    return best


def nearest(rows: FloatArray, centers: FloatArray) -> IntArray:
    """Return the nearest center (n,) of each row, the first one in case of ties."""
    return NativeEngine(rows).score_rows(_spheres(centers), "labels")


def draw_seeds(rows: WeightedRows, n_seeds: int, rng: Random) -> IntArray:
    """Return the positions (n_seeds,) of seeds among the rows, by greedy k-means++.

    Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007, with the greedy choice of their
    section 4. The validation in scikit-learn takes half a millisecond, which is too slow for many starts on small
    tables.
    """
    values = np.asarray(rows.values, dtype=np.float64)
    weights = rows.explicit_weights
    lengths = (values**2).sum(axis=1)

    def draw(shares: FloatArray, size: int) -> IntArray:
        sums = np.cumsum(shares)
        return np.minimum(np.searchsorted(sums, rng.uniform(size=size) * sums[-1], side="right"), len(sums) - 1)

    def squared_distances(some: IntArray) -> FloatArray:
        return np.maximum(lengths[:, None] - 2 * (values @ values[some].T) + lengths[some], 0.0)

    seeds = draw(weights, 1)
    to_nearest = squared_distances(seeds)[:, 0]
    while len(seeds) < n_seeds:
        shares = weights * to_nearest
        tried = draw(shares if shares.any() else weights, 2 + int(math.log(n_seeds)))
        distances = np.minimum(squared_distances(tried), to_nearest[:, None])
        best = (weights @ distances).argmin()
        seeds, to_nearest = np.append(seeds, tried[best]), distances[:, best]
    return seeds


def _moved(engine: AbstractEngine, rows: FloatArray, centers: FloatArray, moments: Moments) -> FloatArray:
    """Return the mean of the rows nearest to each center; a center without rows moves to a row far from all centers."""
    empty = moments.counts == 0
    moved: FloatArray = centers + moments.shifts / np.where(empty, 1.0, moments.counts)[:, None] / _SHARPNESS
    if empty.any():
        log_density = engine.score_rows(_spheres(centers), "log_density")
        moved[empty] = rows[np.argsort(log_density)[: np.count_nonzero(empty)]]
    return moved


def _spheres(centers: FloatArray) -> WhitenedMixture:
    n_components = len(centers)
    return WhitenedMixture("spherical", np.zeros(n_components), centers, np.full(n_components, _SHARPNESS))
