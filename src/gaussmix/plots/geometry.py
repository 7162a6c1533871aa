"""Functions that compute the curves of a mixture as arrays."""

import math

import numpy as np
from scipy.special import gammaincinv

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import ArrayLike, FloatArray


@underflow_to_zero
def radius_holding(probability: float, n_features: int = 2) -> float:
    """Return the Mahalanobis radius within which a normal distribution has a given probability.

    The squared Mahalanobis distance has a chi-square distribution with ``n_features`` degrees of freedom,
    whose quantiles are those of a gamma distribution.

    Parameters
    ----------
    probability : float
        Probability, at least 0 and below 1.
    n_features : int, default=2
        Number of features of the normal distribution.

    Returns
    -------
    float
        Radius in standard deviations.

    Examples
    --------
    >>> from gaussmix.plots import radius_holding
    >>> round(radius_holding(0.95), 3)
    2.448
    """
    if not 0 <= probability < 1:
        raise ValueError(f"probability must be at least 0 and below 1; got {probability}")
    return math.sqrt(2 * gammaincinv(n_features / 2, probability))


@underflow_to_zero
def ellipse(mean: ArrayLike, covariance: ArrayLike, radius: float = 1.0, n_points: int = 181) -> FloatArray:
    """Return points at a Mahalanobis distance from the mean.

    Parameters
    ----------
    mean : (2,) array-like
        Center of the ellipse.
    covariance : (2, 2) array-like
        Positive-definite matrix.
    radius : float, default=1.0
        Mahalanobis distance of the points.
    n_points : int, default=181
        Number of points; the last one equals the first.

    Returns
    -------
    (n_points, 2) array
        Points along the ellipse.

    Examples
    --------
    >>> from gaussmix.plots import ellipse
    >>> ellipse([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]], n_points=5).round(3) + 0.0
    array([[ 2.,  0.],
           [ 0.,  1.],
           [-2.,  0.],
           [ 0., -1.],
           [ 2.,  0.]])
    """
    angles = np.linspace(0.0, 2 * np.pi, n_points)
    circle = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    variances, directions = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    root = directions * np.sqrt(np.maximum(variances, 0.0)) @ directions.T  # negative only by rounding
    return np.asarray(np.asarray(mean, dtype=np.float64) + circle @ root)


@underflow_to_zero
def principal_axes(mean: ArrayLike, covariance: ArrayLike, radius: float = 1.0) -> FloatArray:
    """Return the principal axes of an ellipse, longest first.

    Parameters
    ----------
    mean : (d,) array-like
        Center of the ellipse.
    covariance : (d, d) array-like
        Positive-definite matrix.
    radius : float, default=1.0
        Mahalanobis distance of the ends, in standard deviations.

    Returns
    -------
    (d, 2, d) array
        Ends of the axes, indexed by axis, end and feature.

    Examples
    --------
    >>> from gaussmix.plots import principal_axes
    >>> axes = principal_axes([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]])
    >>> abs(axes[:, 1])
    array([[2., 0.],
           [0., 1.]])
    """
    variances, directions = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    halves = (radius * np.sqrt(np.maximum(variances, 0.0)) * directions).T[::-1]  # negative only by rounding
    return np.asarray(np.asarray(mean, dtype=np.float64) + np.stack([-halves, halves], axis=1))


@underflow_to_zero
def mass_levels(mixture: Mixture, masses: ArrayLike, *, n_points: int = 1 << 16) -> FloatArray:
    """Return the densities at the edges of the highest density regions of given masses.

    A highest density region is the smallest region with its mass (Hyndman 1996, Computing and Graphing Highest Density
    Regions). `Mixture.density_level` returns the same.

    Parameters
    ----------
    mixture : Mixture
        Mixture with any number of features.
    masses : (m,) array-like
        Masses above 0 and below 1.
    n_points : int, default=2**16
        Number of rows drawn from each component, as in `Mixture.log_density_distribution`.

    Returns
    -------
    (m,) array
        Log densities in nats; a row is inside if its ``mixture.log_density`` is at least this.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.plots import mass_levels
    >>> normal = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> edge = mass_levels(normal, [0.95])
    >>> bool(normal.log_density([[1.95]]) > edge > normal.log_density([[1.97]]))
    True
    """
    wanted = np.asarray(masses, dtype=np.float64)
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ValueError(f"masses must be above 0 and below 1; got {wanted.tolist()}")
    return mixture.log_density_distribution(n_points=n_points).quantile(1 - wanted)


@underflow_to_zero
def marginal_densities(mixture: Mixture, feature: int | str, grid: ArrayLike) -> FloatArray:
    """Return the marginal densities of the components in a feature, times their weights.

    Parameters
    ----------
    mixture : Mixture
        Mixture with any number of features.
    feature : int or str
        Position or name of the feature.
    grid : (m,) array-like
        Values of the feature.

    Returns
    -------
    (k, m) array
        Densities per unit of the feature; their sum over components is the density of the mixture.
    """
    marginal = mixture.marginal([feature])
    deviations = np.sqrt(marginal.covariance.variances())  # (k, 1)
    distances = (np.asarray(grid, dtype=np.float64) - marginal.means) / deviations
    heights = marginal.weights[:, None] / (deviations * math.sqrt(2 * math.pi))
    return np.asarray(heights * np.exp(-0.5 * distances**2))


def view_range(values: ArrayLike, margin: float = 0.06) -> tuple[float, float]:
    """Return the smallest and the greatest value, with a margin on both sides; NaN is left out.

    Parameters
    ----------
    values : array-like
        Numbers, of which at least one is not NaN.
    margin : float, default=0.06
        Margin as a share of the range.

    Returns
    -------
    tuple of two floats
        Limits of an axis.
    """
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    room = margin * (high - low) or 0.5
    return low - room, high + room
