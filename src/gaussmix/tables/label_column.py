"""A column of labels: texts or whole numbers, with None where there is no label."""

from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.core.text import join_words
from gaussmix.core.typing import Rows
from gaussmix.tables.any_columns import read_any_columns
from gaussmix.tables.libraries import import_pandas
from gaussmix.tables.table_files import column_names


def read_labels(path: str | PathLike[str], column: str, *, header: bool | None = None) -> Rows:
    """Read the label of each row.

    Parameters
    ----------
    path : path to a table
        In one of the formats of `READ_SUFFIXES`.
    column : str
        Name of the column, or its position as text if the file has no names.
    header : bool, optional
        Whether the first line of a CSV file has the names; found out by default.

    Returns
    -------
    (n,) array of objects
        Whole numbers if all labels are, else texts; None for an empty cell.

    Raises
    ------
    ValueError, OSError
        If the file is not a table or has no such column, a label is a number that is not whole, or there are fewer
        than two different ones.
    """
    source = Path(path)
    names, _ = column_names(source, header=header)
    if column not in names:
        raise ValueError(
            f"{source} has no column {column!r} for the labels; its columns are {join_words(map(repr, names), 8)}"
        )
    cells = import_pandas().Series(read_any_columns(source, [column], as_text=False, header=header)[column])
    missing = (cells.isna() | (cells == "")).to_numpy(dtype=np.bool_, na_value=True)
    seen = cells[~missing]
    labels = np.full(len(cells), None, dtype=object)
    if seen.dtype.kind in "iuf":
        numbers = seen.to_numpy(dtype=np.float64)
        if not (numbers == np.floor(numbers)).all():
            bad = numbers[numbers != np.floor(numbers)][0]
            raise ValueError(f"{source}: column {column!r} has {bad:g}; labels must be whole numbers or text")
        labels[~missing] = [int(label) for label in seen]
    else:
        labels[~missing] = [str(label) for label in seen]
    found = {label for label in labels.tolist() if label is not None}
    if len(found) < 2:
        shown = f"one label, {found.pop()!r}" if found else "no label"
        raise ValueError(f"{source}: column {column!r} has {shown}; at least two classes are needed")
    return labels
