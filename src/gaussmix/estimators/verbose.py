"""Printing of the progress of a fit, for ``verbose``."""

import math
from dataclasses import dataclass

from gaussmix.fitting.em import Fit, Progress
from gaussmix.fitting.stopping import Stop


@dataclass
class VerbosePrinter:
    """Printer of the runs of a fit and of some of their iterations.

    Starts are numbered from 0 in the order in which they are printed.

    Attributes
    ----------
    level : int
        0 prints nothing, 1 the runs and iterations, 2 also the gain of an iteration where it is positive: it is not
        known in the first iteration of a continued run, and where rows are passed in single precision.
    interval : int
        Number of iterations between printed ones.
    objective : str
        Name of the number that is printed.
    """

    level: int
    interval: int
    objective: str = "mean log-likelihood"
    _starts: int = 0
    _last: Progress | None = None

    def watch(self, progress: Progress) -> None:
        """Print a start or an iteration.

        Parameters
        ----------
        progress : Progress
            The progress of the fit.
        """
        if not self.level:
            return
        last, self._last = self._last, progress
        if progress.n_iter == 0:
            print(f"Initialization {self._starts}")
            self._starts += 1
        elif last is None or progress.start != last.start or progress.n_iter != last.n_iter + 1:
            print(f"Continued from iteration {progress.n_iter - 1}")
        if progress.n_iter and progress.n_iter % self.interval == 0:
            is_shown = self.level > 1 and 0 < progress.gain < math.inf
            gain = f"\t gain {progress.gain:.5g}" if is_shown else ""
            print(f"  Iteration {progress.n_iter}\t {self.objective} {progress.log_likelihood:.8g}{gain}")

    def print_end(self, fit: Fit) -> None:
        """Print whether a run from a given start has converged.

        Parameters
        ----------
        fit : Fit
            The run.
        """
        if self.level:
            print(f"Initialization {'converged' if fit.stop is Stop.CONVERGED else 'did not converge'}.")
