"""Subsampling of rows by stratified and importance sampling.

Rows of weight zero are never drawn. There are three rules:

* Stratified (`draw_rows`): the rows are cut in their order into blocks of equal length, and one row is drawn from each.
  Rows keep their weights. Used for starts.
* Importance sampling (`draw_rows` with odds): rows are drawn with probability proportional to their weight times their
  odds, one from each block of equal sums of this product, and get the weight 1 / odds. A row may be drawn more than
  once. Used with `coreset_odds` for searches.
* Fixed (`fixed_subsample`): stratified, with a limit and a seed that do not depend on the caller. Used for reports,
  which examine the same rows every time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows

LEAST, MOST, NUMBERS = 1_000, 100_000, 4_000_000
"""Limits of a fixed subsample: minimum and maximum number of rows, total number of values (under a second of work)."""

_SUMMED = 1 << 20  # odds whose running sums are in memory at a time


def draw_rows(rows: WeightedRows, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
    """Draw rows of positive weight; return all of them when they fit.

    Parameters
    ----------
    rows : WeightedRows
        Rows of any numeric dtype.
    limit : int
        Maximum number of rows.
    rng : Generator or RandomState
        Source of random numbers.
    odds : (n,) array, optional
        Relative sampling probabilities per unit of weight, positive. With odds, ``limit`` rows are drawn even if there
        are fewer.

    Returns
    -------
    WeightedRows
        The rows, as C-contiguous floats.
    """
    positions = drawn_positions(rows, limit, rng, odds)
    some = rows if positions is None else rows.take(positions)
    weights = some.weights if odds is None else 1 / odds[positions]
    return replace(some, values=as_floats(some.values), weights=weights)


def drawn_positions(rows: WeightedRows, limit: int, rng: Random, odds: FloatArray | None = None) -> IntArray | None:
    """Draw the positions of the rows of `draw_rows`, for which the values are not read.

    Parameters
    ----------
    rows : WeightedRows
        Rows; only their number and their weights matter.
    limit, rng, odds
        As for `draw_rows`.

    Returns
    -------
    (m,) array of int, or None
        Positions in ascending order; None stands for all rows.
    """
    if odds is None:
        return _one_of_each_stretch(rows, limit, rng)
    return positions_by_odds(odds, limit, rng, rows.weights)


def coreset_odds(squared_distances: FloatArray) -> FloatArray:
    """Return the relative sampling probabilities (n,) for a lightweight coreset, from squared distances to the center.

    Rows are drawn in proportion to their weights and to weight times squared distance, half of them each if the weights
    are equal: Bachem, Lucic and Krause, Scalable k-means clustering via lightweight coresets, KDD 2018, algorithm 1.
    The distances, as many numbers as rows, are overwritten.
    """
    odds = np.divide(squared_distances, squared_distances.mean() or 1.0, out=squared_distances)
    odds += 1
    return odds


def positions_by_odds(odds: FloatArray, limit: int, rng: Random, weights: FloatArray | None = None) -> IntArray:
    """Return the positions of ``limit`` rows, drawn from blocks of equal sums of odds times weights, one of each."""
    total = 0.0
    for _, sums in _running_sums(odds, weights):
        total = float(sums[-1])
    places = total / limit * (np.arange(limit) + rng.uniform(size=limit))
    drawn, begin = np.full(limit, len(odds) - 1), 0
    for start, sums in _running_sums(odds, weights):
        end = int(np.searchsorted(places, sums[-1], side="left"))
        drawn[begin:end] = start + np.searchsorted(sums, places[begin:end], side="right")
        begin = end
    return drawn


def _running_sums(odds: FloatArray, weights: FloatArray | None) -> Iterator[tuple[int, FloatArray]]:
    """Yield the cumulative sums of odds times weights in pieces, with the position at which each piece begins."""
    before = 0.0
    for start in range(0, len(odds), _SUMMED):
        part = slice(start, start + _SUMMED)
        terms = odds[part] if weights is None else odds[part] * weights[part]
        sums = np.cumsum(np.concatenate([[before], terms]))[1:]
        before = float(sums[-1])
        yield start, sums


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
    positions = _one_of_each_stretch(rows, limit, np.random.default_rng(0))
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


def _one_of_each_stretch(rows: WeightedRows, limit: int, rng: Random) -> IntArray | None:
    """Return positions of rows of positive weight, one from each of ``limit`` equal blocks; None means all rows."""
    chosen = None if rows.weights is None or rows.weights.all() else rows.weights.nonzero()[0]
    n_rows = rows.n_rows if chosen is None else len(chosen)
    if n_rows > limit:
        index = stratified_positions(n_rows, limit, rng)
        chosen = index if chosen is None else chosen[index]
    return chosen


def as_floats(values: Rows) -> Rows:
    """Return rows as a C-contiguous array of floats."""
    return np.ascontiguousarray(values, dtype=None if values.dtype.kind == "f" else np.float64)
