"""Redundant columns of rows that are not in memory: found in a sample, and confirmed by one pass over all rows."""

from dataclasses import replace

import numpy as np

from gaussmix.core.engines import AbstractDistantRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.fitting.redundant_columns import ColumnReduction


def find_in_distant(rows: AbstractDistantRows, covariance_type: str) -> ColumnReduction | None:
    """Find the redundant columns of rows that are not in memory.

    What is redundant in all rows is so in a sample. A column that a sample would leave out is kept if it differs from
    its function in all rows together by more than the fitted mixture would allow.

    Parameters
    ----------
    rows : AbstractDistantRows
        Rows of a fit.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Form of the covariances.

    Returns
    -------
    ColumnReduction or None
        As of `ColumnReduction.of`; None if no column is redundant.
    """
    found = ColumnReduction.of(rows.fixed_sample(), covariance_type)
    if found is None:
        return None
    holds = _residuals(rows, found) <= found.deviations
    if holds.all():
        return found
    if not holds.any():
        return None
    kept = np.union1d(found.kept, found.dropped[~holds])
    coefficients = np.zeros((len(kept), int(holds.sum())))
    coefficients[np.searchsorted(kept, found.kept)] = found.coefficients[:, holds]
    return replace(
        found,
        kept=kept,
        dropped=found.dropped[holds],
        coefficients=coefficients,
        deviations=found.deviations[holds],
        underflowing=tuple(column for column in found.underflowing if column not in kept),
    )


def _residuals(rows: AbstractDistantRows, found: ColumnReduction) -> FloatArray:
    """Return the root mean square (d - r,) of what dropped columns differ from their functions."""
    whitened = WhitenedMixture("full", np.zeros(1), found.centers[None], np.diag(1 / found.scales)[None])
    moments = rows.engine().accumulate(whitened)
    second = moments.scatter[0] / moments.weight  # products of the columns in units of the scales
    residual = np.zeros((len(found.centers), len(found.dropped)))
    residual[found.kept] = -found.coefficients
    residual[found.dropped, np.arange(len(found.dropped))] = 1.0
    squares = np.einsum("ij,ik,kj->j", residual, second, residual)
    return np.sqrt(np.maximum(squares, 0.0)) * found.scales[found.dropped]
