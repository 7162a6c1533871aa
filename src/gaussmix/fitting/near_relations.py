"""Columns that follow from others in most rows, or in all rows up to a difference near rounding.

A fit keeps such columns; `ColumnReduction` removes redundant columns only. But components of rows in which a column
follows from others exactly are singular. Often the other rows are errors in the data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaussmix.core.column_sums import average_columns, sum_squares
from gaussmix.core.file_pages import FilePages, take_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import join_words
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

_EPSILON = float(np.finfo(np.float64).eps)
_SAMPLE = 20_000  # rows of the first test and of the concentration steps
_MOST_MAPPED = 1_000_000  # rows of a mapped file that are examined
_FEW = 2_000  # rows that tell in most tables that there is no relation
_FAR = 1e-2  # standard deviations from the plane, beyond which rows do not follow, whatever the rounding
_THIN = 1e-3  # least eigenvalue of the correlations of columns that are not nearly collinear
_MOST_FEATURES = 100  # with more, only columns that are nearly collinear are searched
_MOST = 0.7  # share of the rows that must follow
_VALUES = 30  # distinct values in the rows that follow; of fewer, relations occur by chance
_APART = 8.0  # residual of an exception, in standard deviations of the residuals of the other rows
_ROUNDING = 8  # times half the epsilon of each term
_STEPS = 20  # of concentration
_NEGLIGIBLE = 1e-6  # a coefficient, in deviations


@dataclass(frozen=True, eq=False)
class NearRelation:
    """A column that follows from others in most rows.

    Attributes
    ----------
    column : int
        The column.
    others : tuple of int
        The columns it is a linear function of.
    exceptions : (m,) array of int
        The rows that do not follow; none if the relation is not exact in any.
    residual : float
        Standard deviation of the residual in rows that follow, relative to that of the column.
    """

    column: int
    others: tuple[int, ...]
    exceptions: IntArray
    residual: float

    def describe(self, names: Sequence[str]) -> str:
        """Describe the relation and its exceptions.

        Parameters
        ----------
        names : sequence of str
            Of all columns.

        Returns
        -------
        str
            Two sentences.
        """
        name, others = names[self.column], join_words((names[other] for other in self.others), 10)
        count = len(self.exceptions)
        if not count:
            return (
                f"{name} is a linear function of {others}, but for {self.residual:.0e} of its standard deviation. "
                f"Rounding limits the fit: leave {name} out of X, or put the difference in its place."
            )
        rows = f"row {self.exceptions[0]}" if count == 1 else f"{count} rows: {join_words(self.exceptions, 10)}"
        return (
            f"{name} is a linear function of {others} in all rows but {rows}. Components without such rows are "
            f"singular: check the rows, or leave {name} out of X."
        )


def find_near_relation(rows: WeightedRows) -> NearRelation | None:
    """Find a column that follows from others in at least 70 percent of the rows.

    The plane of these rows is found by the concentration steps of least trimmed squares (Rousseeuw and Van Driessen,
    Data Mining and Knowledge Discovery 12 (2006), 29-45): each plane is fitted to the rows nearest to the previous one.
    A row follows if rounding of the terms explains its residual. An exception is far from the residuals of the other
    rows. Unless the columns are nearly collinear, the column needs 30 and ``2 d`` distinct values in the rows that
    follow, and at most 100 columns are searched.

    Parameters
    ----------
    rows : WeightedRows
        Finite numbers, whose columns are not redundant (`ColumnReduction`). Rows of weight zero do not count.

    Returns
    -------
    NearRelation or None
        None if there is no such column. None also for rows of type uint8 or uint16, in which relations occur by chance.
    """
    values, d = rows.values, rows.n_features
    if d < 2 or rows.n_positive < 4 * d or values.dtype.kind == "u":
        return None
    counted = _counted(rows)
    step = max(1, len(counted) // _SAMPLE)
    some = _standardized(take_rows(values, counted[::step]))[0]
    if some is None:
        return None
    is_thin = bool(np.linalg.eigvalsh(some.T @ some)[0] <= _THIN * len(some))
    if not is_thin and d > _MOST_FEATURES:
        return None
    few = some[:: max(1, len(some) // _FEW)]
    near = _concentrate(few)
    if not is_thin and _distances(few, _some(few, near))[near].max() > _FAR:
        return None
    if len(few) < len(some):
        near = _concentrate(some)
    examined = take_rows(values, counted)
    standard, scales = _standardized(examined)
    if standard is None:
        return None
    if step > 1:
        near = _nearest(standard, _some(standard[::step], near))
    column = int(np.abs(_plane_of(_some(standard, near))[1]).argmax())
    others = np.delete(np.arange(d), column)
    centers = np.abs(examined).astype(np.float64) / scales
    epsilon = float(np.finfo(values.dtype).eps) if values.dtype.kind == "f" else _EPSILON
    for _ in range(2):  # from the nearest rows to all that follow
        coefficients, residuals = _function(standard, column, others, near)
        terms = centers[:, column] + centers[:, others] @ np.abs(coefficients)
        follows = residuals <= _ROUNDING * (0.5 * epsilon + d * _EPSILON) * np.maximum(terms, terms.mean())
        if np.count_nonzero(follows) < _MOST * len(follows):
            return _almost(column, others[np.abs(coefficients) > _NEGLIGIBLE], residuals, d)
        near = follows
    which = others[np.abs(coefficients) > _NEGLIGIBLE]
    if follows.all() or not which.size:
        return None
    if not is_thin and len(np.unique(examined[follows, column])) < max(_VALUES, 2 * d):
        return None
    residual = float(np.sqrt((residuals[follows] ** 2).mean()))
    apart = residuals > _APART * residual
    if not apart[~follows].any():
        return _almost(column, which, residuals, d)
    return NearRelation(column, tuple(which.tolist()), counted[apart & ~follows], residual)


def _counted(rows: WeightedRows) -> IntArray:
    """Return the positions of rows of positive weight, of a mapped file only some."""
    every = 1 if FilePages.of(rows.values) is None else -(-rows.n_rows // _MOST_MAPPED)
    counted = np.arange(0, rows.n_rows, every)
    return counted if rows.weights is None else counted[rows.weights[counted] > 0]


def _almost(column: int, others: IntArray, residuals: FloatArray, d: int) -> NearRelation | None:
    """Return the relation of all rows, if the residual is too small for a covariance to represent."""
    residual = float(np.sqrt((residuals**2).mean()))
    if residual**2 > 4 * d * _EPSILON or not others.size:
        return None
    return NearRelation(column, tuple(others.tolist()), np.empty(0, dtype=np.int64), residual)


def _standardized(values: FloatArray) -> tuple[FloatArray | None, FloatArray]:
    """Return the standardized columns and their standard deviations; None for the columns if one is constant."""
    values = values.astype(np.float64)
    centered = values - average_columns(values)
    scales = np.sqrt(sum_squares(centered) / len(centered))
    if not (scales > 0).all():
        return None, scales
    return centered / scales, scales


def _some(rows: FloatArray, which: BoolArray) -> FloatArray:
    """Return some rows; `numpy.compress` is several times faster than indexing by bools."""
    return np.compress(which, rows, axis=0)


def _plane_of(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean (d,) of rows and the direction (d,) of their least variance."""
    center = average_columns(rows)
    centered = rows - center
    return center, np.asarray(np.linalg.eigh(centered.T @ centered)[1][:, 0])


def _concentrate(standard: FloatArray) -> BoolArray:
    """Return (n,) bools: the rows nearest to the plane that fits them best."""
    columns = np.vstack([standard.T, np.ones(len(standard))])  # long lines: NumPy is slow on narrow rows
    near = np.ones(len(standard), dtype=np.bool_)
    for _ in range(_STEPS):
        products = (columns * near) @ columns.T  # of the columns, their sums, and the number of rows
        center = products[-1, :-1] / products[-1, -1]
        normal = np.linalg.eigh(products[:-1, :-1] - np.outer(center, products[-1, :-1]))[1][:, 0]
        before, near = near, _least(np.abs(normal @ columns[:-1] - normal @ center))
        if np.array_equal(near, before):
            break
    return near


def _nearest(standard: FloatArray, fitted: FloatArray) -> BoolArray:
    """Return (n,) bools: the share `_MOST` of the rows that is nearest to the plane of other rows."""
    return _least(_distances(standard, fitted))


def _least(distances: FloatArray) -> BoolArray:
    """Return (n,) bools: the share `_MOST` of the distances that is least."""
    least = np.zeros(len(distances), dtype=np.bool_)
    size = math.ceil(_MOST * len(distances))
    least[np.argpartition(distances, size - 1)[:size]] = True
    return least


def _distances(standard: FloatArray, fitted: FloatArray) -> FloatArray:
    """Return the distances (n,) of rows from the plane of other rows."""
    center, normal = _plane_of(fitted)
    return np.abs((standard - center) @ normal)


def _function(standard: FloatArray, column: int, others: IntArray, near: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of a column as a function of others in some rows, and absolute residuals (n,) of all."""
    center = average_columns(_some(standard, near))
    centered = standard - center
    coefficients = np.linalg.lstsq(centered[np.ix_(near, others)], centered[near, column], rcond=None)[0]
    return coefficients, np.abs(centered[:, column] - centered[:, others] @ coefficients)
