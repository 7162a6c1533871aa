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
from gaussmix.fitting.stopping import RemainingGain, Stop

_LEFT = 0.01  # share of the guaranteed gain of an EM step that a run on the sample leaves ahead
_LEAST_LEFT = 1e-5  # nats
_LARGEST_RATIO = 0.6  # of the gains of two proposals: the sample helps little if they shrink less
_MOST_ITERATIONS = 500  # of a run on the sample


@dataclass(eq=False)
class SurrogateAccelerator(AbstractAccelerator):
    """Source of proposals for EM on all rows: the optimum of a surrogate that needs passes over a sample only.

    After a pass over all rows at some parameters, the difference D between its sums and those of the sample at the same
    parameters is kept. The surrogate is the mixture for the sample in which D is added to the sums of every pass. At
    these parameters it has the gradient of all rows, and nearly their curvature; its optimum is proposed. The distance
    to the optimum of all rows shrinks each time by a factor of about the root of the number of parameters for each row
    of the sample: Jordan, Lee and Yang, Communication-efficient distributed statistical inference, Journal of the
    American Statistical Association 114 (2019), 668-681. If a proposal lowers the objective, or gains shrink slowly,
    the usual accelerator takes over.

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
    _usual: Accelerator | None = field(default=None, init=False)
    _stretch: float = field(default=math.inf, init=False)
    _gain: float = field(default=math.inf, init=False)

    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        if self._usual is not None:
            return self._usual.propose(mixture, moments, objective)
        guaranteed = self.update.gain(mixture, moments, self.update.maximize(mixture, moments))
        sample = self.engine.accumulate(mixture.whitened())
        surrogate = OnlineUpdate(self.update, StoredMoments(mixture, moments + sample.scaled(-1.0)))
        fit = remembered_fit(
            self.checkpoint,
            digest_of("proposal", mixture.whitened()),
            lambda: self._optimum(surrogate, mixture, guaranteed),
            MixtureFormat.of(mixture),
            self.deadline,
        )
        gain = math.nan
        if fit is not None:
            gain = fit.objective - sample.log_likelihood - surrogate.log_prior(mixture)
        if not math.isfinite(gain) or gain > _LARGEST_RATIO * self._gain:
            self._usual = Accelerator(self.update)
        if fit is None or not math.isfinite(gain):
            return None
        self._gain = gain
        self._stretch = max(1.0, gain / guaranteed) if guaranteed > 0 else 1.0
        return fit.mixture

    def _optimum(self, surrogate: OnlineUpdate, mixture: Mixture, guaranteed: float) -> Fit | None:
        """Return the run on the sample; None if D made the sums of a component negative, or its scatter indefinite."""
        rule = RemainingGain(max(_LEFT * guaranteed, _LEAST_LEFT))
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
            self._usual = Accelerator(self.update)
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
