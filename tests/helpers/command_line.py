"""Calls of the command line."""

from typer.testing import CliRunner

from gaussmix.cli import app


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def succeeds(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result


def fails(*args):
    """Return the only line on stderr of a command that fails."""
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    line, end = result.stderr[:-1], result.stderr[-1]
    assert end == "\n"
    assert "\n" not in line
    assert line.startswith("Error: ")
    return line
