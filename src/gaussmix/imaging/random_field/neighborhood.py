"""Which pixels are neighbors, and how near."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray

_SQUARED_REACH = {1: {2: 1}, 2: {4: 1, 8: 2}, 3: {6: 1, 18: 2, 26: 3}}
"""For each number of axes, the numbers of neighbors, and how many axes they may differ along."""


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """The neighbors of a pixel: those at each offset from it, both ways.

    Attributes
    ----------
    offsets : (m, axes) array of int
        One of each pair, steps of -1, 0 or 1.
    weights : (m,) array
        Of nearest neighbors 1, of others the distance of the nearest divided by theirs.
    """

    offsets: IntArray
    weights: FloatArray

    @classmethod
    def of(cls, n_axes: int, n_neighbors: int | None = None, spacing: Sequence[float] | None = None) -> Self:
        """Neighbors on a grid.

        Parameters
        ----------
        n_axes : int
            1 to 3.
        n_neighbors : int, optional
            In two dimensions 4 or 8, in three 6, 18 or 26; by default the fewest.
        spacing : sequence of float, optional
            Distance of neighbors along each axis, in any unit; by default the same for all.

        Raises
        ------
        ValueError
            Names the argument.

        Examples
        --------
        >>> Neighborhood.of(2, 8, spacing=(2.0, 1.0)).weights.round(3)
        array([1.   , 0.447, 0.5  , 0.447])
        """
        choices = _SQUARED_REACH[n_axes]
        if n_neighbors is None:
            n_neighbors = min(choices)
        if n_neighbors not in choices:
            raise ValueError(f"n_neighbors must be one of {tuple(choices)} on {n_axes} axes; got {n_neighbors}")
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
        """No neighbors at all."""
        return cls(np.empty((0, n_axes), dtype=np.int64), np.empty(0))

    def stacked(self) -> "Neighborhood":
        """The same within each image of a stack: a leading axis without neighbors along it."""
        return Neighborhood(np.pad(self.offsets, ((0, 0), (1, 0))), self.weights)
