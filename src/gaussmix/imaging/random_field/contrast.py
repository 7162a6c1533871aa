"""Neighbors that differ in color count less: the factors of a contrast-sensitive field."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_VALUES = 1 << 20  # numbers of a block of lines
_MOST_BLOCKS = 32  # that are looked at for a mean


def contrast_scale(images: Sequence[Pixels], color_space: str, neighborhood: Neighborhood) -> float:
    """``2 mean |x_i - x_j|^2`` over pairs of neighbors: how different neighbors are; infinite where nothing differs.

    Of large images some lines are looked at, spread evenly.
    """
    total, count = 0.0, 0
    for pixels in images:
        for _, _, squares, both in _pairs(pixels, color_space, neighborhood.offsets, most=_MOST_BLOCKS):
            total += float(squares[both].sum(dtype=np.float64))
            count += int(np.count_nonzero(both))
    return 2 * total / count if total > 0 else math.inf


def contrast_edges(pixels: Pixels, color_space: str, neighborhood: Neighborhood, scale: float) -> Rows:
    """255 times the factor of each pair of neighbors: ``exp(-|x_i - x_j|^2 / scale)``.

    Of Rother, Kolmogorov and Blake, "GrabCut", ACM Transactions on Graphics 23 (2004), 309-314, equations 4 and 11.

    Parameters
    ----------
    pixels : Pixels
    color_space : {"rgb", "gray", "lab"}
        In which colors differ.
    neighborhood : Neighborhood
    scale : float
        `contrast_scale`; infinite: every pair counts fully.

    Returns
    -------
    (m, shape) array of uint8
        Between a pixel and the one at each offset from it; 0 where either does not count or is outside of the image.
    """
    edges = np.zeros((len(neighborhood.offsets), *pixels.shape), dtype=np.uint8)
    for offset, where, squares, both in _pairs(pixels, color_space, neighborhood.offsets):
        edges[offset][where] = np.where(both, np.rint(255 * np.exp(-squares / scale)), 0)
    return edges


def _pairs(
    pixels: Pixels, color_space: str, offsets: IntArray, most: int | None = None
) -> Iterator[tuple[int, tuple[slice, ...], FloatArray, BoolArray]]:
    """For blocks of lines and each offset: its number, where pixels are, their squared differences, if both count."""
    line = int(np.prod(pixels.values.shape[1:]))
    step = max(1, _VALUES // line)
    starts = range(0, pixels.shape[0], step)
    for start in starts if most is None else starts[:: -(-len(starts) // most)]:
        part = pixels.part(slice(start, start + step + 1))  # and the line after: offsets step down by at most one
        colors = to_color_space(part.values, color_space).astype(np.float64)
        seen = np.ones(part.shape, dtype=bool) if part.visible is None else part.visible
        colors[~seen] = 0.0
        for number, offset in enumerate(offsets):
            near = tuple(
                slice(max(0, -move), min(size, size - move)) for move, size in zip(offset, part.shape, strict=True)
            )
            near = (slice(0, min(near[0].stop, step)), *near[1:])
            far = tuple(slice(at.start + move, at.stop + move) for at, move in zip(near, offset, strict=True))
            squares = np.square(colors[near] - colors[far]).sum(axis=-1)
            where = (slice(start + near[0].start, start + near[0].stop), *near[1:])
            yield number, where, squares, seen[near] & seen[far]
