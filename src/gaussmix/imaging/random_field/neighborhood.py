"""Neighbors of a pixel and their weights."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray

_SQUARED_REACH = {1: {2: 1}, 2: {4: 1, 8: 2}, 3: {6: 1, 18: 2, 26: 3}}
"""Possible numbers of neighbors by number of axes, each with the number of axes along which neighbors differ."""


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """Neighbors of a pixel: the pixels at each offset from it, in both directions.

    Attributes
    ----------
    offsets : (m, axes) array of int
        One of each pair of opposite offsets, with steps of -1, 0 or 1.
    weights : (m,) array
        Weights: 1 for the nearest neighbors, for others the distance of the nearest divided by their distance.
    """

    offsets: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, n_axes: int, n_neighbors: int | None = None, spacing: Sequence[float] | None = None) -> Self:
        """Return the neighbors on a grid.

        Parameters
        ----------
        n_axes : int
            Number of axes, 1 to 3.
        n_neighbors : int, optional
            Number of neighbors: 4 or 8 in two dimensions, 6, 18 or 26 in three; by default the fewest.
        spacing : sequence of float, optional
            Distance between neighbors along each axis, in any unit; by default equal.

        Returns
        -------
        Neighborhood
            Neighborhood with offsets in ascending order.

        Raises
        ------
        ValueError
            If the number of neighbors is not possible with that many axes, or the spacing is not positive.

        Examples
        --------
        >>> Neighborhood.of(2, 8, spacing=(2.0, 1.0)).weights.round(3)
        array([1.   , 0.447, 0.5  , 0.447])
        """
        choices = _SQUARED_REACH[n_axes]
        if n_neighbors is None:
            n_neighbors = min(choices)
        if n_neighbors not in choices:
            raise ValueError(f"n_neighbors must be one of {tuple(choices)} for {n_axes} axes; got {n_neighbors}")
        scale = np.ones(n_axes) if spacing is None else np.asarray(spacing, dtype=np.float64)
        if scale.shape != (n_axes,) or not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(
                f"spacing must be {n_axes} positive numbers, one for each axis of the image; got {spacing}"
            )
        steps = [
            step
            for step in itertools.product((-1, 0, 1), repeat=n_axes)
            if step > (0,) * n_axes and sum(map(abs, step)) <= choices[n_neighbors]
        ]
        distances = np.array([math.hypot(*(scale * step)) for step in steps])
        return cls(np.array(steps, dtype=np.int64), distances.min() / distances)

    @classmethod
    def none(cls, n_axes: int) -> Self:
        """Return a neighborhood without neighbors."""
        return cls(np.empty((0, n_axes), dtype=np.int64), np.empty(0))

    def stacked(self) -> "Neighborhood":
        """Return the same neighbors with a new first axis, along which there are none."""
        return Neighborhood(np.pad(self.offsets, ((0, 0), (1, 0))), self.weights)
