"""Features of a pixel: its color, and optionally its coordinates."""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels


@dataclass(frozen=True)
class Features:
    """Conversion of pixels to rows of features.

    Attributes
    ----------
    color_space : {"rgb", "gray", "lab"}
        Color space of the first features.
    position : float
        If not zero, coordinates are appended, from 0 to this value along the longer side of the image.
    is_bounded : bool
        Whether floats outside 0 to 1 are refused for "lab".
    """

    color_space: str = "rgb"
    position: float = 0.0
    is_bounded: bool = True

    def rows(self, pixels: Pixels, start: tuple[int, ...] = (), whole: tuple[int, ...] | None = None) -> Rows:
        """Return the features of the visible pixels, (n, d).

        Parameters
        ----------
        pixels : Pixels
            An image or a part of one; the last axes of a stack are its coordinates.
        start : tuple of int
            Position of the first pixel of the part in the whole image.
        whole : tuple of int
            Shape of the whole image.

        Returns
        -------
        (n, d) array
            Features: colors, then coordinates.
        """
        colors = to_color_space(pixels.rows, self.color_space, is_bounded=self.is_bounded)
        if not self.position:
            return colors
        whole = pixels.shape if whole is None else whole
        grid = self._coordinates(pixels.shape, start or (0,) * len(pixels.shape), max(whole))
        coordinates = grid.reshape(-1, len(whole)) if pixels.visible is None else grid[pixels.visible]
        return np.concatenate([colors.astype(np.float32), coordinates.astype(np.float32)], axis=1)

    def from_colors(self, colors: Rows) -> Rows:
        """Return the features (n, d) of colors (n, channels) without coordinates."""
        return to_color_space(colors, self.color_space, is_bounded=self.is_bounded)

    def all_colors(self, pixels: Pixels) -> Rows | None:
        """Return every possible value 0, 1, ... of a pixel, (n, 1), if it has one channel of integers; else None."""
        if pixels.n_channels > 1 or pixels.values.dtype.kind != "u" or self.position:
            return None
        return np.arange(int(pixels.values.max()) + 1, dtype=pixels.values.dtype)[:, None]

    def _coordinates(self, shape: tuple[int, ...], start: tuple[int, ...], longest: int) -> FloatArray:
        axes = [self.position / longest * (first + np.arange(size)) for first, size in zip(start, shape, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
