"""The EM loop: the only one in the package."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import IntArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.m_step import AbstractUpdate, Step

_ROUGH_GAIN = 1e-5
"""A gain smaller than this, relative to the log-likelihood, may be the rounding of a rough pass."""
_HOPE = 10.0  # nats, and times what seems to be ahead: plateaus hide that much
_ROUNDING = 16 * float(np.finfo(np.float64).eps)  # of an objective, relative to it


class Stop(Enum):
    """Why a fit ended, as a sentence to be filled in."""

    AT_THE_TOP = "Converged after {n_iter} iterations: the top is {ahead} nats ahead."
    CONVERGED = (
        "Converged after {n_iter} iterations: the mean log-likelihood changed by less than tol={tol:g} "
        "in one iteration."
    )
    LIMIT = (
        "Stopped by max_iter after {n_iter} iterations, before converging: the last one changed the mean "
        "log-likelihood by {change:.3g}{wanted}."
    )
    LIMIT_AT_THE_TOP = (
        "Stopped by max_iter after {n_iter} iterations, one before the end: the last one changed the mean "
        "log-likelihood by {change:.3g}, less than tol={tol:g}, and the next one would have confirmed it."
    )
    BEATEN = "Given up after {n_iter} iterations: another run ended higher."
    START = "No iterations were asked for (max_iter=0): these are the starting parameters."
    TIME = "Stopped by time_budget after {n_iter} iterations: this is the best model so far, not a converged one."
    INTERRUPTED = "Interrupted after {n_iter} iterations: this is the best model so far, not a converged one."

    @property
    def is_converged(self) -> bool:
        return self in (Stop.AT_THE_TOP, Stop.CONVERGED)

    @property
    def is_cut_short(self) -> bool:
        """Whether whoever waits wants the best there is now."""
        return self in (Stop.TIME, Stop.INTERRUPTED)


@dataclass(frozen=True)
class MeanChange:
    """The rule of scikit-learn: after an iteration that changed the mean log-likelihood by less, one more is made.

    Attributes
    ----------
    tol : float
        In nats per row.
    """

    tol: float


@dataclass(frozen=True)
class Ahead:
    """Two passes in a row see less than this many nats ahead.

    What is ahead is the guaranteed gain of the next step, times the estimate of how many times farther the top is
    (Aitken's; Boehning et al., Annals of the Institute of Statistical Mathematics 46 (1994), 373-388). It depends
    neither on units nor on the number of rows.

    Attributes
    ----------
    nats : float
        Of all rows together.
    """

    nats: float = 1e-4


@dataclass(frozen=True)
class Exact:
    """The parameters are this near to those of the top, in deviations; for fits at the top, with an accelerator.

    So they depend on the path that led there by no more than rounding.

    Attributes
    ----------
    deviations : float
        Of each parameter, in standard deviations of the component.
    """

    deviations: float = 1e-10


Rule = MeanChange | Ahead | Exact


@dataclass(frozen=True)
class Progress:
    """Where a fit is, for those who watch it.

    Attributes
    ----------
    start : int
        Which of the starts, from 0.
    n_iter : int
        Iterations done; 0 for the start itself.
    log_likelihood : float
        Mean log-likelihood of the parameters now, in nats per row.
    gain : float
        Its change in the last iteration; infinite at the start.
    """

    start: int
    n_iter: int
    log_likelihood: float
    gain: float


@dataclass(frozen=True)
class Record:
    """One iteration.

    Attributes
    ----------
    log_likelihood : float
        Mean log-likelihood after it, in nats per row.
    gain : float
        The gain that an EM step from there guarantees, in nats over all rows; NaN after the last.
    seconds : float
        Since the fit began.
    """

    log_likelihood: float
    gain: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What EM returns.

    Attributes
    ----------
    mixture : Mixture
        The parameters EM ended with.
    moments : Moments
        The sums at that mixture; their log-likelihood is the mixture's own.
    objective : float
        Log-likelihood plus log prior, in nats.
    history : tuple of Record
        The start and every iteration; the last is the mixture's.
    n_passes : int
        Passes over the rows.
    change : float
        The change of the mean log-likelihood in the last iteration.
    stop : Stop
        Why it stopped, by name.
    reason : str
        Why it stopped, in a sentence.
    last_step : Step or None
        The last M-step, with what it had to repair; None when there was none.
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

    @property
    def n_iter(self) -> int:
        """Iterations after the start."""
        return len(self.history) - 1

    def interrupted(self) -> "Fit":
        """The same, as what was found when someone had waited enough.

        Returns
        -------
        Fit
            With another reason to stop.
        """
        return replace(self, stop=Stop.INTERRUPTED, reason=Stop.INTERRUPTED.value.format(n_iter=self.n_iter))

    def at_the_top(self, earlier: "Fit") -> "Fit":
        """The same, when the earlier part of it had arrived already.

        Parameters
        ----------
        earlier : Fit
            Where this one started.

        Returns
        -------
        Fit
            With another reason to stop.
        """
        ahead = _estimate(earlier.history[-1].gain)
        reason = Stop.AT_THE_TOP.value.format(n_iter=self.n_iter, ahead=ahead)
        return replace(self, stop=Stop.AT_THE_TOP, reason=reason)

    def reordered(self, order: IntArray) -> "Fit":
        """The same with its components in another order.

        Parameters
        ----------
        order : (k,) array of int
            The component that comes first, second, ...

        Returns
        -------
        Fit
            The components as asked.
        """
        step = self.last_step and self.last_step.reordered(order)
        return replace(
            self, mixture=self.mixture.reordered(order), moments=self.moments.reordered(order), last_step=step
        )

    @property
    def trace(self) -> tuple[float, ...]:
        """The mean log-likelihood after each iteration."""
        return tuple(record.log_likelihood for record in self.history[1:])


@dataclass(frozen=True, eq=False)
class _Point:
    """Parameters and what a pass at them gave."""

    mixture: Mixture
    moments: Moments
    objective: float
    step: Step | None


def fit_em(
    engine: AbstractEngine,
    update: AbstractUpdate,
    mixture: Mixture,
    rule: Rule | None,
    *,
    max_iter: int,
    accelerator: Accelerator | None = None,
    start: int = 0,
    last_log_likelihood: float = -np.inf,
    to_beat: float = -math.inf,
    earlier: Fit | None = None,
    began: float | None = None,
    deadline: float = math.inf,
    watch: Callable[[Progress], object] | None = None,
) -> Fit:
    """Expectation-maximization from a mixture.

    Every pass gives the log-likelihood of the parameters it was given and the sums for the next ones, so ``n`` M-steps
    cost ``n + 1`` passes and the likelihood that is returned belongs to the parameters that are returned. What an
    accelerator proposes is taken if the objective does not fall; if it falls, a pass is lost and the M-step is taken.
    As long as the gains are large, passes may be rough where that helps; the last iterations, the likelihood and the
    parameters that are returned come from exact ones.

    Parameters
    ----------
    engine : AbstractEngine
        The rows.
    update : AbstractUpdate
        The M-step.
    mixture : Mixture
        Where to start.
    rule : MeanChange, Ahead, Exact or None
        When to stop; None after ``max_iter`` iterations.
    max_iter : int
        The most iterations.
    accelerator : Accelerator, optional
        A fresh one; none means plain EM.
    start : int
        Its number, for those who watch.
    last_log_likelihood : float
        The mean log-likelihood one iteration before the start, when a fit goes on.
    to_beat : float
        Give up when the top is far below this objective, for all that can be seen.
    earlier : Fit, optional
        A fit to the same rows that ended at the mixture: its history and its passes are carried on.
    began : float, optional
        What seconds are counted from, as ``time.perf_counter()`` counts; by default now.
    deadline : float
        When to stop, as ``time.perf_counter()`` counts.
    watch : callable, optional
        Called with a `Progress` at the start and after every iteration.

    Returns
    -------
    Fit
        Also when Ctrl-C interrupts: then with ``Stop.INTERRUPTED``.

    Raises
    ------
    FloatingPointError
        If a row is so far from all components that its density is zero.
    """
    began = time.perf_counter() if began is None else began
    rough = engine.rough_helps and max_iter > 0 and earlier is None
    history = list(earlier.history[:-1]) if earlier else []
    n_passes = earlier.n_passes if earlier else 0
    most = max_iter + len(history)

    def evaluate(mixture: Mixture, step: Step | None) -> _Point:
        nonlocal n_passes
        moments = _pass(engine, mixture, rough)
        n_passes += 1
        return _Point(mixture, moments, moments.log_likelihood + update.log_prior(mixture), step)

    def note(gain: float) -> None:
        history.append(Record(point.moments.mean_log_likelihood, gain, time.perf_counter() - began))

    point = evaluate(mixture, None)
    change = point.moments.mean_log_likelihood - last_log_likelihood
    stop = Stop.LIMIT if max_iter > 0 else Stop.START
    gain = ahead = last_gain = math.inf
    near = False
    if watch:
        watch(Progress(start, len(history), point.moments.mean_log_likelihood, change))
    try:
        while len(history) < most:
            if rough and _is_rounding(change, point, rule, last=len(history) == most - 1):
                rough = False
                point, change = evaluate(point.mixture, point.step), np.inf
                if accelerator:
                    accelerator.restart()
            step = update.maximize(point.mixture, point.moments)
            gain = update.gain(point.mixture, point.moments, step) if rule else math.nan
            if step.collapsed.any():  # a repair is no maximizer: what the last iteration gained has to do
                gain = abs(change) * point.moments.weight
            proposed = accelerator.propose(point.mixture, point.moments, point.objective) if accelerator else None
            if isinstance(rule, Ahead) and not rough:
                is_rounding = abs(gain) <= _ROUNDING * abs(point.objective)
                stretch = accelerator.stretch if accelerator else _stretch(gain, last_gain)
                ahead = abs(gain) * (1.0 if is_rounding or step.collapsed.any() else stretch)
                if is_rounding or (ahead < rule.nats and near):
                    stop = Stop.AT_THE_TOP
                    break
                near = ahead < rule.nats
                last_gain = gain
                if point.objective + _HOPE * (1 + ahead) < to_beat:
                    stop = Stop.BEATEN
                    break
            if isinstance(rule, Exact) and accelerator:
                left = accelerator.step_length * accelerator.stretch
                if left < rule.deviations * math.sqrt(point.moments.weight):
                    ahead, stop = 0.5 * left**2, Stop.AT_THE_TOP
                    break
            if time.perf_counter() > deadline:
                stop = Stop.TIME
                break
            if isinstance(rule, MeanChange) and abs(change) < rule.tol:
                stop = Stop.CONVERGED
            following = None
            if accelerator and proposed is not None:
                following = evaluate(proposed, step)
                if following.objective >= point.objective - _ROUNDING * abs(point.objective):
                    accelerator.accept()
                else:
                    accelerator.refuse()
                    following = None
            following = following or evaluate(step.mixture, step)
            change = following.moments.mean_log_likelihood - point.moments.mean_log_likelihood
            note(gain)
            point = following
            if watch:
                watch(Progress(start, len(history), point.moments.mean_log_likelihood, change))
            if stop is Stop.CONVERGED:
                break
    except KeyboardInterrupt:
        stop = Stop.INTERRUPTED
    note(gain if stop in (Stop.AT_THE_TOP, Stop.TIME) else math.nan)
    tol = rule.tol if isinstance(rule, MeanChange) else math.nan
    if stop is Stop.LIMIT and abs(change) < tol:
        stop = Stop.LIMIT_AT_THE_TOP
    reason = stop.value.format(
        n_iter=len(history) - 1,
        tol=tol,
        change=change,
        ahead=_estimate(ahead),
        wanted=f", tol={tol:g}" if isinstance(rule, MeanChange) else "",
    )
    return Fit(
        point.mixture, point.moments, point.objective, tuple(history), n_passes, change, stop, reason, point.step
    )


def _estimate(nats: float) -> str:
    """In words; far below what can matter, digits are rounding."""
    return "less than 1e-9" if nats < 1e-9 else f"an estimated {nats:.1g}"


def _stretch(gain: float, last_gain: float) -> float:
    """`Accelerator.stretch` for plain EM: the gains of its steps shrink by the square of the rate of convergence."""
    if not 0 < gain < last_gain < math.inf:
        return 1.0 if gain <= 0 else math.inf
    return 1 / (1 - math.sqrt(gain / last_gain))


def _is_rounding(change: float, point: _Point, rule: Rule | None, *, last: bool) -> bool:
    """Whether rough passes are no longer good enough."""
    tol = rule.tol if isinstance(rule, MeanChange) else 0.0
    return last or abs(change) < max(2 * tol, _ROUGH_GAIN * (1 + abs(point.moments.mean_log_likelihood)))


def _pass(engine: AbstractEngine, mixture: Mixture, rough: bool) -> Moments:
    moments = engine.accumulate(mixture.whitened(), rough=rough)
    if not math.isfinite(moments.log_likelihood):
        raise FloatingPointError(
            "Some row is so far from every component that its density is zero in double precision: look for outliers "
            "(values beyond 1e150 times the spread of the rest), or start from the data."
        )
    return moments
