"""Diagnostics of columns: constant, ordered, repeated, collinear and discrete columns."""

from typing import Any

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.diagnostics.collinearity import condition_of, determined_columns, products
from gaussmix.diagnostics.distributions import distribution_facts

_REPEATS = 1e-10  # 1 - |correlation|; smaller values are rounding
_ORDERED_ROWS = 20  # the probability that random values are ordered is 2 / 20!
_STEPS_EQUAL, _ROUNDING = 1e-6, 4 * float(np.finfo(np.float64).eps)  # of a step, and of a value
_MOST_FEATURES = 1_000  # for more, no correlation matrix is computed
_FEW_VALUES, _COMMON = 20, 0.2
_COMPLETE_PER_COLUMN = 5  # complete rows for each column


def column_facts(some: WeightedRows, all_rows: Rows, names: tuple[str, ...]) -> dict[str, Any]:
    """Find constant, ordered, repeated, collinear and discrete columns, and compare standard deviations."""
    rows, weights = some.values, some.explicit_weights
    constant = np.fmin.reduce(rows, axis=0) == np.fmax.reduce(rows, axis=0)  # these leave out missing values
    for at in np.flatnonzero(constant):  # `some` may leave out rows
        constant[at] = np.fmin.reduce(all_rows[:, at]) == np.fmax.reduce(all_rows[:, at])
    deviations = _deviations(some)
    varying = np.flatnonzero(~constant & (deviations > 0)).astype(np.int64)
    facts: dict[str, Any] = {"constant": [names[at] for at in np.flatnonzero(constant)]}
    facts["ordered"] = [names[at] for at in varying if len(names) > 1 and is_ordered(rows[:, at])]
    facts["spreads"] = _spreads(deviations, varying, names)
    facts.update(discrete=[], skewed=[], heavy_tails=[], point_masses=[])
    for at in varying:
        for kind, found in _values(rows[~np.isnan(rows[:, at]), at]).items():
            facts[kind].append({"column": names[at], **found})
    facts.update(duplicates=[], collinear=[], products=[], condition=None)
    if some.missing is not None:  # relations between columns need complete rows
        complete = some.complete()
        rows, weights = complete.values, complete.explicit_weights
        if len(rows) < _COMPLETE_PER_COLUMN * len(varying) or not weights.any():
            return facts
        varying = varying[_deviations(complete)[varying] > 0]
    if 2 <= len(varying) <= _MOST_FEATURES:
        shares = weights / weights.sum()
        centered = rows - shares @ rows
        deviations = np.sqrt(shares @ centered**2)
        standard = centered[:, varying] / deviations[varying]
        correlations = (standard * shares[:, None]).T @ standard
        kept = _duplicates(facts["duplicates"], rows, varying, correlations, names)
        some_names = tuple(names[at] for at in varying[kept])
        some_correlations = correlations[np.ix_(kept, kept)]
        facts["condition"] = condition_of(some_correlations, len(rows))
        facts["collinear"] = determined_columns(some_correlations, len(rows), some_names)
        determined = {found["column"] for found in facts["collinear"]}
        left = [at for at in varying[kept] if names[at] not in determined]
        facts["products"] = products(rows[:, left], weights, tuple(names[at] for at in left))
    return facts


def _deviations(rows: WeightedRows) -> FloatArray:
    """Return the standard deviations (d,) of the values that are not missing."""
    if rows.missing is None:
        shares = rows.explicit_weights / rows.explicit_weights.sum()
        return np.asarray(np.sqrt(shares @ (rows.values - shares @ rows.values) ** 2))
    weights = np.where(rows.missing, 0.0, rows.explicit_weights[:, None])
    shares = weights / np.maximum(weights.sum(axis=0), np.finfo(np.float64).tiny)
    values = np.nan_to_num(rows.values)
    return np.asarray(np.sqrt((shares * (values - (shares * values).sum(axis=0)) ** 2).sum(axis=0)))


def _values(column: FloatArray) -> dict[str, dict[str, Any]]:
    """Describe a column of few values, or the distribution of one with many."""
    distinct, counts = np.unique(column, return_counts=True)
    few = _discrete(distinct, counts)
    found = distribution_facts(column, distinct, counts)
    return found if few is None else {"discrete": few} | {kind: found[kind] for kind in found if kind != "point_masses"}


def is_ordered(values: FloatArray) -> bool:
    """Return whether the values increase, or decrease, with every row, and are integers or equally spaced.

    Identifiers, dates and times of regular measurements are.
    """
    steps = np.diff(values)
    if len(values) < _ORDERED_ROWS or not ((steps > 0).all() or (steps < 0).all()):
        return False
    rounding = _ROUNDING * np.abs(values).max()
    return bool((values == np.floor(values)).all() or np.ptp(steps) <= rounding + _STEPS_EQUAL * np.abs(steps).max())


def _spreads(deviations: FloatArray, varying: IntArray, names: tuple[str, ...]) -> dict[str, Any] | None:
    if len(varying) < 2:
        return None
    least, greatest = (int(varying[pick(deviations[varying])]) for pick in (np.argmin, np.argmax))
    return {
        "ratio": float(deviations[greatest] / deviations[least]),
        "greatest": names[greatest],
        "least": names[least],
        "standard_deviations": [float(deviations[greatest]), float(deviations[least])],
    }


def _discrete(distinct: FloatArray, counts: IntArray) -> dict[str, Any] | None:
    n, commonest = int(counts.sum()), int(counts.argmax())
    share = float(counts[commonest] / n)
    few = len(distinct) <= _FEW_VALUES and n >= 5 * len(distinct)
    if not few and not (share >= _COMMON and counts[commonest] >= 10):
        return None
    return {"n_distinct": len(distinct), "commonest": float(distinct[commonest]), "share": share}


def _duplicates(
    found: list[dict[str, str]], rows: FloatArray, varying: IntArray, correlations: FloatArray, names: tuple[str, ...]
) -> BoolArray:
    """Return (v,) bools: whether each varying column does not repeat an earlier one; append the others to ``found``."""
    kept = np.ones(len(varying), dtype=np.bool_)
    for second in range(1, len(varying)):
        alike = np.flatnonzero(kept[:second] & (np.abs(correlations[:second, second]) > 1 - _REPEATS))
        if alike.size:
            kept[second] = False
            first, again = rows[:, varying[alike[0]]], rows[:, varying[second]]
            linear = "rescaled" if correlations[alike[0], second] > 0 else "reversed"
            how = "equal" if np.array_equal(first, again) else linear
            found.append({"column": names[varying[second]], "repeats": names[varying[alike[0]]], "how": how})
    return kept
