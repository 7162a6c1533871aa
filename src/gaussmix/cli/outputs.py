"""Output files and folders, which are written completely or not at all."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from gaussmix.cli.tables import require_table_suffix


def check_output(path: Path | None, *inputs: Path, table: bool = False) -> None:
    """Raise ValueError if the file cannot be written or would replace an input; called before any work."""
    if path is None:
        return
    if table:
        require_table_suffix(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a file name")
    _check_folder(path.parent, path)
    _check_not_input(path, inputs)


def check_output_folder(folder: Path, names: Sequence[str], *inputs: Path) -> None:
    """Raise ValueError if the files cannot be written or would replace an input; called before any work."""
    if folder.exists():
        if not folder.is_dir():
            raise ValueError(f"{folder} is a file; give a folder name")
        _check_writable(folder)
    else:
        _check_folder(folder.parent, folder)
    for name in names:
        _check_not_input(folder / name, inputs)


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; the file is moved to the given path unless the body fails."""
    with _scratch(path.parent) as scratch:
        yield scratch / path.name
        os.replace(scratch / path.name, path)


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write to; its files are moved to the given folder unless the body fails."""
    with _scratch(folder if folder.is_dir() else folder.parent) as scratch:
        yield scratch
        folder.mkdir(exist_ok=True)
        for source in sorted(scratch.rglob("*")):
            target = folder / source.relative_to(scratch)
            if source.is_dir():
                target.mkdir(exist_ok=True)
            else:
                os.replace(source, target)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(dir=parent, prefix=".gaussmix-"))
    try:
        yield scratch
    finally:
        rmtree(scratch)


def _check_folder(parent: Path, path: Path) -> None:
    if not parent.is_dir():
        raise ValueError(f"{path} cannot be written: the folder {parent} does not exist")
    _check_writable(parent)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise ValueError(f"The folder {folder} is not writable")


def _check_not_input(path: Path, inputs: Sequence[Path]) -> None:
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise ValueError(f"{path} is an input; write the output to another file")
