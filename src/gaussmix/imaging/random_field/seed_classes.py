"""Known pixels: the classes that a fit starts from."""

from dataclasses import replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import IntArray, Random, Rows
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import AbstractUpdate
from gaussmix.imaging.random_field.classes import Classes

_MOST_ROWS = 4096  # of a class, for k-means
_LLOYD = 20  # moves of its centers
_STEPS = 5  # of EM, before neighbors count
_WORST = 0.5  # the share of unknown pixels that a class without known ones starts from


def first_classes(
    rows: Rows,
    known: IntArray,
    n_classes: int,
    per_class: int,
    whole: Mixture,
    update: AbstractUpdate,
    rng: Random,
) -> Classes:
    """A mixture for each class, from its known pixels.

    Classes without any start from the half of the unknown pixels that the classes with some explain worst; several
    such classes share it out by k-means.

    Parameters
    ----------
    rows : (n, d) array
    known : (n,) array of int
        -1 where the class is not known; some class is known somewhere.
    n_classes, per_class : int
    whole : Mixture
        One component: all pixels.
    update : AbstractUpdate
    rng : numpy RandomState or Generator
    """
    told = np.unique(known[known >= 0])
    missing = np.setdiff1d(np.arange(n_classes), told)
    start = known.copy()
    unknown = np.flatnonzero(known < 0)
    if missing.size and unknown.size:
        seen = known >= 0
        few = _fitted(rows[seen], np.searchsorted(told, known[seen]), len(told), per_class, whole, update, rng)
        explained = few.scores(rows[unknown]).max(axis=1)
        worst = unknown[explained <= np.quantile(explained, _WORST)]
        start[worst] = missing[_clusters(rows[worst], len(missing), rng)]
    used = start >= 0
    return _fitted(rows[used], start[used], n_classes, per_class, whole, update, rng)


def _fitted(
    rows: Rows,
    start: IntArray,
    n_classes: int,
    per_class: int,
    whole: Mixture,
    update: AbstractUpdate,
    rng: Random,
) -> Classes:
    """Mixtures of the rows of each class: k-means, then EM."""
    n_components = n_classes * per_class
    component = np.empty(len(rows), dtype=np.int64)
    for number in range(n_classes):
        members = np.flatnonzero(start == number)
        component[members] = number * per_class + _clusters(rows[members], per_class, rng)
    wide = _repeated(whole, n_components)
    classes = Classes(wide, per_class)
    certain = np.where(component[:, None] == np.arange(n_components), 0.0, -np.inf)
    moments = NativeEngine(rows).accumulate(wide.whitened(), certain)
    share = (start[:, None] == np.arange(n_classes)).astype(np.float64)
    for _ in range(_STEPS):
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
        if per_class == 1:
            break
        moments = classes.moments(rows, classes.scores(rows), share)
    return replace(classes, outliers=whole)


def _repeated(whole: Mixture, n_components: int) -> Mixture:
    """As many components, each like the one of the mixture."""
    alike = whole.take([0] * n_components)
    return Mixture.from_parameters(
        np.full(n_components, 1 / n_components),
        alike.means,
        alike.covariance.covariances,
        covariance_type=whole.covariance_type,
    )


def _clusters(rows: Rows, n_clusters: int, rng: Random) -> IntArray:
    """(n,) the cluster of each row, by k-means of some of them."""
    if n_clusters == 1 or not len(rows):
        return np.zeros(len(rows), dtype=np.int64)
    some = rows if len(rows) <= _MOST_ROWS else rows[rng.permutation(len(rows))[:_MOST_ROWS]]
    centers = k_means(WeightedRows(some.astype(np.float64)), n_clusters, rng, max_iter=_LLOYD)
    return nearest(rows, centers)
