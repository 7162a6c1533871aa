"""Reduced pictures for previews."""

import math
from dataclasses import replace

import numpy as np

from gaussmix.core.typing import IntArray
from gaussmix.imaging.images.picture import Picture


def thinned(picture: Picture, most: int) -> Picture:
    """Return a picture of every pixel, or of every second, third, ... along the spatial axes and the pages.

    Parameters
    ----------
    picture : Picture
        The picture.
    most : int
        Greatest number of pixels.

    Returns
    -------
    Picture
        The same picture if it has no more pixels. The spacing is that of the remaining pixels.
    """
    step = thinning_step(picture.shape, most)
    if step == 1:
        return picture
    places = (slice(None, None, step),) * len(picture.shape)
    spacing = picture.spacing and tuple(length * step for length in picture.spacing)
    alpha = None if picture.alpha is None else np.ascontiguousarray(picture.alpha[places])
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[places]), alpha=alpha, spacing=spacing)


def thinned_known(known: IntArray, most: int) -> IntArray:
    """Return the known classes for a thinned picture: the greatest class of each block, -1 where none is known."""
    step = thinning_step(known.shape, most)
    if step == 1:
        return known
    for axis in range(known.ndim):
        known = np.maximum.reduceat(known, range(0, known.shape[axis], step), axis)
    return known


def thinning_step(shape: tuple[int, ...], most: int) -> int:
    """Return the least step along all axes that leaves at most so many pixels."""
    step = max(1, math.floor((math.prod(shape) / most) ** (1 / len(shape))))
    while math.prod(-(-length // step) for length in shape) > most:
        step += 1
    return step
