"""Diagnostics of rows before a fit."""

import math
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines.distinct import estimated_distinct
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.row_sampling import Subsample, fixed_subsample
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.text import default_names, join_words
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.validation import as_rows, check_sample_weight
from gaussmix.diagnostics.advice import advice_for_rows
from gaussmix.diagnostics.columns import column_facts, is_ordered
from gaussmix.diagnostics.missing import missing_facts
from gaussmix.diagnostics.report import Report
from gaussmix.diagnostics.tables import numeric_part

_FAR, _NEIGHBORS = 5.0, 3
_COMPARED = 2_000  # rows with which a candidate is compared
_START_ROWS = 100_000
_SHOWN, _FEW_DISTINCT = 5, 0.2


@underflow_to_zero
def inspect_rows(X: Any, sample_weight: Any = None, *, n_components: int = 1, covariance_type: str = "full") -> Report:
    """Report what may cause problems in a fit to these rows.

    Parameters
    ----------
    X : (n, d) array-like or table
        The rows. If there are more than about 100,000, a subsample is examined, and the report says so. Columns of a
        table may have words, dates or missing cells, and arrays NaN: the report has a line for each such column, and
        the columns of numbers are examined in the rows that are complete.
    sample_weight : (n,) array-like, optional
        Nonnegative weights; a weight of 2 counts as two equal rows.
    n_components : int, default=1
        Number of components of the planned fit.
    covariance_type : str, default="full"
        Covariance type of the planned fit, as in `GaussianMixture`.

    Returns
    -------
    Report
        ``str(report)`` is the text, ``report.facts`` has the numbers.

    Raises
    ------
    ValueError
        If no column has numbers, if an array has words, or if the square of a number would overflow.

    Examples
    --------
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.diagnostics import inspect_rows
    >>> report = inspect_rows(load_old_faithful()[0], n_components=2)
    >>> round(report.facts["rows"]["rows_per_parameter"], 1)
    24.7
    """
    part = numeric_part(X)
    values = as_rows(part.values, part.values.shape[1])
    weights = check_sample_weight(sample_weight, part.facts["n_given"])
    if weights is not None and part.positions is not None:
        weights = check_sample_weight(weights[part.positions], len(values))
    rows = WeightedRows(values, weights, part.names)
    covariance_class(covariance_type)
    if n_components < 1:
        raise ValueError(f"n_components must be at least 1, got {n_components}")
    facts = row_facts(rows, n_components, covariance_type)
    facts["memory"] = _memory(part.values, n_components, covariance_type)
    worst = facts["outliers"]["worst_row"]
    if worst is not None and part.positions is not None:
        facts["outliers"]["worst_row"] = int(part.positions[worst])
    facts |= part.facts
    return Report({"rows": facts, "advice": advice_for_rows(facts)})


def row_warnings(rows: WeightedRows) -> list[str]:
    """Return sentences about columns that number the rows, and about rows of which few are distinct.

    Parameters
    ----------
    rows : WeightedRows
        Numbers; NaN is a missing value.

    Returns
    -------
    list of str
        Empty for most tables.
    """
    some = fixed_subsample(rows)
    names = rows.names or default_names(rows.n_features)
    found = []
    ordered = [name for name, column in zip(names, some.rows.values.T, strict=True) if is_ordered(column)]
    if ordered and len(ordered) < len(names):
        verb = "increases or decreases" if len(ordered) == 1 else "increase or decrease"
        left = [name for name in names if name not in ordered]
        found.append(
            f"{join_words(ordered, _SHOWN)} {verb} with every row, as a row number does. Fit the other columns "
            f"({join_words(left, _SHOWN)}) unless this is a measurement."
        )
    distinct = _n_distinct(rows.values, some)
    if distinct < _FEW_DISTINCT * some.rows.n_rows:
        n_rows = some.rows.n_rows if some.complete else rows.n_rows
        found.append(
            f"{distinct:,} of {n_rows:,} rows are distinct. Components may describe repeated values, not clusters."
        )
    return found


def row_facts(rows: WeightedRows, n_components: int, covariance_type: str) -> dict[str, Any]:
    """Return the facts about the rows."""
    d, some = rows.n_features, fixed_subsample(rows)
    names = rows.names or default_names(d)
    structure = covariance_class(covariance_type)
    parameters = n_components - 1 + n_components * d + structure.count_parameters(n_components, d)
    return {
        "n_rows": rows.n_rows,
        "n_features": d,
        "total_weight": rows.total,
        "n_without_weight": rows.n_rows - rows.n_positive,
        "examined": some.rows.n_rows,
        "complete": some.complete,
        "n_components": n_components,
        "covariance_type": covariance_type,
        "n_parameters": parameters,
        "rows_per_parameter": rows.informative().total / parameters,
        **column_facts(some.rows, rows.values, names),
        "n_distinct": _n_distinct(rows.values, some),
        "outliers": _outliers(some, names),
        "missing_values": missing_facts(rows, names),
    }


def _n_distinct(rows: Rows, some: Subsample) -> int:
    """Return the number of distinct rows, estimated unless all rows are examined."""
    if not some.complete:
        return round(min(estimated_distinct(rows), len(rows)))
    values, rng = some.rows.values, np.random.default_rng(0)
    with np.errstate(over="ignore"):  # random projections of distinct rows differ almost surely
        mixed = (np.nan_to_num(values) * rng.standard_normal(some.rows.n_features)).sum(axis=1)
        if some.rows.missing is not None:
            mixed = mixed + some.rows.missing @ rng.standard_normal(some.rows.n_features)
    return len(np.unique(mixed))


def _outliers(some: Subsample, names: tuple[str, ...]) -> dict[str, Any]:
    """Find complete rows that differ from all but two others by more than five robust standard deviations in a column.

    The robust standard deviation is the distance between the quartiles over 1.349, which is the standard deviation of
    a normal distribution. A column whose quartiles are equal is measured by its standard deviation.
    """
    none: dict[str, Any] = {"n": 0, "worst_row": None, "column": None, "deviations": None}
    values, positions = some.rows.values, some.positions
    if some.rows.missing is not None:
        complete = ~some.rows.missing.any(axis=1)
        values, positions = values[complete], positions[complete]
    if not len(values):
        return none
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / 1.349
    spread = np.where(spread > 0, spread, values.std(axis=0))
    scaled = (values - middle) / np.where(spread > 0, spread, 1.0)
    reach = np.abs(scaled).max(axis=1)
    candidates = np.flatnonzero(reach > _FAR).astype(np.int64)
    candidates = candidates[np.argsort(-reach[candidates], kind="stable")][:_COMPARED]
    if not candidates.size:
        return none
    others = scaled
    if len(scaled) > _COMPARED:  # the sample contains neighbors of a candidate, unless they are few
        others = scaled[np.random.default_rng(0).choice(len(scaled), _COMPARED, replace=False)]
        others = np.concatenate([others, scaled[candidates]])
    distances = np.concatenate([_near(scaled[piece], others) for piece in _pieces(candidates, others)])
    far = candidates[distances > _FAR]
    if not far.size:
        return none
    worst = int(far[reach[far].argmax()])
    column = int(np.abs(scaled[worst]).argmax())
    return {
        "n": len(far),
        "worst_row": int(positions[worst]),
        "column": names[column],
        "deviations": float(abs(scaled[worst, column])),
    }


def _pieces(candidates: IntArray, others: FloatArray) -> list[IntArray]:
    return np.array_split(candidates, 1 + candidates.size * len(others) // 5_000_000)


def _near(rows: FloatArray, others: FloatArray) -> FloatArray:
    """Return the Chebyshev distances (m,) to the third-nearest other row; the nearest row is the row itself."""
    nth = min(_NEIGHBORS, len(others) - 1)
    return np.asarray(np.partition(cdist(rows, others, "chebyshev"), nth, axis=1)[:, nth])


def _memory(given: Rows, k: int, covariance_type: str) -> dict[str, Any]:
    """Estimate the bytes that a fit needs for a copy of the rows, and for sums and factors."""
    n, d = given.shape
    kept = given.dtype.type in KEPT_TYPES
    factors = math.prod(covariance_class(covariance_type).root_shape(k, d))
    drawn = min(n, _START_ROWS) * d
    return {
        "rows": int(given.nbytes),
        "copied": 0 if kept else 8 * n * d,
        "statistics": 8 * (4 * (factors + k * d + k) + drawn),
    }
