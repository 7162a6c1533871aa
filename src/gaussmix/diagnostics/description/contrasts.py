"""Contrasts of each cluster with the others, one feature at a time."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray

_MOST_POINTS, _LEAST_POINTS = 1024, 32
_NUMBERS = 200_000_000  # densities that are computed, about two seconds


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Means of the rows of each cluster and of the other rows, over the values that are not missing.

    Attributes
    ----------
    counts : (c,) array
        Weights of the rows of each cluster.
    means, others : (c, d) arrays
        Means of the rows of each cluster, and of all other rows; NaN without values.
    differences : (c, d) array
        Differences of these means, divided by the root of the mean of both variances (Cohen's d). NaN without values.
    """

    counts: FloatArray
    means: FloatArray
    others: FloatArray
    differences: FloatArray

    @classmethod
    def of(cls, rows: WeightedRows, labels: IntArray, n_clusters: int) -> "Contrasts":
        """Compute the contrasts of labeled rows."""
        weights = rows.explicit_weights
        counts: FloatArray = np.bincount(labels, weights, n_clusters).astype(np.float64)
        means, others, differences = np.empty((3, n_clusters, rows.n_features))
        for feature in range(rows.n_features):
            column = np.asarray(rows.values[:, feature], dtype=np.float64)
            known = ~np.isnan(column)
            found = _contrasts_of(column[known], weights[known], labels[known], n_clusters)
            means[:, feature], others[:, feature], differences[:, feature] = found
        return cls(counts, means, others, differences)


def _contrasts_of(
    column: FloatArray, weights: FloatArray, labels: IntArray, n_clusters: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the means, the means of the others and the standardized differences (c,) of a feature."""
    counts = np.bincount(labels, weights, n_clusters)
    held = counts > 0
    center = column[0] if column.size else 0.0
    sums = np.bincount(labels, weights * (column - center), n_clusters)
    means = center + np.divide(sums, counts, out=np.full(n_clusters, np.nan), where=held)
    squares = np.bincount(labels, weights * (column - means[labels]) ** 2, n_clusters)
    variances = np.divide(squares, counts, out=np.full(n_clusters, np.nan), where=held)
    weights_of_others = (1.0 - np.eye(n_clusters)) * counts
    total = weights_of_others.sum(axis=1, keepdims=True)
    shares = np.divide(weights_of_others, total, out=np.full_like(weights_of_others, np.nan), where=total > 0)[:, held]
    others = shares @ means[held]
    spread = (shares * (variances[held] + (means[held] - others[:, None]) ** 2)).sum(axis=1)
    apart, scale = means - others, np.sqrt(0.5 * (variances + spread))
    constant = np.where(apart == 0, 0.0, np.copysign(np.inf, apart))
    return means, others, np.divide(apart, scale, out=constant, where=scale != 0)


def marginal_overlaps(mixture: Mixture, clusters: IntArray) -> FloatArray:
    """Return the overlap (c, d) of the marginal density of each cluster with that of the others, from 0 to 1.

    The overlap is the integral of the lower of both densities, each with mass one (Weitzman 1970; Inman and Bradley,
    Communications in Statistics 18 (1989), 3851-3874). It is the mean of ``min(1, q / p)`` at equally probable points
    of each component, so that it does not depend on units.

    Parameters
    ----------
    mixture : Mixture
        The mixture.
    clusters : (k,) array of int
        Cluster of each component.
    """
    k, d = mixture.means.shape
    n_clusters = int(clusters.max()) + 1
    n_points = int(np.clip(_NUMBERS / (k * k * d), _LEAST_POINTS, _MOST_POINTS))
    points = ndtri((np.arange(n_points) + 0.5) / n_points)
    deviations = np.sqrt(mixture.covariance.variances())
    overlaps = np.zeros((n_clusters, d))
    own = np.bincount(clusters, mixture.weights, n_clusters)
    for component in np.flatnonzero(mixture.weights):
        cluster = clusters[component]
        where = mixture.means[component][:, None] + deviations[component][:, None] * points  # (d, m)
        inside, outside = np.zeros((2, d, n_points))
        for other in np.flatnonzero(mixture.weights):
            scaled = (where - mixture.means[other][:, None]) / deviations[other][:, None]
            density = np.exp(-0.5 * scaled**2) * (mixture.weights[other] / deviations[other])[:, None]
            if clusters[other] == cluster:
                inside += density
            else:
                outside += density
        rest = 1 - own[cluster]
        if rest <= 0:
            continue
        ratio = np.minimum(1.0, (outside / rest) / (inside / own[cluster]))
        overlaps[cluster] += mixture.weights[component] / own[cluster] * ratio.mean(axis=1)
    return overlaps
