"""Stratified subsampling of rows.

Rows of weight zero are never drawn. There are two rules:

* Stratified (`draw_rows`): the rows are cut in their order into blocks of equal length, and one row is drawn from each.
  Rows keep their weights. Used for starts.
* Fixed (`fixed_subsample`): stratified, with a limit and a seed that do not depend on the caller. Used for reports,
  which examine the same rows every time.

`gaussmix.core.engines.coresets` draws rows by their distance to a center.
"""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import IntArray, Random, Rows

LEAST, MOST, NUMBERS = 1_000, 100_000, 4_000_000
"""Limits of a fixed subsample: minimum and maximum number of rows, total number of values (under a second of work)."""


def draw_rows(rows: WeightedRows, limit: int, rng: Random) -> WeightedRows:
    """Draw rows of positive weight; return all of them when they fit.

    Parameters
    ----------
    rows : WeightedRows
        Rows of any numeric dtype.
    limit : int
        Maximum number of rows.
    rng : Generator or RandomState
        Source of random numbers.

    Returns
    -------
    WeightedRows
        The rows, as C-contiguous floats.
    """
    positions = drawn_positions(rows, limit, rng)
    some = rows if positions is None else rows.take(positions)
    return replace(some, values=as_floats(some.values))


def drawn_positions(rows: WeightedRows, limit: int, rng: Random) -> IntArray | None:
    """Draw the positions of the rows of `draw_rows`, for which the values are not read.

    Parameters
    ----------
    rows : WeightedRows
        Rows; only their number and their weights matter.
    limit, rng
        As for `draw_rows`.

    Returns
    -------
    (m,) array of int, or None
        Positions in ascending order; None stands for all rows.
    """
    chosen = None if rows.weights is None or rows.weights.all() else rows.weights.nonzero()[0]
    n_rows = rows.n_rows if chosen is None else len(chosen)
    if n_rows > limit:
        index = stratified_positions(n_rows, limit, rng)
        chosen = index if chosen is None else chosen[index]
    return chosen


@dataclass(frozen=True, eq=False)
class Subsample:
    """Subsample of the rows of positive weight.

    Attributes
    ----------
    rows : WeightedRows
        The rows, as C-contiguous float64.
    positions : (m,) array of int
        Their positions among all rows.
    complete : bool
        Whether the subsample contains all rows of positive weight.
    """

    rows: WeightedRows
    positions: IntArray
    complete: bool


def fixed_subsample(rows: WeightedRows) -> Subsample:
    """Return the same subsample at every call, as large as `MOST` and `NUMBERS` allow but at least `LEAST` rows."""
    limit = fixed_limit(rows.n_features)
    positions = drawn_positions(rows, limit, np.random.default_rng(0))
    some = rows if positions is None else rows.take(positions)
    return Subsample(
        replace(some, values=np.ascontiguousarray(some.values, dtype=np.float64)),
        np.arange(rows.n_rows) if positions is None else positions,
        rows.n_positive <= limit,
    )


def fixed_limit(n_features: int) -> int:
    """Return the maximum number of rows of a fixed subsample."""
    return min(MOST, max(LEAST, NUMBERS // n_features))


def stratified_positions(n_rows: int, limit: int, rng: Random) -> IntArray:
    """Return the positions of rows drawn from ``limit`` equal blocks of the rows, one of each; all if they fit."""
    if n_rows <= limit:
        return np.arange(n_rows)
    edges = np.arange(limit + 1) * n_rows // limit
    return edges[:-1] + (rng.uniform(size=limit) * np.diff(edges)).astype(np.int64)


def as_floats(values: Rows) -> Rows:
    """Return rows as a C-contiguous array of floats."""
    return np.ascontiguousarray(values, dtype=None if values.dtype.kind == "f" else np.float64)
