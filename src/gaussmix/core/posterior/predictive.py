"""The predictive density: a mixture of t distributions."""

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from gaussmix.core.engines import NativeEngine
from gaussmix.core.posterior.normal_wishart import NormalWisharts
from gaussmix.core.posterior.precisions import marginal_degrees
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture


def predictive_log_density(weights: FloatArray, components: NormalWisharts, engine: NativeEngine) -> FloatArray:
    """Return the log density of each row (Bishop 2006, equations 10.81 and 10.82).

    With diagonal precisions, the t distribution of a component is a product over the features.

    Parameters
    ----------
    weights : (k,) array
        Expected weights.
    components : NormalWisharts
        Distributions of the means and covariances.
    engine : NativeEngine
        Engine with the rows.

    Returns
    -------
    (n,) array
        In nats.
    """
    with np.errstate(divide="ignore"):
        logs = np.log(weights)
    if components.covariance.form == "diagonal":
        densities = _product_of_t(components, engine)
    else:
        densities = _t_densities(components, engine)
    return np.asarray(logsumexp(logs + densities, axis=1))


def _t_densities(components: NormalWisharts, engine: NativeEngine) -> FloatArray:
    """Return log densities (n, k) of multivariate t distributions."""
    d, covariance = components.n_features, components.covariance
    degrees = marginal_degrees(covariance.form, components.degrees, d)
    spread = _spread(components) * components.degrees / degrees * (d if covariance.form == "spherical" else 1)
    zero = np.zeros(len(components.means))
    mixture = WhitenedMixture(covariance.form, zero, components.means, covariance.factors())
    squares = -2 * engine.score_rows(mixture, "scores")
    constant = (
        gammaln(0.5 * (degrees + d))
        - gammaln(0.5 * degrees)
        - 0.5 * d * np.log(degrees * math.pi * spread)
        + covariance.log_det()
    )
    return np.asarray(constant - 0.5 * (degrees + d) * np.log1p(squares / (degrees * spread)))


def _product_of_t(components: NormalWisharts, engine: NativeEngine) -> FloatArray:
    """Return log densities (n, k) of products of t distributions, one for each feature."""
    degrees, spread = components.degrees, _spread(components)
    constant = gammaln(0.5 * (degrees + 1)) - gammaln(0.5 * degrees) - 0.5 * np.log(degrees * math.pi * spread)
    rows, roots = engine.values, components.covariance.roots
    total = np.tile(components.n_features * constant + components.covariance.log_det(), (len(rows), 1))
    for feature in range(components.n_features):
        whitened = (rows[:, feature, None] - components.means[:, feature]) / roots[:, feature]
        total -= 0.5 * (degrees + 1) * np.log1p(whitened**2 / (degrees * spread))
    return total


def _spread(components: NormalWisharts) -> FloatArray:
    """Return the factor (k,) by which the uncertainty of the mean widens a covariance."""
    return 1 + 1 / components.mean_precision
