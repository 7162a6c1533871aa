"""Curves and surfaces of a mixture, as plain arrays: what displays draw."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from gaussmix.mixture import Mixture
from gaussmix.typing import FloatArray


def radius_holding(probability: float, n_features: int = 2) -> float:
    """The Mahalanobis radius within which a normal distribution has a given probability.

    The squared Mahalanobis distance has a chi-square distribution with ``n_features`` degrees of freedom,
    whose quantiles are those of a gamma distribution.

    Parameters
    ----------
    probability : float
        At least 0 and below 1.
    n_features : int, default=2

    Returns
    -------
    float
        In standard deviations.

    Examples
    --------
    >>> from gaussmix.plots import radius_holding
    >>> round(radius_holding(0.95), 3)
    2.448
    """
    if not 0 <= probability < 1:
        raise ValueError(f"probability must be at least 0 and below 1, got {probability}")
    return math.sqrt(2 * gammaincinv(n_features / 2, probability))


def ellipse(mean: npt.ArrayLike, covariance: npt.ArrayLike, radius: float = 1.0, n_points: int = 181) -> FloatArray:
    """Points at one Mahalanobis distance from the mean.

    Parameters
    ----------
    mean : (2,) array-like
    covariance : (2, 2) array-like
        Positive-definite.
    radius : float, default=1.0
        In standard deviations.
    n_points : int, default=181
        The first point comes again as the last.

    Returns
    -------
    (n_points, 2) array
    """
    angles = np.linspace(0.0, 2 * np.pi, n_points)
    circle = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    root = np.linalg.cholesky(np.asarray(covariance, dtype=np.float64))
    return np.asarray(np.asarray(mean, dtype=np.float64) + circle @ root.T)


def marginal_densities(mixture: Mixture, feature: int | str, grid: npt.ArrayLike) -> FloatArray:
    """The densities of the components in one feature, times their weights; they add up to the mixture's.

    Parameters
    ----------
    mixture : Mixture
    feature : int or str
        Position or name.
    grid : (m,) array-like
        Values of the feature.

    Returns
    -------
    (k, m) array
        Per unit of the feature.
    """
    marginal = mixture.marginal([feature])
    deviations = np.sqrt(marginal.covariance.variances())  # (k, 1)
    distances = (np.asarray(grid, dtype=np.float64) - marginal.means) / deviations
    heights = marginal.weights[:, None] / (deviations * math.sqrt(2 * math.pi))
    return np.asarray(heights * np.exp(-0.5 * distances**2))


def density_surface(mixture: Mixture, x: FloatArray, y: FloatArray) -> FloatArray:
    """(len(y), len(x)) the density of a mixture of two features over a grid."""
    columns, lines = np.meshgrid(x, y)
    density = np.exp(mixture.log_density(np.column_stack([columns.ravel(), lines.ravel()])))
    return np.asarray(density.reshape(columns.shape))


def view_range(values: npt.ArrayLike, margin: float = 0.06) -> tuple[float, float]:
    """The least and the greatest value, with a share of their distance added on both sides."""
    low, high = float(np.min(values)), float(np.max(values))
    room = margin * (high - low) or 0.5
    return low - room, high + room
