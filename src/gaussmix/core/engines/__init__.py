"""Engines, which make passes over the rows."""

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.distinct import distinct_rows
from gaussmix.core.engines.incomplete import IncompleteEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.reference import ReferenceEngine
from gaussmix.core.engines.stacked import StackedEngine
from gaussmix.core.engines.trimmed import TrimmedEngine, Trimming
from gaussmix.core.engines.truncated import TruncatedEngine, Truncation
from gaussmix.core.rows import WeightedRows

__all__ = [
    "AbstractEngine",
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


def engine_for(rows: WeightedRows) -> NativeEngine | IncompleteEngine:
    """Return the engine for rows in memory.

    Parameters
    ----------
    rows : WeightedRows
        Rows with weights; NaN is a missing value.

    Returns
    -------
    NativeEngine or IncompleteEngine
        The fast engine for complete rows without measurement errors, else the one that knows of them.
    """
    return NativeEngine.of(rows) if rows.is_exact else IncompleteEngine(rows)
