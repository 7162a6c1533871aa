"""Elbow of a curve, by piecewise linear fits."""

from itertools import combinations, pairwise

import numpy as np

from gaussmix.core.typing import FloatArray


def find_elbow(x: FloatArray, y: FloatArray, n_bends: int) -> int | None:
    """Return the position (from 0) of the first bend of the best piecewise linear fit, by least squares.

    Adjacent pieces share the point between them, as in mclust's ``clustCombiOptim``, but may be discontinuous there.
    It is None if there are fewer than ``n_bends + 2`` points.

    Parameters
    ----------
    x, y : (m,) arrays
        The points, with x in ascending order.
    n_bends : int
        Number of bends; there is one line more.
    """
    last = len(x) - 1
    fits = [(_misfit(x, y, (0, *bends, last)), bends[0]) for bends in combinations(range(1, last), n_bends)]
    return min(fits)[1] if fits else None


def _misfit(x: FloatArray, y: FloatArray, ends: tuple[int, ...]) -> float:
    return sum(
        _residuals(x[start : stop + 1], y[start : stop + 1])
        for start, stop in pairwise(ends)
        if stop > start + 1  # two points have no residuals
    )


def _residuals(x: FloatArray, y: FloatArray) -> float:
    """Return the sum of squared residuals of a line through the points."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread > 0 else 0.0
    rest = y - slope * x
    return float(np.dot(rest, rest))
