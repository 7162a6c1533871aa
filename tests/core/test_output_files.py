"""Output files are complete or not there, keep links and permissions, and are named in errors."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gaussmix import GaussianMixtureIC, Mixture, trace_em
from gaussmix.core.output_files import (
    complete_file,
    complete_folder,
    complete_store,
    is_stream,
    require_possible_output,
    require_writable,
)
from gaussmix.html_report import write_report
from gaussmix.imaging import Picture, write_picture
from gaussmix.imaging.files.writing import write_labels, write_maps
from gaussmix.plots import EMAnimation, scatter_figure, write_figure
from gaussmix.tables import write_table

needs_posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions of POSIX")

MIXTURE = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], [1.0, 1.0], covariance_type="spherical")
ROWS = MIXTURE.sample(60, 0)[0]
PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
VOLUME = Picture(PIXELS[..., None, None], suffix=".nii.gz")
SEARCH = GaussianMixtureIC([1], covariance_types=["EII"]).fit(ROWS)
WRITERS = {
    "model.json": MIXTURE.save,
    "report.html": lambda path: write_report(path, MIXTURE, ROWS, n_components=()),
    "picture.png": lambda path: write_picture(path, PIXELS),
    "labels.png": lambda path: write_labels(path, Picture(PIXELS[..., None]), PIXELS),
    "labels.tif": lambda path: write_labels(path, Picture(PIXELS[..., None], suffix=".tif"), PIXELS),
    "labels.nii.gz": lambda path: write_labels(
        path, Picture(PIXELS[..., None, None], suffix=".nii.gz"), PIXELS[..., None]
    ),
    "maps.npy": lambda path: write_maps(path, Picture(PIXELS[..., None], suffix=".npy"), PIXELS / 12),
    "figure.png": lambda path: write_figure(path, scatter_figure(MIXTURE, ROWS)),
    "figure.pdf": lambda path: write_figure(path, scatter_figure(MIXTURE, ROWS)),
    "em.gif": lambda path: EMAnimation(trace_em(ROWS, MIXTURE, 1), ROWS).save(path),
    "em.html": lambda path: EMAnimation(trace_em(ROWS, MIXTURE, 1), ROWS).save(path),
    "models.csv": SEARCH.results_.to_csv,
    "models.json": SEARCH.results_.to_json,
    "table.csv": lambda path: write_table(path, {"a": ROWS[:, 0]}),
    "table.parquet": lambda path: write_table(path, {"a": ROWS[:, 0]}),
    "table.npy": lambda path: write_table(path, {"a": ROWS[:, 0]}),
}
every_writer = pytest.mark.parametrize("name", WRITERS)


@pytest.fixture
def no_space(monkeypatch):
    """The disk is full when a finished file is to be moved to its place."""

    def replace(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    monkeypatch.setattr("gaussmix.core.output_files.os.replace", replace)


@every_writer
def test_a_file_that_cannot_be_completed_keeps_its_content_and_is_named(name, tmp_path, no_space):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left on device") as caught:
        WRITERS[name](path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]


@needs_posix
@every_writer
def test_links_are_followed_and_permissions_kept(name, tmp_path):
    (tmp_path / "data").mkdir()
    real, link = tmp_path / "data" / "real", tmp_path / name
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to("data/real")
    WRITERS[name](link)
    assert link.is_symlink()
    assert real.stat().st_size > 20
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == sorted([name, "data"])
    assert os.listdir(tmp_path / "data") == ["real"]


@needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_new_files_have_the_permissions_of_new_files_and_old_ones_their_own(mode, tmp_path):
    (tmp_path / "plain").touch()
    MIXTURE.save(tmp_path / "new.json")
    assert (tmp_path / "new.json").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "new.json").chmod(mode)
    MIXTURE.save(tmp_path / "new.json")
    assert stat.S_IMODE((tmp_path / "new.json").stat().st_mode) == mode


@needs_posix
def test_the_mask_of_permissions_is_not_touched(tmp_path, monkeypatch):
    def umask(mask):
        raise AssertionError("the mask is that of the whole process")

    monkeypatch.setattr(os, "umask", umask)
    MIXTURE.save(tmp_path / "model.json")
    assert Mixture.load(tmp_path / "model.json").n_components == 2


@needs_posix
def test_a_link_to_a_file_that_does_not_exist_is_followed(tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "model.json")
    MIXTURE.save(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert not (tmp_path / "model.json").is_symlink()
    assert Mixture.load(tmp_path / "model.json").n_features == 2


@needs_posix
@pytest.mark.parametrize("linked", [False, True])
def test_pipes_are_written_to(linked, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "pipe"
    if linked:
        path = tmp_path / "link"
        path.symlink_to(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    MIXTURE.save(path)
    reader.join(timeout=60)
    MIXTURE.save(tmp_path / "model.json")
    assert read == [(tmp_path / "model.json").read_bytes()]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert is_stream(path)


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="no /dev/null")
def test_devices_are_written_to(tmp_path):
    (tmp_path / "link.json").symlink_to("/dev/null")
    MIXTURE.save(tmp_path / "link.json")
    MIXTURE.save("/dev/null")
    assert Path("/dev/null").is_char_device()
    script = "from gaussmix import load; load(r'{}').save('/dev/stdout')"
    MIXTURE.save(tmp_path / "model.json")
    command = [sys.executable, "-c", script.format(tmp_path / "model.json")]
    assert subprocess.check_output(command, timeout=300) == (tmp_path / "model.json").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
def test_a_full_device_is_named():
    with pytest.raises(OSError, match="No space left on device") as caught:
        MIXTURE.save("/dev/full")
    assert caught.value.filename == "/dev/full"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        MIXTURE.save(tmp_path)
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        MIXTURE.save(tmp_path / "nothing" / "model.json")
    assert missing.value.filename == str(tmp_path / "nothing" / "model.json")


@pytest.mark.parametrize("length", [230, 245, 255])
def test_names_may_be_as_long_as_the_file_system_takes_them(length, tmp_path):
    path = tmp_path / f"{'a' * (length - 5)}.json"
    MIXTURE.save(path)
    MIXTURE.save(path)
    assert Mixture.load(path).n_components == 2


@pytest.mark.parametrize("length", [256, 300, 5000])
def test_longer_names_are_refused_first(length, tmp_path):
    path = tmp_path / f"{'a' * (length - 5)}.html"
    with pytest.raises(ValueError, match=r"\.html cannot be written: its name is too long here"):
        require_possible_output(path)
    with pytest.raises(ValueError, match="its name is too long here"):
        write_report(path, None, None)


@needs_posix
def test_links_in_a_circle_and_sockets_are_refused(tmp_path):
    import socket

    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ValueError, match="its links go in a circle"):
        require_possible_output(tmp_path / "a")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s"))
        with pytest.raises(ValueError, match="is a socket; give the name of a file"):
            require_possible_output(tmp_path / "s")
    require_possible_output(tmp_path / "new")


def _begin(writing, name, wrong):
    with writing as partial:
        (partial / name if name else partial).write_text("half")
        raise wrong


@pytest.mark.parametrize("wrong", [KeyboardInterrupt(), SystemExit(143), ValueError("no"), OSError("no")])
def test_an_interrupted_body_leaves_nothing(wrong, tmp_path):
    for writing, name in ((complete_file(tmp_path / "a.txt"), ""), (complete_folder(tmp_path / "new"), "half")):
        with pytest.raises(type(wrong)):
            _begin(writing, name, wrong)
    assert os.listdir(tmp_path) == []


@needs_posix
def test_files_of_a_folder_keep_links_and_permissions_too(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "real").write_text("old")
    (folder / "link").symlink_to(tmp_path / "real")
    (folder / "kept").write_text("old")
    (folder / "kept").chmod(0o600)
    with complete_folder(folder) as partial:
        for name in ("link", "kept", "new"):
            (partial / name).write_text(name)
    assert (folder / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "link"
    assert stat.S_IMODE((folder / "kept").stat().st_mode) == 0o600
    assert sorted(os.listdir(folder)) == ["kept", "link", "new"]


def test_errors_within_a_folder_name_the_file_in_it(tmp_path, no_space):
    with pytest.raises(OSError, match="No space left") as caught, complete_folder(tmp_path / "out") as partial:
        MIXTURE.save(partial / "model.json")
    assert caught.value.filename == str(tmp_path / "out" / "model.json")
    assert os.listdir(tmp_path) == []


# folders that are one output


def store(folder, name, **files):
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(text)
    return folder / name


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_store_replaces_an_older_one_as_a_whole(tmp_path):
    old = store(tmp_path, "labels.zarr", a="1", b="2")
    with complete_store(old) as partial:
        store(partial.parent, partial.name, a="3")
        assert content(old) == {"a": "1", "b": "2"}
    assert content(old) == {"a": "3"}
    with complete_folder(tmp_path) as partial:
        store(partial, "labels.zarr", c="4")
    assert content(old) == {"c": "4"}
    assert os.listdir(tmp_path) == ["labels.zarr"]


def test_other_folders_keep_what_is_not_replaced(tmp_path):
    old = store(tmp_path, "figures", a="1", b="2")
    with complete_folder(tmp_path) as partial:
        store(partial, "figures", a="3")
    assert content(old) == {"a": "3", "b": "2"}


@pytest.mark.parametrize("failing", [1, 2])
def test_a_store_that_cannot_be_moved_leaves_the_older_one(failing, tmp_path, monkeypatch):
    old = store(tmp_path, "labels.zarr", a="1")
    moves = []

    def replace(source, target, move=os.replace):
        moves.append(source)
        if len(moves) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        move(source, target)

    monkeypatch.setattr("gaussmix.core.output_files.os.replace", replace)
    with pytest.raises(OSError, match="No space left on device"), complete_store(old) as partial:
        store(partial.parent, partial.name, a="3")
    assert content(old) == {"a": "1"}
    assert os.listdir(tmp_path) == ["labels.zarr"]


def test_a_store_whose_writer_fails_leaves_the_older_one(tmp_path):
    old = store(tmp_path, "labels.zarr", a="1")

    def fail(path):
        with complete_store(path) as partial:
            store(partial.parent, partial.name, a="3")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail(old)
    assert content(old) == {"a": "1"}
    assert os.listdir(tmp_path) == ["labels.zarr"]


@needs_posix
def test_files_that_can_be_written_are_told_from_others(tmp_path):
    (tmp_path / "old.json").touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "old.json")
    (tmp_path / "far.json").symlink_to(tmp_path / "none" / "m.json")
    for name in ("new.json", "old.json", "link.json", "/dev/null"):
        require_writable(tmp_path / name)
    for name, reason in {
        ".": "is a folder; give a file name",
        "none/m.json": "does not exist; make it first",
        "far.json": "none does not exist; make it first",
        "old.json/m.json": "Not a directory",
    }.items():
        with pytest.raises(ValueError, match=rf"^the model .*{reason}$"):
            require_writable(tmp_path / name, "the model")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions of POSIX, which root does not have")
def test_folders_that_are_not_writable_have_files_that_are(tmp_path):
    (tmp_path / "old.json").touch()
    tmp_path.chmod(0o555)
    try:
        require_writable(tmp_path / "old.json")
        with pytest.raises(ValueError, match="is not writable"):
            require_writable(tmp_path / "new.json")
    finally:
        tmp_path.chmod(0o755)
