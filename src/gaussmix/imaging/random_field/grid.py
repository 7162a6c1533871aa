"""Pixels of an image with their neighbors: the data of a random field."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.field import RandomField, split_pixels
from gaussmix.imaging.random_field.neighborhood import Neighborhood


@dataclass(frozen=True, eq=False)
class Grid:
    """Pixels of an image, or of parts of one size that are not neighbors of each other.

    Attributes
    ----------
    rows : (n, d) array
        Features of the visible pixels.
    shape : tuple of int
        Shape of the grid.
    neighborhood : Neighborhood
        Neighbors on as many axes as the shape has.
    visible : (shape) array of bool, or None
        Pixels that are used; None: all.
    seeds : (shape) array of int, or None
        Class of the seeds, -1 at all other pixels.
    edges : (m, shape) array of uint8, or None
        255 times the factor of each pair of neighbors.
    """

    rows: Rows
    shape: tuple[int, ...]
    neighborhood: Neighborhood
    visible: BoolArray | None = None
    seeds: IntArray | None = None
    edges: Rows | None = None

    def reduced(self, columns: ColumnReduction | None) -> Self:
        """Return the grid without redundant columns of its rows."""
        return self if columns is None else replace(self, rows=columns.reduce(self.rows))

    def random_field(self, n_classes: int) -> RandomField:
        """Return a random field without scores."""
        return RandomField(self.shape, n_classes, self.neighborhood, self.visible, self.edges)

    def scores(self, classes: Classes) -> Iterator[tuple[slice, FloatArray]]:
        """Yield pieces of the scores of the classes (n, c); 0 where a pixel is not visible."""
        for piece, rows, visible in self._pieces():
            scores = classes.scores(rows)
            if visible is not None:
                everywhere = np.zeros((len(visible), classes.n_classes))
                everywhere[visible] = scores
                scores = everywhere
            yield piece, scores

    def load(
        self, field: RandomField, classes: Classes, *, keep: bool = False, excluded: BoolArray | None = None
    ) -> None:
        """Set the scores of a random field; rule out excluded (n, c) classes, and for seeds all other classes."""
        for piece, scores in self.scores(classes):
            if self.seeds is not None:
                seeds = self.seeds.reshape(-1)[piece]
                impossible = (seeds[:, None] >= 0) & (seeds[:, None] != np.arange(field.n_classes))
                scores = np.where(impossible, -np.inf, scores)
            if excluded is not None:
                scores = np.where(excluded[piece], -np.inf, scores)
            field.load(scores, piece.start, keep=keep)

    def row_seeds(self) -> IntArray:
        """Return the class of each row that is a seed, -1 for other rows, (n,)."""
        assert self.seeds is not None
        return self.seeds.reshape(-1) if self.visible is None else self.seeds[self.visible]

    def probabilities(self, field: RandomField) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """Yield pieces of the rows and their class probabilities in the random field."""
        for piece, rows, visible in self._pieces():
            probabilities = field.probabilities(piece.start, piece.stop)
            yield rows, probabilities if visible is None else probabilities[visible]

    def split_rows(self, table: npt.NDArray[np.float32]) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """Yield pieces of the rows and of their values in a table (n, c) of all pixels."""
        for piece, rows, visible in self._pieces():
            yield rows, table[piece] if visible is None else table[piece][visible]

    def _pieces(self) -> Iterator[tuple[slice, Rows, BoolArray | None]]:
        done = 0
        for piece in split_pixels(int(np.prod(self.shape))):
            visible = None if self.visible is None else self.visible.reshape(-1)[piece]
            count = piece.stop - piece.start if visible is None else int(np.count_nonzero(visible))
            yield piece, self.rows[done : done + count], visible
            done += count
