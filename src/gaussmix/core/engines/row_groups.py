"""Groups of rows with the same missing values and the same measurement errors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray

_FEW_ROWS = 16


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
    if rows.noise is not None and rows.noise.per_row:
        yield from (group_of(rows, positions) for positions in np.arange(rows.n_rows)[:, None])
        return
    yield from (group_of(rows, positions) for positions in positions_by_pattern(rows))


def group_of(rows: WeightedRows, positions: IntArray) -> RowGroup:
    """Return some rows that are observed in the same way as a group.

    Parameters
    ----------
    rows : WeightedRows
        Rows, with NaN where values are missing.
    positions : (m,) array of int
        Positions of the rows of the group.

    Returns
    -------
    RowGroup
        The group.
    """
    some = rows.take(positions)
    observed = np.arange(rows.n_features) if some.missing is None else np.flatnonzero(~some.missing[0])
    noise_root = None
    if some.noise is not None and len(observed):
        noise_root = _root(some.noise.of_features(observed).dense(0))
    values = some.values[:, observed] if len(observed) else np.zeros((len(positions), 1))
    return RowGroup(positions, observed, WeightedRows(values.astype(np.float64), some.weights), noise_root)


@dataclass(frozen=True, eq=False)
class RowGroups:
    """Groups of equally many rows with equally many observed values.

    Attributes
    ----------
    positions : (g, m) array of int
        Positions of the rows.
    observed : (g, o) array of int
        Positions of the features that are not missing.
    values : (g, m, o) array
        Observed values.
    noise_roots : (g, o, o) array, or None
        Roots of the covariances of the measurement errors; None if there are none.
    """

    positions: IntArray
    observed: IntArray
    values: FloatArray
    noise_roots: FloatArray | None


def batches_of_groups(rows: WeightedRows, most: int) -> Iterator[RowGroups]:
    """Yield the groups of rows that are observed in the same way, small ones together.

    Parameters
    ----------
    rows : WeightedRows
        Rows, with NaN where values are missing.
    most : int
        Greatest number of groups in a batch. A group of more than a few rows is a batch of its own.

    Yields
    ------
    RowGroups
        A batch.
    """
    missing = np.zeros(rows.shape, dtype=bool) if rows.missing is None else rows.missing
    own_noise = rows.noise is not None and rows.noise.per_row
    groups = list(np.arange(rows.n_rows)[:, None]) if own_noise else positions_by_pattern(rows)
    alike: dict[tuple[int, int], list[IntArray]] = {}
    for group in groups:
        alike.setdefault((len(group), int(missing[group[0]].sum())), []).append(group)
    for (size, n_missing), same in alike.items():
        step = most if size <= _FEW_ROWS else 1
        for start in range(0, len(same), step):
            positions = np.stack(same[start : start + step])
            observed = np.nonzero(~missing[positions[:, 0]])[1].reshape(len(positions), rows.n_features - n_missing)
            values = rows.values[positions[:, :, None], observed[:, None]].astype(np.float64)
            yield RowGroups(positions, observed, values, _noise_roots(rows, positions, observed))


def _noise_roots(rows: WeightedRows, positions: IntArray, observed: IntArray) -> FloatArray | None:
    if rows.noise is None:
        return None
    pairs = zip(positions[:, 0], observed, strict=True)
    return _root(np.stack([rows.noise.dense(row)[features[:, None], features] for row, features in pairs]))


def positions_by_pattern(rows: WeightedRows) -> list[IntArray]:
    """Return the positions of the rows with the same missing values, for every pattern of missing values.

    Parameters
    ----------
    rows : WeightedRows
        Rows, with NaN where values are missing.

    Returns
    -------
    list of (m,) arrays of int
        Positions in ascending order. The patterns with the fewest missing values are first.
    """
    if rows.missing is None:
        return [np.arange(rows.n_rows)]
    packed = np.packbits(rows.missing, axis=1)
    words = np.zeros((rows.n_rows, -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    keys = [*words.view(np.uint64).T, rows.missing.sum(axis=1)]
    order = np.lexsort(keys)
    differs = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    return np.split(order, np.flatnonzero(differs) + 1)


def _root(covariance: FloatArray) -> FloatArray:
    """Return roots (..., o, o) of positive semidefinite matrices."""
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    unit = np.where(scale > 0, scale, 1.0)
    values, axes = np.linalg.eigh(covariance / unit[..., :, None] / unit[..., None, :])
    return np.asarray(unit[..., :, None] * axes * np.sqrt(np.maximum(values, 0.0))[..., None, :])
