"""Initial classes of a seeded segmentation."""

from dataclasses import replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import IntArray, Random, Rows
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import AbstractUpdate
from gaussmix.imaging.random_field.classes import Classes

_MAX_ROWS = 4096  # rows of a class used by k-means
_MAX_ITER = 20  # iterations of k-means
_EM_STEPS = 5  # without neighbors
_WORST = 0.5  # share of the other pixels used to initialize a class without seeds


def initial_classes(
    rows: Rows,
    seeds: IntArray,
    n_classes: int,
    per_class: int,
    outliers: Mixture,
    update: AbstractUpdate,
    rng: Random,
) -> Classes:
    """Fit a mixture to the seeds of each class.

    A class without seeds is initialized with the half of the other pixels that has the lowest density under the classes
    with seeds; several such classes divide it by k-means.

    Parameters
    ----------
    rows : (n, d) array
        Features of the pixels.
    seeds : (n,) array of int
        Class of each seed, -1 for other pixels; at least one is a seed.
    n_classes, per_class : int
        Number of classes, and of components of each.
    outliers : Mixture
        One component fitted to all pixels.
    update : AbstractUpdate
        The M-step.
    rng : numpy RandomState or Generator
        Generator for k-means.

    Returns
    -------
    Classes
        Classes with the outlier density.
    """
    seeded = np.unique(seeds[seeds >= 0])
    missing = np.setdiff1d(np.arange(n_classes), seeded)
    start = seeds.copy()
    others = np.flatnonzero(seeds < 0)
    if missing.size and others.size:
        is_seed = seeds >= 0
        numbers = np.searchsorted(seeded, seeds[is_seed])
        seeded_classes = _fit(rows[is_seed], numbers, len(seeded), per_class, outliers, update, rng)
        best_scores = seeded_classes.scores(rows[others]).max(axis=1)
        worst = others[best_scores <= np.quantile(best_scores, _WORST)]
        start[worst] = missing[_cluster(rows[worst], len(missing), rng)]
    used = start >= 0
    return _fit(rows[used], start[used], n_classes, per_class, outliers, update, rng)


def _fit(
    rows: Rows,
    labels: IntArray,
    n_classes: int,
    per_class: int,
    outliers: Mixture,
    update: AbstractUpdate,
    rng: Random,
) -> Classes:
    """Fit a mixture to the rows of each class: k-means, then EM."""
    n_components = n_classes * per_class
    component = np.empty(len(rows), dtype=np.int64)
    for number in range(n_classes):
        members = np.flatnonzero(labels == number)
        component[members] = number * per_class + _cluster(rows[members], per_class, rng)
    start = _repeated(outliers, n_components)
    classes = Classes(start, per_class)
    certain = np.where(component[:, None] == np.arange(n_components), 0.0, -np.inf)
    moments = NativeEngine(rows).accumulate(start.whitened(), certain)
    probabilities = (labels[:, None] == np.arange(n_classes)).astype(np.float64)
    for _ in range(_EM_STEPS):
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
        if per_class == 1:
            break
        moments = classes.moments(rows, classes.scores(rows), probabilities)
    return replace(classes, outliers=outliers)


def _repeated(whole: Mixture, n_components: int) -> Mixture:
    """Return a mixture of equal copies of the single component of a mixture."""
    repeated = whole.take([0] * n_components)
    return Mixture.from_parameters(
        np.full(n_components, 1 / n_components),
        repeated.means,
        repeated.covariance.covariances,
        covariance_type=whole.covariance_type,
    )


def _cluster(rows: Rows, n_clusters: int, rng: Random) -> IntArray:
    """Return the cluster of each row (n,), by k-means on at most 4,096 rows."""
    if n_clusters == 1 or not len(rows):
        return np.zeros(len(rows), dtype=np.int64)
    sample = rows if len(rows) <= _MAX_ROWS else rows[rng.permutation(len(rows))[:_MAX_ROWS]]
    centers = k_means(WeightedRows(sample.astype(np.float64)), n_clusters, rng, max_iter=_MAX_ITER)
    return nearest(rows, centers)
