"""Table files: CSV, Parquet and .npy.

Messages count rows from 0, and for CSV files also give the line number, counted from 1.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.number_checks import first_inexact
from gaussmix.core.output_files import complete_file
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.text import join_words, plural
from gaussmix.core.typing import Rows
from gaussmix.tables.csv_files import CsvFile
from gaussmix.tables.libraries import import_pandas, import_pyarrow

SUFFIXES = (".csv", ".parquet", ".npy")
"""Formats of tables that are written."""

READ_SUFFIXES = (*SUFFIXES, ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".dat")
"""Formats of tables that are read; all but .parquet and .npy are CSV."""

_SHOWN = 5  # rows in an error message
_CHOOSE, _ITS_OWN = "choose columns with --columns", "the model needs numbers there"
_MANY = 20  # rows; more are hardly sorted by chance


@dataclass(frozen=True, eq=False)
class Table:
    """Table of numbers.

    Attributes
    ----------
    rows : (n, d) array
        Array of at least one row and one column. NaN is a missing value.
    names : tuple of d str
        Names of the columns; their positions "0", "1", ... if the file has no names.
    named : bool
        Whether the file has names; .npy files and CSV files without a header have none.
    """

    rows: Rows
    names: tuple[str, ...]
    named: bool


def column_names(path: str | PathLike[str], *, header: bool | None = None) -> tuple[tuple[str, ...], bool]:
    """Return the names of the columns of a table, and whether the file has names (`Table`).

    Parameters
    ----------
    path : path to a table
        In one of the formats of `READ_SUFFIXES`.
    header : bool, optional
        Whether the first line of a CSV file has the names; found out by default.

    Returns
    -------
    names : tuple of str
        Without an unnamed first column, which is the index of a data frame.
    named : bool
        Whether the file has names.

    Raises
    ------
    ValueError, OSError
        If the file is not a table; the message says why.
    """
    source = Path(path)
    kind = kind_of(source)
    source.open("rb").close()  # the same error for a missing file, whichever library reads it
    match kind:
        case "csv":
            file = CsvFile.open(source, header)
            return _without_index(file.names), file.named
        case "parquet":
            return parquet_names(source), True
        case _:
            return tuple(map(str, range(npy_array(source).shape[1]))), False


def read_table(
    path: str | PathLike[str],
    columns: Sequence[str] | None = None,
    *,
    fixed: bool = False,
    header: bool | None = None,
    allow_missing: bool = False,
) -> Table:
    """Read a table, or some of its columns in the order given.

    CSV tables may be separated by commas, semicolons, tabs or spaces, and may begin with comments (#). With semicolons,
    as spreadsheets write them where the comma is the decimal sign, numbers may have decimal commas; decimal points and
    commas must not be mixed. A first column without a name is left out with a warning: it is the index that data frames
    write.

    Parameters
    ----------
    path : path to a table
        In one of the formats of `READ_SUFFIXES`.
    columns : sequence of str, optional
        Names of columns, or positions as text if the file has no names. Other columns may contain anything.
    fixed : bool
        Whether a model requires these columns, so that error messages do not suggest others.
    header : bool, optional
        Whether the first line of a CSV file has the names; found out by default.
    allow_missing : bool
        Whether cells may be empty.

    Returns
    -------
    Table
        The rows, and the names of the columns.

    Raises
    ------
    ValueError, OSError
        If a value is not a finite number; the message names the file, the column and the row.
    """
    source = Path(path)
    names, named = column_names(source, header=header)
    chosen = require_columns(source, columns, names)
    if not chosen:
        raise ValueError(f"{source} has no columns")
    match kind_of(source):
        case "csv":
            file = CsvFile.open(source, header)
            if columns is None and len(names) < len(file.names):
                warnings.warn(f"The first column of {source} has no name; it is left out.", UserWarning, stacklevel=2)
            arrays = _csv_columns(file, chosen, fixed=fixed)
        case "parquet":
            arrays = _parquet_columns(source, chosen, fixed=fixed)
        case _:
            array = npy_array(source)
            positions = [names.index(name) for name in chosen]
            for position in positions:
                _require_exact(source, names[position], array[:, position], None)
            whole = positions == list(range(array.shape[1]))
            table = Table(array if whole else array[:, positions], chosen, named)
            return _checked(source, table, None, allow_missing=allow_missing)
    kind = np.result_type(*arrays)
    rows: Rows = np.empty((len(arrays[0]), len(arrays)), kind if kind.type in KEPT_TYPES else np.float64)
    for position, values in enumerate(arrays):
        rows[:, position] = values
    return _checked(source, Table(rows, chosen, named), header, allow_missing=allow_missing)


def size_in_memory(path: str | PathLike[str]) -> int:
    """Return about how many bytes `read_table` needs for a table, without reading it."""
    source = Path(path)
    source.open("rb").close()
    if kind_of(source) != "parquet":
        return source.stat().st_size * (4 if source.suffix.lower() == ".gz" else 1)
    pyarrow = import_pyarrow()
    try:
        metadata = pyarrow.parquet.read_metadata(source)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{source} is not a Parquet table") from error
    return 8 * metadata.num_rows * metadata.num_columns


def require_columns(path: Path, columns: Sequence[str] | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of a table, all by default; raise ValueError if it lacks one of them."""
    chosen = names if columns is None else tuple(columns)
    missing = [name for name in chosen if name not in names]
    if missing:
        what = plural("column", len(missing))
        raise ValueError(f"{path} has no {what} {_listed(missing)}; its columns are {_listed(names)}")
    return chosen


def write_table(path: str | PathLike[str], columns: Mapping[str, Any]) -> None:
    """Write columns of equal length to a .csv, .parquet or .npy file; .npy files have no column names."""
    suffix = require_table_suffix(Path(path))
    with complete_file(path) as target:
        _write_table(target, suffix, columns)


def _write_table(target: Path, suffix: str, columns: Mapping[str, Any]) -> None:
    match suffix:
        case ".csv":
            target.write_text(table_as_csv(columns), encoding="utf-8", newline="")
        case ".parquet":
            import_pyarrow()
            import_pandas().DataFrame(dict(columns)).to_parquet(target, engine="pyarrow", index=False)
        case _:
            with target.open("wb") as file:
                np.save(file, np.column_stack(list(columns.values())))


def table_as_csv(columns: Mapping[str, Any]) -> str:
    """Return columns of equal length as CSV text, with enough digits to identify each number."""
    text: str = import_pandas().DataFrame(dict(columns)).to_csv(index=False, lineterminator="\n")
    return text


def require_table_suffix(path: Path, subject: str | None = None) -> str:
    """Return the suffix in lower case; raise ValueError unless tables of this format are written.

    The message begins with the subject, by default the path.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{subject or path} must end in .csv, .parquet or .npy, the formats of tables")
    return suffix


def kind_of(path: Path) -> str:
    """Return "csv", "parquet" or "npy"; raise ValueError if tables of this format are not read."""
    name = path.name.lower()
    if not name.endswith(READ_SUFFIXES):
        remedy = "; save the sheet as CSV UTF-8 first" if name.endswith((".xlsx", ".xls", ".ods")) else ""
        raise ValueError(f"{path} must end in {', '.join(READ_SUFFIXES)}, the formats of tables{remedy}")
    return path.suffix[1:].lower() if name.endswith((".parquet", ".npy")) else "csv"


def _without_index(names: tuple[str, ...]) -> tuple[str, ...]:
    return names[1:] if len(names) > 1 and names[0] == "" else names


def _csv_columns(file: CsvFile, chosen: Sequence[str], *, fixed: bool) -> list[Rows]:
    positions = [file.names.index(name) for name in chosen]
    frame = file.frame(positions)
    kinds = zip(file.names, frame.dtypes, strict=True)
    usable = [name for name, dtype in kinds if name and dtype.kind in "iuf"]
    offered = [name for name in usable if not _is_running_number(frame.iloc[:, file.names.index(name)])]
    advice = _ITS_OWN if fixed else f"{_CHOOSE}{_as_typed(offered)}"
    if "" in chosen:
        position = file.names.index("")
        raise ValueError(f"{file.path} has no name for column {position} (counted from 0); name it, or {advice}")
    return [
        numbers_of_column(file.path, name, frame.iloc[:, position], advice, file)
        for name, position in zip(chosen, positions, strict=True)
    ]


def _parquet_columns(path: Path, chosen: Sequence[str], *, fixed: bool) -> list[Rows]:
    pyarrow = import_pyarrow()
    frame = parquet_table(path, chosen).to_pandas(ignore_metadata=True)
    schema, names = pyarrow.parquet.read_schema(path), parquet_names(path)
    is_number = (pyarrow.types.is_integer, pyarrow.types.is_floating)
    offered = [name for name in names if any(test(schema.field(name).type) for test in is_number)]
    advice = _ITS_OWN if fixed else f"{_CHOOSE}{_as_typed(offered)}"
    return [numbers_of_column(path, name, frame[name], advice, None) for name in chosen]


def _is_running_number(column: Any) -> bool:
    """Return whether integers increase by one per row, or increase over many rows, like identifiers."""
    steps = column.diff().iloc[1:]
    whole = column.dtype.kind in "iu" and len(column) > 2
    return whole and bool((steps == 1).all() or (len(column) >= _MANY and (steps > 0).all()))


def parquet_names(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a Parquet file, without the index of a data frame."""
    pyarrow = import_pyarrow()
    try:
        schema = pyarrow.parquet.read_schema(path)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path} is not a Parquet table") from error
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return tuple(name for name in schema.names if name not in index)


def parquet_table(path: Path, names: Sequence[str]) -> Any:
    """Return columns of a Parquet file as a table of pyarrow."""
    pyarrow = import_pyarrow()
    import_pandas()
    try:
        return pyarrow.parquet.read_table(path, columns=list(dict.fromkeys(names)))
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path} is a damaged Parquet table") from error


def npy_array(path: Path) -> Rows:
    """Return the array (n, d), mapped into memory."""
    array: Rows
    size = path.stat().st_size
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r" if size else None)
    except OSError:
        raise
    except Exception as error:  # a damaged header is parsed as Python: it may raise nearly anything
        raise ValueError(f"{path} is not a .npy file of numbers, or is damaged") from error
    if isinstance(array, np.memmap) and array.size and array.offset + array.nbytes != size:
        raise ValueError(f"{path} is damaged: its header says {array.shape}, and the file holds more numbers")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise ValueError(f"{path} is not a .npy file of numbers")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{path} has an array of shape {array.shape}; a table must have two axes, rows and columns")
    return array


def _require_exact(path: Path, name: str, values: Rows, file: CsvFile | None, start: int = 0) -> Rows:
    """Return the values of a column; ValueError if float64 does not hold one of them."""
    place = first_inexact(values)
    if place is None:
        return values
    row = start + place[0]
    line = "" if file is None else file.line(row)
    raise ValueError(
        f"{path}: column {name!r} has {values[place]} in row {row}{line}: float64 does not hold every integer "
        "beyond 2**53; subtract an offset from the column, or leave it out"
    )


def numbers_of_column(
    path: Path, name: str, column: Any, advice: str, file: CsvFile | None = None, start: int = 0
) -> Rows:
    """Convert a column of a data frame, whose first row is row ``start`` of a file, to numbers; empty cells are NaN."""
    kind = column.dtype.kind
    if kind in "biuf":
        return _require_exact(path, name, np.asarray(column.to_numpy()), file, start)
    if kind != "O":
        raise ValueError(f"{path}: column {name!r} has {column.dtype} values, not numbers; {advice}")
    numbers = import_pandas().to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    text = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if text.size:
        value = str(column.iloc[text[0]])
        shown = value if len(value) <= 40 else value[:37] + "..."
        row = start + int(text[0])
        line = "" if file is None else file.line(row)
        raise ValueError(f"{path}: column {name!r} has {shown!r} in row {row}{line} instead of a number; {advice}")
    return np.asarray(numbers)


def _checked(path: Path, table: Table, header: bool | None, *, allow_missing: bool) -> Table:
    if not len(table.rows):
        raise ValueError(f"{path} has no rows")
    blocks = range(0, len(table.rows), 65536)
    bad = [np.argwhere(~np.isfinite(table.rows[start : start + 65536])) + np.array([start, 0]) for start in blocks]
    cells = np.concatenate(bad)
    if allow_missing and len(cells):
        cells = cells[~np.isnan(table.rows[cells[:, 0], cells[:, 1]])]
    if not len(cells):
        return table
    file = CsvFile.open(path, header) if kind_of(path) == "csv" else None
    rows, first = np.unique(cells[:, 0], return_index=True)
    said = [
        f"{'infinity for ' if np.isinf(table.rows[row, column]) else ''}{table.names[column]!r} in row {row}"
        f"{'' if file is None else file.line(row)}"
        for row, column in cells[first[:_SHOWN]].tolist()
    ]
    more = [f"{len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    what, remedy = "missing or infinite", "fill in these cells (gaussmix impute)"
    if allow_missing:
        what, remedy = "infinite", "leave these cells empty if the values are unknown"
    raise ValueError(
        f"{path} has {what} values in {len(rows)} of {len(table.rows)} rows: {join_words(said + more)}; "
        f"{remedy}, or delete the rows{' (in pandas: table.dropna())' if not allow_missing else ''}"
    )


def _listed(names: Sequence[str]) -> str:
    return join_words(map(repr, names), 8)


def _as_typed(names: Sequence[str]) -> str:
    """Return the names as the value of an option, preceded by a space, if they can be typed as one."""
    text = ",".join(names)
    can_be_typed = 0 < len(text) <= 100 and text.count(",") == len(names) - 1 and not re.search(r'["$`\\!]|\n', text)
    return f' "{text}"' if can_be_typed else ""
