"""Credible intervals of the parameters of a mixture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit
from scipy.stats import chi2

from gaussmix.core.number_checks import require_level
from gaussmix.core.posterior.normal_wishart import NormalWisharts
from gaussmix.core.posterior.precisions import marginal_degrees
from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from gaussmix.core.posterior.posterior import Posterior

_DRAWS = 4000  # for covariances of two features


@dataclass(frozen=True, eq=False)
class CredibleIntervals:
    """Credible intervals with equal probabilities on both sides; the last axis has the two ends.

    Attributes
    ----------
    level : float
        Probability of each interval.
    weights : (k, 2) array
        Intervals of the weights. Those of stick-breaking weights come from 4,000 draws.
    means : (k, d, 2) array
        Intervals of the means.
    covariances : (..., 2) array
        Intervals of the covariances, in scikit-learn's shape. Those of variances are exact; those of the covariance of
        two features come from 4,000 draws with a fixed seed.
    """

    level: float
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


def credible_intervals(posterior: "Posterior", level: float) -> CredibleIntervals:
    """Return credible intervals of the parameters of a mixture.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    level : float
        Probability of each interval, between 0 and 1.

    Returns
    -------
    CredibleIntervals
        The intervals.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.
    """
    require_level(level)
    ends = np.array([0.5 * (1 - level), 0.5 * (1 + level)])
    components = posterior.components
    degrees = marginal_degrees(components.covariance.form, components.degrees, components.n_features)
    widths = _deviations(components, degrees) / np.sqrt(components.mean_precision)[:, None]
    quantiles = np.broadcast_to(stdtrit(degrees[:, None], ends), (len(components.means), 2))
    means = components.means[:, :, None] + widths[:, :, None] * quantiles[:, None, :]
    weights = posterior.weights.quantiles(ends)[: len(components.means)]
    return CredibleIntervals(level, weights, means, _of_covariances(components, degrees, ends))


def _deviations(components: NormalWisharts, degrees: FloatArray) -> FloatArray:
    """Return the scales (k, d) of the t distributions of the means, before the division by their precision."""
    times = components.n_features if components.covariance.form == "spherical" else 1
    return np.sqrt(components.covariance.variances() * (times * components.degrees / degrees)[:, None])


def _of_covariances(components: NormalWisharts, degrees: FloatArray, ends: FloatArray) -> FloatArray:
    """Return intervals (..., 2) of the covariances, in scikit-learn's shape."""
    covariance = components.covariance
    times = components.n_features if covariance.form == "spherical" else 1
    factors = times * components.degrees[:, None] / chi2.ppf(ends[::-1], degrees[:, None])  # inverse gamma
    if covariance.form in ("diagonal", "spherical"):
        factors = factors[:, None, :] if covariance.form == "diagonal" else factors
        return np.asarray(covariance.covariances[..., None] * factors)
    rng = np.random.default_rng(0)
    roots = components.sample_roots(_DRAWS, rng)
    intervals = np.moveaxis(np.quantile(roots @ roots.swapaxes(-1, -2), ends, axis=0), 0, -1)
    d = np.arange(components.n_features)
    variances = covariance.covariances[..., d, d]
    exact = variances[..., None] * (factors[0] if covariance.form == "tied" else factors[:, None, :])
    intervals[..., d, d, :] = exact
    return np.asarray(intervals)
