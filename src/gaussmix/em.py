"""The EM loop: the only one in the package."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gaussmix.engines import AbstractEngine
from gaussmix.mixture import Mixture
from gaussmix.moments import Moments
from gaussmix.updates import AbstractUpdate, Step

_ROUGH_GAIN = 1e-5
"""A gain smaller than this, relative to the log-likelihood, may be the rounding of a rough pass."""


class Stop(Enum):
    """Why a fit ended, as a sentence to be filled in."""

    CONVERGED = (
        "Converged after {n_iter} iterations: the mean log-likelihood changed by less than tol={tol:g} "
        "in one iteration."
    )
    LIMIT = (
        "Stopped at max_iter={n_iter} before converging: the last iteration changed the mean log-likelihood by "
        "{gain:.3g}, tol={tol:g}."
    )
    LIMIT_AT_THE_TOP = (
        "Stopped at max_iter={n_iter}, one iteration before the end: the last one changed the mean log-likelihood by "
        "{gain:.3g}, less than tol={tol:g}, and the next one would have confirmed it."
    )
    START = "No iterations were asked for (max_iter=0): these are the starting parameters."


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


@dataclass(frozen=True, eq=False)
class Fit:
    """What EM returns.

    Attributes
    ----------
    mixture : Mixture
    moments : Moments
        The sums at that mixture; their log-likelihood is the mixture's own.
    trace : tuple of float
        The mean log-likelihood after each iteration; the last is the mixture's.
    gain : float
        The change of the mean log-likelihood in the last iteration.
    stop : Stop
    tol : float
    last_step : Step or None
        The last M-step, with what it had to repair; None when there was none.
    """

    mixture: Mixture
    moments: Moments
    trace: tuple[float, ...]
    gain: float
    stop: Stop
    tol: float
    last_step: Step | None

    @property
    def n_iter(self) -> int:
        return len(self.trace)

    @property
    def reason(self) -> str:
        """Why it stopped, in a sentence."""
        return self.stop.value.format(n_iter=self.n_iter, tol=self.tol, gain=self.gain)


def fit_em(
    engine: AbstractEngine,
    update: AbstractUpdate,
    mixture: Mixture,
    *,
    tol: float,
    max_iter: int,
    start: int = 0,
    last_log_likelihood: float = -np.inf,
    watch: Callable[[Progress], object] | None = None,
) -> Fit:
    """Expectation-maximization from a mixture.

    Every pass gives the log-likelihood of the parameters it was given and the sums for the next ones, so ``n`` M-steps
    cost ``n + 1`` passes and the likelihood that is returned belongs to the parameters that are returned. The stopping
    rule is scikit-learn's: iteration t is the last when the gain of iteration t - 1 was below ``tol``. As long as the
    gains are large, passes may be rough where that helps; the last iterations, the likelihood and the parameters that
    are returned come from exact ones.

    Parameters
    ----------
    engine : AbstractEngine
    update : AbstractUpdate
    mixture : Mixture
        Where to start.
    tol : float
        In nats per row.
    max_iter : int
    start : int
        Its number, for those who watch.
    last_log_likelihood : float
        The mean log-likelihood one iteration before the start, when a fit goes on.
    watch : callable, optional
        Called with a `Progress` after every pass.

    Raises
    ------
    FloatingPointError
        If a row is so far from all components that its density is zero.
    """
    rough = engine.rough_helps and max_iter > 0
    moments = _pass(engine, mixture, rough)
    gain = moments.mean_log_likelihood - last_log_likelihood
    stop = Stop.LIMIT if max_iter > 0 else Stop.START
    trace: list[float] = []
    step: Step | None = None
    if watch:
        watch(Progress(start, 0, moments.mean_log_likelihood, gain))
    for n_iter in range(1, max_iter + 1):
        if rough and (
            abs(gain) < max(2 * tol, _ROUGH_GAIN * (1 + abs(moments.mean_log_likelihood))) or n_iter == max_iter
        ):
            rough = False
            moments = _pass(engine, mixture, rough)
            gain = np.inf
        if abs(gain) < tol:
            stop = Stop.CONVERGED
        step = update.maximize(mixture, moments)
        before = moments.mean_log_likelihood
        mixture = step.mixture
        moments = _pass(engine, mixture, rough)
        gain = moments.mean_log_likelihood - before
        trace.append(moments.mean_log_likelihood)
        if watch:
            watch(Progress(start, n_iter, moments.mean_log_likelihood, gain))
        if stop is Stop.CONVERGED:
            break
    if stop is Stop.LIMIT and abs(gain) < tol:
        stop = Stop.LIMIT_AT_THE_TOP
    return Fit(mixture, moments, tuple(trace), gain, stop, tol, step)


def _pass(engine: AbstractEngine, mixture: Mixture, rough: bool) -> Moments:
    moments = engine.accumulate(mixture.whitened(), rough=rough)
    if not math.isfinite(moments.log_likelihood):
        raise FloatingPointError(
            "Some row is so far from every component that its density is zero in double precision: look for outliers "
            "(values beyond 1e150 times the spread of the rest), or start from the data."
        )
    return moments
