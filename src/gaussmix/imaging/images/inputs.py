"""Conversion of images, masks and labels from users to pixels."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from gaussmix.core.display import UNLABELED
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import Rows
from gaussmix.core.validation import LARGEST
from gaussmix.imaging.images.pixels import Pixels, both_visible, finite_pixels

MAX_CLASSES = UNLABELED
"""Greatest number of classes: a label is one byte, of which `UNLABELED` is one value."""

MAX_CHANNELS = 4
"""Greatest length of a last axis that is taken for channels."""

_FLOAT_FOR = {np.dtype(np.int8): np.float32, np.dtype(np.int16): np.float32, np.dtype(np.bool_): np.uint8}


def as_images(image: Any, mask: Any, *, channel_axis: int | str | None, stack: bool) -> list[Pixels]:
    """Convert one image, or several of the same kind, to pixels.

    Parameters
    ----------
    image : array-like, or a list or tuple of them
        As for `as_pixels`.
    mask : array-like, a list or tuple of them, or None
        A mask or None for each image.
    channel_axis, stack
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
        as_pixels(one, its_mask, channel_axis=channel_axis, stack=stack)
        for one, its_mask in zip(images, masks, strict=True)
    ]
    if len({(pixels.n_channels, len(pixels.shape)) for pixels in found}) > 1:
        raise ValueError("the images differ in their numbers of axes or channels: fit one model to each kind")
    return found


def as_pixels(image: Any, mask: Any, *, channel_axis: int | str | None, stack: bool) -> Pixels:
    """Convert an image to pixels.

    Parameters
    ----------
    image : array-like
        (shape) or (shape, channels), with two or three axes of pixels. A fourth channel of uint8 is opacity;
        pixels of opacity 0 are excluded.
    mask : array-like of that shape, or None
        Nonzero at pixels to use.
    channel_axis : int, None or "auto"
        None: one channel. "auto": a last axis of at most four entries is the channels if there are enough
        other axes.
    stack : bool
        Whether the first axis is the images of a stack.

    Returns
    -------
    Pixels
        The image in C order, without seeds.

    Raises
    ------
    ValueError
        If an argument is not valid.
    """
    values = _as_numbers(image)
    values = _channels_last(values, np.shape(image), channel_axis, stack)
    visible = None
    if mask is not None:
        visible = np.asarray(mask)
        if visible.shape != values.shape[:-1]:
            raise ValueError(
                f"mask must have the shape of the image without channels, {values.shape[:-1]}; got {visible.shape}"
            )
        visible = visible != 0
    if values.shape[-1] == 4 and values.dtype == np.uint8:
        visible = both_visible(visible, values[..., 3] > 0)
        values = values[..., :3]
    finite = finite_pixels(values)
    visible = both_visible(visible, finite)
    if values.dtype == np.float64 and (np.abs(values if finite is None else values[finite]) >= LARGEST).any():
        raise ValueError("image has values whose squares overflow: divide the image by a constant")
    if visible is not None and visible.all():
        visible = None
    if visible is not None and not visible.any():
        raise ValueError("image has no visible pixel: all are masked, transparent or NaN")
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
        Array of the shape of the image without channels: class of each seed, -1 at other pixels.
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
    if seeds.shape != pixels.shape:
        raise ValueError(f"labels must have the shape of the image without channels, {pixels.shape}; got {seeds.shape}")
    if seeds.dtype.kind not in "iu" or seeds.min() < -1 or seeds.max() >= n_classes:
        raise ValueError(
            f"labels must be whole numbers: classes from 0 to {n_classes - 1}, and -1 where the class is unknown;  "
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
    values = np.asarray(image)
    if values.dtype.type in KEPT_TYPES:
        return values
    if values.dtype.kind not in "iub":
        raise ValueError(f"image must be numeric; got an array of {values.dtype}")
    return values.astype(_FLOAT_FOR.get(values.dtype, np.float64))


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
