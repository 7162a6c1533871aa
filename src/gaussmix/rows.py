"""From what a user has to rows of numbers."""

from typing import Any

import numpy as np

from gaussmix.typing import Rows

KEPT_TYPES = (np.float64, np.float32, np.uint8, np.uint16)
"""Types that the engines read as they are."""


def as_rows(X: Any, n_features: int) -> Rows:
    """X as a finite (n, n_features) array, not copied when it already is one of the kept types.

    Raises
    ------
    ValueError
        Says which shape was expected, or names the first row and column that is not finite.
    """
    rows = np.asarray(X)
    if rows.dtype.type not in KEPT_TYPES:
        try:
            rows = rows.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"X must be numbers: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise ValueError(f"X must have the shape (n, {n_features}), got {rows.shape}; a single row is X[None, :]")
    require_finite(rows)
    return rows


def require_finite(rows: Rows) -> None:
    """ValueError that names the first row and column with NaN or infinity."""
    if rows.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(rows.sum(dtype=np.float64)):
            return
    for start in range(0, len(rows), 65536):
        bad = np.argwhere(~np.isfinite(rows[start : start + 65536]))
        if bad.size:
            row, column = bad[0]
            value = "NaN" if np.isnan(rows[start + row, column]) else "infinity"
            raise ValueError(
                f"X has {value} at row {start + row}, column {column}: drop such rows or fill them in before the fit"
            )
