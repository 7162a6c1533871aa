"""Results for each row, which are written in parts as they are computed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gaussmix.core.output_files import complete_file, require_writable
from gaussmix.core.typing import Rows
from gaussmix.tables.libraries import import_pandas, import_pyarrow
from gaussmix.tables.table_files import require_table_suffix

Part = Rows | Sequence[Rows]
"""Results of some rows: an array (m,) or (m, c), or c columns (m,)."""


def require_target(path: Any, name: str) -> Path | None:
    """Return the path of a result, or None if there is none, before anything is computed.

    Parameters
    ----------
    path : path or None
        A .npy, .parquet or .csv file.
    name : str
        Name of the argument, for messages.

    Returns
    -------
    Path or None
        The path.

    Raises
    ------
    ValueError
        If a table cannot be written there: it ends otherwise, or its folder does not exist.
    """
    if path is None:
        return None
    if not isinstance(path, str | PathLike):
        raise ValueError(f"{name} must be the path of a .npy, .parquet or .csv file; got {path!r}")
    target = Path(path)
    subject = f"{name}={str(target)!r}"
    require_table_suffix(target, subject)
    require_writable(target, subject)
    return target


class _Write(Protocol):
    def __call__(self, part: Part) -> None: ...


def write_parts(path: str | PathLike[str], names: Sequence[str], n_rows: int, parts: Iterable[Part]) -> Path:
    """Write results in parts to a .npy, .parquet or .csv file, which appears when it is complete.

    Parameters
    ----------
    path : path
        The file; its name says the format.
    names : sequence of str
        Names of the columns; .npy files have none.
    n_rows : int
        Number of rows of all parts.
    parts : iterable of (m,) or (m, c) arrays, or of sequences of c columns (m,)
        The results, in order.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the name ends otherwise; before any part is computed.
    OSError
        If the file cannot be written. There is no file then, or the one before.
    """
    target = Path(path)
    open_writer = {".npy": _npy_writer, ".parquet": _parquet_writer, ".csv": _csv_writer}[require_table_suffix(target)]
    with complete_file(target) as partial, open_writer(partial, names, n_rows) as write:
        for part in parts:
            write(part)
    return target


@contextmanager
def _npy_writer(path: Path, names: Sequence[str], n_rows: int) -> Iterator[_Write]:
    with path.open("wb") as file:

        def write(part: Part) -> None:
            part = part if isinstance(part, np.ndarray) else np.column_stack(part)
            if not file.tell():
                description = np.lib.format.dtype_to_descr(part.dtype)
                header = {"descr": description, "fortran_order": False, "shape": (n_rows, *part.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(part).data)

        yield write


@contextmanager
def _parquet_writer(path: Path, names: Sequence[str], n_rows: int) -> Iterator[_Write]:
    pyarrow = import_pyarrow()
    writer: Any = None

    def write(part: Part) -> None:
        nonlocal writer
        columns = [np.ascontiguousarray(column) for column in _columns(part)]
        table = pyarrow.table(dict(zip(names, columns, strict=True)))
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def _csv_writer(path: Path, names: Sequence[str], n_rows: int) -> Iterator[_Write]:
    pandas = import_pandas()
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(part: Part) -> None:
            first = not file.tell()
            columns = dict(zip(names, _columns(part), strict=True))
            pandas.DataFrame(columns).to_csv(file, index=False, header=first, lineterminator="\n")

        yield write


def _columns(part: Part) -> Sequence[Rows]:
    return list(part.reshape(len(part), -1).T) if isinstance(part, np.ndarray) else part
