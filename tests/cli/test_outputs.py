"""Outputs of the commands: refused before any work, or written whole; what was computed is shown in any case."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import fails, run, succeeds

from gaussmix import Mixture
from gaussmix.imaging import write_picture
from gaussmix.tables import write_table

needs_posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and signals of POSIX")
LONG = "a" * 300


@pytest.fixture
def inputs(tmp_path):
    """A table, a model and a picture."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 2)) + np.repeat([0.0, 8.0], 40)[:, None]
    write_table(tmp_path / "t.csv", {"a": rows[:, 0], "b": rows[:, 1]})
    Mixture.from_parameters([1.0], [[0.0, 0.0]], [1.0], covariance_type="spherical").save(tmp_path / "m.json")
    colors = np.where(np.arange(24) < 12, 40, 200) + rng.normal(0, 5, (16, 24))
    write_picture(tmp_path / "p.png", colors.astype(np.uint8))
    return tmp_path


COMMANDS = {
    "fit": lambda at, out: ("fit", at / "t.csv", "-k", 2, "-o", out),
    "select": lambda at, out: ("select", at / "t.csv", "-k", "1:2", "--covariance-type", "EII", "--model", out),
    "predict": lambda at, out: ("predict", at / "m.json", at / "t.csv", "-o", f"{out}.csv"),
    "score": lambda at, out: ("score", at / "m.json", at / "t.csv", "-o", f"{out}.csv"),
    "sample": lambda at, out: ("sample", at / "m.json", "-o", f"{out}.csv"),
    "plot": lambda at, out: ("plot", at / "m.json", "-o", f"{out}.png"),
    "report": lambda at, out: ("report", at / "m.json", at / "t.csv", "--no-compare", "-o", f"{out}.html"),
    "segment": lambda at, out: ("segment", at / "p.png", "-k", 2, "--smoothing", 0, "--no-maps", "-o", out),
    "compare": lambda at, out: ("compare", at / "p.png", "-k", 2, "--seeds", 2, "-o", out),
}
SHOWN = {"fit": "log-likelihood", "select": "EII", "score": "BIC", "segment": "pixels", "compare": "k-means"}


@pytest.mark.parametrize("name", COMMANDS)
def test_names_that_are_too_long_are_refused_before_any_work(name, inputs):
    said = fails(*COMMANDS[name](inputs, inputs / LONG))
    assert said.endswith("cannot be written: its name is too long here.")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.slow
def test_on_a_full_disk_the_result_is_shown_and_the_error_names_the_file(name, inputs, monkeypatch):
    def replace(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    before = sorted(os.listdir(inputs))
    monkeypatch.setattr("gaussmix.core.output_files.os.replace", replace)
    result = run(*COMMANDS[name](inputs, inputs / "out"))
    assert result.exit_code == 2
    assert SHOWN.get(name, "") in result.stdout
    assert f"Error: {inputs / 'out'}" in result.stderr
    assert result.stderr.endswith(": no space left on device.\n")
    assert ".gaussmix-" not in result.stderr
    monkeypatch.undo()
    assert sorted(set(os.listdir(inputs)) - {"out"}) == before


@needs_posix
def test_models_are_written_through_links_and_to_devices(inputs):
    (inputs / "link.json").symlink_to(inputs / "real.json")
    succeeds("fit", inputs / "t.csv", "-k", 2, "-o", inputs / "link.json")
    assert (inputs / "link.json").is_symlink()
    assert Mixture.load(inputs / "real.json").n_components == 2
    (inputs / "real.json").chmod(0o600)
    succeeds("fit", inputs / "t.csv", "-k", 2, "-o", inputs / "link.json")
    assert (inputs / "real.json").stat().st_mode & 0o777 == 0o600
    succeeds("fit", inputs / "t.csv", "-k", 2, "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()


@needs_posix
def test_a_link_to_an_input_is_that_input(inputs):
    (inputs / "link.json").symlink_to(inputs / "t.csv")
    assert "is an input" in fails("fit", inputs / "t.csv", "-k", 2, "-o", inputs / "link.json")
    (inputs / "far.json").symlink_to(inputs / "nowhere" / "m.json")
    assert "nowhere does not exist" in fails("fit", inputs / "t.csv", "-k", 2, "-o", inputs / "far.json")


WRITES_AND_WAITS = """
import sys, time
from pathlib import Path
from gaussmix.cli.console import command
from gaussmix.core.output_files import complete_file, complete_folder

@command
def wait():
    with complete_folder(Path("out")) as folder, complete_file("model.json") as file:
        (folder / "labels.png").write_text("half")
        file.write_text("half")
        print("ready", flush=True)
        time.sleep(600)

wait()
"""


@needs_posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_command_leaves_no_temporary_files(name, tmp_path):
    number = getattr(signal, name)
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{name} is ignored, as nohup does")
    command = [sys.executable, "-c", WRITES_AND_WAITS]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert os.listdir(tmp_path) != []
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (128 + number, "")
    assert os.listdir(tmp_path) == []


@needs_posix
def test_handlers_of_signals_are_as_before_once_a_command_ended(inputs):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    succeeds("sample", inputs / "m.json")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
