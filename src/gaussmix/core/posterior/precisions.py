"""Distributions of precision matrices in the four forms: Wishart and gamma.

A full or tied precision matrix has a Wishart distribution with ``nu`` degrees of freedom and the inverse scale S
(Bishop 2006, equation B.78). Each precision of a diagonal one has a gamma distribution with shape ``nu / 2`` and rate
``S_j / 2``; that of a spherical one has the shape ``d nu / 2`` and the rate ``d S / 2``. All three have the density

    |P|^(nu / 2 - c) exp(-tr(S P) / 2) / Z,  log Z = -nu / 2 log |S| + nu d / 2 log 2 + log_gamma(nu).
"""

import math

import numpy as np
from scipy.special import digamma, gammaln

from gaussmix.core.typing import FloatArray, Form


def log_gamma(form: Form, degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the term of log Z that depends on the degrees of freedom alone.

    Parameters
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the precisions.
    degrees : (q,) array
        Degrees of freedom.
    n_features : int
        Number of features d.

    Returns
    -------
    (q,) array
        In nats.
    """
    d = n_features
    match form:
        case "full" | "tied":
            halves = 0.5 * (degrees[:, None] - np.arange(d))
            return np.asarray(gammaln(halves).sum(axis=1) + 0.25 * d * (d - 1) * math.log(math.pi))
        case "diagonal":
            return np.asarray(d * gammaln(0.5 * degrees))
        case _:  # spherical
            return np.asarray(gammaln(0.5 * d * degrees) - 0.5 * d * math.log(d) * degrees)


def log_det_excess(form: Form, degrees: FloatArray, n_features: int) -> FloatArray:
    """Return ``E log |P| + log |S| - d log 2``, twice the derivative of `log_gamma`.

    Parameters
    ----------
    form : {"full", "tied", "diagonal", "spherical"}
        Form of the precisions.
    degrees : (q,) array
        Degrees of freedom.
    n_features : int
        Number of features d.

    Returns
    -------
    (q,) array
        In nats.
    """
    d = n_features
    match form:
        case "full" | "tied":
            return np.asarray(digamma(0.5 * (degrees[:, None] - np.arange(d))).sum(axis=1))
        case "diagonal":
            return np.asarray(d * digamma(0.5 * degrees))
        case _:  # spherical
            return np.asarray(d * (digamma(0.5 * d * degrees) - math.log(d)))


def marginal_degrees(form: Form, degrees: FloatArray, n_features: int) -> FloatArray:
    """Return the degrees of freedom (q,) of the t distributions of means and rows."""
    match form:
        case "full" | "tied":
            return degrees - (n_features - 1)
        case "diagonal":
            return degrees
        case _:  # spherical
            return n_features * degrees
