"""Stopping rules: when a run of EM ends, and the sentence that says why."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from gaussmix.fitting.acceleration import AbstractAccelerator

ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""Rounding error of an objective, relative to it."""
STILL = 10
"""Number of iterations without a gain above rounding that ends a run."""
MARGIN = 10.0
"""Nats, and factor of the estimated remaining gain, which plateaus make too small: a run is abandoned beyond it."""


class Stop(Enum):
    """Reason for the end of a run, as a sentence with placeholders."""

    AT_OPTIMUM = "Converged after {n_iter} iterations: the log-likelihood can grow by {remaining} nats."
    CONVERGED = (
        "Converged after {n_iter} iterations: the mean log-likelihood changed by less than tol={tol:g} "
        "in one iteration."
    )
    ROUNDING = "Converged after {n_iter} iterations: further changes of the log-likelihood are rounding errors."
    LIMIT = (
        "Stopped by max_iter after {n_iter} iterations without convergence: the last one changed the mean "
        "log-likelihood by {change:.3g}{wanted}."
    )
    LIMIT_AT_OPTIMUM = (
        "Stopped by max_iter after {n_iter} iterations, one before convergence: the last one changed the mean "
        "log-likelihood by {change:.3g}, less than tol={tol:g}; increase max_iter by 1."
    )
    ABANDONED = "Abandoned after {n_iter} iterations: another run reached a higher log-likelihood."
    START = "max_iter=0: these are the starting parameters."
    TIME = "Stopped by time_budget after {n_iter} iterations without convergence: this is the best model so far."
    INTERRUPTED = "Interrupted after {n_iter} iterations without convergence: this is the best model so far."

    @property
    def is_converged(self) -> bool:
        """Whether the run converged."""
        return self in (Stop.AT_OPTIMUM, Stop.CONVERGED, Stop.ROUNDING)

    @property
    def is_cut_short(self) -> bool:
        """Whether time or Ctrl-C ended the run, so that no further run should start."""
        return self in (Stop.TIME, Stop.INTERRUPTED)

    def sentence(
        self, n_iter: int, *, tol: float = math.nan, change: float = math.nan, remaining: float = math.nan
    ) -> str:
        """Return the sentence with numbers.

        Parameters
        ----------
        n_iter : int
            Number of iterations of the run.
        tol : float
            Tolerance of `MeanChange`, NaN for other rules.
        change : float
            Change of the mean log-likelihood in the last iteration.
        remaining : float
            Estimated remaining gain in nats.

        Returns
        -------
        str
            One sentence.
        """
        return self.value.format(
            n_iter=n_iter,
            tol=tol,
            change=change,
            wanted="" if math.isnan(tol) else f", tol={tol:g}",
            remaining="less than 1e-9" if remaining < 1e-9 else f"an estimated {remaining:.1g}",
        )


@dataclass(frozen=True, eq=False)
class EMState:
    """State of a run of EM between two iterations, for stopping rules.

    Attributes
    ----------
    objective : float
        Log-likelihood plus log prior, in nats.
    weight : float
        Sum of the weights of the rows.
    change : float
        Change of the mean log-likelihood in the last iteration.
    gain : float
        Lower bound on the gain of the next EM step, in nats.
    is_repaired : bool
        Whether the next M-step had to repair a singular covariance and is not a maximizer.
    accelerator : AbstractAccelerator or None
        Accelerator of the run, which estimates the distance to the optimum.
    previous : Check
        Result of the rule at the previous iteration.
    """

    objective: float
    weight: float
    change: float
    gain: float
    is_repaired: bool
    accelerator: AbstractAccelerator | None
    previous: "Check"


@dataclass(frozen=True)
class Check:
    """Result of a stopping rule.

    Attributes
    ----------
    stop : Stop or None
        Reason to end the run; None if it continues.
    remaining : float
        Estimated remaining gain in nats; infinite if the rule makes no estimate.
    gain : float
        Gain of the next EM step, on which the estimate is based.
    """

    stop: Stop | None = None
    remaining: float = math.inf
    gain: float = math.inf


class StoppingRule(ABC):
    """Rule that ends a run of EM.

    Attributes
    ----------
    takes_last_step : bool
        Whether the run makes one more iteration after the rule is met.
    most_still : float
        Number of iterations without a gain above rounding that ends a run. If it is positive, the run also ends before
        a step that lowers the objective by more than rounding.
    """

    takes_last_step: ClassVar[bool] = False
    most_still: ClassVar[float] = 0

    @abstractmethod
    def check(self, state: EMState) -> Check:
        """Decide whether to stop before the next iteration; not called while passes are rough.

        Parameters
        ----------
        state : EMState
            State of the run.

        Returns
        -------
        Check
            Whether to stop, and the estimated remaining gain.
        """

    @property
    @abstractmethod
    def mean_tolerance(self) -> float:
        """The change of the mean log-likelihood below which the run ends; NaN if the rule does not use it."""


@dataclass(frozen=True)
class MeanChange(StoppingRule):
    """End one iteration after one that changed the mean log-likelihood by less than ``tol``, as scikit-learn does.

    Attributes
    ----------
    tol : float
        Tolerance in nats per row.
    """

    tol: float
    takes_last_step: ClassVar[bool] = True

    def check(self, state: EMState) -> Check:
        return Check(Stop.CONVERGED if abs(state.change) < self.tol else None)

    @property
    def mean_tolerance(self) -> float:
        return self.tol


@dataclass(frozen=True)
class RemainingGain(StoppingRule):
    """End when the estimated remaining gain is below a number of nats at two iterations in a row.

    The remaining gain is the guaranteed gain of the next step times Aitken's estimate of the distance to the optimum in
    steps (Boehning et al., Annals of the Institute of Statistical Mathematics 46 (1994), 373-388). It does not depend
    on units or on the number of rows.

    Attributes
    ----------
    nats : float
        Tolerance in nats, for all rows together.
    to_beat : float
        Objective of another run, in nats; the run is abandoned if its estimated optimum is far below.
    """

    most_still: ClassVar[float] = STILL
    nats: float = 1e-4
    to_beat: float = -math.inf

    def check(self, state: EMState) -> Check:
        is_rounding = abs(state.gain) <= ROUNDING * abs(state.objective)
        accelerator = state.accelerator
        stretch = accelerator.stretch if accelerator else _plain_stretch(state.gain, state.previous.gain)
        remaining = abs(state.gain) * (1.0 if is_rounding or state.is_repaired else stretch)
        stop = None
        if is_rounding or (remaining < self.nats and state.previous.remaining < self.nats):
            stop = Stop.AT_OPTIMUM
        elif state.objective + MARGIN * (1 + remaining) < self.to_beat:
            stop = Stop.ABANDONED
        return Check(stop, remaining, state.gain)

    @property
    def mean_tolerance(self) -> float:
        return math.nan


@dataclass(frozen=True)
class ParameterDistance(StoppingRule):
    """End when the parameters are near those of the optimum; for accelerated runs that have nearly converged.

    The result then depends on the start only through rounding.

    Attributes
    ----------
    deviations : float
        Estimated distance of the parameters from the optimum, in standard deviations of the components.
    """

    most_still: ClassVar[float] = math.inf
    deviations: float = 1e-10

    def check(self, state: EMState) -> Check:
        if state.accelerator is None:
            return Check()
        distance = state.accelerator.step_length * state.accelerator.stretch
        if distance < self.deviations * math.sqrt(state.weight):
            return Check(Stop.AT_OPTIMUM, 0.5 * distance**2)
        return Check()

    @property
    def mean_tolerance(self) -> float:
        return math.nan


def _plain_stretch(gain: float, previous_gain: float) -> float:
    """Return `Accelerator.stretch` for plain EM, whose gains shrink by the square of the rate of convergence."""
    if not 0 < gain < previous_gain < math.inf:
        return 1.0 if gain <= 0 else math.inf
    return 1 / (1 - math.sqrt(gain / previous_gain))
