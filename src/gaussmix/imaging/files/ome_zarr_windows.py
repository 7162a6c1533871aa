"""Windows of OME-Zarr images."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.imaging.files.damage import named_damage
from gaussmix.imaging.files.ome_zarr import arranged, as_picture, open_level
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.windows import Window, WindowedPicture, wide_numbers
from gaussmix.imaging.images.picture import Picture


@contextmanager
def open_ome_zarr_windows(path: Path, options: ReadOptions) -> Iterator[WindowedPicture]:
    """Yield a level of an OME-Zarr image, whose windows are the same as those of the picture of `read_ome_zarr`."""
    lock = threading.Lock()
    with named_damage(path, "OME-Zarr image"):
        array, image, geometry = open_level(path, options.level)
    pages = [n for axis, n in zip(geometry.axes, geometry.lengths, strict=True) if axis.kind != "space"]
    space = geometry.lengths[-geometry.n_axes :]
    has_flat_slices = len(geometry.lengths) - len(pages) > geometry.n_axes

    def read(where: Window) -> Picture:
        spatial = ([slice(0, 1)] if has_flat_slices else []) + list(where[-geometry.n_axes :])
        page = where[0].start if geometry.n_pages > 1 else 0
        lead = [slice(int(place), int(place) + 1) for place in np.unravel_index(page, pages)] if pages else []
        index: list[Any] = [*lead, *spatial]
        kinds = [axis.kind for axis in image.axes]
        if "channel" in kinds:
            index.insert(kinds.index("channel"), slice(None))
        with lock, named_damage(path, "OME-Zarr image"):
            values = np.asarray(array[tuple(index)])
        return as_picture(path, wide_numbers(arranged(values, image, geometry)), image, geometry)

    shape = (*((geometry.n_pages,) if geometry.n_pages > 1 else ()), *space)
    yield WindowedPicture.of(
        shape, math.prod(array.shape) * array.dtype.itemsize, geometry.chunks[-geometry.n_axes :], read
    )
