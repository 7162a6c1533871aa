"""Columns of any type, which are written beside results as they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.tables.csv_files import CsvFile
from gaussmix.tables.libraries import import_pandas, import_pyarrow
from gaussmix.tables.table_files import kind_of, npy_array, parquet_table, require_columns

_NUMBER = r"[+-]?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?inf"
"""Numbers that are not identifiers: "007" stays text."""

_MISSING = ("", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan")
"""Missing values among numbers, as `CsvFile.frame` reads them."""


def read_any_columns(
    path: Path, columns: Sequence[str] | None, *, as_text: bool, header: bool | None = None
) -> dict[str, Any]:
    """Read columns of any type.

    Parameters
    ----------
    path : Path
        A table in one of the formats of `READ_SUFFIXES`.
    columns : sequence of str, or None
        Names of columns, or positions as text if the file has no names; None for all columns.
    as_text : bool
        Whether the cells of a CSV file are kept as they are. Otherwise columns of numbers become numbers.
    header : bool, optional
        Whether the first line of a CSV file has the names; found out by default.

    Returns
    -------
    dict
        Name -> (n,) array or pandas column.

    Raises
    ------
    ValueError, OSError
        If the file is not a table or has no such column.
    """
    match kind_of(path):
        case "csv":
            file = CsvFile.open(path, header)
            chosen = require_columns(path, columns, file.names)
            cells = file.cells()
            return {name: _typed(cells[file.names.index(name)], as_text) for name in chosen}
        case "parquet":
            names = tuple(import_pyarrow().parquet.read_schema(path).names)
            chosen = require_columns(path, columns, names)
            frame = parquet_table(path, chosen).to_pandas(types_mapper=_exact_type, ignore_metadata=True)
            return {name: frame[name] for name in chosen}
        case _:
            array = npy_array(path)
            chosen = require_columns(path, columns, tuple(map(str, range(array.shape[1]))))
            return {name: array[:, int(name)] for name in chosen}


def require_numbers(name: str, column: Any) -> np.ndarray[Any, Any]:
    """Return a column as numbers; ValueError if it has others."""
    if column.dtype.kind not in "biuf":
        raise ValueError(f"column {name!r} is not numbers, and .npy files hold nothing else: write .csv or .parquet")
    return np.asarray(column) if isinstance(column, np.ndarray) else column.to_numpy(np.float64, na_value=np.nan)


def _exact_type(kind: Any) -> Any:
    """Return the type of pandas that holds a type of pyarrow exactly: integers stay integers beside empty cells."""
    return import_pandas().ArrowDtype(kind) if import_pyarrow().types.is_primitive(kind) else None


def _typed(cells: Any, as_text: bool) -> Any:
    """Return text as numbers, if all cells that are not missing are numbers."""
    missing = cells.isin(_MISSING)
    if as_text or missing.all() or not cells[~missing].str.fullmatch(_NUMBER).all():
        return cells
    return import_pandas().to_numeric(cells.where(~missing), dtype_backend="numpy_nullable")
