"""Table files: CSV, Parquet and .npy. No other module imports pandas or pyarrow.

Messages count rows from 0, and for CSV files also give the line number, counted from 1.
"""

import csv
import itertools
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.text import join_words, plural
from gaussmix.core.typing import Rows

SUFFIXES = (".csv", ".parquet", ".npy")

_SHOWN = 5  # rows in an error message
_CHOOSE, _ITS_OWN = "choose columns with --columns", "the model needs numbers there"
_MANY = 20  # rows; more are hardly sorted by chance
_DECIMAL_COMMA = r"\s*[+-]?\d+(?:,\d*)?(?:[eE][+-]?\d+)?\s*"


@dataclass(frozen=True, eq=False)
class Table:
    """Table of finite numbers.

    Attributes
    ----------
    rows : (n, d) array
        Array of at least one row and one column.
    names : tuple of d str
        Names of the columns; their positions "0", "1", ... if the file has no names.
    named : bool
        Whether the file has names; .npy files and CSV files without a header have none.
    """

    rows: Rows
    names: tuple[str, ...]
    named: bool


def column_names(path: str | PathLike[str]) -> tuple[tuple[str, ...], bool]:
    """Return the names of the columns of a table, and whether the file has names (`Table`).

    Raises
    ------
    ValueError, OSError
        If the file is not a table; the message says why.
    """
    source = Path(path)
    suffix = require_table_suffix(source)
    source.open("rb").close()  # the same error for a missing file, whichever library reads it
    match suffix:
        case ".csv":
            return _csv_names(source)
        case ".parquet":
            return _parquet_names(source), True
        case _:
            return tuple(map(str, range(_npy_array(source).shape[1]))), False


def read_table(path: str | PathLike[str], columns: Sequence[str] | None = None, *, fixed: bool = False) -> Table:
    """Read a table, or some of its columns in the order given.

    CSV tables may be separated by commas, tabs or semicolons. With semicolons, as spreadsheets write them where the
    comma is the decimal sign, numbers may have decimal commas; decimal points and commas must not be mixed.

    Parameters
    ----------
    path : path to a .csv, .parquet or .npy file
    columns : sequence of str, optional
        Names of columns, or positions as text if the file has no names. Other columns may contain anything.
    fixed : bool
        Whether a model requires these columns, so that error messages do not suggest others.

    Raises
    ------
    ValueError, OSError
        If a value is not a finite number; the message names the file, the column and the row.
    """
    source = Path(path)
    names, named = column_names(source)
    chosen = names if columns is None else tuple(columns)
    missing = [name for name in chosen if name not in names]
    if missing:
        what = plural("column", len(missing))
        raise ValueError(f"{source} has no {what} {_listed(missing)}; its columns are {_listed(names)}")
    if "" in chosen:
        raise ValueError(f"{source} has a column without a name; name it, or choose columns with --columns")
    if not chosen:
        raise ValueError(f"{source} has no columns")
    positions = [names.index(name) for name in chosen]
    match source.suffix.lower():
        case ".csv":
            frame = _csv_frame(source, names, named, positions)
            kinds = zip(names, frame.dtypes, strict=True)
            usable = [name for name, dtype in kinds if name and dtype.kind in "iuf"]
            offered = [name for name in usable if not _is_running_number(frame.iloc[:, names.index(name)])]
            advice = _ITS_OWN if fixed else f"{_CHOOSE}{_as_typed(offered)}"
            arrays = [
                _numbers(source, chosen[at], frame.iloc[:, position], advice) for at, position in enumerate(positions)
            ]
        case ".parquet":
            frame = _parquet_frame(source, chosen)
            arrays = [_numbers(source, name, frame[name], _ITS_OWN if fixed else _CHOOSE) for name in chosen]
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
    """Write columns of equal length to a .csv, .parquet or .npy file; .npy files have no column names."""
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
    """Return columns of equal length as CSV text, with enough digits to identify each number."""
    text: str = _import_pandas().DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n")
    return text


def require_table_suffix(path: Path) -> str:
    """Return the suffix in lower case; raise ValueError unless it is that of a table."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        remedy = "; save the sheet as CSV UTF-8 first" if suffix in (".xlsx", ".xls", ".ods") else ""
        raise ValueError(f"{path} must end in .csv, .parquet or .npy, the formats of tables{remedy}")
    return suffix


def _csv_names(path: Path) -> tuple[tuple[str, ...], bool]:
    first = _read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, na_filter=False)
    cells = [str(cell).strip() for cell in first.iloc[0]]
    commas = _separator(path) == ";"
    if all(_is_number(cell.replace(",", ".") if commas else cell) for cell in cells):
        return tuple(map(str, range(len(cells)))), False
    for position, cell in enumerate(cells):
        if cells.index(cell) < position:
            raise ValueError(f"{path} has two columns named {cell!r}; rename one of them")
    return tuple(cells), True


def _csv_frame(path: Path, names: Sequence[str], named: bool, positions: Sequence[int]) -> Any:
    version = tuple(map(int, _import_pandas().__version__.split(".")[:2]))
    precision = {"float_precision": "round_trip"} if version < (3, 1) else {}  # the default from 3.1
    given = {"header": 0 if named else None, "names": range(len(names)), **precision}
    frame = _read_csv(path, **given)
    if _separator(path) != ";":
        return frame
    pointed = {at: _with_decimal_points(frame[at]) for at, kind in enumerate(frame.dtypes) if kind.kind not in "biuf"}
    pointed = {at: column for at, column in pointed.items() if column is not None}
    floats = [at for at in positions if frame.dtypes.iloc[at].kind == "f"] if pointed else []
    if floats:
        cells = _read_csv(path, **given, dtype=str)
        for at in floats:
            rows = np.flatnonzero(cells[at].str.contains(".", regex=False, na=False))
            if rows.size:
                raise ValueError(
                    f"{path} has decimal commas but has decimal points in column {names[at]!r} "
                    f"({cells[at].iloc[rows[0]]} in row {rows[0]}{_line(path, rows[0])}); use one decimal sign"
                )
    for at, column in pointed.items():
        frame[at] = column
    return frame


def _with_decimal_points(column: Any) -> Any:
    """Convert a text column to numbers if all are whole or have a decimal comma, else return None."""
    text = column[column.notna()].astype(str)
    if not text.str.fullmatch(_DECIMAL_COMMA).all():
        return None
    return column.astype(str).where(column.notna()).str.replace(",", ".").astype(np.float64)


def _is_running_number(column: Any) -> bool:
    """Return whether integers increase by one per row, or increase over many rows, like identifiers."""
    steps = column.diff().iloc[1:]
    whole = column.dtype.kind in "iu" and len(column) > 2
    return whole and bool((steps == 1).all() or (len(column) >= _MANY and (steps > 0).all()))


def _separator(path: Path) -> str:
    """Return semicolon or tab if it occurs equally often in the first two lines, else comma."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = [re.sub('"[^"]*"', "", line) for line in itertools.islice(filter(str.strip, file), 2)]
    for separator in ";\t":
        counts = {line.count(separator) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return separator
    return ","


def _line(path: Path, row: int) -> str:
    """Return the line of a CSV file on which a row ends, in the form " (line 3)"."""
    if path.suffix.lower() != ".csv":
        return ""
    named = _csv_names(path)[1]
    with path.open(encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=_separator(path))
        ends = (reader.line_num for cells in reader if cells)
        return f" (line {next(itertools.islice(ends, row + named, None))})"


def _read_csv(path: Path, **options: Any) -> Any:
    pandas = _import_pandas()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            return pandas.read_csv(
                path,
                sep=_separator(path),
                encoding="utf-8-sig",
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
                **options,
            )
    except pandas.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is not a CSV table in UTF-8; save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
        ) from None
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
    """Return the array (n, d), mapped into memory."""
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
        raise ValueError(f"{path} has an array of shape {array.shape}; a table must have two axes, rows and columns")
    return array


def _numbers(path: Path, name: str, column: Any, advice: str) -> Rows:
    """Convert a column of a data frame to numbers; empty cells are NaN."""
    kind = column.dtype.kind
    if kind in "biuf":
        return np.asarray(column.to_numpy())
    if kind != "O":
        raise ValueError(f"{path}: column {name!r} has {column.dtype} values, not numbers; {advice}")
    numbers = _import_pandas().to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    text = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if text.size:
        value = str(column.iloc[text[0]])
        shown = value if len(value) <= 40 else value[:37] + "..."
        raise ValueError(
            f"{path}: column {name!r} has {shown!r} in row {text[0]}{_line(path, text[0])} instead of a number; "
            f"{advice}"
        )
    return np.asarray(numbers)


def _checked(path: Path, table: Table) -> Table:
    if not len(table.rows):
        raise ValueError(f"{path} has no rows")
    blocks = range(0, len(table.rows), 65536)
    bad = [np.argwhere(~np.isfinite(table.rows[start : start + 65536])) + np.array([start, 0]) for start in blocks]
    cells = np.concatenate(bad)
    if not len(cells):
        return table
    rows, first = np.unique(cells[:, 0], return_index=True)
    said = [
        f"{'infinity for ' if np.isinf(table.rows[row, column]) else ''}{table.names[column]!r} in row {row}"
        f"{_line(path, row)}"
        for row, column in cells[first[:_SHOWN]].tolist()
    ]
    more = [f"{len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    raise ValueError(
        f"{path} has missing or infinite values in {len(rows)} of {len(table.rows)} rows: {join_words(said + more)}; "
        "fill in these cells, or delete the rows (in pandas: table.dropna())"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    return join_words(map(repr, names), 8)


def _as_typed(names: Sequence[str]) -> str:
    """Return the names as the value of an option, preceded by a space, if they can be typed as one."""
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
