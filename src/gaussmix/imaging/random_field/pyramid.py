"""Coarser grids of a random field, made of blocks of pixels that share a class."""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import BoolArray, Rows
from gaussmix.imaging.random_field.field import RandomField
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_SHORTEST = 40  # shortest side that is still halved, in pixels


@dataclass(frozen=True, eq=False)
class Level:
    """A grid of pixels or of blocks of pixels.

    The free energy of a level is that of the finest level with one class for all pixels of a block: the scores of a
    block are sums over its pixels, and the weight between two blocks is a sum over pairs of pixels, one from each.

    Attributes
    ----------
    shape : tuple of int
        Shape of the grid.
    neighborhood : Neighborhood
        Neighbors on as many axes as the shape has.
    edges : (m, shape) array of uint8
        255 times the factor of each pair of neighbors; 0 where a pixel is not visible.
    visible : (shape) array of bool, or None
        Pixels that are used; None: all.
    factors : tuple of int
        Number of pixels of the next finer level in a block, along each axis.
    """

    shape: tuple[int, ...]
    neighborhood: Neighborhood
    edges: Rows
    visible: BoolArray | None
    factors: tuple[int, ...]

    @property
    def weight(self) -> float:
        """Total weight of the neighbors of a pixel."""
        return 2 * float(self.neighborhood.weights.sum())

    def random_field(self, n_classes: int) -> RandomField:
        """Return a random field without scores."""
        return RandomField(self.shape, n_classes, self.neighborhood, self.visible, self.edges)

    def coarsen(self) -> Self:
        """Return the level of blocks of two pixels along each axis that has neighbors."""
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
                # a pair with a pixel outside the image has weight zero
                here = tuple(
                    slice(max(0, -move), min(length, size - move))
                    for move, length, size in zip(shift, part.shape, shape, strict=True)
                )
                there = tuple(slice(at.start + move, at.stop + move) for at, move in zip(here, shift, strict=True))
                sums[number][there] += np.float32(weight / 255) * part[here]
        scale = (255 / weights).astype(np.float32).reshape((-1,) + (1,) * len(shape))
        visible = None
        if self.visible is not None:
            visible = sum_blocks(self.visible[..., None].astype(np.uint8), self.shape, factors).reshape(shape) > 0
        neighborhood = Neighborhood(self.neighborhood.offsets, weights)
        return type(self)(shape, neighborhood, np.rint(sums * scale).astype(np.uint8), visible, factors)


def build_pyramid(finest: Level) -> list[Level]:
    """Return the level and coarser ones, until the shortest side that has neighbors is below 40 pixels."""
    levels = [finest]
    sides = [axis for axis, steps in enumerate(finest.neighborhood.offsets.T) if steps.any()]
    while sides and min(levels[-1].shape[axis] for axis in sides) >= _SHORTEST:
        levels.append(levels[-1].coarsen())
    return levels


def sum_blocks(values: Rows, shape: tuple[int, ...], factors: tuple[int, ...]) -> Rows:
    """Return the sums (blocks, c) of values (n, c) over the pixels of each block."""
    sums = values.reshape(*shape, -1)
    for axis, factor in enumerate(factors):
        if factor > 1:
            sums = np.add.reduceat(sums, np.arange(0, sums.shape[axis], factor), axis=axis)
    return sums.reshape(-1, values.shape[-1])


def repeat_blocks(values: npt.NDArray[np.float32], coarse: Level, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the values (blocks, c) of a coarse level for the pixels of a finer shape, (n, c)."""
    finer = values.reshape(*coarse.shape, -1)
    for axis, (factor, size) in enumerate(zip(coarse.factors, shape, strict=True)):
        if factor > 1:
            finer = np.repeat(finer, factor, axis=axis).take(np.arange(size), axis=axis)
    return finer.reshape(-1, values.shape[-1])
