"""Conversion of images, masks and labels from users to pixels."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from gaussmix.core.display import UNLABELED
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import BoolArray, Rows
from gaussmix.core.validation import LARGEST
from gaussmix.imaging.images.masks import as_mask, has_opacity, hidden_entries, to_opacity, warn_of_doubtful_opacity
from gaussmix.imaging.images.pixels import LARGEST_INTEGER, Pixels, both_visible, finite_pixels

MAX_CLASSES = UNLABELED
"""Greatest number of classes: a label is one byte, of which `UNLABELED` is one value."""

MAX_CHANNELS = 4
"""Greatest length of a last axis that is treated as channels."""

_NARROWER = {np.int8: np.float32, np.int16: np.float32, np.float16: np.float32, np.bool_: np.uint8}
_LARGEST = {np.dtype(np.float32): 1e19, np.dtype(np.float64): LARGEST}  # of greater numbers the square overflows
_MISSING = float(np.finfo(np.float32).max)  # stands for missing data, often with a minus sign


def as_images(image: Any, mask: Any, *, channel_axis: int | str | None, stack: bool, alpha: bool | str) -> list[Pixels]:
    """Convert one image, or several of the same kind, to pixels.

    Parameters
    ----------
    image : array-like, or a list or tuple of them
        As for `as_pixels`.
    mask : array-like, a list or tuple of them, or None
        A mask or None for each image.
    channel_axis, stack, alpha
        As for `as_pixels`.

    Returns
    -------
    list of Pixels
        Images with equal numbers of axes and channels.

    Raises
    ------
    ValueError
        As for `as_pixels`; also if there is no image, if the images differ in kind, or in number from the masks.
    """
    several = isinstance(image, list | tuple)
    images = list(image) if several else [image]
    masks = [None] * len(images) if mask is None else list(mask) if several else [mask]
    if not images:
        raise ValueError("image is an empty list: give at least one image")
    if len(masks) != len(images):
        raise ValueError(f"got {len(images)} images and {len(masks)} masks: give a mask or None for each image")
    found = [
        as_pixels(one, its_mask, channel_axis=channel_axis, stack=stack, alpha=alpha)
        for one, its_mask in zip(images, masks, strict=True)
    ]
    if len({(pixels.n_channels, len(pixels.shape)) for pixels in found}) > 1:
        raise ValueError("the images differ in their numbers of axes or channels: fit one model to each kind")
    return found


def require_kind(images: Sequence[Pixels], n_axes: int, n_channels: int, *, stack: bool) -> None:
    """ValueError unless all images have these numbers of spatial axes and channels, those of a model."""
    for pixels in images:
        if (pixels.n_channels, len(pixels.shape) - stack) != (n_channels, n_axes):
            raise ValueError(
                f"the model was fitted to {n_axes} axes and {n_channels} channels; got an image with "
                f"{len(pixels.shape) - stack} axes and {pixels.n_channels} channels"
            )


def as_pixels(
    image: Any, mask: Any, *, channel_axis: int | str | None, stack: bool, alpha: bool | str = "auto"
) -> Pixels:
    """Convert an image to pixels.

    Parameters
    ----------
    image : array-like
        (shape) or (shape, channels), with two or three axes of pixels. Pixels of which a masked array masks a channel
        are excluded.
    mask : array-like of that shape, or None
        Nonzero at pixels to use.
    channel_axis : int, None or "auto"
        None: one channel. "auto": a last axis of at most four entries is the channels if there are enough
        other axes.
    stack : bool
        Whether the first axis is the images of a stack.
    alpha : bool or "auto"
        Whether the last channel is opacity; pixels of opacity 0 are excluded. "auto": if there are four of uint8.

    Returns
    -------
    Pixels
        The image in C order, without seeds.

    Raises
    ------
    ValueError
        If an argument is not valid.

    Warns
    -----
    UserWarning
        With ``alpha="auto"``, if the opacity has many values and is hardly ever 255.
    """
    values = _channels_last(_as_numbers(image), np.shape(image), channel_axis, stack)
    visible = None if mask is None else as_mask(mask, values.shape[:-1])
    hidden = hidden_entries(image)
    if hidden is not None:
        hidden = _channels_last(hidden, np.shape(image), channel_axis, stack)
        visible = both_visible(visible, ~np.asarray(hidden.any(axis=-1)))
    if has_opacity(alpha, values.shape[-1], declared=values.shape[-1] == 4 and values.dtype == np.uint8):
        opacity = to_opacity(values[..., -1])
        if alpha == "auto":
            warn_of_doubtful_opacity(opacity, "image")
        visible = both_visible(visible, opacity > 0)
        values = values[..., :-1]
    visible = both_visible(visible, finite_pixels(values))
    if visible is not None and visible.all():
        visible = None
    if visible is not None and not visible.any():
        raise ValueError("image has no visible pixel: all are masked, transparent or NaN")
    _require_moderate(values, visible)
    return Pixels(np.ascontiguousarray(values), visible)


def with_all_seeds(images: Sequence[Pixels], labels: Any, n_classes: int) -> list[Pixels]:
    """Return the images with their seeds.

    Parameters
    ----------
    images : sequence of Pixels
        The images.
    labels : array-like of int, or a list or tuple of them
        Labels of each image, as for `with_seeds`.
    n_classes : int
        Number of classes; labels are 0 to ``n_classes - 1``.

    Returns
    -------
    list of Pixels
        The same images with seeds.

    Raises
    ------
    ValueError
        As for `with_seeds`; also if the numbers of images and labels differ, or if no image has a seed.
    """
    given = list(labels) if isinstance(labels, list | tuple) else [labels]
    if len(given) != len(images):
        raise ValueError(f"got {len(images)} images and {len(given)} arrays of labels: give one array for each image")
    found = [with_seeds(pixels, one, n_classes) for pixels, one in zip(images, given, strict=True)]
    if not any((pixels.seeds >= 0).any() for pixels in found if pixels.seeds is not None):
        raise ValueError("labels has no known class at a visible pixel: set some pixels to the number of their class")
    return found


def with_seeds(pixels: Pixels, labels: Any, n_classes: int) -> Pixels:
    """Return an image with its seeds; seeds at pixels that are not visible are dropped.

    Parameters
    ----------
    pixels : Pixels
        An image.
    labels : array-like of int
        Array of the shape of the image without channels: class of each seed, -1 at other pixels. Entries that a masked
        array masks are no seeds.
    n_classes : int
        Number of classes; labels are 0 to ``n_classes - 1``.

    Returns
    -------
    Pixels
        The same image with seeds.

    Raises
    ------
    ValueError
        If the labels have another shape, or are not whole numbers in that range.
    """
    seeds = np.asarray(labels)
    hidden = hidden_entries(labels)
    if hidden is not None and seeds.dtype.kind in "iu":
        seeds = np.where(hidden, -1, seeds.astype(np.int64))
    if seeds.shape != pixels.shape:
        raise ValueError(f"labels must have the shape of the image without channels, {pixels.shape}; got {seeds.shape}")
    if seeds.dtype.kind not in "iu" or seeds.min() < -1 or seeds.max() >= n_classes:
        raise ValueError(
            f"labels must be whole numbers: classes from 0 to {n_classes - 1}, and -1 where the class is unknown; "
            f"got {seeds.dtype} from {seeds.min()} to {seeds.max()}"
        )
    seeds = seeds.astype(np.int64)
    return replace(pixels, seeds=seeds if pixels.visible is None else np.where(pixels.visible, seeds, -1))


def _as_numbers(image: Any) -> Rows:
    """Return the image as an array of a supported type."""
    if isinstance(image, str | PathLike):
        raise ValueError(
            f"image must be an array; for a file, call picture = imaging.read_picture({str(image)!r}): picture.pixels "
            "is the image and picture.alpha its mask of opaque pixels"
        )
    values = np.ma.getdata(image) if np.ma.isMaskedArray(image) else np.asarray(image)
    if values.dtype.type in KEPT_TYPES:
        return values
    if values.dtype.kind not in "iub" and values.dtype.type is not np.float16:
        raise ValueError(
            f"image must be numeric (bool, integers, or floats of 16 to 64 bits); got an array of {values.dtype}"
        )
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and values.size:
        most = max(-int(values.min()), int(values.max()))
        if most > LARGEST_INTEGER:
            raise ValueError("image has integers above 2^53, which cannot be held exactly; divide them")
    return values.astype(_NARROWER.get(values.dtype.type, np.float64))


def _require_moderate(values: Rows, visible: BoolArray | None) -> None:
    """ValueError that names the first visible pixel with a number for missing data, or whose square overflows."""
    most = _LARGEST.get(values.dtype)
    if most is None:
        return
    limit = min(most, _MISSING)
    with np.errstate(invalid="ignore"):
        if values.min() > -limit and values.max() < limit:
            return
        sizes = np.abs(values)
        wrong = ((sizes >= most) | (sizes == _MISSING)).any(axis=-1)
    wrong = wrong if visible is None else wrong & visible
    if not wrong.any():
        return
    where = tuple(int(position) for position in np.argwhere(wrong)[0])
    found = values[where][np.nanargmax(np.abs(values[where]))]
    what = f"whose squares overflow {values.dtype}" if abs(found) >= most else "at the limit of float32"
    raise ValueError(
        f"image has values {what}, such as {found:g} at {where}. If they stand for missing data, set the pixels to NaN "
        "or exclude them by mask; if not, divide the image by a constant"
    )


def _channels_last(values: Rows, given_shape: tuple[int, ...], channel_axis: int | str | None, stack: bool) -> Rows:
    """Check the axes and return values (shape, channels)."""
    least = 3 if stack else 2
    if channel_axis == "auto":
        channel_axis = -1 if values.ndim > least and values.shape[-1] <= MAX_CHANNELS else None
    if channel_axis is None:
        values = values[..., None]
    elif not isinstance(channel_axis, int) or not -values.ndim <= channel_axis < values.ndim:
        raise ValueError(f'channel_axis must be an axis of the image, None or "auto"; got {channel_axis!r}')
    else:
        values = np.moveaxis(values, channel_axis, -1)
    n_axes = values.ndim - 1 - stack
    if n_axes not in (2, 3):
        raise ValueError(
            f"image must have 2 or 3 axes of pixels{', an axis of images' * stack} and optionally one of channels; got "
            f"the shape {given_shape}: see channel_axis and stack"
        )
    if values.size == 0:
        raise ValueError(f"image has no pixels: its shape is {given_shape}")
    return values
