"""What a terminal sees: names with control characters are printed with escapes, and files keep them."""

import io
import sys

import numpy as np
import pytest
from helpers.command_line import fails, succeeds

from gaussmix import Mixture
from gaussmix.cli.console import notes, print_text, results

NAMES = {"red\x1b[31m": "red\\x1b[31m", "title\x9d0;x\x9c": "title\\x9d0;x\\x9c", "back\u202eward": "back\\u202eward"}


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("name", [*NAMES, "byte\udcff"])
def test_a_console_prints_escapes_for_what_a_terminal_would_obey(name, monkeypatch):
    shown = NAMES.get(name, "byte\\udcff")
    for stream, console in (("stdout", results), ("stderr", notes)):
        monkeypatch.setattr(sys, stream, io.StringIO())
        console().print(name, markup=False)
        assert getattr(sys, stream).getvalue() == f"{shown}\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_escapes_in_a_terminal_only(name, monkeypatch):
    for stream, shown in ((io.StringIO(), name), (Terminal(), NAMES[name])):
        monkeypatch.setattr(sys, "stdout", stream)
        print_text(f"{name},y\n1,2\n")
        assert stream.getvalue() == f"{shown},y\n1,2\n"


def test_styles_of_the_console_are_kept(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    results().print("green", style="green")
    assert sys.stdout.getvalue() == "\x1b[32mgreen\x1b[0m\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_names_of_columns_are_printed_with_escapes_and_kept_in_the_model(name, tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 2))
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",", header=f"{name},y", comments="", encoding="utf-8")
    result = succeeds("fit", tmp_path / "t.csv", "-k", 1, "-o", tmp_path / "m.json")
    assert NAMES[name] in result.stdout
    assert name not in result.stdout + result.stderr
    assert Mixture.load(tmp_path / "m.json").feature_names == (name, "y")


@pytest.mark.parametrize("name", NAMES)
def test_names_in_errors_are_printed_with_escapes(name, tmp_path):
    line = fails("fit", tmp_path / f"{name}.csv", "-k", 1)
    assert f"{NAMES[name]}.csv" in line
