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
from scipy.special import betainc, betaincinv, digamma, gammaincc, gammainccinv, gammaln, zeta

from gaussmix.core.typing import FloatArray, Random

LEAST_DEGREES = 1.0
"""Least degrees of freedom that a fit estimates. With fewer, the likelihood has no bound: one row can carry it."""

_LARGE = 16.0  # half degrees of freedom from which series of their inverse are as accurate as SciPy's functions
_SURPLUS = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132)  # log z - digamma(z) - 1 / (2 z) = sum of c[i] z^(-2 i - 2)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)  # sum of c[i] z^(-2 i - 1)
_ASYMPTOTIC = 300.0  # degrees of freedom from which the information is that of the limit, to a few per cent
_STEPS, _CLOSE = 20, 1e-8  # of Newton's method; the error after a step is about the square of the step


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
    large = z >= _LARGE
    far, near = np.where(large & np.isfinite(z), z, _LARGE), np.where(large, 1.0, z)
    series = (far + b - 0.5) * np.log1p(b / far) - b + _stirling(far + b) - _stirling(far)
    if large.all():
        return np.where(np.isfinite(z), series, 0.0)
    direct = gammaln(near + b) - gammaln(near) - b * np.log(near)
    return np.where(large, np.where(np.isfinite(z), series, 0.0), direct)


def stirling_rest(z: FloatArray) -> FloatArray:
    """Return ``log Gamma(z) - (z - 1/2) log z + z - 1/2 log 2 pi``, for positive numbers; 0 for infinity."""
    z = np.asarray(z, dtype=np.float64)
    near = np.minimum(z, _LARGE)
    direct = gammaln(near) - (near - 0.5) * np.log(near) + near - 0.5 * math.log(2 * math.pi)
    return np.where(z < _LARGE, direct, _stirling(np.maximum(z, _LARGE)))


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
    inverse = 1 / np.maximum(z, _LARGE)
    series = inverse * (0.5 + inverse * _polynomial(_SURPLUS, inverse * inverse))
    small = z < _LARGE
    if not small.any():
        return np.asarray(series)
    near = np.minimum(z, _LARGE)
    return np.where(small, np.log(near) - digamma(near), series)


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
        z = np.minimum(0.5 / inverse, 1e8)
        slope = np.where(z < 1e8, zeta(2.0, z) * z - 1, inverse)  # d surplus / d log inverse
        step = np.log(positive / current) * (current / slope)
        inverse = inverse * np.exp(step)
        if (np.abs(step) < _CLOSE).all():
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
    own = 0.25 * (zeta(2.0, nu / 2) - zeta(2.0, (nu + d) / 2)) - d * (nu + d + 4) / (2 * nu * (nu + d) * (nu + d + 2))
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


def _stirling(z: FloatArray) -> FloatArray:
    inverse = 1 / z
    return inverse * _polynomial(_STIRLING, inverse * inverse)


def _polynomial(coefficients: tuple[float, ...], x: FloatArray) -> FloatArray:
    """Return ``sum_i coefficients[i] x^i``."""
    total = coefficients[-1] * x
    for coefficient in coefficients[-2:0:-1]:
        total = (total + coefficient) * x
    return np.asarray(total + coefficients[0])
