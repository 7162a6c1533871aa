"""Redundant columns of rows that may be incomplete.

Constant columns are those whose observed values are all equal. Linear functions are looked for in the complete rows,
and must hold in all rows in which their columns are observed. A column that is left out may tell the value of a kept
column where that is missing: the value is filled in where the relations determine it. Values with measurement errors
have no exact relations, so only constant columns are left out.
"""

from dataclasses import replace
from typing import overload

import numpy as np

from gaussmix.core.engines import AbstractDistantRows, AnyRows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.distant_columns import find_in_distant
from gaussmix.fitting.redundant_columns import ColumnReduction

_ROWS_PER_COLUMN = 3  # complete rows in which relations are looked for; in fewer they hold by chance
_EXCESS = 1e3  # residual of a row in which a relation does not hold, in deviations of the dropped column
_REGULAR = 1e-6  # least singular value of relations that determine missing values, as a share of the greatest


def find_redundant(rows: AnyRows, covariance_type: str) -> ColumnReduction | None:
    """Find the redundant columns of rows that may be incomplete.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows in which every column has a value. Rows of weight zero are ignored.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Form of the covariances.

    Returns
    -------
    ColumnReduction or None
        As of `ColumnReduction.of`; None if no column is redundant.

    Raises
    ------
    ValueError
        When the variances of all columns that vary underflow.
    """
    if isinstance(rows, AbstractDistantRows):
        return find_in_distant(rows, covariance_type)
    if rows.is_exact:
        return ColumnReduction.of(rows, covariance_type)
    rows = rows.positive()
    known = replace(rows, values=_with_missing(rows), noise=None)
    constant = ColumnReduction.of(_with_means(known), "spherical" if covariance_type == "spherical" else "diag")
    if rows.noise is not None or covariance_type not in ("full", "tied"):
        return constant if constant is None else replace(constant, covariance_type=covariance_type)
    complete = known.complete()
    if complete.n_rows > _ROWS_PER_COLUMN * rows.n_features:
        found = ColumnReduction.of(complete, covariance_type)
        if found is not None and _holds(found, known.values):
            return found
    return constant if constant is None else replace(constant, covariance_type=covariance_type)


@overload
def reduce_rows(columns: ColumnReduction, rows: WeightedRows) -> WeightedRows: ...
@overload
def reduce_rows(columns: ColumnReduction, rows: AnyRows) -> AnyRows: ...
def reduce_rows(columns: ColumnReduction, rows: AnyRows) -> AnyRows:
    """Return the rows without redundant columns.

    Parameters
    ----------
    columns : ColumnReduction
        Reduction of the columns of these rows.
    rows : WeightedRows or AbstractDistantRows
        Rows with all columns.

    Returns
    -------
    WeightedRows or AbstractDistantRows
        The kept columns without names. Missing values that the redundant columns determine are filled in.
    """
    if isinstance(rows, AbstractDistantRows):
        return rows.of_features(columns.kept)
    kept = rows.of_features(columns.kept)
    if rows.missing is None or rows.noise is not None or not columns.coefficients.any():
        return kept
    return replace(kept, values=_filled(columns, np.array(kept.values), rows.values[:, columns.dropped]))


def _with_missing(rows: WeightedRows) -> FloatArray:
    return rows.values if rows.missing is None else np.where(rows.missing, np.nan, rows.values)


def _with_means(rows: WeightedRows) -> WeightedRows:
    """Return rows with the midrange of the observed values in place of missing ones: constant columns stay constant."""
    values = np.array(rows.values)
    missing = np.isnan(values)
    lowest = np.where(missing, np.inf, values).min(axis=0)
    middle = lowest + (np.where(missing, -np.inf, values).max(axis=0) - lowest) / 2
    values[missing] = np.broadcast_to(middle, values.shape)[missing]
    return replace(rows, values=values)


def _holds(found: ColumnReduction, values: FloatArray) -> bool:
    """Return whether the relations hold in all rows (n, d) in which their columns are observed."""
    units = (values - found.centers) / found.scales
    for place, column in enumerate(found.dropped.tolist()):
        factors = found.coefficients[:, place]
        others = found.kept[factors != 0]
        residuals = units[:, column] - units[:, others] @ factors[factors != 0]
        limit = _EXCESS * found.deviations[place] / found.scales[column]
        if (np.abs(residuals[~np.isnan(residuals)]) > limit).any():
            return False
    return True


def _filled(columns: ColumnReduction, kept: FloatArray, dropped: FloatArray) -> FloatArray:
    """Fill in missing values of kept columns (n, r) that the observed values of dropped ones (n, d - r) determine."""
    centers, scales, coefficients = columns.centers, columns.scales, columns.coefficients
    units = (kept - centers[columns.kept]) / scales[columns.kept]
    results = (dropped - centers[columns.dropped]) / scales[columns.dropped]
    missing, observed = np.isnan(kept), ~np.isnan(dropped)
    some = np.flatnonzero(missing.any(axis=1) & observed.any(axis=1))
    patterns, group = np.unique(np.hstack([missing, observed])[some], axis=0, return_inverse=True)
    for at, pattern in enumerate(patterns):
        rows = some[group.ravel() == at]
        hidden, given = pattern[: kept.shape[1]], pattern[kept.shape[1] :]
        used = hidden & coefficients[:, given].any(axis=1)
        equations = coefficients[np.ix_(used, given)]  # (unknown, given)
        if not used.any() or len(equations) > given.sum():
            continue
        sizes = np.linalg.svd(equations, compute_uv=False)
        if sizes[-1] <= _REGULAR * sizes[0]:
            continue
        known = np.where(hidden, 0.0, units[rows]) @ coefficients[:, given]
        solution = np.linalg.lstsq(equations.T, (results[rows][:, given] - known).T, rcond=None)[0].T
        kept[np.ix_(rows, used)] = solution * scales[columns.kept][used] + centers[columns.kept][used]
    return kept
