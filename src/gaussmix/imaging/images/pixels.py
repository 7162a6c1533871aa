"""What a user calls an image, as pixels on a grid."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import BoolArray, IntArray, Rows
from gaussmix.core.validation import LARGEST

UNLABELED = 255
"""The label of pixels that do not count."""

MOST_CLASSES = 255
"""A label is one byte, and `UNLABELED` takes one of the 256."""

MOST_CHANNELS = 4
"""A last axis of no more entries is taken for channels."""

_FLOAT_FOR = {np.dtype(np.int8): np.float32, np.dtype(np.int16): np.float32, np.dtype(np.bool_): np.uint8}


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image, or a stack of images of one size.

    Attributes
    ----------
    values : (shape, channels) array
        float64, float32, uint8 or uint16.
    visible : (shape) array of bool, or None
        The pixels that count; None: all do.
    """

    values: Rows
    visible: BoolArray | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape[:-1]

    @property
    def n_channels(self) -> int:
        return int(self.values.shape[-1])

    @property
    def n_visible(self) -> int:
        return int(np.prod(self.shape)) if self.visible is None else int(np.count_nonzero(self.visible))

    @property
    def rows(self) -> Rows:
        """(n, channels) the visible pixels; not copied when all are."""
        return self.values.reshape(-1, self.n_channels) if self.visible is None else self.values[self.visible]

    def part(self, where: slice | tuple[slice, ...]) -> "Pixels":
        """Some of the image."""
        return Pixels(self.values[where], None if self.visible is None else self.visible[where])

    def placed(self, values: Rows, elsewhere: float) -> Rows:
        """(shape, ...) values of the visible pixels (n, ...) put where the pixels are."""
        if self.visible is None:
            return values.reshape(self.shape + values.shape[1:])
        placed = np.full(self.shape + values.shape[1:], elsewhere, dtype=values.dtype)
        placed[self.visible] = values
        return placed


def as_pixels(image: Any, mask: Any, *, channel_axis: int | str | None, stack: bool, colors: bool) -> Pixels:
    """An image as pixels.

    Parameters
    ----------
    image : array-like
        (shape) or (shape, channels), two or three axes of pixels.
    mask : array-like of that shape, or None
        Pixels that count.
    channel_axis : int, None or "auto"
        None means one channel; "auto" takes a last axis of at most four for channels when there are axes enough.
    stack : bool
        Whether the first axis numbers images.
    colors : bool
        Whether the fourth of four channels of uint8 is opacity: pixels with 0 do not count.

    Raises
    ------
    ValueError
        Names the argument, what was found and the remedy.
    """
    if isinstance(image, str | PathLike):
        raise ValueError(
            f"image must be an array; of a file, picture = imaging.read_picture({str(image)!r}) has picture.pixels, "
            "and in picture.alpha the mask of what is not transparent"
        )
    values = np.asarray(image)
    if values.dtype.type not in KEPT_TYPES:
        if values.dtype.kind not in "iub":
            raise ValueError(f"image must have numbers, got an array of {values.dtype}")
        values = values.astype(_FLOAT_FOR.get(values.dtype, np.float64))
    least = 3 if stack else 2
    if channel_axis == "auto":
        channel_axis = -1 if values.ndim > least and values.shape[-1] <= MOST_CHANNELS else None
    if channel_axis is None:
        values = values[..., None]
    elif not isinstance(channel_axis, int) or not -values.ndim <= channel_axis < values.ndim:
        raise ValueError(f'channel_axis must be an axis of the image, None or "auto"; got {channel_axis!r}')
    else:
        values = np.moveaxis(values, channel_axis, -1)
    n_axes = values.ndim - 1 - stack
    if n_axes not in (2, 3):
        raise ValueError(
            f"image must have 2 or 3 axes of pixels{', an axis of images' * stack} and perhaps one of channels; got "
            f"the shape {np.shape(image)}: see channel_axis and stack"
        )
    if values.size == 0:
        raise ValueError(f"image has no pixels: its shape is {np.shape(image)}")
    visible = None
    if mask is not None:
        visible = np.asarray(mask)
        if visible.shape != values.shape[:-1]:
            raise ValueError(
                f"mask must have the shape of the image without channels, {values.shape[:-1]}; got {visible.shape}"
            )
        visible = visible != 0
    if colors and values.shape[-1] == 4 and values.dtype == np.uint8:
        visible = _both(visible, values[..., 3] > 0)
        values = values[..., :3]
    if values.dtype.kind == "f":
        finite = np.isfinite(values).all(axis=-1)
        if not finite.all():
            visible = _both(visible, finite)
        if values.dtype == np.float64 and (np.abs(values) >= LARGEST)[finite].any():
            raise ValueError("image has values whose squares overflow: divide it by its scale")
    if visible is not None and visible.all():
        visible = None
    if visible is not None and not visible.any():
        raise ValueError("image has no visible pixel: all are masked, transparent or NaN")
    return Pixels(np.ascontiguousarray(values), visible)


def as_known(labels: Any, pixels: Pixels, n_classes: int) -> IntArray:
    """(shape) the known class of each pixel, -1 where it is not known or the pixel does not count.

    Raises
    ------
    ValueError
        Names what is wrong with the labels.
    """
    known = np.asarray(labels)
    if known.shape != pixels.shape:
        raise ValueError(f"labels must have the shape of the image without channels, {pixels.shape}; got {known.shape}")
    if known.dtype.kind not in "iu" or known.min() < -1 or known.max() >= n_classes:
        raise ValueError(
            f"labels must be whole numbers: classes from 0 to {n_classes - 1}, and -1 where the class is not known; "
            f"got {known.dtype} from {known.min()} to {known.max()}"
        )
    known = known.astype(np.int64)
    return known if pixels.visible is None else np.where(pixels.visible, known, -1)


def _both(visible: BoolArray | None, more: BoolArray) -> BoolArray:
    return more if visible is None else visible & more
