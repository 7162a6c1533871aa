"""The EM loop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import IntArray
from gaussmix.fitting.acceleration import AbstractAccelerator
from gaussmix.fitting.m_step import AbstractUpdate, Step
from gaussmix.fitting.stopping import ROUNDING, Check, EMState, Stop, StoppingRule

_ROUGH_GAIN = 1e-5
"""Gain relative to the log-likelihood; smaller gains may be rounding errors of a rough pass."""


@dataclass(frozen=True)
class Progress:
    """Progress of a fit, as callbacks receive it.

    Attributes
    ----------
    start : int
        Number of the start, from 0.
    n_iter : int
        Number of completed iterations; 0 at the start.
    log_likelihood : float
        Mean log-likelihood of the current parameters, in nats per row.
    gain : float
        Change of ``log_likelihood`` in the last iteration; infinite at the start.
    """

    start: int
    n_iter: int
    log_likelihood: float
    gain: float


@dataclass(frozen=True, eq=False)
class EMRun:
    """Context of a run of EM: its number, start time, deadline and callback.

    Attributes
    ----------
    start : int
        The number of the start, for callbacks.
    began : float
        Time at which the fit began, by ``time.perf_counter()``; by default now.
    deadline : float
        Time at which the run must end, by the same clock.
    watch : callable, optional
        Callback that receives a `Progress` at the start and after every iteration.
    previous_log_likelihood : float
        Mean log-likelihood one iteration before the start, in nats per row, if the run continues an earlier fit.
    """

    start: int = 0
    began: float = field(default_factory=time.perf_counter)
    deadline: float = math.inf
    watch: Callable[[Progress], object] | None = None
    previous_log_likelihood: float = -math.inf

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    def report(self, n_iter: int, log_likelihood: float, change: float) -> None:
        """Call the callback.

        Parameters
        ----------
        n_iter : int
            Number of completed iterations.
        log_likelihood : float
            Mean log-likelihood of the current parameters.
        change : float
            Change of the mean log-likelihood in the last iteration.
        """
        if self.watch:
            self.watch(Progress(self.start, n_iter, log_likelihood, change))


@dataclass(frozen=True)
class Record:
    """Record of one iteration.

    Attributes
    ----------
    log_likelihood : float
        Mean log-likelihood after the iteration, in nats per row.
    gain : float
        Lower bound on the gain of the next EM step, in nats over all rows; NaN after the last iteration.
    seconds : float
        Time since the fit began, in seconds.
    """

    log_likelihood: float
    gain: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Fit:
    """Result of a run of EM.

    Attributes
    ----------
    mixture : Mixture
        Final parameters.
    moments : Moments
        Sums at the final parameters, with their log-likelihood.
    objective : float
        Log-likelihood plus log prior, in nats.
    history : tuple of Record
        Records of the start and of every iteration.
    n_passes : int
        Number of passes over the rows.
    change : float
        Change of the mean log-likelihood in the last iteration, in nats per row.
    stop : Stop
        Reason for the end of the run.
    reason : str
        Reason for the end of the run, as a sentence.
    last_step : Step or None
        Last M-step, with its repairs; None if there was none.
    n_unrecorded : int, default=0
        Iterations before the first record: those of a compiled search over models.
    """

    mixture: Mixture
    moments: Moments
    objective: float
    history: tuple[Record, ...]
    n_passes: int
    change: float
    stop: Stop
    reason: str
    last_step: Step | None
    n_unrecorded: int = 0

    @classmethod
    def of_start(cls, mixture: Mixture, moments: Moments, objective: float) -> "Fit":
        """Return a fit without iterations.

        Parameters
        ----------
        mixture : Mixture
            The parameters.
        moments : Moments
            Sums of a pass at the parameters.
        objective : float
            Log-likelihood plus log prior, in nats.

        Returns
        -------
        Fit
            It has one record and has not converged.
        """
        record = Record(moments.log_likelihood / moments.weight, math.nan, 0.0)
        reason = Stop.START.sentence(0)
        return cls(mixture, moments, objective, (record,), 1, math.nan, Stop.START, reason, None)

    @property
    def n_iter(self) -> int:
        """The number of iterations."""
        return self.n_unrecorded + len(self.history) - 1

    @property
    def trace(self) -> tuple[float, ...]:
        """The mean log-likelihood after each iteration."""
        return tuple(record.log_likelihood for record in self.history[1:])

    def stopped_by(self, stop: Stop, remaining: float = math.nan) -> "Fit":
        """Return the same fit with another reason for its end.

        Parameters
        ----------
        stop : Stop
            The reason.
        remaining : float
            The estimated remaining gain in nats, for ``Stop.AT_OPTIMUM``.

        Returns
        -------
        Fit
            Same parameters, new ``stop`` and ``reason``.
        """
        return replace(self, stop=stop, reason=stop.sentence(self.n_iter, remaining=remaining))

    def uninterrupted(self) -> "Fit":
        """Return the fit, if it was not interrupted: for runs that are a part of other work.

        Returns
        -------
        Fit
            This fit.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C ended it.
        """
        if self.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return self

    def reordered(self, order: IntArray) -> "Fit":
        """Return the same fit with its components in another order.

        Parameters
        ----------
        order : (k,) array of int
            Current positions of the components, in the new order.

        Returns
        -------
        Fit
            The components in that order.
        """
        step = self.last_step and self.last_step.reordered(order)
        return replace(
            self, mixture=self.mixture.reordered(order), moments=self.moments.reordered(order), last_step=step
        )


@underflow_to_zero
def fit_em(
    engine: AbstractEngine,
    update: AbstractUpdate,
    mixture: Mixture,
    rule: StoppingRule | None,
    *,
    max_iter: int,
    accelerator: AbstractAccelerator | None = None,
    earlier: Fit | None = None,
    run: EMRun | None = None,
) -> Fit:
    """Fit a mixture by expectation-maximization, from a starting mixture.

    Every pass returns the log-likelihood of its parameters and the sums for the next M-step. Therefore ``n`` M-steps
    take ``n + 1`` passes, and the returned likelihood is that of the returned parameters. A proposal of the accelerator
    is accepted if the objective does not decrease; otherwise that pass is discarded and the M-step is used. While gains
    are large, passes may use single precision (rough passes) if that is faster. The last iterations, the returned
    likelihood and the returned parameters come from double-precision passes.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    update : AbstractUpdate
        The M-step.
    mixture : Mixture
        The start.
    rule : StoppingRule or None
        Stopping rule; None runs all ``max_iter`` iterations.
    max_iter : int
        Maximum number of iterations.
    accelerator : AbstractAccelerator, optional
        A new accelerator; by default EM is not accelerated.
    earlier : Fit, optional
        A fit to the same rows whose last parameters are ``mixture``; its history and number of passes are continued.
    run : EMRun, optional
        Number of the start, clock, deadline and callback.

    Returns
    -------
    Fit
        The result; after Ctrl-C, with ``Stop.INTERRUPTED``.

    Raises
    ------
    FloatingPointError
        If a row is so far from all components that its density is zero.
    """
    run, mixture = run or EMRun(), update.prepared(mixture)
    passes = _Passes(engine, update, rough=engine.rough_helps and max_iter > 0 and earlier is None)
    history = list(earlier.history[:-1]) if earlier else []
    limit = max_iter + len(history)
    tol = rule.mean_tolerance if rule else math.nan

    def record(gain: float) -> None:
        history.append(Record(point.mean_log_likelihood, gain, time.perf_counter() - run.began))

    point = passes.evaluate(mixture, None)
    change = point.mean_log_likelihood - run.previous_log_likelihood
    stop = Stop.LIMIT if max_iter > 0 else Stop.START
    gain, check, still = math.inf, Check(), 0
    run.report(len(history), point.mean_log_likelihood, change)
    try:
        while len(history) < limit:
            if passes.rough and _may_be_rounding(change, point, tol, last=len(history) == limit - 1):
                passes.rough = False
                point, change = passes.evaluate(point.mixture, point.step), math.inf
                if accelerator:
                    accelerator.restart()
            step = update.maximize(point.mixture, point.moments)
            gain = update.gain(point.mixture, point.moments, step) if rule else math.nan
            weight, is_repaired = point.moments.weight, bool(step.collapsed.any())
            if is_repaired:  # not a maximizer: use the gain of the last iteration
                gain = abs(change) * weight
            proposed = accelerator.propose(point.mixture, point.moments, point.objective) if accelerator else None
            if rule and not passes.rough:
                check = rule.check(EMState(point.objective, weight, change, gain, is_repaired, accelerator, check))
                if check.stop and not rule.takes_last_step:
                    stop = check.stop
                    break
            if run.is_late:
                stop = Stop.TIME
                break
            following = _accepted(passes, point, proposed, step, accelerator) or passes.evaluate(step.mixture, step)
            if rule and rule.most_still and not passes.rough and update.never_falls:
                still = 0 if following.objective > point.objective + point.rounding else still + 1
                if still == rule.most_still or following.objective < point.objective - point.rounding:
                    stop = Stop.ROUNDING  # no exact step lowers the objective
                    break
            change = following.mean_log_likelihood - point.mean_log_likelihood
            record(gain)
            point = following
            run.report(len(history), point.mean_log_likelihood, change)
            if check.stop:
                stop = check.stop
                break
    except KeyboardInterrupt:
        stop = Stop.INTERRUPTED
    record(gain if stop in (Stop.AT_OPTIMUM, Stop.TIME) else math.nan)
    if stop is Stop.LIMIT and abs(change) < tol:
        stop = Stop.LIMIT_AT_OPTIMUM
    return Fit(
        point.mixture,
        point.moments,
        point.objective,
        tuple(history),
        passes.n + (earlier.n_passes if earlier else 0),
        change,
        stop,
        stop.sentence(len(history) - 1, tol=tol, change=change, remaining=check.remaining),
        point.step,
    )


@dataclass(frozen=True, eq=False)
class _Point:
    """Parameters, and the result of a pass at them."""

    mixture: Mixture
    moments: Moments
    objective: float
    step: Step | None

    @property
    def mean_log_likelihood(self) -> float:
        return self.moments.mean_log_likelihood

    @property
    def rounding(self) -> float:
        """The rounding error of the objective, in nats."""
        return ROUNDING * abs(self.objective)


@dataclass(eq=False)
class _Passes:
    """Passes over the rows of one run."""

    engine: AbstractEngine
    update: AbstractUpdate
    rough: bool
    n: int = 0

    def evaluate(self, mixture: Mixture, step: Step | None) -> _Point:
        moments = self.update.accumulate(self.engine, mixture, rough=self.rough)
        if not math.isfinite(moments.log_likelihood):
            raise FloatingPointError(
                "A row is so far from every component that its density is zero in double precision: remove outliers "
                "(values beyond 1e150 times the spread of the others), or use a start closer to the data."
            )
        self.n += 1
        return _Point(mixture, moments, moments.log_likelihood + self.update.log_prior(mixture), step)


def _accepted(
    passes: _Passes, point: _Point, proposed: Mixture | None, step: Step, accelerator: AbstractAccelerator | None
) -> _Point | None:
    """Return the proposal of the accelerator if there is one and the objective does not decrease."""
    if accelerator is None or proposed is None:
        return None
    following = passes.evaluate(proposed, step)
    if following.objective >= point.objective - point.rounding:
        accelerator.accept()
        return following
    accelerator.refuse()
    return None


def _may_be_rounding(change: float, point: _Point, tol: float, *, last: bool) -> bool:
    """Return whether the change may be rounding of rough passes, so that exact passes are needed."""
    least = 0.0 if math.isnan(tol) else 2 * tol
    return last or abs(change) < max(least, _ROUGH_GAIN * (1 + abs(point.mean_log_likelihood)))
