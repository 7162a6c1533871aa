"""Groups of rows with the same missing values and the same measurement errors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class RowGroup:
    """Rows that are observed in the same way.

    Attributes
    ----------
    positions : (m,) array of int
        Positions of the rows.
    observed : (o,) array of int
        Positions of the features that are not missing.
    values : WeightedRows
        Observed values (m, o) of the rows, with their weights; one column of zeros if nothing is observed.
    noise_root : (o, o) array, or None
        Root of the covariance of the measurement errors; None if there are none.
    """

    positions: IntArray
    observed: IntArray
    values: WeightedRows
    noise_root: FloatArray | None


def group_rows(rows: WeightedRows) -> Iterator[RowGroup]:
    """Yield groups of rows that are observed in the same way; with errors of its own, each row is a group.

    Parameters
    ----------
    rows : WeightedRows
        Rows, with NaN where values are missing.

    Yields
    ------
    RowGroup
        A group.
    """
    for positions in _positions(rows):
        some = rows.take(positions)
        observed = np.arange(rows.n_features) if some.missing is None else np.flatnonzero(~some.missing[0])
        noise_root = None
        if some.noise is not None and len(observed):
            noise_root = _root(some.noise.of_features(observed).dense(0))
        values = some.values[:, observed] if len(observed) else np.zeros((len(positions), 1))
        yield RowGroup(positions, observed, WeightedRows(values.astype(np.float64), some.weights), noise_root)


def _positions(rows: WeightedRows) -> Iterator[IntArray]:
    if rows.noise is not None and rows.noise.per_row:
        yield from np.arange(rows.n_rows)[:, None]
        return
    missing = np.zeros(rows.shape, dtype=bool) if rows.missing is None else rows.missing
    _, group = np.unique(missing, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(group.ravel()[order])) + 1)


def _root(covariance: FloatArray) -> FloatArray:
    """Return a root (o, o) of a positive semidefinite matrix."""
    scale = np.sqrt(covariance.diagonal())
    unit = np.where(scale > 0, scale, 1.0)
    values, axes = np.linalg.eigh(covariance / unit[:, None] / unit)
    return np.asarray(unit[:, None] * axes * np.sqrt(np.maximum(values, 0.0)))
