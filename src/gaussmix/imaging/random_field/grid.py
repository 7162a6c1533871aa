"""Pixels with their neighbors: what a hidden field is fitted to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.field import Field, pieces
from gaussmix.imaging.random_field.neighborhood import Neighborhood


@dataclass(frozen=True, eq=False)
class Grid:
    """The pixels of an image, or of parts of one size that do not see each other.

    Attributes
    ----------
    rows : (n, d) array
        The features of the visible pixels.
    shape : tuple of int
    neighborhood : Neighborhood
    visible : (shape) array of bool, or None
    known : (shape) array of int, or None
        The class of pixels where it is known, -1 elsewhere.
    edges : (m, shape) array of uint8, or None
        255 times the factor of each pair of neighbors.
    """

    rows: Rows
    shape: tuple[int, ...]
    neighborhood: Neighborhood
    visible: BoolArray | None = None
    known: IntArray | None = None
    edges: Rows | None = None

    def field(self, n_classes: int) -> Field:
        """A field without scores."""
        return Field(self.shape, n_classes, self.neighborhood, self.visible, self.edges)

    def scores(self, classes: Classes) -> Iterator[tuple[slice, FloatArray]]:
        """(n, c) the scores of the classes, piece by piece; 0 where a pixel does not count."""
        for piece, rows, seen in self._pieces():
            scores = classes.scores(rows)
            if seen is not None:
                everywhere = np.zeros((len(seen), classes.n_classes))
                everywhere[seen] = scores
                scores = everywhere
            yield piece, scores

    def load(self, field: Field, classes: Classes, *, keep: bool = False, barred: BoolArray | None = None) -> None:
        """Give the field the scores of the classes; no barred (n, c); known pixels can have their class alone."""
        for piece, scores in self.scores(classes):
            if self.known is not None:
                known = self.known.reshape(-1)[piece]
                impossible = (known[:, None] >= 0) & (known[:, None] != np.arange(field.n_classes))
                scores = np.where(impossible, -np.inf, scores)
            if barred is not None:
                scores = np.where(barred[piece], -np.inf, scores)
            field.load(scores, piece.start, keep=keep)

    def known_rows(self) -> IntArray:
        """(n,) the known class of each row, -1 where it is not known."""
        assert self.known is not None
        return self.known.reshape(-1) if self.visible is None else self.known[self.visible]

    def probabilities(self, field: Field) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """The rows and their class probabilities in the field, piece by piece."""
        for piece, rows, seen in self._pieces():
            probabilities = field.probabilities(piece.start, piece.stop)
            yield rows, probabilities if seen is None else probabilities[seen]

    def of_rows(self, field: Field, table: npt.NDArray[np.float32]) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """The rows and their lines of a table (n, c) of all pixels, piece by piece."""
        for piece, rows, seen in self._pieces():
            yield rows, table[piece] if seen is None else table[piece][seen]

    def _pieces(self) -> Iterator[tuple[slice, Rows, BoolArray | None]]:
        done = 0
        for piece in pieces(int(np.prod(self.shape))):
            seen = None if self.visible is None else self.visible.reshape(-1)[piece]
            count = piece.stop - piece.start if seen is None else int(np.count_nonzero(seen))
            yield piece, self.rows[done : done + count], seen
            done += count
