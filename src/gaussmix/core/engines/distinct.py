"""Rows that repeat, such as the pixels of a photograph, need to be passed over only once each."""

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Rows

LEAST_ROWS = 4096
"""For fewer rows a whole fit takes a few milliseconds: nothing to gain."""

REPEATS = 3
"""Distinct rows are worth the search when rows repeat this often on average."""

_SAMPLED = 4  # times the root of the number of rows
_PIECE_BYTES = 8 << 20  # between two pieces Python can act on Ctrl-C


def distinct_rows(rows: WeightedRows) -> WeightedRows | None:
    """The distinct rows and the sum of the weights of each, or None when rows repeat too little to gain by it.

    Parameters
    ----------
    rows : WeightedRows
        Of float64, float32, uint8 or uint16. Rows of weight zero are left out.

    Returns
    -------
    WeightedRows or None
        The rows, each once, with the sums of their weights.
    """
    limit = rows.n_rows // REPEATS
    if rows.n_rows < LEAST_ROWS or estimated_distinct(rows.values) > limit:
        return None
    return _collect(rows, limit)


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
    found = _collect(WeightedRows(np.ascontiguousarray(rows[positions])), len(positions))
    assert found is not None
    counts = found.explicit_weights
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return len(counts) + once * (once - 1) / (2 * (twice + 1))


def _collect(rows: WeightedRows, limit: int) -> WeightedRows | None:
    """The distinct rows and their weights, or None when there are more than the limit."""
    values = rows.values
    kept = np.empty((limit, rows.n_features), dtype=values.dtype)  # the system gives memory where it is written to
    weights = np.empty(limit)
    collector = _native.DistinctRows(rows.n_rows, kept, weights, rows.weights is not None)
    step = max(1, _PIECE_BYTES // (values.itemsize * rows.n_features))
    for start in range(0, rows.n_rows, step):
        piece = rows.take(slice(start, start + step))
        if not collector.add(np.ascontiguousarray(piece.values), piece.weights):
            return None
    size = collector.finish()
    return WeightedRows(kept[:size], weights[:size], rows.names)
