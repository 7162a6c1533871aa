"""``gaussmix app``."""

import importlib.util
import warnings
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command, notes
from gaussmix.cli.options import flag
from gaussmix.core.errors import MissingDependencyError


@command
def application(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Picture or table to open.")] = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port; by default a free one.")] = 0,
    no_browser: Annotated[bool, flag("--no-browser", help="Print the address, but do not open it.")] = False,
) -> None:
    """Open a page in the browser to segment pictures and to fit tables."""
    for library in ("starlette", "uvicorn"):
        if importlib.util.find_spec(library) is None:
            raise MissingDependencyError(library, "app", "The application in the browser")
    from gaussmix.app.server import serve

    def announce(address: str) -> None:
        typer.echo(address)
        notes().print("The application runs at this address until its page is closed, or Ctrl-C.")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page shows those of its fits
        serve(file, port=port, browser=not no_browser, announce=announce)
