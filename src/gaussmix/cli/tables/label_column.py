"""A column of labels: texts or whole numbers, with None where there is no label."""

from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.cli.tables.libraries import import_pandas
from gaussmix.cli.tables.table_files import column_names, read_frame
from gaussmix.core.text import join_words
from gaussmix.core.typing import Rows


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
        Whole numbers if all labels are, else texts; None for an empty cell, and for -1 among whole numbers.

    Raises
    ------
    ValueError, OSError
        If the file is not a table or has no such column, or a label is a number that is not whole.
    """
    source = Path(path)
    names, _ = column_names(source, header=header)
    if column not in names:
        raise ValueError(f"{source} has no column {column!r} for the labels; its columns are {join_words(names, 8)}")
    values = read_frame(source, column, header=header)
    missing = np.asarray(import_pandas().isna(values))
    seen = values[~missing]
    labels = np.full(len(values), None, dtype=object)
    if seen.dtype.kind in "iuf" and not (seen == np.floor(seen)).all():
        bad = seen[seen != np.floor(seen)][0]
        raise ValueError(f"{source}: column {column!r} has {bad:g}; labels must be whole numbers or text")
    is_number = seen.dtype.kind in "iuf"
    labels[~missing] = [int(label) if is_number else str(label) for label in seen]
    return labels
