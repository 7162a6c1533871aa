"""Features and weights of rows, read from the table of a command."""

import csv
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from gaussmix.core.byte_sizes import bytes_given, free_memory
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import counted
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.diagnostics.rows import row_warnings
from gaussmix.tables import LEAST_LIMIT, StoredRows, column_names, import_pandas, open_rows, read_table, size_in_memory

ColumnsOption = Annotated[str | None, typer.Option(metavar="A,B,C", help="Columns to use; all if not given.")]
WeightsOption = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the weights of the rows.")]


def read_rows(
    path: Path,
    columns: str | None,
    weights: str | None,
    header: bool | None = None,
    *,
    allow_missing: bool = True,
    limit: float = math.inf,
) -> WeightedRows:
    """Read features and weights; without names if neither the file nor the options name the columns.

    Empty cells of features are missing values, which may be refused. Tables that take more bytes of memory than the
    limit stay in a file, and must be complete.

    A column that numbers the rows, and few distinct rows, cause a warning.
    """
    features: list[str] | None = None
    if columns is not None:
        features = [name.strip() for name in next(csv.reader([columns]), [])]
        if len(set(features)) < len(features):
            raise ValueError(f"--columns names a column twice: {columns}")
        if weights in features:
            raise ValueError(f"The column {weights!r} cannot be both a feature (--columns) and the weights (--weights)")
    elif weights is not None:
        features = [name for name in column_names(path, header=header)[0] if name != weights]
    if features == []:
        raise ValueError(f"{path} has no columns besides the weights; there is nothing to fit")
    if size_in_memory(path) > limit:
        values, names, named = _complete_rows(path, features, header, limit)
        row_weights = None
        if weights is not None:
            row_weights = _checked_weights(path, weights, _open(path, [weights], header, limit).values[:, 0])
    elif weights is None:
        table, row_weights = read_table(path, features, header=header, allow_missing=allow_missing), None
        values, names, named = table.rows, table.names, table.named
    else:
        assert features is not None
        table = read_table(path, [*features, weights], header=header, allow_missing=allow_missing)
        row_weights = _checked_weights(path, weights, table.rows[:, -1])
        values, names, named = np.ascontiguousarray(table.rows[:, :-1]), tuple(features), table.named
    for sentence in row_warnings(WeightedRows(values, row_weights, names)):
        warnings.warn(sentence, UserWarning, stacklevel=2)
    return WeightedRows(values, row_weights, names if named or columns is not None else None)


def as_frame(rows: WeightedRows) -> Any:
    """Return the rows as a data frame if their columns have names, else as an array, without a copy."""
    if rows.names is None:
        return rows.values
    return import_pandas().DataFrame(rows.values, columns=list(rows.names), copy=False)


def read_features(
    mixture: Mixture,
    path: Path,
    *,
    leaving_out: str | None = None,
    header: bool | None = None,
    allow_missing: bool = True,
    limit: float = math.inf,
) -> Rows:
    """Read the features of a model: by name if both have names, else by position, without the column left out.

    Empty cells are missing values, which may be refused. Tables that take more bytes of memory than the limit stay in a
    file.
    """
    names, named = column_names(path, header=header)
    wanted = mixture.feature_names
    if wanted is not None and (named or set(wanted) <= set(names)):
        if size_in_memory(path) > limit:
            return _open(path, wanted, header, limit).values
        return read_table(path, wanted, fixed=True, header=header, allow_missing=allow_missing).rows
    left = [name for name in names if name != leaving_out]
    if len(left) != mixture.n_features:
        raise ValueError(
            f"{path} has {counted(len(left), 'column')}; the model has {counted(mixture.n_features, 'feature')}"
        )
    chosen = None if len(left) == len(names) else left
    if size_in_memory(path) > limit:
        return _open(path, chosen, header, limit).values
    return read_table(path, chosen, fixed=True, header=header, allow_missing=allow_missing).rows


def limit_given(memory_limit: str | None) -> float:
    """Return the bytes of ``--memory-limit``; by default half of the free memory."""
    if memory_limit is not None:
        return bytes_given(memory_limit, "--memory-limit", LEAST_LIMIT)
    free = free_memory()
    return math.inf if free is None else max(free / 2, LEAST_LIMIT)


def _open(path: Path, columns: Sequence[str] | None, header: bool | None, limit: float) -> StoredRows:
    return open_rows(path, columns, memory_limit=limit, header=header, show_progress=True)


def _complete_rows(
    path: Path, columns: Sequence[str] | None, header: bool | None, limit: float
) -> tuple[Rows, tuple[str, ...], bool]:
    """Return rows in a file, the names of their columns or else the positions, and whether the file has names."""
    stored = _open(path, columns, header, limit)
    if WeightedRows(stored.values).missing is not None:
        raise ValueError(
            f"{path} has empty cells, and a fit in pieces needs complete rows: fill them in first (gaussmix impute), "
            "or give a greater --memory-limit"
        )
    positions = columns or map(str, range(stored.shape[1]))
    return stored.values, tuple(stored.names or positions), stored.names is not None


def read_weights(path: Path, column: str, header: bool | None = None) -> FloatArray:
    """Read the weights of the rows."""
    return _checked_weights(path, column, read_table(path, [column], header=header).rows[:, 0])


def _checked_weights(path: Path, column: str, values: Rows) -> FloatArray:
    row_weights = np.asarray(values, dtype=np.float64)
    if np.isnan(row_weights).any():
        row = int(np.flatnonzero(np.isnan(row_weights))[0])
        raise ValueError(f"{path}: column {column!r} has no weight in row {row}; use 0 to leave a row out")
    if (row_weights < 0).any():
        row = int(np.flatnonzero(row_weights < 0)[0])
        raise ValueError(f"{path}: column {column!r} has the weight {row_weights[row]:g} in row {row}; use 0 or more")
    return row_weights
