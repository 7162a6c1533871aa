"""Acceleration of EM on many rows by runs on a sample, corrected by the sums over all rows."""

import math
from dataclasses import dataclass, field

import numpy as np

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.engines.recorded import digest_of
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.acceleration import AbstractAccelerator, Accelerator
from gaussmix.fitting.checkpoint import Checkpoint
from gaussmix.fitting.constraints import Constraints
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood, Step
from gaussmix.fitting.online_update import OnlineUpdate
from gaussmix.fitting.recorded_fits import MixtureFormat, remembered_fit
from gaussmix.fitting.stopping import Check, EMState, RemainingGain, Stop

_LEFT = 0.01  # share of its gain that a run on the sample leaves ahead
_LEAST_LEFT = 1e-5  # nats
_INDEPENDENT = 1e-3  # least singular value of changes of D, relative to the largest
_REMEMBERED = 5  # corrections that are combined
_LARGEST_RATIO = 0.6  # of the gain of a proposal to those of the last two: the sample helps little if they shrink less
_NEARER = 0.1  # ratio of the gain of an EM step to that at the last failure, at which the sample is used again
_MOST_FAILURES = 3
_MOST_ITERATIONS = 500  # of a run on the sample
_MOST_HELD = 0.25  # share of the components
_LEAST_KEPT = 0.5  # share of its rows; a component that loses more on the sample is held
_LEAST_RATIO = 2.0  # of the gain of a proposal to that of an EM step, if components are held


@dataclass(frozen=True)
class _ShareOfGain(RemainingGain):
    """End when the remaining gain is a small share of what the run has gained."""

    start: float = 0.0

    def check(self, state: EMState) -> Check:
        nats = max(self.nats, _LEFT * (state.objective - self.start))
        return RemainingGain(nats).check(state)


class _VanishingError(Exception):
    """Components (k,) that lose their rows in a run on the sample."""

    def __init__(self, components: BoolArray) -> None:
        self.components = components


@dataclass(frozen=True, eq=False)
class _Watched(OnlineUpdate):
    """The M-step of a surrogate, which ends when a component that is not held loses its rows.

    Parameters
    ----------
    counts : (k,) array
        Counts of all rows at the parameters of D.
    held : (k,) array of bool
        Components that are held.
    """

    counts: FloatArray
    held: BoolArray

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        total = self.total(mixture, moments)
        vanishing = ~self.held & ~(total.counts > _LEAST_KEPT * self.counts)
        if vanishing.any():
            raise _VanishingError(vanishing)
        step = self.base.maximize(mixture, total)
        if (step.collapsed & ~self.held).any():
            raise _VanishingError(step.collapsed & ~self.held)
        return step


@dataclass(eq=False)
class _Corrections:
    """Corrections D of earlier surrogates, and those that were found at their optima."""

    _used: list[StoredMoments] = field(default_factory=list)
    _found: list[StoredMoments] = field(default_factory=list)

    def combined(self, mixture: Mixture, total: Moments, found: Moments) -> Moments:
        """Return the next D, in the units of the mixture at which D was found last.

        Parameters
        ----------
        mixture : Mixture
            Optimum of the last surrogate.
        total : Moments
            Sums over all rows at this mixture, whose metric is used.
        found : Moments
            Their difference from the sums of the sample.
        """
        if self._used:
            self._found.append(StoredMoments(mixture, found))
            del self._used[:-_REMEMBERED], self._found[:-_REMEMBERED]
        following = found
        if len(self._found) > 1:
            used, reached = (
                np.stack([one.under(mixture).flat() for one in each]) for each in (self._used, self._found)
            )
            residuals = (reached - used) * total.fisher_scales()
            shares = np.linalg.lstsq(np.diff(residuals, axis=0).T, residuals[-1], rcond=_INDEPENDENT)[0]
            flat = reached[-1] - shares @ np.diff(reached, axis=0)
            following = Moments.from_flat(flat, found.form, *mixture.means.shape)
        self._used.append(StoredMoments(mixture, following))
        return following


@dataclass(eq=False)
class SurrogateAccelerator(AbstractAccelerator):
    """Source of proposals for EM on all rows: the optimum of a surrogate that needs passes over a sample only.

    After a pass over all rows at some parameters, the difference D between its sums and those of the sample at the same
    parameters is kept. The surrogate is the mixture for the sample in which D is added to the sums of every pass. At
    these parameters it has the gradient of all rows, and nearly their curvature; its optimum is proposed. The distance
    to the optimum of all rows shrinks each time by a factor of about the root of the number of parameters for each row
    of the sample: Jordan, Lee and Yang, Communication-efficient distributed statistical inference, Journal of the
    American Statistical Association 114 (2019), 668-681. At the optimum, D reproduces itself; later D are those of
    Anderson's mixing (Walker and Ni, SIAM Journal on Numerical Analysis 49 (2011), 1715-1735), which combines the last
    few so that the change of D is least. If a proposal lowers the objective, or gains shrink slowly, the usual
    accelerator takes over until the gain of an EM step is ten times smaller, or for good after three times.

    A component with few rows in the sample, whose D is large, can lose all its rows in the surrogate. It is then held
    where the EM step on all rows leads, and the others are improved.

    Parameters
    ----------
    update : MaximumLikelihood
        M-step of all rows.
    engine : AbstractEngine
        Engine with the sample, whose total weight is that of all rows.
    deadline : float
        Time at which a run on the sample must end, by ``time.perf_counter()``.
    checkpoint : Checkpoint, optional
        File that keeps the proposals.
    """

    update: MaximumLikelihood
    engine: AbstractEngine
    deadline: float = math.inf
    checkpoint: Checkpoint | None = None
    _corrections: _Corrections = field(default_factory=_Corrections, init=False)
    _usual: Accelerator | None = field(default=None, init=False)
    _guaranteed: float = field(default=math.inf, init=False)
    _again: float = field(default=math.inf, init=False)
    _failures: int = field(default=0, init=False)
    _n_optima: int = field(default=0, init=False)
    _stretch: float = field(default=math.inf, init=False)
    _gains: tuple[float, float] = field(default=(math.inf, math.inf), init=False)
    _held: BoolArray | None = field(default=None, init=False)

    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        step = self.update.maximize(mixture, moments)
        self._guaranteed = self.update.gain(mixture, moments, step)
        if self._usual is not None and not self._guaranteed < self._again:
            return self._usual.propose(mixture, moments, objective)
        sample = self.engine.accumulate(mixture.whitened())
        correction = self._corrections.combined(mixture, moments, moments + sample.scaled(-1.0))
        past = StoredMoments(mixture, correction)
        start = sample.log_likelihood + OnlineUpdate(self.update, past).log_prior(mixture)
        self._n_optima += 1
        fit = remembered_fit(
            self.checkpoint,
            digest_of(f"proposal {self._n_optima}", mixture.whitened()),
            lambda: self._optimum(past, moments.counts, step.mixture, start),
            MixtureFormat.of(mixture),
            self.deadline,
        )
        gain = math.nan if fit is None else fit.objective - start
        if fit is None or not math.isfinite(gain):
            self._fall_back()
            return self._usual.propose(mixture, moments, objective) if self._usual else None
        is_small = self._is_holding and gain < _LEAST_RATIO * self._guaranteed
        if gain > _LARGEST_RATIO * max(self._gains) or is_small:
            self._fall_back()
        else:
            self._usual = None
        self._gains = self._gains[1], gain
        self._stretch = max(1.0, gain / self._guaranteed) if self._guaranteed > 0 else 1.0
        return fit.mixture

    def _fall_back(self) -> None:
        """Leave proposals to the usual accelerator, until the gain of an EM step is much smaller."""
        self._failures += 1
        self._again = _NEARER * self._guaranteed if self._failures < _MOST_FAILURES else -math.inf
        if self._usual is None:
            self._usual = Accelerator(self.update)
        self._corrections, self._gains = _Corrections(), (math.inf, math.inf)

    def _optimum(self, past: StoredMoments, counts: FloatArray, following: Mixture, start: float) -> Fit | None:
        """Return the run on the sample; None if D made the scatter of a component indefinite.

        Parameters
        ----------
        past : StoredMoments
            D, and the mixture at which it was found.
        counts : (k,) array
            Counts of all rows there.
        following : Mixture
            The result of the M-step, from which the run begins once components are held.
        start : float
            Objective of the surrogate at the mixture of D.
        """
        if self._held is None:
            self._held = np.zeros(following.n_components, dtype=bool)
        mixture = following if self._is_holding else past.mixture
        while self._held.mean() <= _MOST_HELD:
            base = self.update
            if self._is_holding:
                base = Constraints(held_weights=self._held, held_means=self._held, held_covariances=self._held).of(base)
            try:
                with np.errstate(over="raise", invalid="raise"):
                    fit = self._run(_Watched(base, past, counts, self._held), mixture, start)
            except _VanishingError as found:
                if not (self.update.is_plain and self.update.may_stack(mixture)):
                    return None
                self._held, mixture = self._held | found.components, following
                continue
            except (FloatingPointError, np.linalg.LinAlgError):
                return None
            if fit.stop is Stop.INTERRUPTED:
                raise KeyboardInterrupt
            return fit
        return None

    def _run(self, surrogate: OnlineUpdate, mixture: Mixture, start: float) -> Fit:
        rule, run = _ShareOfGain(_LEAST_LEFT, start=start), EMRun(deadline=self.deadline)
        accelerator = Accelerator(surrogate)
        return fit_em(
            self.engine, surrogate, mixture, rule, max_iter=_MOST_ITERATIONS, accelerator=accelerator, run=run
        )

    @property
    def _is_holding(self) -> bool:
        """Whether components are held, whose gains the runs on the sample do not know."""
        return self._held is not None and bool(self._held.any())

    def accept(self) -> None:
        if self._usual is not None:
            self._usual.accept()

    def refuse(self) -> None:
        if self._usual is None:
            self._fall_back()
        else:
            self._usual.refuse()

    def restart(self) -> None:
        if self._usual is not None:
            self._usual.restart()

    @property
    def stretch(self) -> float:
        if self._usual is not None:
            return self._usual.stretch
        return math.inf if self._is_holding else self._stretch

    @property
    def step_length(self) -> float:
        return math.inf if self._usual is None else self._usual.step_length
