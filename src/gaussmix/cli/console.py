"""What the commands say: results on stdout; errors, warnings and progress on stderr."""

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec

import typer
from rich.console import Console

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.progress import progress_bar
from gaussmix.fitting.em import Progress

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture

P = ParamSpec("P")

FAILED, INTERRUPTED = 2, 130
"""Exit codes."""

PROGRESS_AFTER = 0.5  # seconds


def results() -> Console:
    """Where results are printed."""
    return Console(highlight=False)


def notes() -> Console:
    """Where errors, warnings and progress are printed."""
    return Console(stderr=True, highlight=False)


def command(function: Callable[P, None]) -> Callable[P, None]:
    """A command that ends with one sentence, not a traceback, when the user's input is wrong."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _warnings_as_notes():
                function(*args, **kwargs)
        except BrokenPipeError:
            raise  # typer ends quietly when the reader of a pipe has gone
        except KeyboardInterrupt as interrupt:
            _say(str(interrupt) or "Interrupted.", "yellow")
            raise typer.Exit(INTERRUPTED) from None
        except (ValueError, OSError, MissingDependencyError, FloatingPointError, MemoryError) as error:
            _say(f"Error: {_sentence(error)}", "red")
            raise typer.Exit(FAILED) from None

    return run


def run_fit(estimator: "GaussianMixture", fit: Callable[[], object]) -> KeyboardInterrupt | None:
    """Fit; Ctrl-C ends the fit alone when the estimator has a model by then.

    Returns
    -------
    KeyboardInterrupt or None
        What to raise when the model has been printed and written.
    """
    try:
        fit()
    except KeyboardInterrupt:
        if not hasattr(estimator, "mixture_"):
            raise
        return KeyboardInterrupt("Interrupted: this is the best model so far, not a converged one.")
    return None


@contextmanager
def fit_progress(console: Console, after: float = PROGRESS_AFTER) -> Iterator[Callable[[Progress], None]]:
    """Yield a callback for an estimator that shows its progress once the fit has lasted ``after`` seconds."""
    with progress_bar("Fitting", after=after, console=console) as update:
        yield lambda progress: update(
            f"Start {progress.start + 1}, iteration {progress.n_iter}: "
            f"mean log-likelihood {progress.log_likelihood:.6g}"
        )


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Python warnings, each as one line when the command has ended."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                _say(f"Warning: {' '.join(text.split())}", "yellow")


def _say(text: str, style: str) -> None:
    notes().print(text, style=style, markup=False, soft_wrap=True)


def _sentence(error: BaseException) -> str:
    """One line, with a period."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        text = f"There is no file {error.filename}"
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {(error.strerror or 'cannot be used').lower()}"
    elif isinstance(error, MemoryError):
        text = f"There is not enough memory ({error})"
    else:
        text = " ".join(str(error).split())
    return text if text.endswith((".", '"')) else f"{text}."
