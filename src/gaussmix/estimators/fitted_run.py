"""What estimators share whose fit is one run of EM: its attributes and its callback."""

from collections.abc import Callable
from typing import Any

from gaussmix.core.text import Entry
from gaussmix.core.typing import FloatArray
from gaussmix.estimators.set_by_fit import set_by_fit
from gaussmix.estimators.verbose import VerbosePrinter
from gaussmix.fitting.em import Progress


class FittedRunMixin:
    """Attributes of the selected run; a subclass has ``fit_result_``, ``callback`` and ``verbose``."""

    fit_result_: Any = set_by_fit()
    callback: Callable[[Progress], object] | None
    verbose: int

    @property
    def converged_(self) -> bool:
        """Whether the selected run converged."""
        return bool(self.fit_result_.fit.stop.is_converged)

    @property
    def stop_reason_(self) -> str:
        """Why the fit ended, in a sentence."""
        return str(self.fit_result_.reason)

    @property
    def n_iter_(self) -> int:
        """Number of iterations of the selected run."""
        return int(self.fit_result_.fit.n_iter)

    @property
    def history_(self) -> dict[str, FloatArray]:
        """The start and every iteration of the selected run, as arrays; of a search over models, only the end."""
        return dict(self.fit_result_.history())

    def _result_entries(self) -> list[Entry]:
        return [Entry("why it stopped", self.stop_reason_, not self.converged_)]

    def _watcher(self, printer: VerbosePrinter) -> Callable[[Progress], None] | None:
        if self.callback is None and not self.verbose:
            return None

        def watch(progress: Progress) -> None:
            if self.callback is not None:
                self.callback(progress)
            printer.watch(progress)

        return watch
