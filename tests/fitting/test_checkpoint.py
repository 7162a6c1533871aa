"""The file of a checkpoint: what was written is read, whatever happens to the end of the file."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gaussmix import CheckpointError
from gaussmix.fitting.checkpoint import Checkpoint

FACTS = {"gaussmix": "1.2", "n_components": 3, "the values of X": "sha256:ab"}
RECORDS = {
    "one": {"a": np.array([0.1, -0.0, np.nan, np.inf, 5e-324]), "b": np.array(2.5)},
    "two": {"a": np.arange(24.0).reshape(2, 3, 4)},
    "three": {},
    "four": {"empty": np.zeros((0, 3)), "c": np.array([[1.0]])},
}


def written(path, records=RECORDS, notes=None):
    with Checkpoint(path, FACTS, notes or {}) as checkpoint:
        for key, arrays in records.items():
            checkpoint.write(key, arrays)
    return path


def same(checkpoint, key):
    found = checkpoint.read(key)
    return found is not None and all(
        array.tobytes() == np.asarray(RECORDS[key][name]).tobytes() and array.shape == RECORDS[key][name].shape
        for name, array in found.items()
    )


def test_records_are_read_bit_for_bit(tmp_path):
    path = written(tmp_path / "fit.checkpoint")
    with Checkpoint(path, FACTS, {}) as checkpoint:
        assert all(same(checkpoint, key) for key in RECORDS)
        assert list(checkpoint.read("one")) == ["a", "b"]
        assert checkpoint.read("five") is None


def test_notes_are_those_of_the_first_call(tmp_path):
    path = written(tmp_path / "fit.checkpoint", notes={"seed": 7})
    with Checkpoint(path, FACTS, {"seed": 8}) as checkpoint:
        assert checkpoint.notes == {"seed": 7}


def test_any_beginning_of_the_file_can_be_continued(tmp_path):
    whole = written(tmp_path / "whole").read_bytes()
    ends = []
    for end in [*range(0, len(whole), 17), len(whole)]:
        path = tmp_path / "part"
        path.write_bytes(whole[:end])
        with Checkpoint(path, FACTS, {}) as checkpoint:
            found = [key for key in RECORDS if checkpoint.read(key) is not None]
            assert all(same(checkpoint, key) for key in found)
            assert found == list(RECORDS)[: len(found)]
            checkpoint.write("next", {"a": np.array([1.0])})
        with Checkpoint(path, FACTS, {}) as checkpoint:
            assert_array_equal(checkpoint.read("next")["a"], [1.0])
        ends.append(len(found))
    assert ends == sorted(ends)
    assert ends[-1] == 4


def test_a_damaged_record_and_those_behind_it_are_dropped(tmp_path):
    path = written(tmp_path / "fit.checkpoint")
    content = bytearray(path.read_bytes())
    begin = content.index(b"\n") + 1
    for at in range(begin, len(content), 23):
        damaged = content.copy()
        damaged[at] ^= 4
        path.write_bytes(damaged)
        with Checkpoint(path, FACTS, {}) as checkpoint:
            found = [key for key in RECORDS if checkpoint.read(key) is not None]
            assert len(found) < 4
            assert all(same(checkpoint, key) for key in found)


def test_records_are_replaced_by_their_outcome(tmp_path):
    path = written(tmp_path / "fit.checkpoint", {"one": RECORDS["one"]})
    size = path.stat().st_size
    with Checkpoint(path, FACTS, {}) as checkpoint:
        begin = checkpoint.end
        assert begin == size
        for key in ("two", "three"):
            checkpoint.write(key, RECORDS[key])
        checkpoint.replace(begin, "four", RECORDS["four"])
        assert checkpoint.read("two") is None
        assert same(checkpoint, "four")
    with Checkpoint(path, FACTS, {}) as checkpoint:
        assert [checkpoint.read(key) is None for key in RECORDS] == [False, True, True, False]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"n_components": 4}, "n_components is 3 there and 4 here"),
        ({"gaussmix": "1.3"}, "gaussmix is '1.2' there and '1.3' here"),
        ({"the values of X": "sha256:cd"}, "the values of X differs"),
        ({"noise": "uniform"}, "noise is None there and 'uniform' here"),
    ],
)
def test_the_checkpoint_of_another_fit_is_refused_and_kept(tmp_path, changed, told):
    path = written(tmp_path / "fit.checkpoint")
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"checkpoint of another fit: {told}. Call fit as it was called then"):
        Checkpoint(path, FACTS | changed, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"x,y\n1,2\n", b"{}", b'{"format": "gaussmix mixture", "version": 1}\n', bytes(2000), b"\n"]
)
def test_other_files_are_refused_and_kept(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a checkpoint of gaussmix: give the path of a new file"):
        Checkpoint(path, FACTS, {})
    assert path.read_bytes() == content


def test_a_newer_format_is_refused(tmp_path):
    path = written(tmp_path / "fit.checkpoint")
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 9', 1))
    with pytest.raises(CheckpointError, match="version 9 of the format, this gaussmix reads version 1"):
        Checkpoint(path, FACTS, {})


def test_a_damaged_first_line_is_refused(tmp_path):
    path = written(tmp_path / "fit.checkpoint")
    path.write_bytes(path.read_bytes().replace(b'"facts"', b'"facts', 1))
    with pytest.raises(CheckpointError, match=r"first line of .* is damaged: delete the file"):
        Checkpoint(path, FACTS, {})


def test_a_file_in_use_is_refused(tmp_path):
    path = tmp_path / "fit.checkpoint"
    with Checkpoint(path, FACTS, {}):
        with pytest.raises(CheckpointError, match="is in use by another fit"):
            Checkpoint(path, FACTS, {})
        code = (
            "import sys, gaussmix.fitting.checkpoint as c\n"
            "try: c.Checkpoint(sys.argv[1], {}, {})\n"
            "except c.CheckpointError as e: print(e)"
        )
        other = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert "is in use by another fit" in other.stdout
    Checkpoint(path, FACTS, {}).__exit__(None, None, None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="is a pipe or a device"):
        Checkpoint(tmp_path / "pipe", FACTS, {})


def test_a_folder_that_does_not_exist_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        Checkpoint(tmp_path / "none" / "fit.checkpoint", FACTS, {})


@pytest.mark.skipif(sys.platform != "linux", reason="a device that is always full")
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_it_whole(tmp_path, monkeypatch):
    path = written(tmp_path / "fit.checkpoint")
    size, write = path.stat().st_size, os.write

    def half(file, content):
        if len(content) < 1000:
            raise OSError(28, "No space left on device")
        return write(file, content[: len(content) // 2])

    with Checkpoint(path, FACTS, {}) as checkpoint:
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(OSError, match=r"No space left on device: .*fit\.checkpoint"):
            checkpoint.write("big", {"a": np.zeros(1000)})
        monkeypatch.undo()
    assert path.stat().st_size == size


def test_the_format_is_plain(tmp_path):
    """A reader in a few lines, as docs/long-fits.md describes the file."""
    content = written(tmp_path / "fit.checkpoint").read_bytes()
    header, _, rest = content.partition(b"\n")
    assert json.loads(header)["facts"] == FACTS
    found = {}
    while rest:
        line, _, rest = rest.partition(b"\n")
        record = json.loads(line[9:])
        found[record["key"]] = {}
        for name, shape in record["arrays"]:
            count = int(np.prod(shape))
            found[record["key"]][name] = np.frombuffer(rest, "<f8", count).reshape(shape)
            rest = rest[8 * count :]
    assert list(found) == list(RECORDS)
    assert_array_equal(found["two"]["a"], RECORDS["two"]["a"])
