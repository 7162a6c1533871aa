"""Columns whose values form clusters: their histograms have valleys between modes."""

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray

_MOST_ROWS = 5_000
_TAIL = 0.005  # share of the rows on either side that the histogram leaves out
_BINS = (16, 48)
_VALUES_PER_BIN = 4  # distinct values; rounded columns have valleys between their values
_DEEP = 6.0  # standard deviations of a Poisson count


def find_clustered(columns: FloatArray) -> BoolArray:
    """Return which columns have a valley between two modes that is far deeper than chance allows.

    Counts of a histogram have a standard deviation of 1 after the transform ``2 sqrt(count + 3/8)`` (Anscombe,
    Biometrika 35 (1948), 246-254). The depth of a valley is the difference to the lower one of the modes on either
    side. Heavy tails and skewness make no valleys.

    Parameters
    ----------
    columns : (n, d) array
        Columns in any units.

    Returns
    -------
    (d,) array of bool
        True for clustered columns.
    """
    some = np.sort(np.ascontiguousarray(columns[:: -(-len(columns) // _MOST_ROWS)].T), axis=1)
    d, n = some.shape
    last = n - 1 - int(_TAIL * n)
    low, high = some[:, n - 1 - last, None], some[:, last, None]
    shares = (some - low) / np.where(high > low, high - low, 1.0)
    n_distinct = 1 + np.count_nonzero(some[:, 1:] != some[:, :-1], axis=1)
    depth = np.zeros(d)
    for n_bins in _BINS:
        places, edges = n_bins * shares, np.arange(n_bins + 1)
        counts = np.diff([np.searchsorted(places[column], edges) for column in range(d)], axis=1)
        heights = 2 * np.sqrt(counts + 0.375)
        left = np.maximum.accumulate(heights, axis=1)
        right = np.maximum.accumulate(heights[:, ::-1], axis=1)[:, ::-1]
        deepest = (np.minimum(left, right) - heights).max(axis=1)
        depth = np.maximum(depth, np.where(n_distinct >= _VALUES_PER_BIN * n_bins, deepest, 0.0))
    return np.asarray(depth > _DEEP)
