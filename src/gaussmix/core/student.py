"""Functions of the degrees of freedom of multivariate t distributions.

A t distribution is a normal one whose covariance is divided by a random number tau, which has a gamma distribution of
mean one: ``x | tau ~ N(mean, scale / tau)``, ``tau ~ Gamma(nu / 2, rate nu / 2)``. Given a row with d features at the
squared distance delta, the expectation of tau is ``u = (nu + d) / (nu + delta)``.

Infinite degrees of freedom are the normal distribution. All functions here are accurate on the way there: they return
differences from the normal distribution, not differences of large numbers.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, digamma, gammaincc, gammainccinv, gammaln, polygamma

from gaussmix.core.typing import FloatArray, Random

LEAST_DEGREES = 1.0
"""Least degrees of freedom that a fit estimates. With fewer, the likelihood has no bound: one row can carry it."""

_LARGE = 16.0  # half degrees of freedom from which series of their inverse are as accurate as SciPy's functions
_SURPLUS = (1 / 2, 1 / 12, 0.0, -1 / 120, 0.0, 1 / 252, 0.0, -1 / 240, 0.0, 1 / 132)  # log z - digamma(z), in 1 / z
_STIRLING = (1 / 12, 0.0, -1 / 360, 0.0, 1 / 1260, 0.0, -1 / 1680, 0.0, 1 / 1188)  # in 1 / z
_ASYMPTOTIC = 300.0  # degrees of freedom from which the information is that of the limit, to a few per cent
_STEPS = 60


def refuse_degrees(degrees: FloatArray | None, purpose: str) -> None:
    """Raise a ValueError if there are degrees of freedom.

    Parameters
    ----------
    degrees : (k,) array or None
        Degrees of freedom of a mixture.
    purpose : str
        What is not defined for t distributions, for the message.
    """
    if degrees is not None:
        raise ValueError(f"{purpose} is not defined for a mixture of t distributions: fit a GaussianMixture for it")


def n_different(degrees: FloatArray | None) -> int:
    """Return the number of different degrees of freedom: 0 for None, 1 if all are equal, else one for each."""
    if degrees is None:
        return 0
    return 1 if (degrees == degrees[0]).all() else len(degrees)


def covariance_factors(degrees: FloatArray) -> FloatArray:
    """Return by how much covariances are greater than scale matrices: ``nu / (nu - 2)``, infinite for nu up to 2."""
    above = np.maximum(degrees - 2, 0.0)
    with np.errstate(divide="ignore"):
        return 1 + 2 / above


def log_constants(degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the log of the constant of a t density less that of the normal density.

    Parameters
    ----------
    degrees : (k,) array
        Degrees of freedom nu, positive or infinite.
    n_features : int
        Number of features d.

    Returns
    -------
    (k,) array
        ``log Gamma((nu + d) / 2) - log Gamma(nu / 2) - d / 2 log(nu / 2)``; 0 for infinite degrees of freedom.
    """
    z, b = 0.5 * np.asarray(degrees, dtype=np.float64), 0.5 * n_features
    result = np.zeros(z.shape)
    small, large = z < _LARGE, (z >= _LARGE) & np.isfinite(z)
    near, far = z[small], z[large]
    result[small] = gammaln(near + b) - gammaln(near) - b * np.log(near)
    rest = stirling_rest(far + b) - stirling_rest(far)
    result[large] = (far + b - 0.5) * np.log1p(b / far) - b + rest
    return result


def stirling_rest(z: FloatArray) -> FloatArray:
    """Return ``log Gamma(z) - (z - 1/2) log z + z - 1/2 log 2 pi``, for positive numbers; 0 for infinity."""
    z = np.asarray(z, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        direct = gammaln(z) - (z - 0.5) * np.log(z) + z - 0.5 * math.log(2 * math.pi)
    return np.where(z < _LARGE, direct, _series(_STIRLING, z))


def surplus(degrees: FloatArray) -> FloatArray:
    """Return the expectation of ``tau - 1 - log tau``, which is ``log(nu / 2) - digamma(nu / 2)``.

    Parameters
    ----------
    degrees : array
        Degrees of freedom nu; the result is 0 where they are infinite.

    Returns
    -------
    array
        Positive numbers, about ``1 / nu`` if there are many degrees of freedom.
    """
    z = 0.5 * np.asarray(degrees, dtype=np.float64)
    small = np.where(z < _LARGE, z, 1.0)
    return np.where(z < _LARGE, np.log(small) - digamma(small), _series(_SURPLUS, z))


def degrees_of_surplus(values: FloatArray) -> FloatArray:
    """Return the degrees of freedom of a `surplus`, by Newton's method for the logarithm of their inverse.

    Parameters
    ----------
    values : array
        Surplus.

    Returns
    -------
    array
        Degrees of freedom; infinite for values that are not positive.
    """
    values = np.asarray(values, dtype=np.float64)
    positive = np.maximum(values, 1e-300)
    inverse = positive / (1 + positive / 3 + positive / 2)  # between the limits of few and of many degrees of freedom
    for _ in range(_STEPS):
        current = surplus(1 / inverse)
        z = 0.5 / inverse
        with np.errstate(over="ignore"):
            change = np.where(z < 1e8, polygamma(1, np.minimum(z, 1e8)) * z - 1, inverse)  # d surplus / d log inverse
        step = np.clip((positive - current) / np.maximum(change, 1e-300), -1, 1)
        inverse = inverse * np.exp(step)
        if (np.abs(step) < 4e-16).all():
            break
    return np.where(values > 0, 1 / inverse, np.inf)


def slope_centers(degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the constants K of the derivative of a log density with respect to ``1 / nu``.

    The derivative is ``nu^2 / 2 (u - 1 + log(1 + delta / nu)) - K`` and, where the degrees of freedom are infinite,
    ``(d - delta)^2 / 4 - K``.

    Parameters
    ----------
    degrees : (k,) array
        Degrees of freedom nu.
    n_features : int
        Number of features d.

    Returns
    -------
    (k,) array
        ``nu^2 / 2 (log(1 + d / nu) + surplus(nu) - surplus(nu + d))``; d / 2 where they are infinite.
    """
    degrees, d = np.asarray(degrees, dtype=np.float64), float(n_features)
    finite = np.where(np.isfinite(degrees), degrees, 1.0)
    value = 0.5 * finite**2 * (np.log1p(d / finite) + surplus(finite) - surplus(finite + d))
    return np.where(np.isfinite(degrees), value, 0.5 * d)


def information(degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the Fisher information of one row about ``1 / nu``, if mean and scale matrix are estimated as well.

    Lange, Little and Taylor, Journal of the American Statistical Association 84 (1989), 881-896, appendix B.

    Parameters
    ----------
    degrees : (k,) array
        Degrees of freedom nu.
    n_features : int
        Number of features d.

    Returns
    -------
    (k,) array
        Positive numbers; ``d (d + 2) / 2`` in the normal limit.
    """
    d = float(n_features)
    nu = np.minimum(np.asarray(degrees, dtype=np.float64), _ASYMPTOTIC)
    own = 0.25 * (polygamma(1, nu / 2) - polygamma(1, (nu + d) / 2)) - d * (nu + d + 4) / (
        2 * nu * (nu + d) * (nu + d + 2)
    )
    shared = 2 * d / (nu * (nu + d) ** 2 * (nu + d + 2))
    return np.where(np.asarray(degrees) < _ASYMPTOTIC, nu**4 * (own - shared), 0.5 * d * (d + 2))


def degrees_of_inverse(inverse: FloatArray) -> FloatArray:
    """Return the degrees of freedom of estimates of ``1 / nu``, within the range of `LEAST_DEGREES` to infinity."""
    with np.errstate(divide="ignore"):
        return 1 / np.clip(inverse, 0.0, 1 / LEAST_DEGREES)


@dataclass(frozen=True, eq=False)
class RowTerms:
    """What a t distribution says of rows, for one component.

    Attributes
    ----------
    log_kernel : (n,) array
        ``- (nu + d) / 2 log(1 + delta / nu)``, or ``- delta / 2``.
    u : (n,) array
        Expectation of tau.
    slope : (n,) array
        Derivative of the log density with respect to ``1 / nu``.
    """

    log_kernel: FloatArray
    u: FloatArray
    slope: FloatArray

    @classmethod
    def of(cls, squares: FloatArray, degrees: float, n_features: int) -> "RowTerms":
        """Return the terms of rows at squared distances (n,) from a component."""
        center = float(slope_centers(np.array([degrees]), n_features)[0])
        if math.isinf(degrees):
            return cls(-0.5 * squares, np.ones(squares.shape), 0.25 * (n_features - squares) ** 2 - center)
        logs, surplus_u = np.log1p(squares / degrees), (n_features - squares) / (degrees + squares)
        slope = 0.5 * degrees**2 * (surplus_u + logs) - center
        return cls(-0.5 * (degrees + n_features) * logs, (degrees + n_features) / (degrees + squares), slope)


def tail_probabilities(drops: FloatArray, degrees: float | FloatArray, n_features: int) -> FloatArray:
    """Return the probability that a row has a log density this much, or more, below that at the center.

    Parameters
    ----------
    drops : array
        Nonnegative differences of log densities, in nats.
    degrees : float or array
        Degrees of freedom, to be broadcast against the drops.
    n_features : int
        Number of features.

    Returns
    -------
    array
        Probabilities; those of a chi-square distribution where the degrees of freedom are infinite.
    """
    degrees = np.asarray(degrees, dtype=np.float64)
    finite = np.where(np.isfinite(degrees), degrees, 1.0)
    heavy = betainc(0.5 * finite, 0.5 * n_features, np.exp(-2 * drops / (finite + n_features)))
    return np.where(np.isfinite(degrees), heavy, gammaincc(0.5 * n_features, drops))


def drops_of_tails(tails: FloatArray, degrees: float, n_features: int) -> FloatArray:
    """Return the differences of log densities that have given `tail_probabilities`."""
    if math.isinf(degrees):
        return np.asarray(gammainccinv(0.5 * n_features, tails))
    return np.asarray(-0.5 * (degrees + n_features) * np.log(betaincinv(0.5 * degrees, 0.5 * n_features, tails)))


def squares_of_drops(drops: FloatArray, degrees: float, n_features: int) -> FloatArray:
    """Return the squared distances delta of rows with a log density this much below that at the center."""
    if math.isinf(degrees):
        return 2 * drops
    return degrees * np.expm1(2 * drops / (degrees + n_features))


def mean_drops(degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the expectation (k,) of the drop of the log density from the center to a row."""
    finite = np.where(np.isfinite(degrees), degrees, 1.0)
    apart = np.log1p(n_features / finite) + surplus(finite) - surplus(finite + n_features)
    return np.where(np.isfinite(degrees), 0.5 * (finite + n_features) * apart, 0.5 * n_features)


def conditional_scales(squares: FloatArray, degrees: FloatArray, n_features: int) -> FloatArray:
    """Return by how much scale matrices grow given d observed features at squared distances delta.

    Parameters
    ----------
    squares : (..., k) array
        Squared distances.
    degrees : (k,) array
        Degrees of freedom nu.
    n_features : int
        d.

    Returns
    -------
    (..., k) array
        ``(nu + delta) / (nu + d)``; 1 for infinite degrees of freedom.
    """
    return 1 + (squares - n_features) / (degrees + n_features)


def draw_scales(degrees: float, n: int, rng: Random) -> FloatArray:
    """Draw numbers tau, by which the covariance of a normal distribution is divided.

    Parameters
    ----------
    degrees : float
        Degrees of freedom.
    n : int
        Number of draws.
    rng : Generator or RandomState
        Source of random numbers.

    Returns
    -------
    (n,) array
        Draws of mean one; ones for infinite degrees of freedom.
    """
    if math.isinf(degrees):
        return np.ones(n)
    return np.maximum(rng.gamma(0.5 * degrees, size=n) / (0.5 * degrees), np.finfo(np.float64).tiny)


def _series(coefficients: tuple[float, ...], z: FloatArray) -> FloatArray:
    """Return ``sum_i coefficients[i] / z^(i + 1)``."""
    inverse = 1 / np.maximum(z, 1.0)
    total = np.zeros(inverse.shape)
    for coefficient in reversed(coefficients):
        total = (total + coefficient) * inverse
    return total
