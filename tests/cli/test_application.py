"""``gaussmix app``: what it says before a server runs; `tests/app` has the rest."""

import subprocess
import sys

import pytest
from helpers.command_line import fails, succeeds


@pytest.mark.parametrize("library", ["starlette", "uvicorn"])
def test_without_the_extra_it_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    line = fails("app")
    assert line == f'Error: The application in the browser needs {library}: pip install "gaussmix[app]"'


@pytest.mark.parametrize("name", ["absent.png", "absent.csv", "absent/absent.tif"])
def test_a_missing_file_is_named(name, tmp_path):
    assert fails("app", tmp_path / name) == f"Error: {tmp_path / name} does not exist."


def test_the_help_has_an_example():
    assert "gaussmix app photo.jpg" in succeeds("app", "--help").stdout


@pytest.mark.slow
def test_other_commands_do_not_import_the_server():
    code = "import sys, gaussmix.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in modules
    assert not {"starlette", "uvicorn", "anyio"} & set(modules)
