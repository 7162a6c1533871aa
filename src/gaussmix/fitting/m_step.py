"""The M-step: from the sums of a pass to the next parameters."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.prior import Prior

_EPSILON = float(np.finfo(np.float64).eps)
_EMPTY = 10 * _EPSILON  # share of all rows below which a component is empty
_SINGULAR = 4 * _EPSILON  # pivots this small relative to the variance or the mean are rounding
_LEAST = float(np.nextafter(0.0, 1.0))  # avoids 0 / 0
_FLOOR = 1e-6  # variance given to a collapsed component, as a share of the variance within components


@dataclass(frozen=True, eq=False)
class Step:
    """Result of an M-step.

    Attributes
    ----------
    mixture : Mixture
        Next parameters.
    empty : (k,) array of bool
        Components without rows; they keep their position with weight zero.
    collapsed : (k,) array of bool
        Components whose covariance was singular up to rounding and was raised to a small share of the others'.
    ridge : float
        Number that was added to every variance.
    """

    mixture: Mixture
    empty: BoolArray
    collapsed: BoolArray
    ridge: float

    @property
    def ridged(self) -> BoolArray:
        """The components (k,) whose variance in some direction is little more than the ridge."""
        low: BoolArray = self.mixture.covariance.pivots() < 2.5 * self.ridge
        return low.any(axis=1) & ~self.collapsed

    def reordered(self, order: IntArray) -> "Step":
        """Return the same step with the components in another order."""
        return Step(self.mixture.reordered(order), self.empty[order], self.collapsed[order], self.ridge)


class AbstractUpdate(ABC):
    """An M-step, which maximizes the log-likelihood plus ``log_prior``."""

    @abstractmethod
    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        """Return the parameters that maximize the objective, given the moments of a pass with the mixture."""

    @abstractmethod
    def log_prior(self, mixture: Mixture) -> float:
        """Return the log prior of the parameters, in nats."""

    @abstractmethod
    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        """Return a lower bound of the gain of a step in nats: that of the expected complete-data objective.

        With T the covariance and t the mean of a component after the step, in the whitened units before it,

            gain = sum_k N_k [log(weight' / weight) + 1/2 (tr T + |t|^2 - d - log det T)]

        (Dempster, Laird and Rubin, Journal of the Royal Statistical Society B 39 (1977), theorem 1, for normal
        components), and the same with pseudo-rows for a prior. It does not depend on units and needs no pass.
        """


@dataclass(frozen=True, eq=False)
class MaximumLikelihood(AbstractUpdate):
    """Maximum likelihood (Bishop 2006, equations 9.17 to 9.22) or maximum a posteriori, with a ridge.

    Parameters
    ----------
    ridge : float
        Number added to every variance after the step, in squared units of the data; ``reg_covar`` in scikit-learn.
    prior : Prior, optional
        Prior of the covariances and means.
    """

    ridge: float = 0.0
    prior: Prior | None = None
    _latest: list[tuple[Mixture, Moments]] = field(default_factory=list, init=False, repr=False)

    def _pseudo_moments(self, mixture: Mixture) -> Moments:
        """Return the pseudo-moments of the prior, cached for the latest mixture."""
        assert self.prior is not None
        if not self._latest or self._latest[0][0] is not mixture:
            self._latest[:] = [(mixture, self.prior.pseudo_moments(mixture))]
        return self._latest[0][1]

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        previous = mixture.covariance
        counts, shifts = moments.counts, moments.shifts
        empty: BoolArray = counts <= _EMPTY * moments.weight
        if empty.any():
            counts, shifts = np.where(empty, 0.0, counts), np.where(empty[:, None], 0.0, shifts)
            moments = replace(moments, counts=counts, shifts=shifts)
        weights, rows, about = counts / counts.sum(), counts, moments
        if self.prior is not None:
            about = moments + self._pseudo_moments(mixture)
            counts, shifts, rows = about.counts, about.shifts, counts + self.prior.strength_each(mixture)
        centers = shifts / np.maximum(counts, _LEAST)[:, None]
        means = mixture.means + previous.color_each(centers)
        covariance = previous.maximize(rows, about.scatter_about(centers), self.ridge)

        pivots, variances = covariance.pivots(), covariance.variances()
        rounding = np.maximum(previous.n_features * _SINGULAR * variances, (_SINGULAR * means) ** 2)
        collapsed = np.asarray((pivots <= rounding).any(axis=1))
        if collapsed.any():
            sound = np.where(collapsed, 0.0, weights)
            scale = _scale(sound if sound.any() else weights, means, variances)
            covariance = covariance.inflated(np.where(collapsed[:, None], _FLOOR * scale, 0.0))
        return Step(Mixture(weights, means, covariance, mixture.feature_names), empty, collapsed, self.ridge)

    def log_prior(self, mixture: Mixture) -> float:
        return 0.0 if self.prior is None else self.prior.log_density(mixture, self._pseudo_moments(mixture))

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        old, new = mixture.covariance, step.mixture.covariance
        counts = np.where(step.empty, 0.0, moments.counts)
        rows, trace = counts, moments.scatter_trace
        if self.prior is not None:
            rows = rows + self.prior.strength_each(mixture)
            trace += self._pseudo_moments(mixture).scatter_trace
        own = mixture.n_features * float(rows.sum())
        if self.ridge > 0:
            own -= self.ridge * float(rows @ new.precision_traces())
        held = counts > 0
        moved = counts[held] @ np.log(step.mixture.weights[held] / mixture.weights[held])
        return float(moved + rows @ (new.log_det() - old.log_det()) + 0.5 * (trace - own))


def _scale(weights: FloatArray, means: FloatArray, variances: FloatArray) -> FloatArray:
    """Return a reference variance (d,) of each feature: the mean within components or, if that is zero, between them.

    A constant feature gets the mean over the other features, or 1 if all are constant.
    """
    weights = weights / weights.sum()
    center = weights @ means
    scale = weights @ variances
    rounding = (_SINGULAR * np.abs(means).max(axis=0)) ** 2
    scale = np.where(scale > rounding, scale, weights @ (means - center) ** 2)
    varies = scale > rounding
    return np.where(varies, scale, scale[varies].mean() if varies.any() else 1.0)
