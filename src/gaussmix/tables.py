"""Tables on disk: CSV, Parquet and .npy to rows of numbers and back. The one room that knows pandas and pyarrow.

Rows are counted from 1 in what users are told, below the header where there is one.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.errors import MissingDependencyError
from gaussmix.rows import KEPT_TYPES
from gaussmix.typing import Rows

SUFFIXES = (".csv", ".parquet", ".npy")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of finite numbers.

    Attributes
    ----------
    rows : (n, d) array
        At least one row and one column.
    names : tuple of d str
        The columns; their positions "0", "1", ... when the file does not name them.
    named : bool
        Whether the file names them: .npy files do not, nor do CSV files without a header.
    """

    rows: Rows
    names: tuple[str, ...]
    named: bool


def column_names(path: str | PathLike[str]) -> tuple[tuple[str, ...], bool]:
    """The columns of a table, and whether the file names them (`Table`).

    Raises
    ------
    ValueError, OSError
        Says why the file is not a table.
    """
    source = Path(path)
    suffix = require_table_suffix(source)
    source.open("rb").close()  # a missing file is told alike whichever library would read it
    match suffix:
        case ".csv":
            return _csv_names(source)
        case ".parquet":
            return _parquet_names(source), True
        case _:
            return tuple(map(str, range(_npy_array(source).shape[1]))), False


def read_table(path: str | PathLike[str], columns: Sequence[str] | None = None) -> Table:
    """Read a table, or some of its columns in the order given.

    Parameters
    ----------
    path : path to a .csv, .parquet or .npy file
    columns : sequence of str, optional
        Names, or positions as text where the file has no names. Columns that are left out may hold anything.

    Raises
    ------
    ValueError, OSError
        Names the file, and the first column and row that do not hold a finite number.
    """
    source = Path(path)
    names, named = column_names(source)
    chosen = names if columns is None else tuple(columns)
    missing = [name for name in chosen if name not in names]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise ValueError(f"{source} has no column{plural} {_listed(missing)}; its columns are {_listed(names)}")
    if "" in chosen:
        raise ValueError(f"{source} has a column without a name; name it, or choose columns with --columns")
    if not chosen:
        raise ValueError(f"{source} has no columns")
    positions = [names.index(name) for name in chosen]
    match source.suffix.lower():
        case ".csv":
            frame = _csv_frame(source, names, named)
            kinds = zip(names, frame.dtypes, strict=True)
            usable = [name for name, dtype in kinds if name and dtype.kind in "iuf"]
            arrays = [
                _numbers(source, chosen[at], frame.iloc[:, position], usable) for at, position in enumerate(positions)
            ]
        case ".parquet":
            frame = _parquet_frame(source, chosen)
            arrays = [_numbers(source, name, frame[name]) for name in chosen]
        case _:
            array = _npy_array(source)
            whole = positions == list(range(array.shape[1]))
            return _checked(source, Table(array if whole else array[:, positions], chosen, named))
    kind = np.result_type(*arrays)
    rows: Rows = np.empty((len(arrays[0]), len(arrays)), kind if kind.type in KEPT_TYPES else np.float64)
    for position, values in enumerate(arrays):
        rows[:, position] = values
    return _checked(source, Table(rows, chosen, named))


def write_table(path: str | PathLike[str], columns: Mapping[str, Rows]) -> None:
    """Write columns of equal length to a .csv, .parquet or .npy file; .npy has no place for their names."""
    target = Path(path)
    match require_table_suffix(target):
        case ".csv":
            target.write_text(table_as_csv(columns), encoding="utf-8", newline="")
        case ".parquet":
            _import_pyarrow()
            _import_pandas().DataFrame(dict(columns)).to_parquet(target, engine="pyarrow", index=False)
        case _:
            with target.open("wb") as file:
                np.save(file, np.column_stack(list(columns.values())))


def table_as_csv(columns: Mapping[str, Rows]) -> str:
    """Columns of equal length as CSV text; each number has the digits that give the same number back."""
    text: str = _import_pandas().DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n")
    return text


def require_table_suffix(path: Path) -> str:
    """The suffix in lower case; ValueError unless it is that of a table."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path} does not end in .csv, .parquet or .npy, the tables that gaussmix knows")
    return suffix


def _csv_names(path: Path) -> tuple[tuple[str, ...], bool]:
    first = _read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, na_filter=False)
    cells = [str(cell).strip() for cell in first.iloc[0]]
    if len(cells) == 1:
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if separator in cells[0]:
                raise ValueError(f"{path} is separated by {name}; separate it by commas")
    if all(_is_number(cell) for cell in cells):
        return tuple(map(str, range(len(cells)))), False
    for position, cell in enumerate(cells):
        if cells.index(cell) < position:
            raise ValueError(f"{path} has two columns named {cell!r}; rename one of them")
    return tuple(cells), True


def _csv_frame(path: Path, names: Sequence[str], named: bool) -> Any:
    version = tuple(map(int, _import_pandas().__version__.split(".")[:2]))
    precision = {"float_precision": "round_trip"} if version < (3, 1) else {}  # always so from 3.1 on
    return _read_csv(path, header=0 if named else None, names=range(len(names)), **precision)


def _read_csv(path: Path, **options: Any) -> Any:
    pandas = _import_pandas()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            return pandas.read_csv(
                path, encoding="utf-8-sig", index_col=False, skipinitialspace=True, low_memory=False, **options
            )
    except pandas.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a CSV table: it is not text in UTF-8") from None
    except pandas.errors.ParserWarning:
        raise ValueError(f"{path} is not a CSV table: its rows have more cells than its header") from None
    except pandas.errors.ParserError as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} is not a CSV table: {reason[:1].lower()}{reason[1:]}") from None


def _parquet_names(path: Path) -> tuple[str, ...]:
    pyarrow = _import_pyarrow()
    try:
        schema = pyarrow.parquet.read_schema(path)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path} is not a Parquet table") from error
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return tuple(name for name in schema.names if name not in index)


def _parquet_frame(path: Path, names: Sequence[str]) -> Any:
    pyarrow = _import_pyarrow()
    _import_pandas()
    try:
        return pyarrow.parquet.read_table(path, columns=list(dict.fromkeys(names))).to_pandas(ignore_metadata=True)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path} is a damaged Parquet table") from error


def _npy_array(path: Path) -> Rows:
    """The array (n, d), not read into memory before it is used."""
    array: Rows
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r" if path.stat().st_size else None)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a .npy file of numbers") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise ValueError(f"{path} is not a .npy file of numbers")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{path} holds an array of shape {array.shape}; a table has rows and columns")
    return array


def _numbers(path: Path, name: str, column: Any, usable: Sequence[str] = ()) -> Rows:
    """A column of a data frame as numbers; NaN where it is empty. ``usable`` are columns that hold numbers."""
    kind = column.dtype.kind
    if kind in "biuf":
        return np.asarray(column.to_numpy())
    if kind != "O":
        raise ValueError(f"{path}: column {name!r} holds {column.dtype}, not numbers; choose columns with --columns")
    numbers = _import_pandas().to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    text = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if text.size:
        value = str(column.iloc[text[0]])
        shown = value if len(value) <= 40 else value[:37] + "..."
        raise ValueError(
            f"{path}: column {name!r} has {shown!r} in row {text[0] + 1} where a number belongs; "
            f"choose columns with --columns{_as_typed(usable)}"
        )
    return np.asarray(numbers)


def _checked(path: Path, table: Table) -> Table:
    if not len(table.rows):
        raise ValueError(f"{path} has no rows")
    for start in range(0, len(table.rows), 65536):
        bad = np.argwhere(~np.isfinite(table.rows[start : start + 65536]))
        if bad.size:
            row, column = bad[0]
            value = "no number (NaN)" if np.isnan(table.rows[start + row, column]) else "infinity"
            raise ValueError(
                f"{path}: column {table.names[column]!r} has {value} in row {start + row + 1}; "
                "drop such rows or fill them in"
            )
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _as_typed(names: Sequence[str]) -> str:
    """A space and the names as the value of an option, where that can be typed and read."""
    text = ",".join(names)
    can_be_typed = text and len(text) <= 100 and text.count(",") == len(names) - 1 and not re.search(r'["$`\\!]', text)
    return f' "{text}"' if can_be_typed else ""


def _import_pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError("pandas", "tables", "Reading and writing CSV and Parquet tables") from error
    return pandas


def _import_pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "tables", "Reading and writing Parquet tables") from error
    return pyarrow
