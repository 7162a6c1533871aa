"""Distinct rows: repeated rows, such as the pixels of a photograph, are merged into one row with a weight."""

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.file_pages import pieces, take_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Rows

LEAST_ROWS = 4096
"""Minimum number of rows; a fit to fewer takes a few milliseconds anyway."""

REPEATS = 3
"""Minimum average number of occurrences of a distinct row; with fewer, merging rows does not save time."""

_SAMPLED = 4  # times the root of the number of rows
_PIECE_BYTES = 8 << 20  # between two pieces Python can act on Ctrl-C


def distinct_rows(rows: WeightedRows) -> WeightedRows | None:
    """Return the distinct rows with the sums of their weights.

    Parameters
    ----------
    rows : WeightedRows
        Rows of float64, float32, uint8 or uint16. Rows of weight zero are left out.

    Returns
    -------
    WeightedRows or None
        The distinct rows; None if rows repeat too rarely for this to be worthwhile.
    """
    limit = rows.n_rows // REPEATS
    if rows.n_rows < LEAST_ROWS or estimated_distinct(rows.values) > limit:
        return None
    return _collect(rows, limit)


def estimated_distinct(rows: Rows) -> float:
    """Estimate the number of distinct rows from a sample of ``4 sqrt(n)``.

    This is the bias-corrected estimate of Chao, Nonparametric estimation of the number of classes in a population,
    Scandinavian Journal of Statistics 11 (1984), 265-270: ``s + f1 (f1 - 1) / (2 (f2 + 1))`` with ``s`` different rows
    in the sample, ``f1`` of them seen once and ``f2`` twice. Frequent rows, such as a background, do not bias it, as
    they would a count of all pairs.

    The draws are independent, with replacement, so that repeats among neighbors do not bias the estimate. If all rows
    are distinct, about 8 positions are drawn twice, which makes the estimate about n.
    """
    positions = np.random.default_rng(0).integers(0, len(rows), int(_SAMPLED * len(rows) ** 0.5))
    found = _collect(WeightedRows(np.ascontiguousarray(take_rows(rows, positions))), len(positions))
    assert found is not None
    counts = found.explicit_weights
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return len(counts) + once * (once - 1) / (2 * (twice + 1))


def _collect(rows: WeightedRows, limit: int) -> WeightedRows | None:
    """Return the distinct rows and their weights, or None if there are more than the limit."""
    values = rows.values
    kept = np.empty((limit, rows.n_features), dtype=values.dtype)  # only the pages that are written are allocated
    weights = np.empty(limit)
    collector = _native.DistinctRows(rows.n_rows, kept, weights, rows.weights is not None)
    step = max(1, _PIECE_BYTES // (values.itemsize * rows.n_features))
    for part, piece in pieces(values, step):
        if not collector.add(np.ascontiguousarray(piece), None if rows.weights is None else rows.weights[part]):
            return None
    size = collector.finish()
    return WeightedRows(kept[:size], weights[:size], rows.names)
