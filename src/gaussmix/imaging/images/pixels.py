"""Pixels of an image, with the visible ones and the seeds."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import BoolArray, IntArray, Rows

LARGEST_INTEGER = 1 << 53
"""The integers up to this are held exactly as float64."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image, or a stack of images of one size.

    Attributes
    ----------
    values : (shape, channels) array
        Values of any numeric type; `as_pixels` returns float64, float32, uint8 or uint16.
    visible : (shape) array of bool, or None
        Pixels that are used; None: all.
    seeds : (shape) array of int, or None
        Class of each seed, -1 at other pixels; None: no seeds.
    """

    values: Rows
    visible: BoolArray | None
    seeds: IntArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes except the channels."""
        return self.values.shape[:-1]

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.values.shape[-1])

    @property
    def n_visible(self) -> int:
        """Number of visible pixels."""
        return int(np.prod(self.shape)) if self.visible is None else int(np.count_nonzero(self.visible))

    @property
    def rows(self) -> Rows:
        """Visible pixels, ``(n, channels)``; not copied if all are visible."""
        return self.values.reshape(-1, self.n_channels) if self.visible is None else self.values[self.visible]

    def part(self, where: slice | tuple[slice, ...]) -> "Pixels":
        """Return a part of the image."""
        return Pixels(
            self.values[where],
            None if self.visible is None else self.visible[where],
            None if self.seeds is None else self.seeds[where],
        )

    def placed(self, values: Rows, elsewhere: float) -> Rows:
        """Return an array (shape, ...) of values (n, ...) of the visible pixels, with a constant at all others."""
        if self.visible is None:
            return values.reshape(self.shape + values.shape[1:])
        placed = np.full(self.shape + values.shape[1:], elsewhere, dtype=values.dtype)
        placed[self.visible] = values
        return placed


def finite_pixels(values: Rows) -> BoolArray | None:
    """Return the pixels whose channels are all finite, (shape) of bool; None if all pixels are."""
    if values.dtype.kind != "f":
        return None
    finite = np.ones(values.shape[:-1], dtype=bool)
    for channel in range(values.shape[-1]):
        finite &= np.isfinite(values[..., channel])
    return None if finite.all() else finite


def both_visible(visible: BoolArray | None, other: BoolArray | None) -> BoolArray | None:
    """Return the pixels that are visible in both masks; a mask of None is all pixels."""
    if visible is None or other is None:
        return other if visible is None else visible
    return visible & other
