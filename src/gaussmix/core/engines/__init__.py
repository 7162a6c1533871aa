"""Engines, which make passes over the rows."""

from typing import overload

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.distant_rows import AbstractDistantRows, AnyRows
from gaussmix.core.engines.distinct import distinct_rows
from gaussmix.core.engines.incomplete import IncompleteEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.reference import ReferenceEngine
from gaussmix.core.engines.stacked import StackedEngine
from gaussmix.core.engines.trimmed import TrimmedEngine, Trimming
from gaussmix.core.engines.truncated import TruncatedEngine, Truncation
from gaussmix.core.rows import WeightedRows

__all__ = [
    "AbstractDistantRows",
    "AbstractEngine",
    "AnyRows",
    "IncompleteEngine",
    "NativeEngine",
    "ReferenceEngine",
    "StackedEngine",
    "TrimmedEngine",
    "Trimming",
    "TruncatedEngine",
    "Truncation",
    "distinct_rows",
    "engine_for",
]


@overload
def engine_for(rows: WeightedRows) -> NativeEngine | IncompleteEngine: ...
@overload
def engine_for(rows: AnyRows) -> AbstractEngine: ...
def engine_for(rows: AnyRows) -> AbstractEngine:
    """Return the engine for rows.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows with weights; NaN is a missing value.

    Returns
    -------
    AbstractEngine
        For rows in memory, the fast engine for complete rows without measurement errors, else the one that knows of
        them; for distant rows, their own.
    """
    if isinstance(rows, AbstractDistantRows):
        return rows.engine()
    return NativeEngine.of(rows) if rows.is_exact else IncompleteEngine(rows)
