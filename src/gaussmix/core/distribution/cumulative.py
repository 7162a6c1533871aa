"""Cumulative probabilities of a mixture of several features."""

import math

import numpy as np
from scipy.special import ndtr, ndtri

from gaussmix.core.distribution.interface import MixtureInterface, positive_components
from gaussmix.core.distribution.sobol import sobol_replicates
from gaussmix.core.typing import FloatArray, Rows

_REPLICATES = 8  # independent randomizations, whose spread is the error
_POINTS = 1 << 8  # of each
_BLOCK = 1 << 20  # rows times points in memory
_TINY = 1e-300  # probabilities with finite normal quantiles


def cumulative_probabilities(mixture: MixtureInterface, rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Return the probability (n,) that no feature exceeds that of the row, and the standard errors (n,).

    Without correlations it is a product of normal probabilities, with errors of zero. Otherwise it is the integral of
    Genz, Numerical computation of multivariate normal probabilities, Journal of Computational and Graphical Statistics
    1 (1992), 141-149, by quasi-Monte Carlo, with the features in the order of their limits.
    """
    n, d = rows.shape
    result, error = np.zeros(n), np.zeros(n)
    uncorrelated = d == 1 or mixture.covariance.form in ("diagonal", "spherical")
    deviations = np.sqrt(mixture.covariance.variances())
    covariances = None if uncorrelated else mixture.covariance.dense()
    points = [] if uncorrelated else list(sobol_replicates(_REPLICATES, _POINTS, d - 1))
    for component in positive_components(mixture):
        weight = mixture.weights[component]
        limits = (rows - mixture.means[component]) / deviations[component]
        if covariances is None:
            result += weight * ndtr(limits).prod(axis=1)
            continue
        correlations = covariances[component] / np.outer(deviations[component], deviations[component])
        for start in range(0, n, max(1, _BLOCK // _POINTS)):
            part = slice(start, start + max(1, _BLOCK // _POINTS))
            found = _orthants(limits[part], correlations, points)
            result[part] += weight * found.mean(axis=0)
            error[part] += weight * found.std(axis=0, ddof=1) / math.sqrt(_REPLICATES)
    return np.minimum(result, 1.0), error


def _orthants(limits: FloatArray, correlations: FloatArray, points: list[FloatArray]) -> FloatArray:
    """Return estimates (replicates, n) of the probability that standard normal features are below limits (n, d)."""
    order = np.argsort(limits, axis=1)
    limits = np.take_along_axis(limits, order, axis=1)
    roots = np.asarray(np.linalg.cholesky(correlations[order[:, :, None], order[:, None, :]]), dtype=np.float64)
    return np.stack([_estimate(limits, roots, uniform) for uniform in points])


def _estimate(limits: FloatArray, roots: FloatArray, uniform: FloatArray) -> FloatArray:
    n, d = limits.shape
    normal = np.empty((d - 1, n, len(uniform)))
    inside = ndtr(limits[:, :1] / roots[:, 0, :1])  # given the features before
    product = np.broadcast_to(inside, (n, len(uniform)))
    for feature in range(1, d):
        normal[feature - 1] = ndtri(np.maximum(inside * uniform[:, feature - 1], _TINY))
        shift = np.einsum("nj,jnp->np", roots[:, feature, :feature], normal[:feature])
        inside = ndtr((limits[:, feature, None] - shift) / roots[:, feature, feature, None])
        product = product * inside
    return product.mean(axis=1)
