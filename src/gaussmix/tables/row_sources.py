"""Files and iterables of rows, which are read in blocks."""

import glob
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.file_pages import pieces
from gaussmix.core.number_checks import check_columns, check_numbers, column_names
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import Rows
from gaussmix.tables.array_stores import hdf5_array, zarr_array
from gaussmix.tables.csv_files import CsvFile
from gaussmix.tables.libraries import import_pandas, import_pyarrow
from gaussmix.tables.table_files import (
    READ_SUFFIXES,
    npy_array,
    numbers_of_column,
    parquet_names,
    read_table,
    require_columns,
)

_ARROW = (".arrow", ".feather", ".ipc")
_HDF5 = (".h5", ".hdf5", ".h5ad")
_STORED = (*READ_SUFFIXES, ".pq", *_ARROW, *_HDF5, ".zarr")
_INSIDE = "::"  # between the path of a file and the name of an array in it
_ADVICE = "choose columns that do, columns="


class AbstractSource(ABC):
    """Rows that are read in blocks, in order.

    Attributes
    ----------
    label : str
        The file, for messages.
    names : tuple of str, or None
        Names of its columns, if it has names.
    n_rows : int or None
        Number of rows, if it is known before they are read.
    column_names : tuple of str
        ``names``, or the positions as text.
    """

    label: str
    names: tuple[str, ...] | None
    n_rows: int | None
    column_names: tuple[str, ...]

    @abstractmethod
    def dtype(self, chosen: Sequence[str]) -> np.dtype[Any]:
        """Return the dtype that holds all chosen columns."""

    @abstractmethod
    def blocks(self, chosen: Sequence[str], length: int) -> Iterator[Rows]:
        """Yield arrays (m, c) of the chosen columns, with about ``length`` rows."""

    def chosen(self, columns: Sequence[str] | None) -> list[str]:
        """Return the columns to read, all by default; raise a ValueError if one is missing."""
        return list(require_columns(Path(self.label), columns, self.column_names))


class ArraySource(AbstractSource):
    """An array (n, d) that can be sliced: a .npy file, or a dataset of HDF5 or Zarr."""

    def __init__(self, label: str, array: Any, names: tuple[str, ...] | None = None) -> None:
        if len(array.shape) != 2 or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{label} must be numbers with two axes, rows and columns; it is {array.dtype} {array.shape}"
            )
        self.label, self.array, self.names = label, array, names
        self.n_rows = int(array.shape[0])
        self.column_names = tuple(map(str, range(array.shape[1]))) if names is None else names

    def dtype(self, chosen: Sequence[str]) -> np.dtype[Any]:
        return np.dtype(self.array.dtype)

    def mapped(self, chosen: Sequence[str]) -> Rows | None:
        """Return the array itself if engines can read it in place and all columns are chosen, else None."""
        array = self.array
        if not isinstance(array, np.memmap) or not array.flags.c_contiguous or tuple(chosen) != self.column_names:
            return None
        return array if array.dtype.type in KEPT_TYPES and array.dtype.isnative and len(array) else None

    def blocks(self, chosen: Sequence[str], length: int) -> Iterator[Rows]:
        positions = [self.column_names.index(name) for name in chosen]
        whole = positions == list(range(len(self.column_names)))
        for block in self._slices(length):
            check_columns(block)
            yield block if whole else block[:, positions]

    def _slices(self, length: int) -> Iterator[Rows]:
        if isinstance(self.array, np.ndarray):
            yield from (piece for _, piece in pieces(self.array, length))
            return
        for start in range(0, int(self.array.shape[0]), length):
            yield np.asarray(self.array[start : start + length])


class ArrowSource(AbstractSource):
    """Record batches of PyArrow: a Parquet, Arrow or Feather file."""

    def __init__(self, path: Path) -> None:
        import_pandas()
        pyarrow = import_pyarrow()
        self.label, self.path = str(path), path
        path.open("rb").close()  # the same error for a missing file as of other formats
        self._is_parquet = path.suffix.lower() in (".parquet", ".pq")
        try:
            if self._is_parquet:
                metadata = pyarrow.parquet.read_metadata(path)
                self.n_rows, schema = metadata.num_rows, metadata.schema.to_arrow_schema()
                self.names = parquet_names(path)
            else:
                with self._open_arrow() as reader:
                    schema = reader.schema
                self.n_rows, self.names = None, tuple(schema.names)
        except pyarrow.ArrowException as error:
            raise ValueError(f"{path} is not a {'Parquet' if self._is_parquet else 'Arrow or Feather'} file") from error
        self._schema = schema
        self.column_names = self.names

    def dtype(self, chosen: Sequence[str]) -> np.dtype[Any]:
        types = import_pyarrow().types
        kinds = []
        for name in chosen:
            kind = self._schema.field(name).type
            is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
            kinds.append(np.dtype(kind.to_pandas_dtype() if is_number else np.float64))
        return np.result_type(*kinds)

    def blocks(self, chosen: Sequence[str], length: int) -> Iterator[Rows]:
        pyarrow = import_pyarrow()
        start = 0
        try:
            for batch in self._batches(chosen, length):
                frame = batch.to_pandas(ignore_metadata=True)
                yield _stacked(
                    [numbers_of_column(self.path, name, frame[name], _ADVICE, None, start) for name in chosen]
                )
                start += len(frame)
        except pyarrow.ArrowException as error:
            raise ValueError(f"{self.path} is damaged after row {start}: {error}") from error

    def _batches(self, chosen: Sequence[str], length: int) -> Iterator[Any]:
        pyarrow = import_pyarrow()
        if self._is_parquet:
            with pyarrow.parquet.ParquetFile(self.path, buffer_size=1 << 20) as file:  # not whole row groups at once
                names = list(dict.fromkeys(chosen))
                for group in range(file.num_row_groups):  # an iterator keeps what it has read until it ends
                    yield from file.iter_batches(length, row_groups=[group], columns=names)
            return
        with self._open_arrow() as reader:
            count = getattr(reader, "num_record_batches", None)
            batches = reader if count is None else map(reader.get_batch, range(count))
            for batch in batches:
                some = batch.select(list(dict.fromkeys(chosen)))
                for start in range(0, some.num_rows, length):
                    yield some.slice(start, length)

    def _open_arrow(self) -> Any:
        pyarrow = import_pyarrow()
        file = pyarrow.memory_map(str(self.path))
        try:
            return pyarrow.ipc.open_file(file)
        except pyarrow.ArrowInvalid:
            file.seek(0)
            return pyarrow.ipc.open_stream(file)


class CsvSource(AbstractSource):
    """A CSV file."""

    def __init__(self, path: Path, header: bool | None) -> None:
        self.label, self.path, self.n_rows = str(path), path, None
        path.open("rb").close()
        self._file, self._header = CsvFile.open(path, header), header
        names = self._file.names
        self.column_names = names[1:] if len(names) > 1 and names[0] == "" else names
        self.names = self.column_names if self._file.named else None

    def dtype(self, chosen: Sequence[str]) -> np.dtype[Any]:
        return np.dtype(np.float64)

    def blocks(self, chosen: Sequence[str], length: int) -> Iterator[Rows]:
        file = self._file
        if file.separator == ";":  # decimal commas are found in all rows together
            yield read_table(self.path, chosen, header=self._header, allow_missing=True).rows
            return
        positions, start = [file.names.index(name) for name in chosen], 0
        for frame in file.frames(max(1000, length // 4)):
            columns = zip(chosen, positions, strict=True)
            yield _stacked(
                [numbers_of_column(self.path, name, frame.iloc[:, at], _ADVICE, file, start) for name, at in columns]
            )
            start += len(frame)


class BlocksSource(AbstractSource):
    """An iterable of arrays or data frames."""

    def __init__(self, blocks: Iterable[Any], first: Any) -> None:
        self.label, self._blocks, self.n_rows = "an array of the iterable", blocks, None
        names = column_names(first)
        self.names = None if names is None else tuple(map(str, names))
        values = self._numbers(first, 0)
        self._dtype, self._n_columns = values.dtype, values.shape[1]
        self.column_names = tuple(map(str, range(values.shape[1]))) if self.names is None else self.names

    def dtype(self, chosen: Sequence[str]) -> np.dtype[Any]:
        return self._dtype

    def blocks(self, chosen: Sequence[str], length: int) -> Iterator[Rows]:
        positions = [self.column_names.index(name) for name in chosen]
        for at, block in enumerate(self._blocks):
            values = self._numbers(block, at)
            if values.shape[1] != self._n_columns or (values.dtype != self._dtype and values.dtype.kind == "f"):
                raise ValueError(
                    f"array {at} of the iterable is {values.dtype} with {values.shape[1]} columns, the first one is "
                    f"{self._dtype} with {self._n_columns}: make them alike"
                )
            yield values[:, positions]

    @staticmethod
    def _numbers(block: Any, at: int) -> Rows:
        values = np.asarray(check_numbers(block))
        if values.ndim != 2 or values.dtype.kind not in "biuf":
            raise ValueError(
                f"array {at} of the iterable must be numbers with two axes, rows and columns; it is {values.dtype} "
                f"{values.shape}"
            )
        return values


@dataclass(frozen=True)
class _Place:
    """A file, and the name of an array in it; "" if it is not named."""

    path: Path
    inside: str


def sources_at(paths: Iterable[str | PathLike[str]], header: bool | None = None) -> list[AbstractSource]:
    """Return the files at some paths, in order; those of a folder or a pattern are sorted by name.

    Parameters
    ----------
    paths : iterable of paths
        Files, folders and patterns.
    header : bool, optional
        Whether the first line of CSV files has the names; found out by default.

    Returns
    -------
    list of AbstractSource
        At least one.

    Raises
    ------
    ValueError, OSError
        If a path leads to no file, or to one that is not a table.
    """
    return [_source(place, header) for path in paths for place in _places(path)]


def _places(path: str | PathLike[str]) -> list[_Place]:
    text, _, inside = str(path).partition(_INSIDE)
    found = Path(text)
    if found.is_dir() and found.suffix.lower() != ".zarr":
        files = [file for file in sorted(found.rglob("*")) if _is_table(file, found)]
        if not files:
            raise ValueError(f"{text} has no files with rows in it: the formats are {', '.join(_STORED)}")
        return [_Place(file, inside) for file in files]
    if not found.exists() and glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True))
        if not matches:
            raise ValueError(f"no file has a name like {text}")
        return [_Place(Path(match), inside) for match in matches]
    return [_Place(found, inside)]


def _is_table(file: Path, folder: Path) -> bool:
    """Return whether a file below a folder is one with rows; names that begin with _ or . are those of other files."""
    parts = file.relative_to(folder).parts
    inside_store = any(part.lower().endswith(".zarr") for part in parts[:-1])
    hidden = any(part.startswith(("_", ".")) for part in parts)
    return not hidden and not inside_store and file.name.lower().endswith(_STORED)


def _source(place: _Place, header: bool | None) -> AbstractSource:
    name, path = place.path.name.lower(), place.path
    if name.endswith(_HDF5):
        return ArraySource(*hdf5_array(path, place.inside))
    if name.endswith(".zarr"):
        return ArraySource(*zarr_array(path, place.inside))
    if place.inside:
        raise ValueError(f"{path}{_INSIDE}{place.inside}: only HDF5 and Zarr files have arrays with names")
    if name.endswith(".npy"):
        return ArraySource(str(path), npy_array(path))
    if name.endswith((".parquet", ".pq", *_ARROW)):
        return ArrowSource(path)
    if name.endswith(READ_SUFFIXES):
        return CsvSource(path, header)
    raise ValueError(f"{path} must end in {', '.join(_STORED)}, the formats of rows")


def _stacked(columns: Sequence[Rows]) -> Rows:
    """Return columns as an array (m, c) of the dtype that holds them all."""
    block: Rows = np.empty((len(columns[0]), len(columns)), np.result_type(*columns))
    for position, values in enumerate(columns):
        block[:, position] = values
    return block
