"""Bounded numbers of rows, and the rules by which they are drawn.

Rows of weight zero are never drawn. There are three rules:

* One of each stretch (`draw_rows`): the rows are cut into equally long stretches, in their order, and one row is drawn
  from each. Rows keep their weights. For starts.
* By odds (`draw_rows` with odds): the stretches are equal in their sum of weight times odds instead, and a row that is
  drawn has one over its odds as its weight. A row may be drawn more than once. With `coreset_odds`, for searches.
* Fixed (`fixed_subsample`): one of each stretch, with a limit and a seed that do not depend on the caller. For reports,
  which must look at the same rows every time.
"""

from dataclasses import dataclass

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows

LEAST, MOST, NUMBERS = 1_000, 100_000, 4_000_000
"""Limits of a fixed subsample: rows at least, rows at most, numbers in all. Looking at so many takes under a second."""


def draw_rows(rows: WeightedRows, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
    """Draw rows of positive weight; return all of them when they fit.

    Parameters
    ----------
    rows : WeightedRows
        Rows of any type of numbers.
    limit : int
        The most rows.
    rng : Generator or RandomState
        Where they are drawn from.
    odds : (n,) array, optional
        Positive. With odds, ``limit`` rows are drawn even where fewer would fit.

    Returns
    -------
    WeightedRows
        C-contiguous floats.
    """
    if odds is not None:
        sums = np.cumsum(odds if rows.weights is None else odds * rows.weights)
        places = sums[-1] / limit * (np.arange(limit) + rng.uniform(size=limit))
        drawn = np.minimum(np.searchsorted(sums, places, side="right"), rows.n_rows - 1)
        return WeightedRows(_as_floats(rows.values[drawn]), 1 / odds[drawn], rows.names)
    positions = _one_of_each_stretch(rows, limit, rng)
    some = rows if positions is None else rows.take(positions)
    return WeightedRows(_as_floats(some.values), some.weights, some.names)


def coreset_odds(squared_distances: FloatArray) -> FloatArray:
    """(n,) odds of the rows of a lightweight coreset, from their squared distances (n,) to the center.

    Half of the rows are drawn by their weights, half by weight and squared distance: Bachem, Lucic and Krause, Scalable
    k-means clustering via lightweight coresets, KDD 2018, algorithm 1.
    """
    return 1 + squared_distances / (squared_distances.mean() or 1.0)


@dataclass(frozen=True, eq=False)
class Subsample:
    """Rows of positive weight to look at.

    Attributes
    ----------
    rows : WeightedRows
        C-contiguous float64.
    positions : (m,) array of int
        Where they are among all rows.
    complete : bool
        Whether these are all rows of positive weight.
    """

    rows: WeightedRows
    positions: IntArray
    complete: bool


def fixed_subsample(rows: WeightedRows) -> Subsample:
    """Return rows to look at, the same ones every time: as many as `MOST` and `NUMBERS` allow, at least `LEAST`."""
    limit = min(MOST, max(LEAST, NUMBERS // rows.n_features))
    positions = _one_of_each_stretch(rows, limit, np.random.default_rng(0))
    some = rows if positions is None else rows.take(positions)
    return Subsample(
        WeightedRows(np.ascontiguousarray(some.values, dtype=np.float64), some.weights, some.names),
        np.arange(rows.n_rows) if positions is None else positions,
        rows.n_positive <= limit,
    )


def _one_of_each_stretch(rows: WeightedRows, limit: int, rng: Random) -> IntArray | None:
    """Positions of rows of positive weight, one from each of ``limit`` equal stretches; None for all rows."""
    chosen = None if rows.weights is None or rows.weights.all() else rows.weights.nonzero()[0]
    n_rows = rows.n_rows if chosen is None else len(chosen)
    if n_rows > limit:
        edges = np.arange(limit + 1) * n_rows // limit
        index = edges[:-1] + (rng.uniform(size=limit) * np.diff(edges)).astype(np.int64)
        chosen = index if chosen is None else chosen[index]
    return chosen


def _as_floats(values: Rows) -> Rows:
    return np.ascontiguousarray(values, dtype=None if values.dtype.kind == "f" else np.float64)
