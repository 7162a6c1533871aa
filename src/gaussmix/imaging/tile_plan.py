"""Windows of a picture that does not fit into memory: those to fit to, and those to label one after the other."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.imaging.files.windows import Window

EDGE = {2: 1024, 3: 128}
"""Pixels along each axis of a window that is labeled, by number of spatial axes."""

SAMPLE_EDGE = {2: 256, 3: 64}
"""Pixels along each axis of a window of the sample."""

SAMPLE_WINDOWS = {2: 64, 3: 16}
"""Number of windows of the sample: about 4 million pixels."""

_MOST_PAGES = 16  # of a stack that are sampled


@dataclass(frozen=True)
class TilePlan:
    """Division of a picture into bands, and of bands into windows.

    Attributes
    ----------
    shape : tuple of int
        Lengths of all axes of the picture except the channels.
    stacked : bool
        Whether the first axis is pages.
    edges : tuple of int
        Lengths of a window along the spatial axes; even, as the sweeps of a random field begin at even pixels.
    halo : int
        Pixels around a window that its labels depend on.
    """

    shape: tuple[int, ...]
    stacked: bool
    edges: tuple[int, ...]
    halo: int

    @classmethod
    def of(cls, shape: tuple[int, ...], blocks: tuple[int, ...], halo: int) -> "TilePlan":
        """Return a plan for a picture that a file stores in blocks.

        Parameters
        ----------
        shape : tuple of int
            Lengths of all axes except the channels.
        blocks : tuple of int
            Lengths of the blocks along the spatial axes; windows are whole blocks, unless these are large.
        halo : int
            Pixels around a window that its labels depend on.
        """
        n_axes = len(blocks)
        edges = []
        for block in blocks:
            edge = EDGE[n_axes]
            if 1 < block <= 2 * edge and edge % block:
                edge = block * max(1, round(edge / block))
            edges.append(edge + edge % 2 * block)
        return cls(shape, len(shape) > n_axes, tuple(edges), halo)

    @property
    def space(self) -> tuple[int, ...]:
        """Lengths of the spatial axes."""
        return self.shape[self.stacked :]

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return (self.shape[0] if self.stacked else 1) * -(-self.space[0] // self.edges[0])

    def bands(self) -> Iterator[list[Window]]:
        """Yield the windows of each band: complete rows, or slices of a volume, of one page after the other."""
        starts = [range(0, length, edge) for length, edge in zip(self.space, self.edges, strict=True)]
        for page, first in itertools.product(range(self.shape[0] if self.stacked else 1), starts[0]):
            lead = (slice(page, page + 1),) * self.stacked
            corners = itertools.product([first], *starts[1:])
            yield [(*lead, *(self._part(axis, start) for axis, start in enumerate(corner))) for corner in corners]

    def _part(self, axis: int, start: int) -> slice:
        return slice(start, min(start + self.edges[axis], self.space[axis]))

    def padded(self, window: Window) -> tuple[Window, Window]:
        """Return a window with its halo, and the place of the window in that."""
        lead, space = window[: self.stacked], window[self.stacked :]
        outer = tuple(
            slice(max(0, part.start - self.halo), min(length, part.stop + self.halo))
            for part, length in zip(space, self.space, strict=True)
        )
        inner = tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(space, outer, strict=True)
        )
        return (*lead, *outer), (*(slice(0, 1),) * len(lead), *inner)

    def sample(self, rng: np.random.Generator) -> Iterator[Window]:
        """Yield windows spread over the picture: one at a random place of each cell of a grid.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the places.

        Yields
        ------
        Window
            Windows in the order of the file.
        """
        n_axes = len(self.space)
        edge, wanted = SAMPLE_EDGE[n_axes], SAMPLE_WINDOWS[n_axes]
        n_pages = min(self.shape[0], _MOST_PAGES) if self.stacked else 1
        pages = (np.arange(n_pages) + 0.5) * (self.shape[0] if self.stacked else 1) // n_pages
        counts = _cells(self.space, wanted / n_pages, edge)
        for page, *place in itertools.product(pages.astype(int).tolist(), *map(range, counts)):
            parts = []
            for length, count, number in zip(self.space, counts, place, strict=True):
                low, high = length * number / count, length * (number + 1) / count - edge
                start = round(float(rng.uniform(low, max(low, high))))
                start = max(0, min(start, length - edge))
                parts.append(slice(start, min(start + edge, length)))
            yield (*(slice(page, page + 1),) * self.stacked, *parts)


def _cells(lengths: tuple[int, ...], wanted: float, edge: int) -> list[int]:
    """Return the numbers of cells along the axes, in all so many; none is below the edge."""
    counts = [1] * len(lengths)
    by_length = sorted(range(len(lengths)), key=lambda axis: lengths[axis])
    for place, axis in enumerate(by_length):
        left = [lengths[other] for other in by_length[place:]]
        cell = (math.prod(left) / max(wanted, 1.0)) ** (1 / len(left))
        counts[axis] = max(1, min(round(lengths[axis] / cell), lengths[axis] // edge))
        wanted /= counts[axis]
    return counts
