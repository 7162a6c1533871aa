"""Rows of Dask: arrays and data frames, on the workers of a cluster or in threads of this process.

Before the first pass the rows are converted, cut at multiples of `SEGMENT_ROWS` and kept in the memory of the workers
(``persist``) as long as this object lives; passes send mixtures and get sums. The partitions of a worker that is lost
are computed again from the graph of the user. Results for each row are lazy, from the partitions of the user.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar, Literal, Self
from uuid import uuid4

import dask
import dask.array as da
import numpy as np
from dask.base import is_dask_collection

from gaussmix.core.cached_values import cached_property
from gaussmix.core.engines.distant_rows import AbstractDistantRows
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.partitioned import AbstractPartitions, PartitionedEngine, aligned_edges
from gaussmix.core.number_checks import check_columns, with_nan
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.validation import require_finite
from gaussmix.core.whitened import WhitenedMixture


def rows_of(X: Any) -> "DaskRows":
    """Return the rows of a Dask array or data frame.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame
        The rows; nothing is computed.

    Returns
    -------
    DaskRows
        The rows.

    Raises
    ------
    TypeError
        If X is another collection of Dask.
    ValueError
        If X has not two axes, or a column does not hold numbers.
    """
    if isinstance(X, da.Array):
        return _rows_of_array(X)
    if is_dask_collection(X) and hasattr(X, "to_delayed") and getattr(X, "ndim", 0) == 2:
        return _rows_of_frame(X)
    raise TypeError(f"X is a {type(X).__name__} of Dask: pass an array with two axes or a data frame")


def _rows_of_array(X: Any) -> "DaskRows":
    if X.ndim != 2:
        raise ValueError(f"X must have the shape (n, d), got {X.shape}; a single row is X[None, :]")
    if np.isnan(X.shape[1]):
        raise ValueError("X has an unknown number of columns: call X.compute_chunk_sizes() first")
    _require_numbers(X.dtype, "X")
    dtype, d = _kept_type([X.dtype]), int(X.shape[1])
    whole = X.rechunk({1: -1}) if X.numblocks[1] > 1 else X
    return DaskRows(
        whole.map_blocks(_converted, dtype, dtype=dtype, meta=np.empty((0, 0), dtype), name=_own_name()),
        None,
        np.empty((0, d), dtype),
    )


def _rows_of_frame(X: Any) -> "DaskRows":
    types = [X.dtypes.iloc[at] for at in range(len(X.columns))]
    for name, kind in zip(X.columns, types, strict=True):
        _require_numbers(kind, f"column {name!r} of X")
    dtype, d = _kept_type(types), len(types)
    convert = dask.delayed(_converted)
    blocks = [
        da.from_delayed(convert(part, dtype), (np.nan, d), dtype=dtype, meta=np.empty((0, 0), dtype))
        for part in X.to_delayed()
    ]
    header = X.dtypes.to_frame().T.iloc[:0]  # has the columns of X
    names = tuple(X.columns) if all(isinstance(name, str) for name in X.columns) else None
    return DaskRows(da.concatenate(blocks, allow_unknown_chunksizes=True), names, header)


class DaskRows(AbstractDistantRows):
    """Rows of Dask.

    Parameters
    ----------
    blocks : dask array
        The rows in one of the `KEPT_TYPES`, with a single chunk of columns; the number of rows of a chunk may be
        unknown.
    names : tuple of str, or None
        Names of the columns.
    header : array or data frame
        A table without rows that has the columns of the user.
    """

    kind: ClassVar[str] = "a collection of Dask"
    remedy: ClassVar[str] = "X.compute()"

    def __init__(self, blocks: Any, names: tuple[str, ...] | None, header: Any) -> None:
        self._blocks, self.names, self.header = blocks, names, header
        self.n_features = int(blocks.shape[1])

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """The number of rows; if the number of some chunk is unknown, the rows are computed and kept by the workers."""
        known = sum(self._blocks.chunks[0])
        return int(self._kept.edges[-1] if np.isnan(known) else known)

    def check_values(self) -> None:
        """Do nothing: values are checked where and when they are computed."""

    def engine(self) -> PartitionedEngine:
        return self._engine

    @cached_property
    def _engine(self) -> PartitionedEngine:
        greatest = self._kept.run(_examined, self.header, each=self._kept.edges[:-1].tolist())
        return PartitionedEngine(self._kept, np.max(greatest, axis=0))

    def fetch(self, positions: IntArray) -> WeightedRows:
        return WeightedRows(self._engine.fetch(positions), None, self.names)

    def of_features(self, features: IntArray) -> Self:
        kept = self._kept.array
        shape = (kept.chunks[0], (len(features),))
        some = kept.map_blocks(_columns_of, features, dtype=kept.dtype, chunks=shape, name=_own_name())
        return type(self)(some, None, np.empty((0, len(features)), self._blocks.dtype))

    def for_each(self, mixture: WhitenedMixture, want: Literal["labels", "responsibilities", "log_density"]) -> Any:
        dtype = np.int64 if want == "labels" else np.float64
        starts = np.concatenate([[0], np.cumsum(self._blocks.chunks[0])[:-1]])
        shared: dict[str, Any] = {"mixture": mixture, "want": want, "starts": starts, "header": self.header}
        if want == "responsibilities":
            shared |= {"chunks": (self._blocks.chunks[0], (mixture.n_scores,)), "meta": np.empty((0, 0))}
        else:
            shared |= {"drop_axis": 1, "meta": np.empty(0, dtype)}
        return da.map_blocks(_results, self._blocks, dtype=dtype, **shared)

    @cached_property
    def _kept(self) -> "_KeptPartitions":
        return _KeptPartitions.of(self._blocks)


class _KeptPartitions(AbstractPartitions):
    """Rows that the workers keep in memory, in chunks that end at multiples of `SEGMENT_ROWS`."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.edges = np.concatenate([[0], np.cumsum(array.chunks[0], dtype=np.int64)])
        self.n_features, self.dtype = int(array.shape[1]), array.dtype
        self._parts = array.to_delayed().ravel().tolist()

    @classmethod
    def of(cls, blocks: Any) -> Self:
        """Let the workers compute the rows."""
        if np.isnan(sum(blocks.chunks[0])):
            (blocks,) = dask.persist(blocks)
            parts = blocks.to_delayed().ravel().tolist()
            sizes = dask.compute(*map(dask.delayed(len), parts))
            d, dtype = blocks.shape[1], blocks.dtype
            blocks = da.concatenate(
                [da.from_delayed(part, (size, d), dtype=dtype) for part, size in zip(parts, sizes, strict=True)]
            )
        edges = aligned_edges(blocks.chunks[0])
        (array,) = dask.persist(blocks.rechunk((tuple(np.diff(edges).tolist()), -1)))
        return cls(array)

    def run(self, function: Callable[..., Any], *shared: Any, each: Sequence[Any] | None = None) -> list[Any]:
        call = dask.delayed(_for_each, pure=False)
        common = [dask.delayed(value) for value in shared]  # sent once to each worker
        groups, tasks = [], []
        for group in self._groups():
            wanted = [at for at in group if each is None or each[at] is not None]
            if wanted:
                own = None if each is None else dask.delayed([each[at] for at in wanted], traverse=False)
                groups.append(wanted)
                tasks.append(call(function, [self._parts[at] for at in wanted], common, own))
        results = zip(chain.from_iterable(groups), chain.from_iterable(dask.compute(*tasks)), strict=True)
        return [result for _, result in sorted(results, key=itemgetter(0))]

    def _groups(self) -> list[list[int]]:
        """Return the numbers of partitions by the worker that keeps them, in as many groups as it has threads.

        A task for each group takes less time of the scheduler than one for each partition. Without a cluster, and for
        the partitions of a worker that was lost, each partition is a group.
        """
        each = [[at] for at in range(len(self._parts))]
        distributed = sys.modules.get("distributed")  # whoever has a cluster has imported it
        try:
            client = distributed and distributed.get_client()
        except ValueError:
            client = None
        if client is None:
            return each
        keepers = client.who_has(client.futures_of(self.array))
        threads = client.nthreads()
        groups: dict[Any, list[int]] = {}
        for at, part in enumerate(self._parts):
            keeper = next(iter(keepers.get(part.key, ())), None)
            groups.setdefault(at if keeper is None else keeper, []).append(at)
        return [
            held[first :: threads.get(keeper, 1)]
            for keeper, held in groups.items()
            for first in range(threads.get(keeper, 1))
        ]


def _for_each(
    function: Callable[..., Any], parts: Sequence[Rows], shared: Sequence[Any], each: Sequence[Any] | None
) -> list[Any]:
    """Return the results of a function for several partitions."""
    if each is None:
        return [function(part, *shared) for part in parts]
    return [function(part, *shared, own) for part, own in zip(parts, each, strict=True)]


def _own_name() -> str:
    """Return a name of an array that no other has: the same name with another graph would confuse the scheduler."""
    return f"gaussmix-rows-{uuid4().hex}"


def _kept_type(types: Sequence[Any]) -> np.dtype[Any]:
    """Return the type of rows with columns of some types: that of the rows in memory."""
    if not all(isinstance(kind, np.dtype) for kind in types):
        return np.dtype(np.float64)
    kind = np.result_type(*types)
    return kind.newbyteorder("=") if kind.type in KEPT_TYPES else np.dtype(np.float64)


def _require_numbers(kind: Any, what: str) -> None:
    """Raise a ValueError unless a type of NumPy or pandas is that of real numbers."""
    found = getattr(kind, "kind", "O")
    if found not in "fiub":
        raise ValueError(
            f'{what} does not hold numbers ({kind}): choose columns that do, such as X.select_dtypes("number"), or '
            "convert them with X.astype(float)"
        )


def _converted(part: Any, dtype: np.dtype[Any]) -> Rows:
    """Return a chunk or a data frame in the type of the rows."""
    if hasattr(part, "iloc"):
        for column in range(part.shape[1]):
            check_columns(np.asarray(part.iloc[:, column]).reshape(-1, 1), column, repr(part.columns[column]))
        return np.ascontiguousarray(part.to_numpy(dtype, na_value=np.nan) if dtype.kind == "f" else part, dtype=dtype)
    values = with_nan(part) if isinstance(part, np.ma.MaskedArray) else np.asarray(part)
    check_columns(values)
    return np.ascontiguousarray(values, dtype=dtype)


def _examined(rows: Rows, header: Any, start: int) -> FloatArray:
    """Return the greatest absolute value (d,) of each feature, of finite rows from position ``start`` on."""
    require_finite(rows, header, first_row=start)
    return NativeEngine(rows).greatest


def _columns_of(rows: Rows, features: IntArray) -> Rows:
    return np.ascontiguousarray(rows[:, features])


def _results(
    rows: Rows,
    mixture: WhitenedMixture,
    want: Literal["labels", "responsibilities", "log_density"],
    starts: FloatArray,
    header: Any,
    block_info: Any = None,
) -> Rows:
    """Return the results for the rows of a chunk, which are counted from its start if the chunks have unknown sizes."""
    chunk = block_info[0]["chunk-location"][0]
    start = 0 if np.isnan(starts[chunk]) else int(starts[chunk])
    try:
        require_finite(rows, header, first_row=start)
    except ValueError as error:
        if chunk and np.isnan(starts[chunk]):
            raise ValueError(f"in partition {chunk}: {error}") from error
        raise
    engine = NativeEngine(rows)
    return engine.score_rows(mixture, want) if want == "log_density" else assign_rows(engine, mixture, want)
