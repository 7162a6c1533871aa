"""An open table: what its columns hold, and the rows of those that are chosen."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from gaussmix.core.text import join_words
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.tables import (
    DoubtfulHeaderError,
    column_names,
    import_pandas,
    read_any_columns,
    read_table,
    table_as_csv,
)

MOST_CHOSEN = 8
"""Greatest number of columns that are chosen when a table is opened."""

_MANY = 20  # rows; more hardly increase by chance


@dataclass(frozen=True)
class Column:
    """What the page shows of a column.

    Attributes
    ----------
    name : str
        Name, or position as text in a file without names.
    is_number : bool
        Whether all cells that are not empty are numbers.
    n_missing : int
        Number of empty cells.
    chosen : bool
        Whether the column is chosen when the table is opened.
    note : str
        Range of the numbers, or the first texts.
    """

    name: str
    is_number: bool
    n_missing: int
    chosen: bool
    note: str


@dataclass(frozen=True, eq=False)
class OpenTable:
    """A table in a file.

    Attributes
    ----------
    path : Path
        The file.
    header : bool or None
        Whether its first line has the names of the columns; None if that was found out.
    cells : dict
        Name -> (n,) cells of any type.
    is_doubtful : bool
        Whether the first line, which is read as names, may be a row.
    """

    path: Path
    header: bool | None
    cells: dict[str, Any]
    is_doubtful: bool = False

    @classmethod
    def open(cls, path: Path, header: bool | None = None) -> Self:
        """Read a table.

        Raises
        ------
        ValueError, OSError
            If the file is not a table or has no rows; the message says why.
        """
        is_doubtful = False
        try:
            names, _ = column_names(path, header=header)
        except DoubtfulHeaderError:
            is_doubtful = header = True
            names, _ = column_names(path, header=True)
        cells = read_any_columns(path, names, as_text=False, header=header)
        if not len(next(iter(cells.values()), ())):
            raise ValueError(f"{path.name} has no rows")
        return cls(path, header, cells, is_doubtful)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.cells.values())))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the file."""
        described, n_chosen = [], 0
        for name, cells in self.cells.items():
            column = _described(name, import_pandas().Series(cells), n_chosen < MOST_CHOSEN)
            n_chosen += column.chosen
            described.append(column)
        return tuple(described)

    def rows_of(self, names: Sequence[str]) -> FloatArray:
        """Read columns of numbers.

        Parameters
        ----------
        names : sequence of str
            Names of columns.

        Returns
        -------
        (n, d) array
            The rows; NaN is a missing value.

        Raises
        ------
        ValueError
            If no column is chosen, or one has text, infinity or no number.
        """
        if not names:
            raise ValueError("Choose at least one column of numbers")
        text = [column.name for column in self.columns if column.name in names and not column.is_number]
        if text:
            raise ValueError(f"These columns are not numbers: {join_words(map(repr, text), 5)}; choose others")
        table = read_table(self.path, list(names), header=self.header, allow_missing=True)
        rows = np.array(table.rows, dtype=np.float64)
        empty = [name for name, column in zip(names, rows.T, strict=True) if np.isnan(column).all()]
        if empty:
            raise ValueError(f"These columns have no number: {join_words(map(repr, empty), 5)}; choose others")
        rows.flags.writeable = False
        return rows

    def row(self, position: int) -> dict[str, str]:
        """Return the cells of a row as texts."""
        if not 0 <= position < self.n_rows:
            raise ValueError(f"There is no row {position}; rows count from 0 to {self.n_rows - 1}")
        return {name: _text(import_pandas().Series(cells).iloc[position]) for name, cells in self.cells.items()}

    def as_csv(self, results: dict[str, Any], positions: IntArray | None = None) -> str:
        """Return rows of the table as CSV, followed by results.

        Parameters
        ----------
        results : dict
            Name -> (n,) results of all rows. A name that the table has gets an underscore.
        positions : (m,) array of int, optional
            The rows to write, after a column with these positions; by default all rows.

        Returns
        -------
        str
            CSV text; the cells of a CSV file are written as they are.
        """
        kept = read_any_columns(self.path, list(self.cells), as_text=True, header=self.header)
        for name, values in results.items():
            kept[_free(name, kept)] = values
        if positions is None:
            return table_as_csv(kept)
        some = {name: import_pandas().Series(values).iloc[positions] for name, values in kept.items()}
        return table_as_csv({_free("row", kept): import_pandas().Series(positions, positions)} | some)


def _described(name: str, cells: Any, has_room: bool) -> Column:
    present = cells[~(cells.isna() | (cells == "")).to_numpy(dtype=np.bool_, na_value=True)]
    n_missing = len(cells) - len(present)
    if cells.dtype.kind not in "iuf" or not len(present):
        first = [_text(value) for value in present.unique()[:3]]
        return Column(name, False, n_missing, False, ", ".join(first) or "empty")
    varies = present.min() < present.max()
    steps = present.diff().iloc[1:]
    numbers_rows = cells.dtype.kind in "iu" and len(cells) >= _MANY and bool((steps > 0).all())
    note = f"{present.min():.5g} to {present.max():.5g}" if varies else f"always {present.min():.5g}"
    if numbers_rows:
        note += ", numbers the rows"
    return Column(name, True, n_missing, bool(name and varies and not numbers_rows and has_room), note)


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _text(value: Any) -> str:
    if import_pandas().isna(value):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
