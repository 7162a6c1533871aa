"""Memory of arrays that are mapped from files: pages are read ahead of use, and given back after it."""

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import IntArray, Rows

PIECE_BYTES = 32 << 20
"""Size of the pieces of a mapped array that are used one after the other."""

_KEPT_BYTES = 4 << 20  # smaller files stay in memory once they have been read
_SHARED = {"r", "r+", "w+"}  # modes of `numpy.memmap` in which memory and file are the same
_DROP: Any = getattr(mmap, "MADV_DONTNEED", None)  # None where the system has no such advice
_WILL_NEED: Any = getattr(mmap, "MADV_WILLNEED", None)

_LISTENER: ContextVar[Callable[[int, int], object] | None] = ContextVar("listener", default=None)


@contextmanager
def passes_told(listener: Callable[[int, int], object]) -> Iterator[None]:
    """Tell a function about the passes that engines make over mapped files in the body.

    Parameters
    ----------
    listener : callable
        Called after each piece with the number of rows that the pass has reached, and that of all rows.
    """
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def tell_pass(reached: int, n_rows: int) -> None:
    """Tell the function of `passes_told`, if there is one, that a pass has reached a row."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(reached, n_rows)


@dataclass(frozen=True, eq=False)
class FilePages:
    """Pages of a file that is mapped into memory.

    Attributes
    ----------
    file : mmap.mmap
        The mapping.
    address : int
        Its address.
    """

    file: mmap.mmap
    address: int

    @classmethod
    def of(cls, values: Rows) -> Self | None:
        """Return the pages of a large array that is mapped from a file, else None.

        Parameters
        ----------
        values : array
            An array or a view of one. Only a `numpy.memmap` is known to be backed by a file; and changes of one that is
            copied on write exist in memory only, so it is left alone.

        Returns
        -------
        FilePages or None
            The pages.
        """
        owner: Any = values
        modes = set()
        while isinstance(owner, np.ndarray):
            modes.add(getattr(owner, "mode", None))
            owner = owner.base
        is_shared = bool(modes & _SHARED) and "c" not in modes
        if not isinstance(owner, mmap.mmap) or not is_shared or _DROP is None or len(owner) < _KEPT_BYTES:
            return None
        return cls(owner, np.frombuffer(owner, dtype=np.uint8).__array_interface__["data"][0])

    def read_ahead(self, part: Rows) -> None:
        """Begin to read the pages of a part of the array, without waiting for them."""
        if part.size:
            first, last = self._extent(part)
            self.file.madvise(_WILL_NEED, first, min(last + mmap.PAGESIZE, len(self.file)) - first)

    def release(self, part: Rows) -> None:
        """Give back the memory of a part of the array. A page that the next part shares with it stays.

        The system reads the pages again when they are used again.
        """
        first, last = self._extent(part) if part.size else (0, 0)
        if last > first:
            self.file.madvise(_DROP, first, last - first)

    def _extent(self, part: Rows) -> tuple[int, int]:
        """Return the first page of a part, and the page in which it ends, as positions in the file."""
        start = part.__array_interface__["data"][0] - self.address
        spans = [(length - 1) * stride for length, stride in zip(part.shape, part.strides, strict=True)]
        low = start + sum(min(span, 0) for span in spans)
        high = start + sum(max(span, 0) for span in spans) + part.itemsize
        return low - low % mmap.PAGESIZE, high - high % mmap.PAGESIZE


def pieces(values: Rows, length: int) -> Iterator[tuple[slice, Rows]]:
    """Yield an array (n, d) in pieces; those of a mapped file are read ahead, and their memory is given back.

    Parameters
    ----------
    values : (n, d) array
        The rows.
    length : int
        Number of rows of a piece.

    Yields
    ------
    part : slice
        Positions of the rows of a piece.
    piece : (m, d) array
        A view of them.
    """
    pages = FilePages.of(values)
    ahead = rows_of_piece(values)
    for start in range(0, len(values), length):
        part = slice(start, min(start + length, len(values)))
        if pages is not None and start % ahead < length:
            pages.read_ahead(values[part.stop : part.stop + ahead])
        yield part, values[part]
        if pages is not None:
            pages.release(values[part])


def rows_of_piece(values: Rows) -> int:
    """Return the number of rows of a piece of `PIECE_BYTES`."""
    return max(1, PIECE_BYTES // max(1, values.strides[0], values[:1].nbytes))


def take_rows(values: Rows, positions: IntArray) -> Rows:
    """Return some rows as an array in memory.

    Parameters
    ----------
    values : (n, d) array
        The rows.
    positions : (m,) array of int
        Positions from 0 to n - 1.

    Returns
    -------
    (m, d) array
        The rows, in the order of the positions.
    """
    pages = FilePages.of(values)
    if pages is None:
        return np.asarray(values[positions])
    order = np.argsort(positions, kind="stable")
    ascending = positions[order]
    taken = np.empty((len(positions), *values.shape[1:]), dtype=values.dtype)
    length = rows_of_piece(values)
    edges = np.searchsorted(ascending, np.arange(0, len(values) + length, length))
    for at, (begin, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        if begin < end:
            taken[order[begin:end]] = values[ascending[begin:end]]
            pages.release(values[at * length : (at + 1) * length])
    return taken
