"""Output of the commands: results on stdout; errors, warnings and progress on stderr."""

import functools
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.file_pages import passes_told
from gaussmix.core.progress import progress_bar
from gaussmix.core.text import printable
from gaussmix.fitting.em import Progress

P = ParamSpec("P")

FAILED, INTERRUPTED = 2, 130
"""Exit codes of the commands."""

PROGRESS_AFTER = 0.5  # seconds


class SafeConsole(Console):
    """A console that escapes control characters in names of files, columns and channels: a terminal would obey them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the parts of a text, with escapes for control characters other than those of the console."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(printable(part.text), part.style)


def results() -> Console:
    """Return the console for results."""
    return SafeConsole(highlight=False)


def notes() -> Console:
    """Return the console for errors, warnings and progress."""
    return SafeConsole(stderr=True, highlight=False)


def print_text(text: str) -> None:
    """Print a text as it is to a file or a pipe; for a terminal with escapes for control characters."""
    typer.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)  # color: nothing is removed


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that invalid input ends it with a one-line message instead of a traceback."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _ended_by_signals(), _warnings_as_notes():
                function(*args, **kwargs)
        except BrokenPipeError:
            raise  # typer exits silently when a pipe is closed
        except KeyboardInterrupt as interrupt:
            _print_note(str(interrupt) or "Interrupted.", "yellow")
            raise typer.Exit(INTERRUPTED) from None
        except (ValueError, OSError, MissingDependencyError, FloatingPointError, MemoryError) as error:
            _print_note(f"Error: {_sentence(error)}", "red")
            raise typer.Exit(FAILED) from None

    return run


def run_fit(estimator: object, fit: Callable[[], object]) -> KeyboardInterrupt | None:
    """Run a fit; on Ctrl-C the command continues if the estimator has a model.

    Returns
    -------
    KeyboardInterrupt or None
        The interrupt, to be raised after the model has been printed and written.
    """
    try:
        fit()
    except KeyboardInterrupt:
        if not hasattr(estimator, "mixture_"):
            raise
        return KeyboardInterrupt("Interrupted: this is the best model so far; it has not converged.")
    return None


@contextmanager
def fit_progress(
    console: Console,
    after: float = PROGRESS_AFTER,
    n_starts: int | None = None,
    objective: str = "mean log-likelihood",
) -> Iterator[Callable[[Progress], None]]:
    """Yield a callback for an estimator that shows progress when the fit has lasted ``after`` seconds.

    The number of starts is shown if it is known; a search decides as it goes. For rows in a file, the number of the
    pass over the file and the rows that it has reached are shown, too.
    """
    of = "" if n_starts is None else f" of {n_starts}"
    text, passes = "Fitting", 0

    def show(progress: Progress) -> None:
        nonlocal text
        text = f"Start {progress.start + 1}{of}, iteration {progress.n_iter}: {objective} {progress.log_likelihood:.6g}"
        update(text)

    def show_pass(reached: int, n_rows: int) -> None:
        nonlocal passes
        update(f"{text}; pass {passes + 1}: {reached:,} of {n_rows:,} rows", advance=0)
        passes += reached == n_rows

    with progress_bar("Fitting", after=after, console=console) as update, passes_told(show_pass):
        yield show


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the command by an exception where a signal would end the process: temporary files are removed."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    in_main = threading.current_thread() is threading.main_thread()
    caught = [number for number in numbers if in_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in caught:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Print Python warnings at the end of the command, one per line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                _print_note(f"Warning: {' '.join(text.split())}", "yellow")


def _print_note(text: str, style: str) -> None:
    notes().print(text, style=style, markup=False, soft_wrap=True)


def _sentence(error: BaseException) -> str:
    """Return the message of an error on one line, with a period."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        text = f"{error.filename} does not exist"
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {(error.strerror or 'cannot be used').lower()}"
    elif isinstance(error, MemoryError):
        text = f"Not enough memory ({error})"
    else:
        text = " ".join(str(error).split())
    return text if text.endswith((".", '"')) else f"{text}."
