"""Acceleration of EM on many rows by runs on a sample, corrected by the sums over all rows."""

import math
from dataclasses import dataclass, field

import numpy as np

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.engines.recorded import digest_of
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.fitting.acceleration import AbstractAccelerator, Accelerator
from gaussmix.fitting.checkpoint import Checkpoint
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
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


@dataclass(frozen=True)
class _ShareOfGain(RemainingGain):
    """End when the remaining gain is a small share of what the run has gained."""

    start: float = 0.0

    def check(self, state: EMState) -> Check:
        nats = max(self.nats, _LEFT * (state.objective - self.start))
        return RemainingGain(nats).check(state)


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

    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        self._guaranteed = self.update.gain(mixture, moments, self.update.maximize(mixture, moments))
        if self._usual is not None and not self._guaranteed < self._again:
            return self._usual.propose(mixture, moments, objective)
        sample = self.engine.accumulate(mixture.whitened())
        correction = self._corrections.combined(mixture, moments, moments + sample.scaled(-1.0))
        surrogate = OnlineUpdate(self.update, StoredMoments(mixture, correction))
        start = sample.log_likelihood + surrogate.log_prior(mixture)
        self._n_optima += 1
        fit = remembered_fit(
            self.checkpoint,
            digest_of(f"proposal {self._n_optima}", mixture.whitened()),
            lambda: self._optimum(surrogate, mixture, start),
            MixtureFormat.of(mixture),
            self.deadline,
        )
        gain = math.nan if fit is None else fit.objective - start
        if fit is None or not math.isfinite(gain):
            self._fall_back()
            return self._usual.propose(mixture, moments, objective) if self._usual else None
        if gain > _LARGEST_RATIO * max(self._gains):
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

    def _optimum(self, surrogate: OnlineUpdate, mixture: Mixture, start: float) -> Fit | None:
        """Return the run on the sample; None if D made a weight negative, or a scatter indefinite."""
        rule = _ShareOfGain(_LEAST_LEFT, start=start)
        accelerator, run = Accelerator(surrogate), EMRun(deadline=self.deadline)
        try:
            with np.errstate(over="raise", invalid="raise"):
                fit = fit_em(
                    self.engine, surrogate, mixture, rule, max_iter=_MOST_ITERATIONS, accelerator=accelerator, run=run
                )
        except (FloatingPointError, np.linalg.LinAlgError):
            return None
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return None if fit.last_step is not None and fit.last_step.collapsed.any() else fit

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
        return self._stretch if self._usual is None else self._usual.stretch

    @property
    def step_length(self) -> float:
        return math.inf if self._usual is None else self._usual.step_length
