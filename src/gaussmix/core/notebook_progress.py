"""A progress bar in a notebook, updated in place; it needs IPython, which runs the notebook, and nothing else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from gaussmix.core.markup import Markup, element

INTERVAL = 0.1
"""Seconds between updates."""


class Update(Protocol):
    """Function that advances a bar by some steps and optionally changes its description."""

    def __call__(self, description: str | None = None, advance: int = 1) -> None: ...


@contextmanager
def notebook_bar(description: str, total: int | None, after: float) -> Iterator[Update]:
    """Show a bar below the cell while the body runs.

    rich draws its bars in notebooks only if ipywidgets is installed; a ``progress`` element is drawn by every frontend.

    Parameters
    ----------
    description : str
        Text beside the bar.
    total : int or None
        Number of steps, if known.
    after : float
        Delay in seconds before the bar appears.

    Yields
    ------
    Update
        Function to call after each step.
    """
    bar = _Bar(description, total, after)
    bar.draw()
    try:
        yield bar.update
    finally:
        bar.remove()


class _Bar:
    """State of a bar; it appears with the first drawing after the delay."""

    def __init__(self, description: str, total: int | None, after: float) -> None:
        self._description, self._total, self._after = description, total, after
        self._done, self._began, self._drawn = 0, time.monotonic(), 0.0
        self._handle: Any = None

    def update(self, description: str | None = None, advance: int = 1) -> None:
        self._description = description or self._description
        self._done += advance
        if time.monotonic() - self._drawn >= INTERVAL:
            self.draw()

    def draw(self) -> None:
        from IPython.display import HTML, display

        seconds = time.monotonic() - self._began
        if seconds < self._after:
            return
        self._drawn = time.monotonic()
        shown = HTML(bar_html(self._description, self._done, self._total, seconds))
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def remove(self) -> None:
        from IPython.display import HTML

        if self._handle is not None:
            self._handle.update(HTML(""))


def bar_html(description: str, done: int, total: int | None, seconds: float) -> Markup:
    """Return a bar with its text; without a total it moves back and forth."""
    if total is None:
        return element("div", description, " ", element("progress"), f" {seconds:.0f} s")
    bar = element("progress", value=done, max=total)
    return element("div", description, " ", bar, f" {done:,} of {total:,}, {seconds:.0f} s")
