"""From the sums of a pass to the next parameters: the M-step."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gaussmix.mixture import Mixture
from gaussmix.moments import Moments
from gaussmix.typing import BoolArray, FloatArray

_EPSILON = float(np.finfo(np.float64).eps)
_SINGULAR = 1e-12  # share of a feature's variance below which a component has none of its own
_FLOOR = 1e-6  # share of a feature's variance that a singular component is given


@dataclass(frozen=True, eq=False)
class Step:
    """The result of an M-step.

    Attributes
    ----------
    mixture : Mixture
    empty : (k,) array of bool
        Components without rows; they keep their place with weight zero.
    collapsed : (k,) array of bool
        Components whose covariance was singular and has been raised to a small share of the data's.
    """

    mixture: Mixture
    empty: BoolArray
    collapsed: BoolArray


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
        empty: BoolArray = moments.counts <= 10 * _EPSILON * moments.weight
        counts = np.where(empty, 0.0, moments.counts)
        centers = moments.shifts / np.where(empty, 1.0, moments.counts)[:, None]
        centers[empty] = 0.0
        previous = mixture.covariance
        means = mixture.means + np.concatenate([previous.color(line[None], k) for k, line in enumerate(centers)])
        weights = counts / counts.sum()
        covariance = previous.maximize(counts, moments.scatter_about(centers))
        if self.ridge > 0:
            covariance = covariance.inflated(np.full(means.shape, self.ridge))

        total = _total_variances(weights, means, covariance.variances())
        collapsed = np.asarray((covariance.pivots() < _SINGULAR * total).any(axis=1))
        if collapsed.any():
            covariance = covariance.inflated(np.where(collapsed[:, None], _FLOOR * total, 0.0))
        return Step(Mixture(weights, means, covariance, mixture.feature_names), empty, collapsed)


def _total_variances(weights: FloatArray, means: FloatArray, variances: FloatArray) -> FloatArray:
    """(d,) the variance of each feature over all rows: within plus between components.

    A feature that does not vary gets the mean of those that do, so that it too has a scale.
    """
    center = weights @ means
    total = weights @ (variances + (means - center) ** 2)
    varies = total > (_EPSILON * np.abs(center)) ** 2
    if varies.all():
        return total
    return np.where(varies, total, total[varies].mean() if varies.any() else 1.0)
