"""Plain EM from a chosen start, as a job."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.app.tables.model_search import texts_of
from gaussmix.core.mixture import Mixture
from gaussmix.core.progress import Listener
from gaussmix.core.typing import FloatArray
from gaussmix.diagnostics.em_trace import EMTrace, trace_em
from gaussmix.estimators import GaussianMixture
from gaussmix.fitting.initialization import METHODS
from gaussmix.tables import import_pandas

MOST_PASSES = 500
"""Greatest number of passes of a run."""


@dataclass(frozen=True)
class StartRequest:
    """Where EM starts, and for how long it runs.

    Attributes
    ----------
    n_components : int
        Number of components.
    covariance_type : str
        Structure of the covariances.
    method : str
        Method of `GaussianMixture` that draws the start.
    means_at : tuple of int
        Rows that are the first means, one for each component; empty if the method draws them.
    seed : int
        Seed of the start.
    n_iter : int
        Number of passes.
    """

    n_components: int
    covariance_type: str
    method: str
    means_at: tuple[int, ...]
    seed: int
    n_iter: int

    def check(self, rows: FloatArray) -> None:
        """Raise ValueError if the rows allow no such start."""
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {self.method!r}")
        if not 1 <= self.n_iter <= MOST_PASSES:
            raise ValueError(f"The number of passes must be from 1 to {MOST_PASSES}; got {self.n_iter}")
        if not self.means_at:
            return
        if len(self.means_at) != self.n_components:
            raise ValueError(f"Choose {self.n_components} rows as first means, one per component")
        if not all(0 <= position < len(rows) for position in self.means_at):
            raise ValueError(f"The first means must be rows from 0 to {len(rows) - 1}")
        if np.isnan(rows[list(self.means_at)]).any():
            raise ValueError("A first mean must be a row without missing values; choose another row")


@dataclass(frozen=True, eq=False)
class EMSteps:
    """A run of EM.

    Attributes
    ----------
    request : StartRequest
        Where it started.
    trace : EMTrace
        The mixtures, and the log-likelihood at each step.
    names : tuple of str
        Names of the columns.
    notes : tuple of str
        Texts of the warnings.
    """

    request: StartRequest
    trace: EMTrace
    names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def n_frames(self) -> int:
        """Number of frames: the start, and two for each pass."""
        return 2 * self.trace.n_iter + 1

    def mixture_at(self, frame: int) -> Mixture:
        """Return the mixture of a frame: 0 is the start, 2 t - 1 the E-step and 2 t the M-step of pass t."""
        return replace(self.trace.mixtures[self._checked(frame) // 2], feature_names=self.names)

    def assigning_at(self, frame: int) -> Mixture | None:
        """Return the mixture whose responsibilities the rows have in a frame; None at the start."""
        return self.mixture_at(frame - 1 if frame % 2 == 0 else frame) if self._checked(frame) else None

    def title_of(self, frame: int) -> str:
        """Return what a frame shows."""
        likelihood = f"log-likelihood {self.trace.log_likelihood[self._checked(frame) // 2]:.4f} per row"
        if not frame:
            return f"Start: {likelihood}"
        return f"Pass {(frame + 1) // 2} of {self.trace.n_iter}, {'E' if frame % 2 else 'M'}-step: {likelihood}"

    def _checked(self, frame: int) -> int:
        if not 0 <= frame < self.n_frames:
            raise ValueError(f"The frame must be from 0 to {self.n_frames - 1}; got {frame}")
        return frame


def run_em(report: Listener, rows: FloatArray, names: Sequence[str], request: StartRequest) -> EMSteps:
    """Draw the start of a request, and trace EM from it."""
    report(None, "EM")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = _start(rows, names, request)
        trace = trace_em(rows, start, request.n_iter)
    return EMSteps(request, trace, tuple(names), texts_of(caught))


def _start(rows: FloatArray, names: Sequence[str], request: StartRequest) -> Mixture:
    estimator = GaussianMixture(
        request.n_components,
        covariance_type=request.covariance_type,
        init_params=request.method,
        means_init=rows[list(request.means_at)] if request.means_at else None,
        n_init=1,
        max_iter=0,
        random_state=request.seed,
    )
    return estimator.fit(import_pandas().DataFrame(rows, columns=list(names))).mixture_
