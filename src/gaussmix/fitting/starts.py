"""Starts of a search: different partitions of the rows, most of them of the whitened rows.

Whitening makes the starts equivariant under the affine maps that the covariance structure allows: all of them for full
and tied covariances, scalings of each feature for diagonal ones, rotations and a common scaling for spherical ones.
"""

import math
from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance
from gaussmix.core.covariance.deviations import color_by, whiten_by
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.kmeans import nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.sample import Sample, cluster, means_of_clusters, most_compact

_PSEUDO_ROWS = 1.0  # of each covariance of a start
_MANY_FEATURES, _TRIES = 5, 3


def draw_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    n_starts: int,
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    """Yield starts, cycling through eight kinds, each with its own random stream, and three more for many columns.

    0. k-means along the invariant coordinate of least kurtosis;
    1. k-means in whitened units;
    2. hierarchical agglomeration of small cells (`merge_cells`);
    3. k-means along the discriminants of start 2;
    4. k-means along the invariant coordinates of low kurtosis, up to k - 1 of them;
    5. Voronoi cells of randomly chosen rows (each row belongs to the nearest of them);
    6. k-means along the invariant coordinates of high kurtosis, up to k - 1;
    7. k-means in units of the covariance within the clusters of start 6, along all discriminants.

    In eight or more starts of five or more columns, three follow: k-means in the units of the data, in units of the
    standard deviation of each column, and in the column of least kurtosis. Whitened directions of noise have the same
    size as those that separate clusters, and with many columns, few rows find the difference.

    From the ninth start on, the kinds repeat. Kind 5 replaces a kind that would repeat an earlier start: agglomeration
    after the first cycle, and other coordinates in one dimension. No kind finds every optimum.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    n_starts : int
        Number of starts.
    streams : iterator of Generator
        Random stream of each start.

    Yields
    ------
    Mixture
        Start in the units of the data.
    """
    few = max(1, min(n_components - 1, data.rows.n_features))
    for start in range(n_starts):
        rng = next(streams)
        match _kind(start, data.rows.n_features, few):
            case "least kurtosis":
                labels = cluster(data.invariant[:, :1], data, n_components, rng)
            case "all":
                labels = cluster(data.whitened, data, n_components, rng)
            case "merged":
                labels = merge_cells(data.rows.with_values(data.whitened), structure.form, n_components, rng)
            case "low kurtosis":
                labels = cluster(data.invariant[:, :few], data, n_components, rng)
            case "discriminants":
                labels = cluster(_discriminants(data, labels, few), data, n_components, rng)
            case "high kurtosis":
                labels = cluster(data.invariant[:, -few:], data, n_components, rng)
            case "within":
                labels = cluster(_discriminants(data, labels, data.rows.n_features), data, n_components, rng)
            case "random":
                chosen = rng.choice(data.rows.n_rows, n_components, replace=False)
                labels = nearest(data.whitened, data.whitened[chosen])
        yield start_from_labels(data, labels, structure, n_components)
    if data.rows.n_features >= _MANY_FEATURES and n_starts >= len(_KINDS):
        for coordinates in _in_own_units(data):
            labels = most_compact(coordinates, data, n_components, next(streams), _TRIES)
            yield start_from_labels(data, labels, structure, n_components)


def _in_own_units(data: Sample) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the rows about the center, the standardized rows, and the standardized column of least kurtosis."""
    centered, standard = data.rows.values - data.center, data.standardized
    kurtosis = np.average(standard**4, axis=0, weights=data.rows.weights)
    least = int(np.where(kurtosis > 0, kurtosis, np.inf).argmin())  # zero for constant columns
    return centered, standard, standard[:, least : least + 1]


_KINDS = ("least kurtosis", "all", "merged", "discriminants", "low kurtosis", "random", "high kurtosis", "within")


def _kind(start: int, n_features: int, few: int) -> str:
    """Return the kind of a start; "random" replaces a kind that would repeat an earlier start."""
    kind = _KINDS[start % len(_KINDS)]
    repeats = (kind == "low kurtosis" and few == 1) or (kind == "merged" and start >= len(_KINDS))
    if n_features == 1:
        repeats = start >= len(_KINDS) or kind not in ("all", "merged")
    return "random" if repeats else kind


def start_from_labels(
    data: Sample, labels: IntArray, structure: type[AbstractCovariance], n_components: int
) -> Mixture:
    """Return a start from the clusters of ``labels`` (n,)."""
    log_shares = np.full((len(labels), n_components), -np.inf)
    log_shares[np.arange(len(labels)), labels] = 0.0
    return _start_from(data, log_shares, structure)


def start_from_responsibilities(
    data: Sample, responsibilities: FloatArray, structure: type[AbstractCovariance]
) -> Mixture:
    """Return a start from ``responsibilities`` (n, k)."""
    with np.errstate(divide="ignore"):
        return _start_from(data, np.log(responsibilities), structure)


def _start_from(data: Sample, log_shares: FloatArray, structure: type[AbstractCovariance]) -> Mixture:
    """Return the M-step in whitened units, with a pseudo-row for each covariance, because clusters may be small.

    The pass uses equal components, with the log responsibilities (n, k) as log priors. Constraints across components
    are applied in the units of the data.
    """
    k, d = log_shares.shape[1], data.rows.n_features
    unit = np.ones(d) if data.root.ndim == 1 else np.eye(d)
    prior = Prior(_PSEUDO_ROWS, math.sqrt(_PSEUDO_ROWS) * k ** (-1 / d) * unit, 0.0, np.zeros(d))
    free = structure.free if issubclass(structure, AbstractConstrained) else structure
    alike = Mixture(np.full(k, 1 / k), np.zeros((k, d)), free.identity(k, d))
    moments = data.engine.accumulate(alike.whitened(), log_shares)
    mixture = MaximumLikelihood(prior=prior).maximize(alike, moments).mixture
    roots = mixture.covariance.rescale(data.root).roots
    covariance = structure.identity(k, d)
    if isinstance(covariance, AbstractConstrained):
        covariance = covariance.nearest(moments.counts + _PSEUDO_ROWS, roots)
    else:
        covariance = structure(roots, k, d)
    return Mixture(mixture.weights, data.center + color_by(mixture.means, data.root), covariance)


def _discriminants(data: Sample, labels: IntArray, n_axes: int) -> FloatArray:
    """Return the coordinates (n, n_axes) of the rows along Fisher's linear discriminants (Bishop 2006, section 4.1.6).

    These are the axes along which the means of the clusters differ most, in units of the covariance within clusters, or
    of its diagonal if the sample is wide. If all axes are wanted, they are not turned.
    """
    root = data.root_within_clusters(labels, "diagonal" if data.is_wide else "full")
    whitened = whiten_by(data.rows.values - data.center, root)
    if n_axes == data.rows.n_features:
        return whitened
    means = whiten_by(means_of_clusters(data, labels) - data.center, root)
    between = np.sqrt(np.bincount(labels, data.rows.weights))[:, None] * means
    return np.asarray(whitened @ np.linalg.svd(between, full_matrices=False)[2][:n_axes].T)
