"""The progress bar: where it is seen, what it says, and that it goes."""

import io
import sys
import time
from contextlib import suppress
from types import ModuleType

import pytest
from rich.console import Console

from gaussmix.core.progress import progress_bar, progress_told


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100)


@pytest.mark.parametrize(("total", "counted"), [(3, "2/3"), (None, "")])
def test_a_terminal_shows_the_description_and_the_steps(total, counted):
    console = terminal()
    with progress_bar("first", total, console=console) as update:
        update("second")
        update("third")
    shown = console.file.getvalue()
    assert "third" in shown
    assert counted in shown
    assert ("/" in shown) == (total is not None)
    assert shown.endswith("\x1b[2K")  # the line is cleared


@pytest.mark.parametrize(
    ("console", "options"),
    [(terminal(), {"shown": False}), (terminal(), {"after": 1e9}), (Console(file=io.StringIO()), {})],
    ids=["not wanted", "a short body", "no terminal"],
)
def test_nothing_is_shown_otherwise(console, options):
    with progress_bar("first", 2, console=console, **options) as update:
        update("second")
    assert console.file.getvalue() == ""


@pytest.mark.parametrize("total", [None, 2, 40])
@pytest.mark.parametrize("fails", [False, True])
def test_without_a_terminal_a_long_body_gets_two_lines(total, fails):
    console = Console(file=io.StringIO(), width=100)
    with suppress(ZeroDivisionError), progress_bar("Fitting [b]", total, line_after=0.0, console=console) as update:
        update("second")
        while "\n" not in console.file.getvalue():
            time.sleep(0.01)
        if fails:
            1 / 0  # noqa: B018
    first, second = console.file.getvalue().splitlines()
    assert first.startswith("Fitting [b]: ")
    assert first.endswith(" s, still running")
    assert (f"of {total} done" in first) == (total is not None)
    assert second.startswith("Fitting [b]: ended after ")


def test_the_bar_goes_when_the_body_fails():
    console = terminal()
    with pytest.raises(ZeroDivisionError), progress_bar("first", 2, console=console):
        1 / 0  # noqa: B018
    assert console.file.getvalue().endswith("\x1b[2K")


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook shows, oldest first, with a stand-in for IPython."""
    shown = []

    class Handle:
        def update(self, markup):
            shown.append(markup)

    def display(markup, display_id):
        assert display_id is True
        shown.append(markup)
        return Handle()

    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    module.HTML, module.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


@pytest.mark.parametrize(
    ("total", "first", "last"),
    [
        (3, ' value="0" max="3"></progress> 0 of 3, 0 s', ' value="2" max="3"></progress> 2 of 3, 0 s'),
        (None, "></progress> 0 s", "></progress> 0 s"),
    ],
)
def test_a_notebook_shows_a_bar_that_goes(displayed, monkeypatch, total, first, last):
    monkeypatch.setattr("gaussmix.core.notebook_progress.INTERVAL", 0.0)
    with suppress(ZeroDivisionError), progress_bar("a < b", total, console=Console(force_jupyter=True)) as update:
        update("second")
        update()
        1 / 0  # noqa: B018
    assert displayed[0] == f"<div>a &lt; b <progress{first}</div>"
    assert displayed[-2] == f"<div>second <progress{last}</div>"
    assert displayed[-1] == ""


@pytest.mark.parametrize("options", [{"shown": False}, {"after": 1e9}])
def test_a_notebook_shows_no_bar_of_a_short_body(displayed, options):
    with progress_bar("first", 2, console=Console(force_jupyter=True), **options) as update:
        update()
    assert displayed == []


@pytest.mark.parametrize("total", [4, None])
def test_a_listener_is_told_instead_of_a_bar(total, capsys):
    told = []
    with progress_told(lambda share, text: told.append((share, text))), progress_bar("models", total) as update:
        update("VVV 2 ")
        update(advance=3)
    shares = [None] * 3 if total is None else [0.0, 0.25, 1.0]
    assert told == list(zip(shares, ["models", "VVV 2", "VVV 2"], strict=True))
    with progress_bar("silent", total, shown=False) as update:
        update()
    assert len(told) == 3
    assert capsys.readouterr() == ("", "")
