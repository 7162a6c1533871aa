"""k-means in compiled code: Lloyd's algorithm from k-means++ seeds (cpp/em/clustering.hpp)."""

import math

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random
from gaussmix.core.whitened import WhitenedMixture

_SHARPNESS = 2.0**100  # inverse radius of the spheres, so large that responsibilities are 0 or 1
_SEEDS_PER_CLUSTER = 6  # if there are many
_LEAST_ROWS, _ROWS_PER_CLUSTER, _ROWS_PER_FEATURE = 800, 50, 20  # that are enough for a start of EM
_TOL = 1e-4  # as in scikit-learn: squared shift of the centers at which to stop, relative to the mean variance


def k_means(rows: WeightedRows, n_components: int, rng: Random, *, max_iter: int, tries: int = 1) -> FloatArray:
    """Return the centers (k, d) of k-means: Lloyd's algorithm from k-means++ seeds, the best of several tries.

    Tries are compared before the last move of the centers. A center without rows moves to a row far from all centers.

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
    runs = (_run(rows, n_components, rng, max_iter) for _ in range(tries))
    return min(runs, key=lambda run: run[2])[0]


def k_means_labels(rows: WeightedRows, n_components: int, rng: np.random.Generator, *, max_iter: int) -> IntArray:
    """Return the labels (n,) of one run of `k_means` on some of the rows: the nearest center of each row."""
    some = _some_rows(rows, n_components, rng)
    centers, labels, _ = _run(some, n_components, rng, max_iter)
    return labels if some is rows else nearest(_values(rows), centers)


def seed_labels(rows: WeightedRows, n_seeds: int, rng: np.random.Generator) -> IntArray:
    """Return the nearest (n,) of many seeds that are drawn by plain k-means++ from some of the rows."""
    some = _some_rows(rows, n_seeds // _SEEDS_PER_CLUSTER, rng)
    return nearest(_values(rows), some.values[draw_seeds(some, n_seeds, rng, greedy=False)])


def _some_rows(rows: WeightedRows, n_clusters: int, rng: np.random.Generator) -> WeightedRows:
    """Return so many rows that more of them would hardly change the clusters; all if there are few."""
    limit = max(_LEAST_ROWS, _ROWS_PER_CLUSTER * n_clusters, _ROWS_PER_FEATURE * rows.n_features)
    if rows.n_rows <= limit:
        return rows
    return rows.take(rng.choice(rows.n_rows, limit, replace=False, shuffle=False))


def nearest(rows: FloatArray, centers: FloatArray) -> IntArray:
    """Return the nearest center (n,) of each row, the first one in case of ties."""
    spheres = WhitenedMixture("spherical", np.zeros(len(centers)), centers, np.full(len(centers), _SHARPNESS))
    return NativeEngine(rows).score_rows(spheres, "labels")


def tries_for(n_seeds: int) -> int:
    """Return how many rows greedy k-means++ tries for each seed but the first, as scikit-learn does."""
    return 2 + int(math.log(n_seeds))


def draw_seeds(rows: WeightedRows, n_seeds: int, rng: Random, *, greedy: bool = True) -> IntArray:
    """Return the positions (n_seeds,) of seeds among the rows, by k-means++.

    Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007, with the greedy choice of section
    4, unless ``greedy`` is false. The validation in scikit-learn takes half a millisecond, which is too slow for many
    starts on small tables.
    """
    n_tries = tries_for(n_seeds) if greedy else 1
    seeds = np.empty(n_seeds, dtype=np.int64)
    _native.draw_seeds(_values(rows), rows.weights, n_tries, rng.uniform(size=1 + (n_seeds - 1) * n_tries), seeds)
    return seeds


def _run(rows: WeightedRows, n_components: int, rng: Random, max_iter: int) -> tuple[FloatArray, IntArray, float]:
    """Return the centers (k, d), the labels (n,) and the sum of squared distances of one run."""
    values = _values(rows)
    centers = values[draw_seeds(rows, n_components, rng)]
    labels = np.empty(len(values), dtype=np.int64)
    distances = _native.k_means(values, rows.weights, max_iter, _TOL, centers, labels)
    return centers, labels, distances


def _values(rows: WeightedRows) -> FloatArray:
    return np.ascontiguousarray(rows.values, dtype=np.float64)
