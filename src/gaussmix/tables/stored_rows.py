"""Rows in files that may be larger than the memory."""

import itertools
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from shutil import disk_usage
from typing import Any, BinaryIO

import numpy as np

from gaussmix.core.byte_sizes import bytes_given, bytes_shown
from gaussmix.core.file_pages import FilePages
from gaussmix.core.progress import progress_bar
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import Rows
from gaussmix.tables.libraries import import_pandas
from gaussmix.tables.row_sources import AbstractSource, ArraySource, BlocksSource, sources_at

LEAST_LIMIT = 16e6
"""Least memory limit, in bytes."""

_SHARE_IN_MEMORY = 0.5  # of the memory limit: rows that take less are kept in memory
_SHARE_OF_BLOCK = 1 / 16
_MOST_OF_BLOCK = 32 << 20  # bytes


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows in files, which estimators take in place of an array.

    Attributes
    ----------
    values : (n, d) array
        The rows: an array in memory if they fit, else a read-only `numpy.memmap`.
    names : tuple of d str, or None
        Names of the columns, if the files have names.
    """

    values: Rows
    names: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        place = "in memory" if self.in_memory else "in a file"
        return f"<{self.shape[0]:,} rows with {self.shape[1]} columns of {self.values.dtype}, {place}>"

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Rows:
        kept = self.values if dtype is None else self.values.astype(dtype, copy=False)
        return np.array(kept) if copy else kept

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and the number of columns."""
        n, d = self.values.shape
        return n, d

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory."""
        return FilePages.of(self.values) is None

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The names of the columns, as of a table of PyArrow."""
        return self.names

    def __getitem__(self, name: str) -> Rows:
        """Return a column as a view (n,)."""
        if self.names is None or name not in self.names:
            raise KeyError(name)
        return self.values[:, self.names.index(name)]

    def select(self, names: Sequence[str]) -> "StoredRows":
        """Return the columns with these names, which must be all columns in their order.

        Parameters
        ----------
        names : sequence of str
            Names of the features of a model.

        Returns
        -------
        StoredRows
            These rows.

        Raises
        ------
        ValueError
            If the rows have other columns; copying some of them would need memory.
        """
        if self.names is not None and tuple(names) != self.names:
            raise ValueError(
                f"the rows have the columns {list(self.names)}, the model has {list(names)}: open them with "
                "open_rows(..., columns=) that names the features of the model in their order"
            )
        return self

    def as_table(self) -> Any:
        """Return the rows as estimators check them, without a copy.

        Returns
        -------
        pandas.DataFrame or (n, d) array
            A data frame if the columns have names.
        """
        if self.names is None:
            return self.values
        return import_pandas().DataFrame(self.values, columns=list(self.names), copy=False)


def open_rows(
    paths: Any,
    columns: Sequence[str] | None = None,
    *,
    memory_limit: str | float = "1 GB",
    scratch_folder: str | PathLike[str] | None = None,
    header: bool | None = None,
    show_progress: bool = False,
) -> StoredRows:
    """Open rows in files, which may be larger than the memory, for the estimators.

    One .npy file of float64, float32, uint8 or uint16 in the order of C is mapped into memory. Anything else is decoded
    once, in blocks, into a temporary file without a name, whose disk space is free again when the rows are no longer
    used. Rows that take less than half of the memory limit are read into memory.

    Parameters
    ----------
    paths : path, sequence of paths, or iterable of arrays
        Files, folders of files, or patterns such as ``"2026-*.parquet"``: .npy; Parquet; Arrow and Feather; CSV; HDF5
        and .h5ad; Zarr. ``"cells.h5ad::obsm/X_pca"`` names an array in an HDF5 or Zarr file, which is needed if there
        are several. Or any iterable of arrays (m, d) or data frames, such as a generator, which is read once.
    columns : sequence of str, optional
        Names of columns, or positions as text if the files have no names; all by default.
    memory_limit : str or float, default="1 GB"
        Bytes, or text such as "500 MB", that the rows may take in memory.
    scratch_folder : path, optional
        Folder of the temporary file; by default that of `tempfile.gettempdir`.
    header : bool, optional
        Whether the first line of CSV files has the names; found out by default.
    show_progress : bool, default=False
        Whether to show how many rows have been decoded.

    Returns
    -------
    StoredRows
        The rows; numbers are those of `gaussmix.tables.read_table`.

    Raises
    ------
    ValueError
        If there are no such files, or if they have other columns than one another, types that differ, or cells that are
        not numbers; the message names the file, the column and the row.
    OSError
        If the disk has too little space.
    MissingDependencyError
        If the library for a format is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixture, open_rows
    >>> rng = np.random.default_rng(0)
    >>> rows = open_rows(rng.normal(size=(100, 2)) + 9 * (part % 2) for part in range(10))
    >>> rows
    <1,000 rows with 2 columns of float64, in memory>
    >>> np.sort(GaussianMixture(2, random_state=0).fit(rows).means_[:, 0]).round() + 0
    array([0., 9.])
    """
    limit = bytes_given(memory_limit, "memory_limit", LEAST_LIMIT)
    sources = _sources(paths, header)
    chosen = _common_columns(sources, columns)
    if len(sources) == 1 and isinstance(sources[0], ArraySource):
        mapped = sources[0].mapped(chosen)
        if mapped is not None:
            values = np.array(mapped) if mapped.nbytes <= _SHARE_IN_MEMORY * limit else mapped
            return StoredRows(values, sources[0].names and tuple(chosen))
    folder = Path(tempfile.gettempdir() if scratch_folder is None else scratch_folder)
    if not folder.is_dir():
        raise ValueError(f"scratch_folder {folder} is not a folder: make it first, or name another one")
    kind = _common_type(sources, chosen)
    _require_space(sources, len(chosen) * kind.itemsize, folder)
    names = tuple(chosen) if sources[0].names is not None else None
    return StoredRows(_decoded(sources, chosen, kind, limit, folder, show_progress), names)


def _sources(paths: Any, header: bool | None) -> list[AbstractSource]:
    if isinstance(paths, str | PathLike):
        return sources_at([paths], header)
    if isinstance(paths, np.ndarray) or not isinstance(paths, Iterable):
        raise ValueError(f"paths must be a path, a sequence of paths, or an iterable of arrays; got {type(paths)}")
    blocks = iter(paths)
    first = next(blocks, None)
    if first is None:
        raise ValueError("paths is empty: name at least one file")
    if isinstance(first, str | PathLike):
        return sources_at([first, *blocks], header)
    return [BlocksSource(itertools.chain([first], blocks), first)]


def _common_columns(sources: Sequence[AbstractSource], columns: Sequence[str] | None) -> list[str]:
    """Return the columns that are read; raise a ValueError if a file has other ones."""
    chosen = sources[0].chosen(columns)
    for source in sources[1:]:
        if columns is None and sorted(source.column_names) != sorted(chosen):
            raise ValueError(
                f"{source.label} has the columns {list(source.column_names)}, {sources[0].label} has {chosen}: name "
                "the ones to use, columns="
            )
        source.chosen(chosen)
    return chosen


def _common_type(sources: Sequence[AbstractSource], chosen: Sequence[str]) -> np.dtype[Any]:
    """Return the dtype of the rows: that of the columns if engines read it, else float64."""
    kinds = [source.dtype(chosen) for source in sources]
    for source, kind in zip(sources, kinds, strict=True):
        if kind != kinds[0] and kind.kind == kinds[0].kind == "f":
            raise ValueError(
                f"{source.label} has {kind}, {sources[0].label} has {kinds[0]}: convert one of them, or open them apart"
            )
    kind = np.result_type(*kinds)
    return kind.newbyteorder("=") if kind.type in KEPT_TYPES else np.dtype(np.float64)


def _require_space(sources: Sequence[AbstractSource], bytes_per_row: int, folder: Path) -> None:
    lengths = [source.n_rows for source in sources]
    needed = sum(length or 0 for length in lengths) * bytes_per_row
    free = disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"the rows need {bytes_shown(needed)} on disk, but {folder} has {bytes_shown(free)} free: give another "
            "scratch_folder=, or fewer columns="
        )


def _decoded(
    sources: Sequence[AbstractSource],
    chosen: Sequence[str],
    kind: np.dtype[Any],
    limit: float,
    folder: Path,
    show_progress: bool,
) -> Rows:
    """Return the rows of all files, in memory or mapped from a file without a name."""
    length = max(1, int(min(_MOST_OF_BLOCK, _SHARE_OF_BLOCK * limit)) // (len(chosen) * kind.itemsize))
    known = [source.n_rows for source in sources]
    total = None if None in known else sum(length or 0 for length in known)
    n_rows = 0
    with (
        tempfile.TemporaryFile(dir=folder) as file,
        progress_bar("Reading rows", total, shown=show_progress, after=0.5) as update,
    ):
        for source in sources:
            for block in source.blocks(chosen, length):
                converted = np.ascontiguousarray(block, dtype=_kind_for(source, block, kind))
                _write(file, converted, folder)
                n_rows += len(converted)
                update(advance=len(converted))
        if not n_rows:
            raise ValueError(f"{sources[0].label} has no rows" + (", nor have the others" if len(sources) > 1 else ""))
        file.flush()
        shape = (n_rows, len(chosen))
        values: Rows = np.memmap(file, dtype=kind, mode="r", shape=shape)
        return np.array(values) if values.nbytes <= _SHARE_IN_MEMORY * limit else values


def _kind_for(source: AbstractSource, block: Rows, kind: np.dtype[Any]) -> np.dtype[Any]:
    if kind.kind == "u" and block.dtype != kind:
        raise ValueError(
            f"{source.label} has cells that are not whole numbers of {kind}, the type of its columns: cast the columns "
            "to float32 or float64 in the file"
        )
    return kind


def _write(file: BinaryIO, block: Rows, folder: Path) -> None:
    if not block.size:
        return
    try:
        file.write(memoryview(block.data).cast("B"))
    except OSError as error:
        raise OSError(
            error.errno, f"{os.strerror(error.errno or 0)} (give another scratch_folder=)", str(folder)
        ) from error
