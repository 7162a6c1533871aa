"""Cumulative probabilities of a mixture of several features."""

import math

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri, stdtr

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
    degrees = mixture.degrees_of_freedom
    uncorrelated = d == 1 or (degrees is None and mixture.covariance.form in ("diagonal", "spherical"))
    deviations = np.sqrt(mixture.covariance.variances())
    covariances = None if uncorrelated else mixture.covariance.dense()
    n_axes = d - 1 if degrees is None else d
    points = [] if uncorrelated else list(sobol_replicates(_REPLICATES, _POINTS, n_axes))
    for component in positive_components(mixture):
        weight = mixture.weights[component]
        limits = (rows - mixture.means[component]) / deviations[component]
        nu = math.inf if degrees is None else float(degrees[component])
        if covariances is None:
            result += weight * (ndtr(limits) if math.isinf(nu) else stdtr(nu, limits)).prod(axis=1)
            continue
        correlations = covariances[component] / np.outer(deviations[component], deviations[component])
        for start in range(0, n, max(1, _BLOCK // _POINTS)):
            part = slice(start, start + max(1, _BLOCK // _POINTS))
            found = _orthants(limits[part], correlations, points, nu)
            result[part] += weight * found.mean(axis=0)
            error[part] += weight * found.std(axis=0, ddof=1) / math.sqrt(_REPLICATES)
    return np.minimum(result, 1.0), error


def _orthants(limits: FloatArray, correlations: FloatArray, points: list[FloatArray], degrees: float) -> FloatArray:
    """Return estimates (replicates, n) of the probability that standardized features are below limits (n, d).

    With a finite number of degrees of freedom, the last coordinate of a point gives the scale tau of a t distribution:
    Genz and Bretz, Journal of Computational and Graphical Statistics 11 (2002), 950-971.
    """
    order = np.argsort(limits, axis=1)
    limits = np.take_along_axis(limits, order, axis=1)
    roots = np.asarray(np.linalg.cholesky(correlations[order[:, :, None], order[:, None, :]]), dtype=np.float64)
    if math.isinf(degrees):
        return np.stack([_estimate(limits[:, :, None], roots, uniform) for uniform in points])
    scales = [np.sqrt(gammaincinv(0.5 * degrees, uniform[:, -1]) / (0.5 * degrees)) for uniform in points]
    pairs = zip(points, scales, strict=True)
    return np.stack([_estimate(limits[:, :, None] * scale, roots, uniform) for uniform, scale in pairs])


def _estimate(limits: FloatArray, roots: FloatArray, uniform: FloatArray) -> FloatArray:
    """Return estimates (n,) for limits (n, d, 1), or (n, d, p) that differ between the points (p, at least d - 1)."""
    n, d = limits.shape[:2]
    normal = np.empty((d - 1, n, len(uniform)))
    inside = ndtr(limits[:, 0] / roots[:, 0, :1])  # given the features before
    product = np.broadcast_to(inside, (n, len(uniform)))
    for feature in range(1, d):
        normal[feature - 1] = ndtri(np.maximum(inside * uniform[:, feature - 1], _TINY))
        shift = np.einsum("nj,jnp->np", roots[:, feature, :feature], normal[:feature])
        inside = ndtr((limits[:, feature] - shift) / roots[:, feature, feature, None])
        product = product * inside
    return product.mean(axis=1)
