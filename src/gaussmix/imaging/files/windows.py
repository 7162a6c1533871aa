"""Pictures in files of which windows are read, so that the whole need not fit into memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.images.picture import Picture

Window = tuple[slice, ...]
"""A part of a picture: a slice for each axis except the channels; of the pages of a stack, one."""


@dataclass(frozen=True, eq=False)
class WindowedPicture:
    """A picture in an open file.

    Attributes
    ----------
    layout : Picture
        A picture of the shape, the channels and the geometry of the whole; its pixels are all 0 and take no memory.
    dtype : numpy.dtype
        Type of the pixels.
    n_bytes : int
        Size of all pixels when decoded.
    blocks : tuple of int
        Lengths along the spatial axes of the parts in which the file stores pixels.
    read : callable
        Function of a `Window` that returns this part of the picture; it may be called from several threads.
    """

    layout: Picture
    dtype: np.dtype[Any]
    n_bytes: int
    blocks: tuple[int, ...]
    read: Callable[[Window], Picture]

    @classmethod
    def of(
        cls, shape: tuple[int, ...], n_bytes: int, blocks: tuple[int, ...], read: Callable[[Window], Picture]
    ) -> Self:
        """Return the picture of a reader, whose first pixel tells the channels and the geometry.

        Parameters
        ----------
        shape : tuple of int
            Lengths of all axes except the channels.
        n_bytes, blocks, read
            As the attributes.
        """
        first = read((slice(0, 1),) * len(shape))
        pixels = np.broadcast_to(np.uint8(0), (*shape, first.pixels.shape[-1]))
        return cls(replace(first, pixels=pixels, alpha=None), first.pixels.dtype, n_bytes, blocks, read)


def wide_numbers(values: Rows) -> Rows:
    """Return integers of 32 or 64 bits as float64, whatever the window has, and others as they are."""
    return values.astype(np.float64) if values.dtype.kind in "iu" and values.dtype.itemsize > 2 else values
