"""From the sums of a pass to the next parameters: the M-step."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, free_of
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.prior import Prior

_EPSILON = float(np.finfo(np.float64).eps)
_EMPTY = 10 * _EPSILON  # share of all rows: a component with fewer is empty
_SINGULAR = 4 * _EPSILON  # a pivot this small beside its variance or its mean is rounding
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
        Components whose covariance was singular to rounding. It has been raised to a small share of the others', but
        not above what it was before the step, so that the objective does not fall.
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

    def reordered(self, order: IntArray) -> "Step":
        """The same with the components in another order."""
        return Step(self.mixture.reordered(order), self.empty[order], self.collapsed[order], self.ridge)


class AbstractUpdate(ABC):
    """How parameters follow from sums: what is maximized is the log-likelihood plus ``log_prior``."""

    @abstractmethod
    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        """The parameters that maximize the objective, given the moments that the mixture gave."""

    @property
    def never_falls(self) -> bool:
        """Whether a step cannot lower the objective, but for rounding."""
        return True

    @abstractmethod
    def log_prior(self, mixture: Mixture) -> float:
        """What is added to the log-likelihood, in nats."""

    @abstractmethod
    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        """The least that the step raises the objective by, in nats: the gain of the expected complete-data objective.

        With T the covariance and t the mean of a component after the step, in the whitened units from before it,

            gain = sum_k N_k [log(weight' / weight) + 1/2 (tr T + |t|^2 - d - log det T)]

        (Dempster, Laird and Rubin, Journal of the Royal Statistical Society B 39 (1977), theorem 1, for normal
        components), and the same with pseudo-rows for a prior. It depends on no unit and costs no pass.
        """


@dataclass(frozen=True, eq=False)
class MaximumLikelihood(AbstractUpdate):
    """Maximum likelihood (Bishop 2006, equations 9.17 to 9.22), or the greatest posterior density, with a ridge.

    Parameters
    ----------
    ridge : float
        Added to every variance after the step, in the squared units of the data: scikit-learn's ``reg_covar``.
    prior : Prior, optional
    """

    ridge: float = 0.0
    prior: Prior | None = None
    _latest: list[tuple[Mixture, Moments]] = field(default_factory=list, init=False, repr=False)

    def _pseudo_moments(self, mixture: Mixture) -> Moments:
        """Those of the prior, remembered: all that is asked about one mixture is asked in a row."""
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
        scatter = about.scatter_about(centers)
        covariance = previous.maximize(rows, scatter, self.ridge)

        pivots, variances = covariance.pivots(), covariance.variances()
        rounding = np.maximum(previous.n_features * _SINGULAR * variances, (_SINGULAR * means) ** 2)
        collapsed: BoolArray = np.logical_not((pivots > rounding).all(axis=1))  # also where there is no number
        if collapsed.any():
            sound = np.where(collapsed, 0.0, weights)
            free = free_of(type(previous))(previous.roots, *means.shape).maximize(rows, scatter)
            floor = _FLOOR * _scale(sound if sound.any() else weights, means, free.variances())
            if math.isnan(moments.log_likelihood):  # not the sums of a pass: there is nothing to fall below
                covariance = covariance.inflated(np.where(collapsed[:, None], floor, 0.0))
            else:
                covariance = _raised(previous, rows, scatter, floor, collapsed, self.ridge)
        return Step(Mixture(weights, means, covariance, mixture.feature_names), empty, collapsed, self.ridge)

    @property
    def never_falls(self) -> bool:
        """A ridge is added after the step, which may cost likelihood."""
        return self.ridge == 0

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


def _raised(
    previous: AbstractCovariance,
    rows: FloatArray,
    scatter: FloatArray,
    floor: FloatArray,
    collapsed: BoolArray,
    ridge: float,
) -> AbstractCovariance:
    """The M-step with variances of collapsed components raised to a floor (d,), or to those before if they are less.

    Between its maximum and the covariance before the step, the expected log-likelihood of a variance falls all the
    way, so a step that stays there raises the objective. Under a constraint across components that is checked, and that
    none has become thinner than the floor; where either fails, covariances stay as they were.
    """
    form, root = FORMS[previous.form], np.diag(np.sqrt(floor))
    least = previous.whitened_scatter(root)
    covariance = previous.maximize(rows, form.raised(scatter, rows, least, collapsed, previous.n_features), ridge)
    if "E" not in previous.letters:
        return covariance
    before, after = (one.relative_variances(rows, root)[0][:, 0] for one in (previous, covariance))
    if not (after >= np.minimum(1.0, before)).all():
        return previous
    nothing = np.zeros((previous.n_components, previous.n_features))
    _, moved = form.moved(rows, nothing, scatter, previous.roots, covariance.factors(), nothing)
    gain = rows @ (covariance.log_det() - previous.log_det()) + 0.5 * (form.trace(scatter) - form.trace(moved))
    return covariance if 0 <= gain < math.inf else previous


def _scale(weights: FloatArray, means: FloatArray, variances: FloatArray) -> FloatArray:
    """(d,) a variance to measure each feature by: the mean within components; if that is nothing, between them.

    A feature that does not vary at all is given the mean of those that do, or one.
    """
    weights = weights / weights.sum()
    center = weights @ means
    scale = weights @ variances
    rounding = (_SINGULAR * np.abs(means).max(axis=0)) ** 2
    scale = np.where(scale > rounding, scale, weights @ (means - center) ** 2)
    varies = scale > rounding
    return np.where(varies, scale, scale[varies].mean() if varies.any() else 1.0)
