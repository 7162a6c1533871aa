"""The M-step: from the sums of a pass to the next parameters."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance, structure_of
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.tail_step import DegreesRule, TailStep, proposed_degrees

_EPSILON = float(np.finfo(np.float64).eps)
EMPTY = 10 * _EPSILON
"""Share of all rows below which a component is empty."""
_SINGULAR = 4 * _EPSILON  # pivots this small relative to the variance or the mean are rounding
_RESOLUTION = 4096 * _EPSILON  # least standard deviation of a direction relative to that of a feature
_LEAST = math.ulp(0.0)  # avoids 0 / 0
_LOSS = 1e-9  # nats per row and feature; a covariance that loses more is rounding error
_INITIAL_DEGREES = 10.0  # of freedom of starts, if they are estimated
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
        Components whose covariance was singular up to rounding. It was raised to a small share of the others', but not
        above the covariance before the step, so that the objective does not fall.
    ridge : float
        Number that was added to every variance.
    tails : TailStep, optional
        The step for t distributions.
    """

    mixture: Mixture
    empty: BoolArray
    collapsed: BoolArray
    ridge: float
    tails: TailStep | None = None

    @property
    def ridged(self) -> BoolArray:
        """The components (k,) whose variance in some direction is little more than the ridge."""
        low: BoolArray = self.mixture.covariance.pivots() < 2.5 * self.ridge
        return low.any(axis=1) & ~self.collapsed

    def reordered(self, order: IntArray) -> "Step":
        """Return the same step with the components in another order."""
        mixture, empty, collapsed = self.mixture.reordered(order), self.empty[order], self.collapsed[order]
        return Step(mixture, empty, collapsed, self.ridge)


class AbstractUpdate(ABC):
    """An M-step, which maximizes the log-likelihood plus ``log_prior``."""

    @abstractmethod
    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        """Return the parameters that maximize the objective, given the moments of a pass with the mixture."""

    def begin(self, mixture: Mixture, moments: Moments) -> Step:
        """Return the parameters for sums that no pass gave: what is known of the mixture is its means and its units."""
        return self.maximize(mixture, moments)

    def as_normal(self, mixture: Mixture, moments: Moments) -> Moments:
        """Return sums of normal distributions that have the same M-step; those of normal mixtures as they are."""
        return moments

    def prepared(self, mixture: Mixture) -> Mixture:
        """Return a start of the kind that is fitted, such as one of t distributions."""
        return mixture

    def accumulate(self, engine: AbstractEngine, mixture: Mixture, *, rough: bool) -> Moments:
        """Return the moments of a pass, whose log-likelihood plus ``log_prior`` is the objective."""
        return engine.accumulate(mixture.whitened(), rough=rough)

    @property
    def never_falls(self) -> bool:
        """Whether no step lowers the objective by more than rounding."""
        return True

    @abstractmethod
    def log_prior(self, mixture: Mixture) -> float:
        """Return the log prior of the parameters, in nats."""

    @abstractmethod
    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        """Return a lower bound of the gain of a step in nats: that of the expected complete-data objective.

        With T the covariance and t the mean of a component after the step, in the whitened units before it,

            gain = sum_k N_k [log(weight' / weight) + 1/2 (tr T + |t|^2 - d - log det T)]

        (Dempster, Laird and Rubin, Journal of the Royal Statistical Society B 39 (1977), theorem 1, for normal
        components), and the same with pseudo-rows for a prior; noise adds its term of the weights. It does not depend
        on units and needs no pass. For t distributions, what a longer step of the degrees of freedom would gain is
        added.
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
    degrees : {"each", "shared", "fixed"}, default="fixed"
        What is estimated of the degrees of freedom of t distributions.
    initial_degrees : float, optional
        Degrees of freedom of starts that have none. By default the mixture is normal.
    """

    ridge: float = 0.0
    prior: Prior | None = None
    degrees: DegreesRule = "fixed"
    initial_degrees: float | None = None
    _latest: list[tuple[Mixture, Moments]] = field(default_factory=list, init=False, repr=False)
    _latest_tails: list[TailStep] = field(default_factory=list, init=False, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether components are exchangeable and free, as compiled code and stacked mixtures need."""
        return True

    @property
    def of_parts(self) -> "MaximumLikelihood":
        """The M-step of some of the components, for proposals."""
        return self

    def _pseudo_moments(self, mixture: Mixture) -> Moments:
        """Return the pseudo-moments of the prior, cached for the latest mixture."""
        assert self.prior is not None
        if not self._latest or self._latest[0][0] is not mixture:
            self._latest[:] = [(mixture, self.prior.pseudo_moments(mixture))]
        return self._latest[0][1]

    def n_held(self, mixture: Mixture) -> int:
        """Return the number of parameters of a mixture that the step holds."""
        return 0

    def prepared(self, mixture: Mixture) -> Mixture:
        known = mixture.degrees_of_freedom is not None and self.degrees != "fixed"
        if self.initial_degrees is None or known:
            return mixture
        return replace(mixture, degrees_of_freedom=np.full(mixture.n_components, self.initial_degrees))

    def may_stack(self, mixture: Mixture) -> bool:
        """Return whether several mixtures like this one can run as one (`StackedEngine`): nothing is shared."""
        shared = "E" in mixture.covariance.letters or self.degrees == "shared"
        return not shared and mixture.background is None

    def begin(self, mixture: Mixture, moments: Moments) -> Step:
        return self._maximize(mixture, moments, is_start=True)

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        if moments.scaled_counts is None:
            return self._maximize(mixture, moments, is_start=False)
        tails = self._tails(mixture, moments)
        step = self._maximize_tails(tails)
        if tails.is_expanded and (self.prior or step.collapsed.any()) and not self.gain(mixture, moments, step) >= 0:
            step = self._maximize_tails(tails.without_expansion())  # a prior knows nothing of alpha
        return step

    def as_normal(self, mixture: Mixture, moments: Moments) -> Moments:
        return moments if moments.scaled_counts is None else self._tails(mixture, moments).as_normal()

    def _tails(self, mixture: Mixture, moments: Moments) -> TailStep:
        """Return the step of t distributions, cached for the latest sums."""
        if not self._latest_tails or self._latest_tails[0].moments is not moments:
            pseudo, rows = None, 0.0
            if self.prior is not None:
                pseudo, rows = self._pseudo_moments(mixture), self.prior.strength_each(mixture)
            self._latest_tails[:] = [TailStep.of(mixture, moments, self.degrees, pseudo, rows)]
        return self._latest_tails[0]

    def _maximize_tails(self, tails: TailStep) -> Step:
        step = self._maximize(tails.mixture, tails.sums(), is_start=False)
        degrees, before = tails.degrees(), tails.mixture.degrees_of_freedom
        assert before is not None
        if step.collapsed.any():  # no rows are apart, so none says anything of the tails
            degrees = np.where(step.collapsed, before, degrees)
        mixture = replace(step.mixture, degrees_of_freedom=degrees)
        return replace(step, mixture=mixture, tails=tails)

    def _maximize(self, mixture: Mixture, moments: Moments, *, is_start: bool) -> Step:
        previous = mixture.covariance
        counts, shifts = moments.counts, moments.shifts
        empty: BoolArray = counts <= EMPTY * moments.weight
        if moments.background is not None and moments.background < 0:  # in corrected sums of a sample
            raise FloatingPointError(f"the noise has a negative number of rows: {moments.background:g}")
        if empty.any():
            counts, shifts = np.where(empty, 0.0, counts), np.where(empty[:, None], 0.0, shifts)
            moments = replace(moments, counts=counts, shifts=shifts)
        weights, noise = self._next_weights(mixture, counts, moments.background)
        rows, about = counts, moments
        if moments.scaled_counts is not None:  # those of `TailStep.sums`
            about = replace(moments, counts=np.where(empty, 0.0, moments.scaled_counts))
            counts = about.counts
        if self.prior is not None:
            about = about + self._pseudo_moments(mixture)
            counts, shifts, rows = about.counts, about.shifts, rows + self.prior.strength_each(mixture)
        centers = self._next_centers(counts, shifts)
        means = mixture.means + previous.color_each(centers)
        scatter = about.scatter_about(centers)
        covariance = self._next_covariance(previous, rows, scatter)

        variances = covariance.variances()
        rounding = previous.n_features * _SINGULAR * variances
        squares = isinstance(previous, AbstractConstrained) and previous.n_components > 1
        if not is_start and not squares:  # whitened units resolve directions that have been thin before
            before = np.maximum(previous.n_features * _SINGULAR * previous.pivots(), _RESOLUTION**2 * variances)
            rounding = np.minimum(rounding, before)
        rounding = np.maximum(rounding, (_SINGULAR * means) ** 2)
        collapsed: BoolArray = np.logical_not((covariance.pivots() > rounding).all(axis=1))  # NaN included
        if collapsed.any():
            sound = np.where(collapsed, 0.0, weights)
            free = structure_of(previous.form)(previous.roots, *means.shape).maximize(rows, scatter)
            floor = _FLOOR * _scale(sound if sound.any() else weights, means, free.variances())
            if is_start:
                covariance = covariance.inflated(np.where(collapsed[:, None], floor, 0.0))
            else:
                covariance = self._raised(previous, rows, scatter, floor, collapsed)
        elif squares and not is_start and self.ridge == 0:  # squares do not resolve the thinnest directions
            least = -_LOSS * float(rows.sum()) * previous.n_features
            covariance = covariance if covariance_gain(previous, covariance, rows, scatter) >= least else previous
        degrees = proposed_degrees(mixture, moments, self.degrees)
        following = mixture.with_components(weights, means, covariance, degrees, noise_weight=noise)
        return Step(following, empty, collapsed, self.ridge)

    def _next_weights(
        self, mixture: Mixture, counts: FloatArray, background: float | None
    ) -> tuple[FloatArray, float | None]:
        """Return the weights (k,) of the step, and that of the noise if there is any."""
        total = counts.sum()
        if background is None:
            return counts / total, None
        total = total + background
        return counts / total, float(background / total)

    def _next_centers(self, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        """Return the means (k, d) of the step minus the current ones, in whitened units."""
        return shifts / np.maximum(counts, _LEAST)[:, None]

    def _next_covariance(
        self, previous: AbstractCovariance, rows: FloatArray, scatter: FloatArray
    ) -> AbstractCovariance:
        """Return the covariances of the step, for a scatter about its means."""
        return previous.maximize(rows, scatter, self.ridge)

    def _raised(
        self,
        previous: AbstractCovariance,
        rows: FloatArray,
        scatter: FloatArray,
        floor: FloatArray,
        collapsed: BoolArray,
    ) -> AbstractCovariance:
        """Return the covariance of the M-step, with the variances of collapsed components raised to a floor (d,).

        A variance is not raised above the one before the step. The expected log-likelihood decreases monotonically
        between its maximum and the covariance before the step, so the objective does not fall. With a constraint across
        components this is checked, and also that no component becomes thinner than the floor. If either check fails,
        the covariance before the step is kept.
        """
        form, root = FORMS[previous.form], np.sqrt(floor)
        if not form.is_diagonal:
            root = np.diag(root)
        least = previous.whitened_scatter(root)
        raised = form.raised(scatter, rows, least, collapsed, previous.n_features)
        covariance = self._next_covariance(previous, rows, raised)
        if not (covariance.pivots() > 0).all():  # the change was too great for double precision
            return previous
        if not isinstance(previous, AbstractConstrained):
            return covariance
        before, after = (one.relative_variances(rows, root)[0][:, 0] for one in (previous, covariance))
        if not (after >= np.minimum(1.0, before)).all():
            return previous
        return covariance if 0 <= covariance_gain(previous, covariance, rows, scatter) < math.inf else previous

    @property
    def never_falls(self) -> bool:
        """Whether there is no ridge, which is added after the step and may lower the objective."""
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
        degrees = step.mixture.degrees_of_freedom
        tails = 0.0 if step.tails is None or degrees is None else step.tails.gain(degrees)
        moved = gain_of_weights(mixture, counts, moments.background, step.mixture)
        return float(moved + rows @ (new.log_det() - old.log_det()) + 0.5 * (trace - own)) + tails


def with_degrees(update: MaximumLikelihood, degrees: float | str | None) -> MaximumLikelihood:
    """Return an M-step with degrees of freedom: "each" or "shared", which are estimated, a number, or None."""
    match degrees:
        case None:
            return update
        case "each" | "shared":
            return replace(update, degrees=degrees, initial_degrees=_INITIAL_DEGREES)
        case _:
            return replace(update, degrees="fixed", initial_degrees=float(degrees))


def gain_of_weights(mixture: Mixture, counts: FloatArray, background: float | None, following: Mixture) -> float:
    """Return what new weights add to the expected complete-data log-likelihood, in nats."""
    held = counts > 0
    moved = float(counts[held] @ np.log(following.weights[held] / mixture.weights[held]))
    if background:
        old_noise, new_noise = mixture.background, following.background
        assert old_noise is not None
        assert new_noise is not None
        moved += background * math.log(new_noise.weight / old_noise.weight)
    return moved


def covariance_gain(
    previous: AbstractCovariance, covariance: AbstractCovariance, rows: FloatArray, scatter: FloatArray
) -> float:
    """Return the gain of the expected complete-data objective, in nats, from a covariance in place of another one."""
    form = FORMS[previous.form]
    nothing = np.zeros((previous.n_components, previous.n_features))
    _, moved = form.moved(rows, nothing, scatter, previous.roots, covariance.factors(), nothing)
    return float(rows @ (covariance.log_det() - previous.log_det()) + 0.5 * (form.trace(scatter) - form.trace(moved)))


def _scale(weights: FloatArray, means: FloatArray, variances: FloatArray) -> FloatArray:
    """Return a reference variance (d,) of each feature: the mean within components or, if that is zero, between them.

    A constant feature gets the mean over the other features, or 1 if all are constant.
    """
    if not weights.any():  # all rows are noise
        weights = np.ones(len(weights))
    weights = weights / weights.sum()
    center = weights @ means
    scale = weights @ variances
    rounding = (_SINGULAR * np.abs(means).max(axis=0)) ** 2
    scale = np.where(scale > rounding, scale, weights @ (means - center) ** 2)
    varies = scale > rounding
    return np.where(varies, scale, scale[varies].mean() if varies.any() else 1.0)
