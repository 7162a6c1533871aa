"""Labels and probabilities of pixels by fitted classes, in slabs of bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gaussmix.core.display import UNLABELED
from gaussmix.core.typing import Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.contrast import contrast_edges
from gaussmix.imaging.random_field.field import RandomField
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.neighborhood import Neighborhood

SLAB_NUMBERS = 1 << 25
"""Number of probabilities, and of scores, in memory at a time: 128 MB each."""

BLOCK_ROWS = 1 << 18
"""Number of rows whose scores are in memory at a time."""

_SWEEPS = 10

REACH = 2 * _SWEEPS + 2
"""Distance in pixels, along each axis, beyond which a pixel does not change a label: that of the sweeps."""


@dataclass(frozen=True, eq=False)
class Labeler:
    """Labeler of pixels by fitted classes.

    Attributes
    ----------
    features : Features
        Features of the pixels.
    classes : Classes
        The fitted classes.
    neighborhood : Neighborhood or None
        Neighbors of a pixel; None: pixels are labeled one by one.
    smoothing : float
        Interaction strength of neighboring pixels.
    contrast : float or None
        `contrast_scale` of the fitted images; None: weights do not depend on color.
    """

    features: Features
    classes: Classes
    neighborhood: Neighborhood | None
    smoothing: float
    contrast: float | None = None

    def labels(self, pixels: Pixels) -> Rows:
        """Return the most probable class, (shape) of uint8; `UNLABELED` where a pixel is not visible."""
        if self.neighborhood is None:
            return pixels.placed(self._without_neighbors(pixels, labels=True), UNLABELED)
        labels = np.empty(pixels.shape, dtype=np.uint8)
        for slab, core, field in self._slabs(pixels, self.neighborhood):
            labels[slab] = field.labels()[core]
        return labels

    def probabilities(self, pixels: Pixels) -> Rows:
        """Return the class probabilities, (shape, c) of float32; 0 where a pixel is not visible."""
        if self.neighborhood is None:
            return pixels.placed(self._without_neighbors(pixels, labels=False), 0.0)
        probabilities = np.empty((*pixels.shape, self.classes.n_classes), dtype=np.float32)
        for slab, core, field in self._slabs(pixels, self.neighborhood):
            probabilities[slab] = field.probabilities().reshape((*field.shape, -1))[core]
        return probabilities

    def _slabs(self, pixels: Pixels, neighborhood: Neighborhood) -> Iterator[tuple[slice, slice, RandomField]]:
        """Yield slabs of the image: position in the image, position in the random field, and the random field.

        A random field exceeds its slab by the number of lines that its sweeps reach, so results do not depend on slabs.
        """
        height = pixels.shape[0]
        halo = REACH * bool(neighborhood.offsets[:, 0].any())
        line = int(np.prod(pixels.shape[1:])) * self.classes.n_classes
        step = max(2, (SLAB_NUMBERS // line - 2 * halo) // 2 * 2, halo)
        for start in range(0, height, step):
            stop = min(start + step, height)
            first, last = max(0, start - halo), min(height, stop + halo)
            part = pixels.part(slice(first, last))
            edges = None
            if self.contrast is not None:
                edges = contrast_edges(part, self.features.color_space, neighborhood, self.contrast)
            rows = self.features.rows(part, (first,) + (0,) * (len(pixels.shape) - 1), pixels.shape)
            grid = Grid(rows, part.shape, neighborhood, part.visible, edges=edges)
            field = grid.random_field(self.classes.n_classes)
            grid.load(field, self.classes)
            field.pool()
            field.sweep(self.smoothing, _SWEEPS)
            yield slice(start, stop), slice(start - first, stop - first), field

    def _without_neighbors(self, pixels: Pixels, *, labels: bool) -> Rows:
        """Return labels (n,) or probabilities (n, c) of the visible pixels, by a table of all colors if they are few.

        The table has one row for each value of a single channel of integers.
        """
        table = self.features.all_colors(pixels)
        if table is not None and len(table) < pixels.n_visible:
            return self._of_rows(self.features.from_colors(table), labels=labels)[pixels.rows[:, 0]]
        shape = (pixels.n_visible,) if labels else (pixels.n_visible, self.classes.n_classes)
        result = np.empty(shape, dtype=np.uint8 if labels else np.float32)
        lines = max(1, BLOCK_ROWS // max(1, int(np.prod(pixels.shape[1:]))))
        done = 0
        for start in range(0, pixels.shape[0], lines):
            part = pixels.part(slice(start, start + lines))
            rows = self.features.rows(part, (start,) + (0,) * (len(pixels.shape) - 1), pixels.shape)
            if len(rows):
                result[done : done + len(rows)] = self._of_rows(rows, labels=labels)
                done += len(rows)
        return result

    def _of_rows(self, rows: Rows, *, labels: bool) -> Rows:
        """Return labels or probabilities of rows."""
        if labels:
            return self.classes.labels(rows).astype(np.uint8)
        return softmax(self.classes.scores(rows), axis=1).astype(np.float32)
