"""What of a pixel the mixture is about: its color, and perhaps where it is."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels


@dataclass(frozen=True)
class Features:
    """How rows are made of pixels.

    Attributes
    ----------
    color_space : {"rgb", "gray", "lab"}
    position : float
        Coordinates are appended when this is not zero: from 0 to this along the longer side of the image.
    """

    color_space: str = "rgb"
    position: float = 0.0

    def rows(self, pixels: Pixels, start: tuple[int, ...] = (), whole: tuple[int, ...] | None = None) -> Rows:
        """(n, d) the features of the visible pixels.

        Parameters
        ----------
        pixels : Pixels
            Of one image, or a part of one; a stack has its coordinates in the last axes.
        start : tuple of int
            Where the part begins, if it is one.
        whole : tuple of int
            The shape of the image that it is a part of.
        """
        colors = to_color_space(pixels.rows, self.color_space)
        if not self.position:
            return colors
        whole = pixels.shape if whole is None else whole
        places = self._coordinates(pixels.shape, start or (0,) * len(pixels.shape), max(whole))
        seen = places.reshape(-1, len(whole)) if pixels.visible is None else places[pixels.visible]
        return np.concatenate([colors.astype(np.float32), seen.astype(np.float32)], axis=1)

    def of_table(self, table: Rows) -> Rows:
        """(n, d) the features of colors (n, channels), which stand nowhere."""
        return to_color_space(table, self.color_space)

    def _coordinates(self, shape: tuple[int, ...], start: tuple[int, ...], longest: int) -> FloatArray:
        axes = [self.position / longest * (first + np.arange(size)) for first, size in zip(start, shape, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    def table(self, pixels: Pixels) -> Rows | None:
        """Rows for every value 0, 1, ... that a pixel can have, when those are few: one channel of integers."""
        if pixels.n_channels > 1 or pixels.values.dtype.kind != "u" or self.position:
            return None
        return np.arange(int(pixels.values.max()) + 1, dtype=pixels.values.dtype)[:, None]
