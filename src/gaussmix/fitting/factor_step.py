"""The M-step of mixtures of factor analyzers.

With many columns it is one step of EM for the factors, from sums that are linear in the columns. With few columns,
passes return the full covariances of the rows of each component, and the M-step maximizes over loadings and noise. Then
EM takes as many steps as the clusters need; with the other M-step, weak factors may take thousands more.
"""

from dataclasses import dataclass, field

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.forms.full import FullForm
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.m_step import EMPTY, MaximumLikelihood, Step, gain_of_weights

LEAST_NOISE = 1e-4
"""Least variance of the noise, as a share of the variance of the column within clusters, with ``reg_covar="auto"``."""

_FEW_FEATURES, _MOST_FEATURES = 16, 48  # up to which passes return full covariances: always, and with many factors
_FEATURES_PER_FACTOR = 4
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
    """The M-step of mixtures of factor analyzers.

    The likelihood of a factor analyzer may grow until the noise of a column vanishes (a Heywood case). Therefore the
    variances of the noise have a lower bound.

    Parameters
    ----------
    least_noise : (d,) array
        Least variances of the noise.
    by_steps : bool, default=False
        Whether the M-step is one step of EM for the factors with few columns as well. The first iterations of a start
        are: the factors of clusters that are still rough are soon as wrong as these.
    deviations : (d,) array, optional
        Deviations within clusters, if the least variances are a share of their squares.
    """

    least_noise: FloatArray = None  # type: ignore[assignment]
    by_steps: bool = False
    deviations: FloatArray | None = None
    _latest_step: list[tuple[Moments, FactorMStep]] = field(default_factory=list, init=False, repr=False)

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
            return cls(least_noise=LEAST_NOISE * variances, deviations=np.sqrt(variances))
        return cls(least_noise=np.maximum(float(reg_covar), _ROUNDING * variances))

    def prepared(self, mixture: Mixture) -> Mixture:
        """Return a start whose noise is not below the bound, so that the first step does not lower the likelihood."""
        covariance = mixture.covariance
        assert isinstance(covariance, Factor)
        least = self.least_of(covariance)
        if (covariance.noise_variances >= least).all():
            return mixture
        bounded = type(covariance).from_parts(np.maximum(covariance.noise_variances, least), covariance.loadings)
        return mixture.with_components(mixture.weights, mixture.means, bounded)

    def least_of(self, covariance: Factor) -> FloatArray:
        """Return the least variances (d,) of the noise; they are the same for all columns if the noise is isotropic."""
        isotropic = covariance.factor_letters[2] == "C"
        return np.full_like(self.least_noise, self.least_noise.max()) if isotropic else self.least_noise

    def may_stack(self, mixture: Mixture) -> bool:
        return False

    def accumulate(self, engine: AbstractEngine, mixture: Mixture, *, rough: bool) -> Moments:
        assert isinstance(mixture.covariance, Factor)
        if not self.by_steps and takes_full_sums(type(mixture.covariance), mixture.n_features):
            mixture = mixture.with_components(mixture.weights, mixture.means, mixture.covariance.full)
        return engine.accumulate(mixture.whitened(), rough=rough)

    def maximize(self, mixture: Mixture, moments: Moments) -> FactorMStep:
        if not self._latest_step or self._latest_step[0][0] is not moments:
            step = self._maximum if isinstance(FORMS[moments.form], FullForm) else self._step
            self._latest_step[:] = [(moments, step(mixture, moments))]
        return self._latest_step[0][1]

    def _maximum(self, mixture: Mixture, moments: Moments) -> FactorMStep:
        """Return the maximum of the expected log-likelihood, or no less than the current one, from full scatter."""
        previous = mixture.covariance
        assert isinstance(previous, Factor)
        full, empty = previous.full, np.asarray(moments.counts <= EMPTY * moments.weight)
        counts = np.where(empty, 0.0, moments.counts)
        positive = np.where(empty, 1.0, counts)
        centers = np.where(empty[:, None], 0.0, moments.shifts / positive[:, None])
        about = moments.scatter / positive[:, None, None] - centers[:, :, None] * centers[:, None, :]
        covariances = full.roots @ about @ full.roots.transpose(0, 2, 1)
        covariance = previous.most_likely(counts, covariances, self.least_noise)
        following = mixture.with_components(counts / counts.sum(), mixture.means + full.color_each(centers), covariance)
        whitened = covariance.full.factors()
        traces = np.einsum("kij,kil,klj->k", whitened, covariances, whitened, optimize=True)
        before = np.einsum("kii->k", moments.scatter) / positive
        gained = float(counts @ (covariance.log_det() - previous.log_det() + 0.5 * (before - traces)))
        gained += gain_of_weights(mixture, counts, None, following)
        return FactorMStep(following, empty, np.zeros_like(empty), 0.0, None, gained)

    def _step(self, mixture: Mixture, moments: Moments) -> FactorMStep:
        """Return one step of EM for the factors, at the new weights and means."""
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
        return np.asarray(mixture.covariance.noise_variances <= _AT_BOUND * self.least_of(mixture.covariance))


def takes_full_sums(structure: type[Factor], n_features: int) -> bool:
    """Return whether passes return full covariances, which take little longer than the sums of factors."""
    many_factors = n_features <= _FEATURES_PER_FACTOR * (structure.n_factors + 2)
    return n_features <= _FEW_FEATURES or (n_features <= _MOST_FEATURES and many_factors)
