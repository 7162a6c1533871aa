"""Quantiles of a mixture of one feature."""

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from gaussmix.core.distribution.interface import MixtureInterface, positive_components
from gaussmix.core.student import RowTerms, log_constants
from gaussmix.core.typing import FloatArray

_STEPS = 200  # of Newton's method or bisection; bisection alone ends after about 60 in a bounded range


def quantiles(mixture: MixtureInterface, probabilities: FloatArray) -> FloatArray:
    """Return the quantiles (m,) of a mixture of one feature; -inf and inf for 0 and 1.

    A quantile lies between those of the components. The upper half is found from the upper tails, so that both tails
    have full relative precision.
    """
    kept = mixture.take(positive_components(mixture))
    weights, means = kept.weights, kept.means[:, 0]
    deviations = np.sqrt(kept.covariance.variances()[:, 0])
    below = probabilities <= 0.5
    sign = np.where(below, 1.0, -1.0)
    target = np.where(below, probabilities, 1 - probabilities)
    result = sign * -np.inf * np.ones_like(probabilities)
    inner = target > 0
    sign, target = sign[inner], target[inner]
    means = sign[:, None] * means  # (m, k): the upper tail is the lower one of the mirrored mixture
    degrees = kept.degrees_of_freedom
    if degrees is None:
        ends = means + deviations * ndtri(target)[:, None]
    else:
        ends = means + deviations * _quantiles_of_t(degrees, target[:, None])
    low, high = ends.min(axis=1), ends.max(axis=1)
    at = 0.5 * (low + high)
    for _ in range(_STEPS):
        distances = (at[:, None] - means) / deviations
        if degrees is None:
            found = ndtr(distances) @ weights
            density = np.exp(-0.5 * distances**2) @ (weights / deviations) / np.sqrt(2 * np.pi)
        else:
            found = _probabilities_of_t(degrees, distances) @ weights
            density = _densities_of_t(degrees, distances) @ (weights / deviations)
        high, low = np.where(found >= target, at, high), np.where(found <= target, at, low)
        # Newton's step for the log of the probability, which is concave for a normal distribution
        step = np.divide(found * np.log(target / found), density, out=np.full_like(at, np.nan), where=density > 0)
        moved = at + step
        moved = np.where((moved > low) & (moved < high), moved, 0.5 * (low + high))
        if (np.abs(moved - at) <= 4 * np.finfo(np.float64).eps * np.maximum(np.abs(at), deviations.min())).all():
            break
        at = moved
    result[inner] = sign * moved
    return result


def _probabilities_of_t(degrees: FloatArray, distances: FloatArray) -> FloatArray:
    return np.where(np.isinf(degrees), ndtr(distances), stdtr(np.where(np.isinf(degrees), 1.0, degrees), distances))


def _quantiles_of_t(degrees: FloatArray, probabilities: FloatArray) -> FloatArray:
    heavy = stdtrit(np.where(np.isinf(degrees), 1.0, degrees), probabilities)
    return np.where(np.isinf(degrees), ndtri(probabilities), heavy)


def _densities_of_t(degrees: FloatArray, distances: FloatArray) -> FloatArray:
    """Return the densities (m, k) of standardized t distributions."""
    constants = np.exp(log_constants(degrees, 1)) / np.sqrt(2 * np.pi)
    kernels = [RowTerms.of(column**2, float(nu), 1).log_kernel for column, nu in zip(distances.T, degrees, strict=True)]
    return np.asarray(np.exp(np.stack(kernels, axis=1)) * constants)
