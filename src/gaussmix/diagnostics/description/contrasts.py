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
    """Means of the rows of each cluster and of the other rows.

    Attributes
    ----------
    counts : (c,) array
        Weights of the rows of each cluster.
    means, others : (c, d) arrays
        Means of the rows of each cluster, and of all other rows; NaN without rows.
    differences : (c, d) array
        Differences of these means, divided by the root of the mean of both variances (Cohen's d). NaN without rows.
    """

    counts: FloatArray
    means: FloatArray
    others: FloatArray
    differences: FloatArray

    @classmethod
    def of(cls, rows: WeightedRows, labels: IntArray, n_clusters: int) -> "Contrasts":
        """Compute the contrasts of labeled rows."""
        counts, means, variances = _moments_of(rows, labels, n_clusters)
        rest = 1.0 - np.eye(n_clusters)
        held = counts > 0
        weights = rest * counts
        total = weights.sum(axis=1, keepdims=True)
        shares = np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0)[:, held]
        others = shares @ means[held]
        away = [(means[held] - other) ** 2 for other in others]
        spread = np.stack([share @ (variances[held] + part) for share, part in zip(shares, away, strict=True)])
        apart, scale = means - others, np.sqrt(0.5 * (variances + spread))
        constant = np.where(apart == 0, 0.0, np.copysign(np.inf, apart))
        differences = np.divide(apart, scale, out=constant, where=scale != 0)
        return cls(counts, means, others, differences)


def _moments_of(rows: WeightedRows, labels: IntArray, n_clusters: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weights (c,), means (c, d) and variances (c, d) of the rows of each cluster."""
    weights = rows.explicit_weights
    counts: FloatArray = np.bincount(labels, weights, n_clusters).astype(np.float64)
    safe = np.where(counts > 0, counts, np.nan)
    means, variances = np.empty((2, n_clusters, rows.n_features))
    for feature in range(rows.n_features):
        column = np.asarray(rows.values[:, feature], dtype=np.float64)
        center = column[0]
        means[:, feature] = center + np.bincount(labels, weights * (column - center), n_clusters) / safe
        away = column - means[labels, feature]
        variances[:, feature] = np.bincount(labels, weights * away**2, n_clusters) / safe
    return counts, means, variances


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
