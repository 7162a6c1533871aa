"""Starts of a search on a table with many columns, where each step of EM takes long and whitening hides clusters."""

from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.degeneracy import rows_needed
from gaussmix.fitting.kmeans import nearest
from gaussmix.fitting.sample import Sample, cluster, most_compact
from gaussmix.fitting.starts import start_from_labels

_TRIES = 3  # runs of k-means, of which the best is a start
_SCREENED, _GROUPS = 10, 30  # runs of k-means, and small groups, that are compared without EM
_LEAST_VARIANCE = 1e-9  # of a cluster in a standardized column
_PASSES = 30  # of k-means in all starts, about
_POWER_ITERATIONS = 4
_ROUNDING = 1e-9  # relative, of the means and weights of a start
_CLEARLY = 1e-6  # difference of weights for which means need not be compared
_KINDS = ("own units", "standardized", "principal axes", "merged", "lengths", "low kurtosis", "whitened", "random")


def draw_wide_starts(
    data: Sample,
    structure: type[AbstractCovariance],
    n_components: int,
    n_starts: int,
    streams: Iterator[np.random.Generator],
) -> Iterator[Mixture]:
    """Yield starts whose cost is linear in the number of columns, cycling through eight kinds.

    0. k-means in the units of the data;
    1. k-means of the standardized columns;
    2. k-means along the principal axes of the standardized columns, k - 1 of them;
    3. hierarchical agglomeration of small cells of the standardized rows by Ward's criterion;
    4. k-means of the logarithm of the lengths of the standardized rows, for clusters that differ in spread;
    5. k-means in the columns of least kurtosis, k - 1 of them;
    6. k-means in whitened units;
    7. Voronoi cells of randomly chosen rows in standardized units; for diagonal and spherical covariances the best of
       many partitions by their classification likelihood.

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
    turned = None
    if data.rows.n_rows < min(data.rows.n_features, _PASSES * n_components):
        turned = _turned(data.rows.values - data.center), _turned(data.standardized)
    for start in range(n_starts):
        rng = next(streams)
        kind = _KINDS[start % len(_KINDS)]
        if kind == "random" and FORMS[structure.form].is_diagonal:
            kind = "most likely"
        labels = labels_of_kind(data, turned, kind, structure, n_components, rng)
        yield start_from_labels(data, labels, structure, n_components)


def labels_of_kind(
    data: Sample,
    turned: tuple[FloatArray, FloatArray] | None,
    kind: str,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
) -> IntArray:
    """Return the labels of a kind of start; ``turned`` replaces centered and standardized rows if distances suffice."""
    few = max(1, min(n_components - 1, data.rows.n_features))
    if kind in ("own units", "most likely"):
        own = turned[0] if turned else data.rows.values - data.center
        if kind == "most likely":
            return _most_likely(own, data, structure, n_components, rng)
        return most_compact(own, data, n_components, rng, _TRIES)
    if kind == "whitened":
        return cluster(data.whitened, data, n_components, rng)
    if kind == "low kurtosis":
        return cluster(data.columns_by_kurtosis(few), data, n_components, rng)
    standard = turned[1] if turned else data.standardized
    match kind:
        case "standardized":
            return most_compact(standard, data, n_components, rng, _TRIES)
        case "principal axes":
            axes = principal_axes(standard, data.rows.weights, few, rng)
            return most_compact(standard @ axes, data, n_components, rng, _TRIES)
        case "merged":
            return merge_cells(data.rows.with_values(standard), "tied", n_components, rng)
        case "lengths":
            lengths = (standard**2).sum(axis=1, keepdims=True)
            return cluster(0.5 * np.log(np.maximum(lengths, _LEAST_VARIANCE)), data, n_components, rng)
        case _:
            chosen = rng.choice(data.rows.n_rows, n_components, replace=False)
            return nearest(standard, standard[chosen])


def _most_likely(
    own: FloatArray, data: Sample, structure: type[AbstractCovariance], n_components: int, rng: np.random.Generator
) -> IntArray:
    """Return the labels of the best of many partitions, by the classification likelihood of their clusters.

    Some are from k-means. The others have one small group: the rows nearest to a random row. Clusters with fewer rows
    than their covariance needs count as worse.
    """
    least = rows_needed(structure.letters, data.rows.n_features)
    weights, standard = data.rows.explicit_weights, data.standardized
    squares = standard**2

    def loss(labels: IntArray) -> tuple[int, float]:
        held = labels == np.arange(n_components)[:, None]
        shares = held * weights
        counts = np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        variances = shares @ squares / counts - (shares @ standard / counts) ** 2
        d = variances.shape[1]
        if FORMS[structure.form].features_per_variance(d) > 1:
            variances = variances.mean(axis=1, keepdims=True)
        is_bad = (held.sum(axis=1) < least) | (variances < _LEAST_VARIANCE).any(axis=1)
        logs = np.log(np.maximum(variances, _LEAST_VARIANCE)).mean(axis=1)
        return int(is_bad.sum()), float(0.5 * d * (counts[:, 0] @ logs))

    partitions = [cluster(own, data, n_components, rng) for _ in range(_SCREENED)]
    rest = cluster(own, data, n_components - 1, rng) if n_components > 2 else np.zeros(len(own), dtype=np.int64)
    for center in rng.choice(len(own), min(_GROUPS, len(own)), replace=False):
        distances = ((own - own[center]) ** 2).sum(axis=1)
        group = np.argpartition(distances, least)[: least + 1]
        partitions.append(rest.copy())
        partitions[-1][group] = n_components - 1
    return min(partitions, key=loss)


def _turned(rows: FloatArray) -> FloatArray:
    """Return n coordinates (n, n) of centered rows with the same distances and lengths."""
    squares, axes = np.linalg.eigh(rows @ rows.T)
    return np.asarray(axes * np.sqrt(np.maximum(squares, 0.0)))


def principal_axes(rows: FloatArray, weights: FloatArray | None, n_axes: int, rng: np.random.Generator) -> FloatArray:
    """Return approximate principal axes (d, n_axes) of centered rows, by subspace iteration.

    Halko, Martinsson and Tropp, SIAM Review 53 (2011), 217-288, algorithm 4.4.
    """
    weighted = rows if weights is None else rows * weights[:, None]
    axes = rng.standard_normal((rows.shape[1], n_axes))
    for _ in range(_POWER_ITERATIONS):
        axes = np.linalg.qr(weighted.T @ (rows @ axes))[0]
    return np.asarray(axes)


def is_same_start(mixture: Mixture, other: Mixture) -> bool:
    """Return whether two mixtures have the same weights and means up to the order of components, and rounding."""
    if np.abs(np.sort(mixture.weights) - np.sort(other.weights)).max() > _CLEARLY:
        return False
    apart = np.abs(mixture.means[:, None, :] - other.means).max(axis=2)
    nearest = apart.argmin(axis=1)
    scale = np.abs(other.means - other.means.mean(axis=0)).max()
    return (
        len(set(nearest.tolist())) == len(nearest)
        and bool(apart.min(axis=1).max() <= _ROUNDING * scale)
        and np.allclose(mixture.weights, other.weights[nearest], rtol=_ROUNDING)
    )
