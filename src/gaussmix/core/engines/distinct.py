"""Rows that repeat, such as the pixels of a photograph, need to be passed over only once each."""

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.typing import FloatArray, Rows

LEAST_ROWS = 4096
"""For fewer rows a whole fit takes a few milliseconds: nothing to gain."""

REPEATS = 3
"""Distinct rows are worth the search when rows repeat this often on average."""

_SAMPLED = 4  # times the root of the number of rows
_PIECE_BYTES = 8 << 20  # between two pieces Python can act on Ctrl-C


def distinct_rows(rows: Rows, row_weights: FloatArray | None = None) -> tuple[Rows, FloatArray] | None:
    """The distinct rows and the sum of the weights of each, or None when rows repeat too little to gain by it.

    Parameters
    ----------
    rows : (n, d) array of float64, float32, uint8 or uint16
        Where rows may repeat.
    row_weights : (n,) array, optional
        Rows of weight zero are left out. Without weights, each row counts once.

    Returns
    -------
    (m, d) array and (m,) array, or None
        The rows, each once, and how much each counts.
    """
    limit = len(rows) // REPEATS
    if len(rows) < LEAST_ROWS or estimated_distinct(rows) > limit:
        return None
    return _collect(rows, row_weights, limit)


def estimated_distinct(rows: Rows) -> float:
    """About how many distinct rows there are, from a sample of ``4 sqrt(n)``.

    This is the estimate of Chao, Nonparametric estimation of the number of classes in a population, Scandinavian
    Journal of Statistics 11 (1984), 265-270, corrected for bias: ``s + f1 (f1 - 1) / (2 (f2 + 1))`` with ``s``
    different rows in the sample, ``f1`` of them seen once and ``f2`` twice. It is the birthday argument for rows that
    are rare: of ``m`` draws from ``D`` equally frequent rows, ``m^2 / (2 D)`` pairs meet. Rows that are frequent, such
    as a background, do not make it promise more than it should, as a count of all pairs would.

    The draws are independent, with replacement: neighbors that repeat do not deceive, and where no row repeats it is
    the same position drawn twice, about 8 times, that makes the estimate n.
    """
    positions = np.random.default_rng(0).integers(0, len(rows), int(_SAMPLED * len(rows) ** 0.5))
    found = _collect(np.ascontiguousarray(rows[positions]), None, len(positions))
    assert found is not None
    counts = found[1]
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return len(counts) + once * (once - 1) / (2 * (twice + 1))


def _collect(rows: Rows, row_weights: FloatArray | None, limit: int) -> tuple[Rows, FloatArray] | None:
    """The distinct rows and their weights, or None when there are more than the limit."""
    kept = np.empty((limit, rows.shape[1]), dtype=rows.dtype)  # the system gives memory where it is written to
    weights = np.empty(limit)
    collector = _native.DistinctRows(len(rows), kept, weights, row_weights is not None)
    step = max(1, _PIECE_BYTES // (rows.itemsize * rows.shape[1]))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        piece = np.ascontiguousarray(rows[part])
        if not collector.add(piece, None if row_weights is None else np.ascontiguousarray(row_weights[part])):
            return None
    size = collector.finish()
    return kept[:size], weights[:size]
