"""Contrast-sensitive weights: lower for neighbors that differ in color."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.neighborhood import Neighborhood

BLOCK_VALUES = 1 << 20
"""Number of values in a block of lines."""

_MAX_BLOCKS = 32  # used to estimate a mean


def contrast_scale(images: Sequence[Pixels], color_space: str, neighborhood: Neighborhood) -> float:
    """Return ``2 mean |x_i - x_j|^2`` over pairs of neighbors; infinity if no neighbors differ.

    In large images the mean is estimated from evenly spaced blocks of lines.
    """
    total, count = 0.0, 0
    for pixels in images:
        for _, _, squares, both_visible in _pairs(pixels, color_space, neighborhood.offsets, max_blocks=_MAX_BLOCKS):
            total += float(squares[both_visible].sum(dtype=np.float64))
            count += int(np.count_nonzero(both_visible))
    return 2 * total / count if total > 0 else math.inf


def contrast_edges(pixels: Pixels, color_space: str, neighborhood: Neighborhood, scale: float) -> Rows:
    """Return 255 times the factor ``exp(-|x_i - x_j|^2 / scale)`` of each pair of neighbors.

    Parameters
    ----------
    pixels : Pixels
        One image.
    color_space : {"rgb", "gray", "lab"}
        Color space in which differences are taken.
    neighborhood : Neighborhood
        Pairs of pixels.
    scale : float
        The `contrast_scale`; with infinity every pair has the factor 1.

    Returns
    -------
    (m, shape) array of uint8
        Factor between each pixel and the one at each offset; 0 if either is not visible or is outside
        the image.

    References
    ----------
    Rother, Kolmogorov and Blake, "GrabCut", ACM Transactions on Graphics 23 (2004), 309-314, equations 4 and 11.
    """
    edges = np.zeros((len(neighborhood.offsets), *pixels.shape), dtype=np.uint8)
    for offset, where, squares, both_visible in _pairs(pixels, color_space, neighborhood.offsets):
        edges[offset][where] = np.where(both_visible, np.rint(255 * np.exp(-squares / scale)), 0)
    return edges


def _pairs(
    pixels: Pixels, color_space: str, offsets: IntArray, max_blocks: int | None = None
) -> Iterator[tuple[int, tuple[slice, ...], FloatArray, BoolArray]]:
    """Yield number, pixels, squared differences and visibility of each offset, in blocks of lines."""
    line = int(np.prod(pixels.values.shape[1:]))
    step = max(1, BLOCK_VALUES // line)
    starts = range(0, pixels.shape[0], step)
    for start in starts if max_blocks is None else starts[:: -(-len(starts) // max_blocks)]:
        part = pixels.part(slice(start, start + step + 1))  # one more line: offsets reach at most one line down
        colors = to_color_space(part.values, color_space).astype(np.float64)
        visible = np.ones(part.shape, dtype=bool) if part.visible is None else part.visible
        colors[~visible] = 0.0
        for number, offset in enumerate(offsets):
            near = tuple(
                slice(max(0, -move), min(size, size - move)) for move, size in zip(offset, part.shape, strict=True)
            )
            near = (slice(0, min(near[0].stop, step)), *near[1:])
            far = tuple(slice(at.start + move, at.stop + move) for at, move in zip(near, offset, strict=True))
            squares = np.square(colors[near] - colors[far]).sum(axis=-1)
            where = (slice(start + near[0].start, start + near[0].stop), *near[1:])
            yield number, where, squares, visible[near] & visible[far]
