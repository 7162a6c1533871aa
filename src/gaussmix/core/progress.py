"""A progress bar in a terminal or a notebook."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Update(Protocol):
    """Function that advances a bar by some steps and optionally changes its description."""

    def __call__(self, description: str | None = None, advance: int = 1) -> None: ...


@contextmanager
def progress_bar(
    description: str,
    total: int | None = None,
    *,
    shown: bool = True,
    after: float = 0.0,
    console: "Console | None" = None,
) -> Iterator[Update]:
    """Show a progress bar on stderr while the body runs; outside a terminal or notebook show nothing.

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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    if total is None:
        del columns[2]
    disable = not (console.is_terminal or console.is_jupyter)
    bar = Progress(*columns, console=console, transient=True, disable=disable)
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


def _ignore(description: str | None = None, advance: int = 1) -> None:
    """Show nothing."""
