"""From the sums of a pass to the next parameters: the M-step."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gaussmix.mixture import Mixture
from gaussmix.moments import Moments
from gaussmix.typing import BoolArray, FloatArray

_EPSILON = float(np.finfo(np.float64).eps)
_LEAST = float(np.nextafter(0.0, 1.0))  # zero over it is zero
_FLOOR = 1e-6  # what a collapsed component is given, as a share of the variance within components


@dataclass(frozen=True, eq=False)
class Step:
    """The result of an M-step.

    Attributes
    ----------
    mixture : Mixture
    empty : (k,) array of bool
        Components without rows; they keep their place with weight zero.
    collapsed : (k,) array of bool
        Components whose covariance was singular to rounding and has been raised to a small share of the others'.
    ridge : float
        What was added to every variance.
    """

    mixture: Mixture
    empty: BoolArray
    collapsed: BoolArray
    ridge: float

    @property
    def ridged(self) -> BoolArray:
        """(k,) whether a component varies in some direction little more than the ridge makes it."""
        low: BoolArray = self.mixture.covariance.pivots() < 2.5 * self.ridge
        return low.any(axis=1) & ~self.collapsed


class AbstractUpdate(ABC):
    """How parameters follow from sums."""

    @abstractmethod
    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        """The parameters that maximize the objective, given the moments that the mixture gave."""


@dataclass(frozen=True)
class MaximumLikelihood(AbstractUpdate):
    """Maximum likelihood (Bishop 2006, equations 9.17 to 9.22), with a ridge.

    Parameters
    ----------
    ridge : float
        Added to every variance after the step, in the squared units of the data: scikit-learn's ``reg_covar``.
    """

    ridge: float = 0.0

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        previous = mixture.covariance
        counts, shifts = moments.counts, moments.shifts
        empty: BoolArray = counts <= 10 * _EPSILON * moments.weight
        if empty.any():
            counts, shifts = np.where(empty, 0.0, counts), np.where(empty[:, None], 0.0, shifts)
        centers = shifts / np.maximum(counts, _LEAST)[:, None]
        means = mixture.means + previous.color_each(centers)
        weights = counts / counts.sum()
        covariance = previous.maximize(counts, moments.scatter_about(centers), self.ridge)

        pivots, variances = covariance.pivots(), covariance.variances()
        rounding = np.maximum(4 * previous.n_features * _EPSILON * variances, (4 * _EPSILON * means) ** 2)
        collapsed = np.asarray((pivots <= rounding).any(axis=1))
        if collapsed.any():
            sound = np.where(collapsed, 0.0, weights)
            scale = _scale(sound if sound.any() else weights, means, variances)
            covariance = covariance.inflated(np.where(collapsed[:, None], _FLOOR * scale, 0.0))
        return Step(Mixture(weights, means, covariance, mixture.feature_names), empty, collapsed, self.ridge)


def _scale(weights: FloatArray, means: FloatArray, variances: FloatArray) -> FloatArray:
    """(d,) a variance to measure each feature by: the mean within components; if that is nothing, between them.

    A feature that does not vary at all is given the mean of those that do, or one.
    """
    weights = weights / weights.sum()
    center = weights @ means
    scale = weights @ variances
    rounding = (4 * _EPSILON * np.abs(means).max(axis=0)) ** 2
    scale = np.where(scale > rounding, scale, weights @ (means - center) ** 2)
    varies = scale > rounding
    return np.where(varies, scale, scale[varies].mean() if varies.any() else 1.0)
