"""From fitted classes to the classes of an image's pixels, in slabs of bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gaussmix.core.typing import IntArray, Rows
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.contrast import contrast_edges
from gaussmix.imaging.random_field.field import Field
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.mean_field import SWEEPS
from gaussmix.imaging.random_field.neighborhood import Neighborhood

_SLAB_NUMBERS = 1 << 25  # probabilities held at a time, and as many scores: 128 MB each
_ROWS = 1 << 18  # rows whose scores are held at a time


@dataclass(frozen=True, eq=False)
class Labeler:
    """What the classes of pixels follow from.

    Attributes
    ----------
    features : Features
    classes : Classes
    neighborhood : Neighborhood or None
        None: pixels stand alone.
    strength : float
    contrast : float or None
        `contrast_scale`, where neighbors that differ count less.
    """

    features: Features
    classes: Classes
    neighborhood: Neighborhood | None
    strength: float
    contrast: float | None = None

    def labels(self, pixels: Pixels, known: IntArray | None = None, *, elsewhere: int) -> Rows:
        """(shape) array of uint8: the most probable class, ``elsewhere`` where a pixel does not count."""
        if self.neighborhood is None and known is None:
            return pixels.placed(self._each(pixels, labels=True), elsewhere)
        labels = np.empty(pixels.shape, dtype=np.uint8)
        for core, inside, field in self.fields(pixels, known):
            labels[core] = field.labels(elsewhere)[inside]
        return labels

    def probabilities(self, pixels: Pixels, known: IntArray | None = None) -> Rows:
        """(shape, c) array of float32: zero where a pixel does not count."""
        if self.neighborhood is None and known is None:
            return pixels.placed(self._each(pixels, labels=False), 0.0)
        probabilities = np.empty((*pixels.shape, self.classes.n_classes), dtype=np.float32)
        for core, inside, field in self.fields(pixels, known):
            probabilities[core] = field.probabilities().reshape((*field.shape, -1))[inside]
        return probabilities

    def fields(self, pixels: Pixels, known: IntArray | None = None) -> Iterator[tuple[slice, slice, Field]]:
        """Slabs of the image: where each is in the image, where that is in its field, and the field.

        A field is wider than its slab by as many lines as its sweeps can see, so that slabs leave no trace.
        """
        neighborhood = self.neighborhood or Neighborhood.none(len(pixels.shape))
        height = pixels.shape[0]
        halo = (2 * SWEEPS + 2) * bool(neighborhood.offsets[:, 0].any())
        line = int(np.prod(pixels.shape[1:])) * self.classes.n_classes
        step = max(2, (_SLAB_NUMBERS // line - 2 * halo) // 2 * 2, halo)
        for start in range(0, height, step):
            stop = min(start + step, height)
            first, last = max(0, start - halo), min(height, stop + halo)
            part = pixels.part(slice(first, last))
            edges = None
            if self.contrast is not None:
                edges = contrast_edges(part, self.features.color_space, neighborhood, self.contrast)
            lattice = Grid(
                self.features.rows(part, (first,) + (0,) * (len(pixels.shape) - 1), pixels.shape),
                part.shape,
                neighborhood,
                part.visible,
                None if known is None else known[first:last],
                edges,
            )
            field = lattice.field(self.classes.n_classes)
            lattice.load(field, self.classes)
            field.pool()
            field.sweep(self.strength, SWEEPS)
            yield slice(start, stop), slice(start - first, stop - first), field

    def _each(self, pixels: Pixels, *, labels: bool) -> Rows:
        """Labels (n,) or probabilities (n, c) of the visible pixels, each alone; from a table where one is exact."""
        table = self.features.table(pixels)
        if table is not None and len(table) < pixels.n_visible:
            return self._of_rows(self.features.of_table(table), labels=labels)[pixels.rows[:, 0]]
        shape = (pixels.n_visible,) if labels else (pixels.n_visible, self.classes.n_classes)
        result = np.empty(shape, dtype=np.uint8 if labels else np.float32)
        lines = max(1, _ROWS // max(1, int(np.prod(pixels.shape[1:]))))
        done = 0
        for start in range(0, pixels.shape[0], lines):
            part = pixels.part(slice(start, start + lines))
            rows = self.features.rows(part, (start,) + (0,) * (len(pixels.shape) - 1), pixels.shape)
            if len(rows):
                result[done : done + len(rows)] = self._of_rows(rows, labels=labels)
                done += len(rows)
        return result

    def _of_rows(self, rows: Rows, *, labels: bool) -> Rows:
        """The best class of each row, or the probabilities of all."""
        if labels:
            return self.classes.labels(rows).astype(np.uint8)
        return softmax(self.classes.scores(rows), axis=1).astype(np.float32)
