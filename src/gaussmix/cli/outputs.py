"""Checks of output files and folders, before any work is done."""

import os
from collections.abc import Sequence
from pathlib import Path

from gaussmix.core.output_files import require_possible_output, require_writable
from gaussmix.tables import require_table_suffix


def check_output(path: Path | None, *inputs: Path, table: bool = False) -> None:
    """Raise ValueError if the file cannot be written or would replace an input; called before any work."""
    if path is None:
        return
    if table:
        require_table_suffix(path)
    require_writable(path)
    _check_not_input(path, inputs)


def check_output_folder(folder: Path, names: Sequence[str], *inputs: Path) -> None:
    """Raise ValueError if the files cannot be written or would replace an input; called before any work."""
    require_possible_output(folder)
    if folder.exists():
        if not folder.is_dir():
            raise ValueError(f"{folder} is a file; give a folder name")
        _check_writable(folder)
    else:
        _check_folder(folder.parent, folder)
    for name in names:
        require_possible_output(folder / name)
        _check_not_input(folder / name, inputs)


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
