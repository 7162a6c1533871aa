"""Coarser grids of the same field: blocks of pixels that have one class."""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import BoolArray, Rows
from gaussmix.imaging.random_field.field import Field
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_SHORTEST = 40  # pixels along a side that is still halved


@dataclass(frozen=True, eq=False)
class Level:
    """A grid of pixels, or of blocks of pixels.

    The free energy of a level is that of the finest, when all pixels of a block have one class: scores of a block are
    the sums over its pixels, and the weight between blocks is the sum over pairs of pixels, one in each.

    Attributes
    ----------
    shape : tuple of int
    neighborhood : Neighborhood
    edges : (m, shape) array of uint8
        255 times the factor of each pair; 0 where a pixel does not count.
    visible : (shape) array of bool, or None
    factors : tuple of int
        How many pixels of the next finer level make one along each axis.
    """

    shape: tuple[int, ...]
    neighborhood: Neighborhood
    edges: Rows
    visible: BoolArray | None
    factors: tuple[int, ...]

    @property
    def weight(self) -> float:
        """Of all neighbors of a pixel."""
        return 2 * float(self.neighborhood.weights.sum())

    def field(self, n_classes: int) -> Field:
        """A field without scores."""
        return Field(self.shape, n_classes, self.neighborhood, self.visible, self.edges)

    def coarser(self) -> Self:
        """Blocks of two pixels along each axis that has neighbors."""
        offsets = [tuple(map(int, offset)) for offset in self.neighborhood.offsets]
        factors = tuple(2 if steps.any() else 1 for steps in self.neighborhood.offsets.T)
        shape = tuple(-(-size // factor) for size, factor in zip(self.shape, factors, strict=True))
        sums = np.zeros((len(offsets), *shape), dtype=np.float32)
        weights = np.zeros(len(offsets))
        for offset, weight, edges in zip(offsets, self.neighborhood.weights, self.edges, strict=True):
            for corner in itertools.product(*map(range, factors)):
                step = tuple((at + move) // factor for at, move, factor in zip(corner, offset, factors, strict=True))
                if not any(step):
                    continue
                part = edges[tuple(slice(at, None, factor) for at, factor in zip(corner, factors, strict=True))]
                number, shift = (
                    (offsets.index(step), (0,) * len(step))
                    if step in offsets
                    else (offsets.index(tuple(-move for move in step)), step)
                )
                weights[number] += weight
                # a pair with a pixel outside of the image has weight zero
                here = tuple(
                    slice(max(0, -move), min(length, size - move))
                    for move, length, size in zip(shift, part.shape, shape, strict=True)
                )
                there = tuple(slice(at.start + move, at.stop + move) for at, move in zip(here, shift, strict=True))
                sums[number][there] += np.float32(weight / 255) * part[here]
        scale = (255 / weights).astype(np.float32).reshape((-1,) + (1,) * len(shape))
        visible = None
        if self.visible is not None:
            visible = summed(self.visible[..., None].astype(np.uint8), self.shape, factors).reshape(shape) > 0
        neighborhood = Neighborhood(self.neighborhood.offsets, weights)
        return type(self)(shape, neighborhood, np.rint(sums * scale).astype(np.uint8), visible, factors)


def pyramid(finest: Level) -> list[Level]:
    """The level, and coarser ones until the shortest side that has neighbors is short."""
    levels = [finest]
    sides = [axis for axis, steps in enumerate(finest.neighborhood.offsets.T) if steps.any()]
    while sides and min(levels[-1].shape[axis] for axis in sides) >= _SHORTEST:
        levels.append(levels[-1].coarser())
    return levels


def summed(values: Rows, shape: tuple[int, ...], factors: tuple[int, ...]) -> Rows:
    """(blocks, c) sums over the pixels of each block of values (n, c)."""
    sums = values.reshape(*shape, -1)
    for axis, factor in enumerate(factors):
        if factor > 1:
            sums = np.add.reduceat(sums, np.arange(0, sums.shape[axis], factor), axis=axis)
    return sums.reshape(-1, values.shape[-1])


def spread(values: npt.NDArray[np.float32], coarse: Level, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """(n, c) for pixels of a finer shape, the values (blocks, c) of their blocks."""
    finer = values.reshape(*coarse.shape, -1)
    for axis, (factor, size) in enumerate(zip(coarse.factors, shape, strict=True)):
        if factor > 1:
            finer = np.repeat(finer, factor, axis=axis).take(np.arange(size), axis=axis)
    return finer.reshape(-1, values.shape[-1])
