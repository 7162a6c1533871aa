"""Starts of mixtures of factor analyzers: clusters of the rows, and the principal axes within them."""

from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, Factor
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.initialization import Membership
from gaussmix.fitting.sample import Sample, means_of_clusters
from gaussmix.fitting.wide_starts import labels_of_kind, principal_axes

_KINDS = ("own units", "standardized", "principal axes", "random", "merged", "lengths", "low kurtosis")
_LEAST_SHARE = 0.05  # of the variance of a column that is noise in a start
_PSEUDO_ROWS = 1.0  # of the covariance within all clusters, in that of each
_ROWS_PER_FACTOR = 2  # that a cluster needs for axes of its own


def draw_factor_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    n_starts: int,
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    """Yield starts, cycling through seven kinds of clusters; their cost is linear in the number of columns.

    0. k-means in the units of the data;
    1. k-means of the standardized columns;
    2. k-means along the principal axes of the standardized columns, k - 1 of them;
    3. Voronoi cells of randomly chosen rows in standardized units;
    4. hierarchical agglomeration of small cells of the standardized rows by Ward's criterion;
    5. k-means of the logarithm of the lengths of the standardized rows;
    6. k-means in the columns of least kurtosis, k - 1 of them.

    Parameters
    ----------
    data : Sample
        Rows of the search, with a diagonal root.
    structure : subclass of Factor
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
    for start in range(n_starts):
        rng = next(streams)
        kind = _KINDS[start % len(_KINDS)]
        labels = labels_of_kind(data, None, kind, structure, n_components, rng)
        yield factor_start(data, labels, structure, n_components, rng)


def factor_start(
    data: Sample, labels: IntArray, structure: type[AbstractCovariance], n_components: int, rng: np.random.Generator
) -> Mixture:
    """Return the start of clusters: their principal axes in units of the deviations within clusters.

    Small clusters get the axes within all clusters, and every cluster gets a pseudo-row of their covariance.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    labels : (n,) array of int
        Cluster of each row, from 0.
    structure : subclass of Factor
        Covariance structure.
    n_components : int
        Number of components.
    rng : Generator
        Source of random numbers of the approximate axes.
    """
    assert issubclass(structure, Factor)
    q, d = structure.n_factors, data.rows.n_features
    weights = data.rows.explicit_weights
    means = means_of_clusters(data, labels)
    counts = np.bincount(labels, weights, minlength=n_components)
    if len(means) < n_components:
        means = np.concatenate([means, np.tile(data.center, (n_components - len(means), 1))])
    within = (data.rows.values - means[labels]) * np.sqrt(weights)[:, None]
    pooled = (within**2).sum(axis=0) / weights.sum()
    pooled = np.where(pooled > 0, pooled, diagonal_variances(data))
    within /= np.sqrt(pooled)
    shared_loadings = structure.factor_letters[0] == "C"
    all_axes = _loadings(within, weights.sum(), q, rng)
    loadings, noise = np.empty((n_components, d, q)), np.empty((n_components, d))
    for component in range(n_components):
        own, count = within[labels == component], counts[component]
        variances = ((own**2).sum(axis=0) + _PSEUDO_ROWS) / (count + _PSEUDO_ROWS)
        few = shared_loadings or min(count, len(own)) < _ROWS_PER_FACTOR * (q + 1)
        loadings[component] = all_axes if few else _loadings(own, count, q, rng)
        noise[component] = np.maximum(variances - (loadings[component] ** 2).sum(axis=1), _LEAST_SHARE * variances)
    noise = noise * pooled
    if structure.factor_letters[1] == "C":
        noise[:] = counts @ noise / counts.sum()
    if structure.factor_letters[2] == "C":
        noise[:] = noise.mean(axis=1, keepdims=True)
    covariance = structure.from_parts(noise, loadings * np.sqrt(pooled)[:, None])
    return Mixture(counts / counts.sum(), means, covariance)


def start_of_membership(membership: Membership, structure: type[AbstractCovariance]) -> Mixture:
    """Return the start of labels, or of the most probable components of responsibilities.

    Parameters
    ----------
    membership : Membership
        Rows and their components.
    structure : subclass of Factor
        Covariance structure.
    """
    labels, shares = membership.labels, membership.responsibilities
    if labels is None:
        assert shares is not None
        labels = shares.argmax(axis=1)
    data = Sample.of(membership.rows, "diagonal")
    return factor_start(data, labels, structure, membership.n_components, np.random.default_rng(0))


def diagonal_variances(data: Sample) -> FloatArray:
    """Return the variances (d,) of the columns of a sample with a diagonal root."""
    return np.asarray(data.root**2)


def _loadings(rows: FloatArray, count: float, n_factors: int, rng: np.random.Generator) -> FloatArray:
    """Return loadings (d, q): the principal axes of centered rows, with the variance beyond that of the others.

    Tipping and Bishop, Journal of the Royal Statistical Society B 61 (1999), 611-622, equation 7.
    """
    n, d = rows.shape
    rank = min(n, d)
    axes = principal_axes(rows, None, min(n_factors, rank), rng)
    _, sizes, turned = np.linalg.svd(rows @ axes, full_matrices=False)
    values = sizes**2 / count
    rest = max(float((rows**2).sum() / count - values.sum()), 0.0) / max(d - len(values), 1)
    loadings = np.zeros((d, n_factors))
    loadings[:, : len(values)] = (axes @ turned.T) * np.sqrt(np.maximum(values - rest, 0.01 * values))
    return loadings
