"""A bar for a search, on a terminal or in a notebook."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown_progress(wanted: bool, total: int) -> Iterator[Callable[[int, str], None] | None]:
    """A callback that moves a bar on stderr by a step; None where no bar is wanted or nobody would see it.

    It takes the number of components and the covariance type of the cell that the step was about.
    """
    if not wanted:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    visible = console.is_terminal or console.is_jupyter
    with Progress(*columns, console=console, transient=True, disable=not visible) as bar:
        task = bar.add_task("models", total=total)
        yield lambda size, name: bar.update(task, advance=1, description=f"{name} {size}".ljust(12))
