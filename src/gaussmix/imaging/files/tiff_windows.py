"""Windows of TIFF pictures, decoded tile by tile or strip by strip."""

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.typing import BoolArray, Rows
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.orientation import UPRIGHT
from gaussmix.imaging.files.tiff_geometry import orientation_of
from gaussmix.imaging.files.tiff_library import import_tifffile, tiff_errors
from gaussmix.imaging.files.tiff_pixels import SeriesNotes, as_picture
from gaussmix.imaging.files.tiff_series import (
    AxisRoles,
    check_kind,
    check_sizes,
    find_series,
    masks_among,
    require_alike,
)
from gaussmix.imaging.files.windows import Window, WindowedPicture, wide_numbers
from gaussmix.imaging.images.picture import Picture

KEPT_BYTES = 1 << 28
"""Greatest size of the decoded tiles or strips that are kept, because neighboring windows share them."""

_NO_LIMIT = 1 << 62


@contextmanager
def open_tiff_windows(path: Path, options: ReadOptions) -> Iterator[WindowedPicture]:
    """Yield the first series of a TIFF, whose windows are the same as those of the picture of `read_tiff`.

    Raises
    ------
    UnreadableError
        If the file is damaged, turned, or stored in parts that are larger than `KEPT_BYTES`.
    """
    tifffile = import_tifffile()
    with tiff_errors(path):
        file = tifffile.TiffFile(path)
    with file:
        with tiff_errors(path):
            reader = _SeriesReader(path, file, options)
            windows = WindowedPicture.of(reader.shape, reader.n_bytes, reader.blocks, reader.read)
        yield windows


class _SeriesReader:
    """Reader of windows of the first series of a file."""

    def __init__(self, path: Path, file: Any, options: ReadOptions) -> None:
        series, self._masks = find_series(path, file)
        page = series.keyframe
        check_kind(path, series, page)
        check_sizes(path, series, page, replace(options, max_bytes=_NO_LIMIT))
        require_alike(path, series, options)
        if orientation_of(page) != UPRIGHT:
            raise UnreadableError(f"{path} is stored turned, and cannot be read in parts: save it upright")
        self._path, self._series, self._options = path, series, options
        self._segments, self._lock = _Segments(path, file), threading.Lock()
        self._pages = [page for page, is_mask in masks_among(series) if not is_mask]
        lengths, axes = tuple(series.shape), str(series.axes)
        if len(self._pages) not in (1, len(series)) or series.kind != "generic":
            self._pages = list(series)
        elif len(self._pages) == 1 < len(series):
            lengths, axes = lengths[1:], axes[1:]
        n_lead = len(lengths) - page.ndim
        if lengths[n_lead:] != tuple(page.shape) or math.prod(lengths[:n_lead]) != len(self._pages):
            raise UnreadableError(
                f"{path} stores its axes {axes} so that it cannot be read in parts: convert it to tiles"
            )
        self._roles = roles = AxisRoles.of(axes, options)
        size = dict(zip(axes, lengths, strict=True))
        kinds = (roles.pages, roles.slices, tuple(axis for axis in roles.channels if axis in axes[:n_lead]))
        order = [axes[:n_lead].index(axis) for kind in kinds for axis in kind]
        numbers = np.arange(len(self._pages)).reshape(lengths[:n_lead]).transpose(order)
        self._numbers = numbers.reshape([math.prod(size[axis] for axis in kind) for kind in kinds])
        n_pages, n_slices, _ = self._numbers.shape
        pages, slices = (n_pages,) * bool(roles.pages), (n_slices,) * bool(roles.slices)
        self.shape = (*pages, *slices, size["Y"], size["X"])
        self.n_bytes = math.prod(lengths) * series.dtype.itemsize
        self.blocks = (1,) * len(slices) + self._segments.blocks(page)
        self._notes = SeriesNotes.of(file, series)

    def read(self, where: Window) -> Picture:
        """Return a window of the picture."""
        with tiff_errors(self._path):
            with self._lock:
                values, inside = self._stored(where), self._inside(where)
            return as_picture(self._path, self._notes, values, inside, self._options, convert=wide_numbers)

    def _stored(self, where: Window) -> Rows:
        """Return the stored numbers of a window, (pages), (Z), Y, X and channels."""
        *lead, rows, columns = where
        pages = lead.pop(0) if self._roles.pages else slice(0, 1)
        slices = lead.pop(0) if self._roles.slices else slice(0, 1)
        table = self._numbers[pages, slices]
        parts = [
            np.concatenate([self._segments.window(self._pages[number], rows, columns) for number in numbers], axis=-1)
            for numbers in table.reshape(-1, table.shape[-1])
        ]
        kept = [n for n, kind in zip(table.shape, (self._roles.pages, self._roles.slices), strict=False) if kind]
        return np.stack(parts).reshape(*kept, *parts[0].shape)

    def _inside(self, where: Window) -> BoolArray | None:
        """Return the pixels of a window that are inside the masks of the file."""
        if not self._masks:
            return None
        *lead, rows, columns = where
        wrong = [page.shape for page in self._masks if page.shape != self.shape[-2:]]
        if wrong or len(self._masks) not in (1, math.prod(self.shape[:-2])):
            raise UnreadableError(f"{self._path} has masks that do not fit to its pages of the shape {self.shape[-2:]}")
        if len(self._masks) == 1:
            chosen, kept = self._masks, (1,) * len(lead)
        else:
            numbers = np.arange(len(self._masks)).reshape(self.shape[:-2])[tuple(lead)]
            chosen, kept = [self._masks[number] for number in numbers.ravel()], numbers.shape
        found = np.stack([self._segments.window(page, rows, columns)[..., 0] != 0 for page in chosen])
        lengths = [part.stop - part.start for part in where]
        return np.broadcast_to(found.reshape(*kept, *found.shape[1:]), lengths)


class _Segments:
    """Tiles or strips of the pages of a file, of which those last used are kept decoded."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        self._stores: dict[tuple[Any, ...], _Store] = {}

    def blocks(self, page: Any) -> tuple[int, int]:
        """Return the height and the width of the tiles or strips of a page.

        Raises
        ------
        UnreadableError
            If one of them is too large.
        """
        if page.imagedepth > 1:
            raise UnreadableError(f"{self._path} has pages of several slices, and cannot be read in parts")
        if page.is_tiled:
            height, width = int(page.tilelength), int(page.tilewidth)
        else:
            height, width = min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)
        n_bytes = height * width * page.dtype.itemsize * int(page.samplesperpixel)
        if n_bytes > KEPT_BYTES and not page.is_memmappable:
            raise UnreadableError(
                f"{self._path} stores {height:,} x {width:,} pixels in one part, which take {n_bytes / 1e9:.3g} GB: "
                "convert it to tiles, as gdal_translate -co TILED=YES does"
            )
        return height, width

    def window(self, page: Any, rows: slice, columns: slice) -> Rows:
        """Return a window (height, width, samples) of a page."""
        keyframe = page.keyframe
        if keyframe.is_memmappable:
            return self._mapped(page, rows, columns)
        height, width = self.blocks(keyframe)
        down, across = -(-int(keyframe.imagelength) // height), -(-int(keyframe.imagewidth) // width)
        n_planes, _, _, _, n_together = keyframe.shaped
        shape = (rows.stop - rows.start, columns.stop - columns.start, n_planes * n_together)
        values = np.full(shape, keyframe.nodata, dtype=keyframe.dtype)
        there = (
            range(rows.start // height, -(-rows.stop // height)),
            range(columns.start // width, -(-columns.stop // width)),
        )
        for plane, row, column in itertools.product(range(n_planes), *there):
            segment = self._decoded(page, (plane * down + row) * across + column)
            if segment is None:
                continue
            top, left = row * height, column * width
            lines = slice(max(rows.start, top), min(rows.stop, top + segment.shape[0]))
            places = slice(max(columns.start, left), min(columns.stop, left + segment.shape[1]))
            values[
                lines.start - rows.start : lines.stop - rows.start,
                places.start - columns.start : places.stop - columns.start,
                plane * n_together : (plane + 1) * n_together,
            ] = segment[lines.start - top : lines.stop - top, places.start - left : places.stop - left]
        return values

    def _mapped(self, page: Any, rows: slice, columns: slice) -> Rows:
        """Return a window of a page that is stored as it is in memory."""
        dtype = page.keyframe.dtype.newbyteorder(self._file.byteorder)
        stored = np.memmap(self._path, dtype, "r", page.dataoffsets[0], page.keyframe.shaped)
        part = np.moveaxis(stored[:, 0, rows, columns], 0, -2)
        return np.array(part.reshape(*part.shape[:2], -1), dtype=page.keyframe.dtype)

    def _decoded(self, page: Any, index: int) -> Rows | None:
        """Return a tile or a strip (height, width, samples); None if it is not stored."""
        if page.databytecounts[index] == 0:
            return None
        keyframe, handle = page.keyframe, self._file.filehandle
        shape = (*self.blocks(keyframe), int(keyframe.shaped[4]))
        kind = (*shape, keyframe.dtype)
        if kind not in self._stores:
            self._stores[kind] = _Store(shape, keyframe.dtype)
        store, key = self._stores[kind], (page.offset, index)
        found = store.get(key)
        if found is None:
            handle.seek(page.dataoffsets[index])
            data = handle.read(page.databytecounts[index])
            tables = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader} if page.jpegtables else {}
            found = store.put(key, keyframe.decode(data, index, **tables)[0][0])
        return found


class _Store:
    """Arrays of one type and at most one shape, of which those last used are kept.

    They are parts of one array: small arrays that are kept between large ones that are not would leave gaps in the
    memory, which then grows to many times what is used.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        n_bytes = math.prod(shape) * dtype.itemsize
        self._array = np.empty((max(1, KEPT_BYTES // n_bytes), *shape), dtype)
        self._kept: OrderedDict[tuple[int, int], tuple[int, Rows]] = OrderedDict()

    def get(self, key: tuple[int, int]) -> Rows | None:
        """Return an array, or None if it is not kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def put(self, key: tuple[int, int], values: Rows) -> Rows:
        """Keep an array in place of that which was not used for the longest time, and return it."""
        place = len(self._kept)
        if place == len(self._array):
            _, (place, _) = self._kept.popitem(last=False)
        part = self._array[place][tuple(slice(length) for length in values.shape)]
        part[...] = values
        self._kept[key] = place, part
        return part
