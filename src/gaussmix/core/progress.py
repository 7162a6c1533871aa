"""A progress bar in a terminal or a notebook, and two lines elsewhere; or a function that is told instead."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from gaussmix.core.notebook_progress import Update, notebook_bar

if TYPE_CHECKING:
    from rich.console import Console

LONG = 20.0
"""Seconds after which a line is written where no bar can be shown."""

Listener = Callable[[float | None, str], object]
"""Function that is told the share of the work that is done, None if it is unknown, and a text."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def progress_told(listener: Listener) -> Iterator[None]:
    """Tell a function about the progress bars of the body instead of showing them.

    Parameters
    ----------
    listener : callable
        Called with the share that is done and a text, when a bar begins and after each step.
    """
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def progress_bar(
    description: str,
    total: int | None = None,
    *,
    shown: bool = True,
    after: float = 0.0,
    line_after: float | None = None,
    console: "Console | None" = None,
) -> Iterator[Update]:
    """Show a progress bar on stderr while the body runs.

    Outside a terminal or notebook, a line says that the body is running if it takes long, and another one that it has
    ended.

    Parameters
    ----------
    description : str
        Text beside the bar.
    total : int, optional
        Number of steps; by default unknown, and the bar moves back and forth.
    shown : bool
        Whether to show a bar.
    after : float
        Delay in seconds before the bar appears.
    line_after : float, optional
        The same for the line outside a terminal or notebook; by default `LONG`.
    console : Console, optional
        Console to draw on; by default one on stderr.

    Yields
    ------
    Update
        Function to call after each step.
    """
    if not shown:
        yield _ignore
        return
    listener = _LISTENER.get()
    if listener is not None:
        yield _telling(listener, description, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if console.is_jupyter:
        with notebook_bar(description, total, after) as count:
            yield count
        return
    if not console.is_terminal:
        with _lines(description, total, LONG if line_after is None else line_after, console) as count:
            yield count
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    if total is None:
        del columns[2]
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(description, total=total)
    began = time.monotonic()

    def update(description: str | None = None, advance: int = 1) -> None:
        bar.update(task, description=description, advance=advance)
        if after > 0 and time.monotonic() - began >= after:
            bar.start()

    if after <= 0:
        bar.start()
    try:
        yield update
    finally:
        bar.stop()


@contextmanager
def _lines(description: str, total: int | None, line_after: float, console: "Console") -> Iterator[Update]:
    """Write a line when the body has run for ``line_after`` seconds, and one at its end."""
    began, done = time.monotonic(), 0

    def update(description: str | None = None, advance: int = 1) -> None:
        nonlocal done
        done += advance

    def say(text: str) -> None:
        console.print(f"{description}: {text}", markup=False, soft_wrap=True)

    def say_running() -> None:
        share = "" if total is None else f"{done} of {total} done "
        say(f"{share}after {time.monotonic() - began:.0f} s, still running")

    timer = threading.Timer(line_after, say_running)
    timer.daemon = True
    timer.start()
    try:
        yield update
    finally:
        timer.cancel()
        if time.monotonic() - began >= line_after:
            timer.join()
            say(f"ended after {time.monotonic() - began:.0f} s")


def _telling(listener: Listener, text: str, total: int | None) -> Update:
    """Return a function that tells a listener about each step."""
    done, lock = 0, threading.Lock()

    def update(description: str | None = None, advance: int = 1) -> None:
        nonlocal done, text
        with lock:  # steps end in several threads
            done += advance
            text = description or text
            listener(None if total is None else min(1.0, done / total), text.strip())

    update(advance=0)
    return update


def _ignore(description: str | None = None, advance: int = 1) -> None:
    """Show nothing."""
