"""A bounded number of rows to look at."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray, Rows

LEAST, MOST, NUMBERS = 1_000, 100_000, 4_000_000
"""Rows at least and at most, and numbers in all: what is looked at costs less than a second."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Rows of positive weight, all of them or one from each of equal stretches.

    Attributes
    ----------
    rows : (m, d) array of float64
    row_weights : (m,) array
    positions : (m,) array
        Where they are among all rows.
    complete : bool
        Whether these are all rows of positive weight.
    total : float
        The weight of all rows.
    names : tuple of d str
    """

    rows: FloatArray
    row_weights: FloatArray
    positions: IntArray
    complete: bool
    total: float
    names: tuple[str, ...]


def sample(rows: Rows, row_weights: FloatArray | None, names: Iterable[str] | None) -> Sampled:
    """Rows to look at, the same ones every time."""
    n, d = rows.shape
    limit = min(MOST, max(LEAST, NUMBERS // d))
    positions = np.arange(n) if row_weights is None else np.flatnonzero(row_weights)
    complete = len(positions) <= limit
    if not complete:
        edges = np.arange(limit + 1) * len(positions) // limit
        drawn = edges[:-1] + (np.random.default_rng(0).uniform(size=limit) * np.diff(edges)).astype(np.int64)
        positions = positions[drawn]
    return Sampled(
        np.ascontiguousarray(rows[positions], dtype=np.float64),
        np.ones(len(positions)) if row_weights is None else row_weights[positions],
        positions,
        complete,
        float(n) if row_weights is None else float(row_weights.sum()),
        tuple(f"column {at}" for at in range(d)) if names is None else tuple(map(str, names)),
    )
