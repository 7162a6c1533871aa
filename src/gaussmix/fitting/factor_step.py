"""The M-step of mixtures of factor analyzers."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.m_step import EMPTY, MaximumLikelihood, Step, gain_of_weights

LEAST_NOISE = 1e-4
"""Least variance of the noise, as a share of the variance of the column within clusters, with ``reg_covar="auto"``."""

_ROUNDING = 1e-12  # the same for a number: smaller shares are rounding
_AT_BOUND = 1.001  # ratio to the least variance up to which a variance is at the bound


@dataclass(frozen=True, eq=False)
class FactorMStep(Step):
    """Result of the M-step, with what it gains at least, in nats."""

    gained: float = 0.0

    @property
    def ridged(self) -> BoolArray:
        return np.zeros_like(self.empty)

    def reordered(self, order: IntArray) -> "FactorMStep":
        mixture, empty, collapsed = self.mixture.reordered(order), self.empty[order], self.collapsed[order]
        return FactorMStep(mixture, empty, collapsed, self.ridge, None, self.gained)


@dataclass(frozen=True, eq=False)
class FactorUpdate(MaximumLikelihood):
    """The M-step of mixtures of factor analyzers: one step of EM for the factors, at the new weights and means.

    The likelihood of a factor analyzer may grow until the noise of a column vanishes (a Heywood case). Therefore the
    variances of the noise have a lower bound.

    Parameters
    ----------
    least_noise : (d,) array
        Least variances of the noise.
    """

    least_noise: FloatArray = None  # type: ignore[assignment]

    @classmethod
    def of(cls, reg_covar: float | str, variances: FloatArray) -> "FactorUpdate":
        """Return the M-step for a regularization.

        Parameters
        ----------
        reg_covar : float or "auto"
            Least variance of the noise; "auto" for that of `LEAST_NOISE`.
        variances : (d,) array
            Variances of the columns within clusters.
        """
        if isinstance(reg_covar, str):
            return cls(least_noise=LEAST_NOISE * variances)
        return cls(least_noise=np.maximum(float(reg_covar), _ROUNDING * variances))

    def may_stack(self, mixture: Mixture) -> bool:
        return False

    def maximize(self, mixture: Mixture, moments: Moments) -> FactorMStep:
        previous = mixture.covariance
        assert isinstance(previous, Factor)
        empty: BoolArray = moments.counts <= EMPTY * moments.weight
        counts = np.where(empty, 0.0, moments.counts)
        centers = moments.shifts / np.where(empty, 1.0, counts)[:, None]
        centers[empty] = 0.0
        scatter = np.where(empty[:, None, None], 0.0, moments.scatter)
        about = previous.scatter_about(counts, scatter, centers)
        covariance, gained = previous.stepped(counts, about, self.least_noise)
        following = mixture.with_components(
            counts / counts.sum(), mixture.means + previous.color_each(centers), covariance
        )
        gained += 0.5 * float(counts @ (centers**2).sum(axis=1)) + gain_of_weights(mixture, counts, None, following)
        return FactorMStep(following, empty, np.zeros_like(empty), 0.0, None, gained)

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        return step.gained if isinstance(step, FactorMStep) else 0.0

    def at_bound(self, mixture: Mixture) -> BoolArray:
        """Return the columns (k, d) in which the noise of a component has its least variance."""
        assert isinstance(mixture.covariance, Factor)
        least = self.least_noise.max() if mixture.covariance.factor_letters[2] == "C" else self.least_noise
        return np.asarray(mixture.covariance.noise_variances <= _AT_BOUND * least)
