"""Panels of the comparison figure: an image and its classes in display colors."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import entr

from gaussmix.core.display import display_range, to_bytes
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels

_MAX_SIDE = 640  # pixels along the longer side of a panel


@dataclass(frozen=True, eq=False)
class PanelPainter:
    """Painter of the panels of one image: the middle slice of a volume; every second, third, ... pixel if large.

    Attributes
    ----------
    values : (height, width, channels) array
        The image; arbitrary values where a pixel is not visible.
    visible : (height, width) array of bool, or None
        Visible pixels; None: all.
    black, white : float
        Values shown as black and as white.
    """

    values: Rows
    visible: BoolArray | None
    black: float
    white: float

    @classmethod
    def of(cls, pixels: Pixels, sample: Rows) -> Self:
        """Return the painter of an image, with the display range of a sample (n, channels) of its pixels."""
        middle: tuple[slice | int, ...] = (pixels.shape[0] // 2,) if len(pixels.shape) == 3 else ()
        step = max(1, -(-max(pixels.shape[-2:]) // _MAX_SIDE))
        where = middle + (slice(None, None, step),) * 2
        values = pixels.values[where]
        visible: BoolArray | None = None if pixels.visible is None else pixels.visible[where]
        if visible is not None:
            values = np.where(visible[..., None], values, sample[0])
        return cls(values, visible, *display_range(sample))

    @property
    def rows(self) -> Rows:
        """All pixels, ``(n, channels)``."""
        return np.ascontiguousarray(self.values.reshape(-1, self.values.shape[-1]))

    def image(self) -> Rows:
        """Return the image."""
        return self._paint_values(self.values)

    def gray(self) -> Rows:
        """Return the image in gray."""
        return self._paint_values(to_color_space(self.values, "gray"))

    def classes(self, labels: IntArray, means: FloatArray) -> Rows:
        """Return each pixel in the mean color of its class, from labels (n,)."""
        return self._paint_values(means[labels])

    def expected_colors(self, mixture: Mixture) -> Rows:
        """Return each pixel in the mean of the component means, weighted by its responsibilities."""
        return self._paint_values(mixture.responsibilities(self.rows) @ mixture.means)

    def entropy(self, mixture: Mixture) -> Rows:
        """Return the entropy of each pixel's responsibilities, from white for 0 to black for equal classes."""
        entropy = entropy_in_bits(mixture.responsibilities(self.rows)) * (255 / np.log2(mixture.n_components))
        return self._paint_bytes(np.clip(np.rint(255 - entropy), 0, 255).astype(np.uint8))

    def _paint_values(self, values: Rows) -> Rows:
        """Return values in units of the image as colors."""
        return self._paint_bytes(to_bytes(values.astype(np.float64), self.black, self.white))

    def _paint_bytes(self, levels: Rows) -> Rows:
        """Return one or three gray levels of each pixel as colors with opacity, (height, width, 4) of uint8."""
        height, width = self.values.shape[:2]
        shown = np.full((height, width, 4), 255, dtype=np.uint8)
        shown[..., :3] = levels.reshape(height, width, -1)
        if self.visible is not None:
            shown[..., 3] = 255 * self.visible
        return shown


def entropy_in_bits(probabilities: FloatArray) -> FloatArray:
    """Return the entropy of the probabilities (n, k) of each row, (n,)."""
    return entr(probabilities).sum(axis=1) / np.log(2)
