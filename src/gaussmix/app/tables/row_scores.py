"""All rows under one model: labels, probabilities, p-values and outliers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gaussmix.core.distribution import LogDensityDistribution
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.diagnostics.outliers import OutlierExplanation, explain_rows, flag_rows


@dataclass(frozen=True, eq=False)
class RowScores:
    """Rows under a mixture; what is expensive is computed at the first use.

    Attributes
    ----------
    mixture : Mixture
        The model.
    rows : (n, d) array
        The rows; NaN is a missing value.
    """

    mixture: Mixture
    rows: FloatArray

    @cached_property
    def labels(self) -> IntArray:
        """Most probable component of each row, ``(n,)``."""
        return self.mixture.labels(self.rows)

    @cached_property
    def responsibilities(self) -> FloatArray:
        """Probability of each component for each row, ``(n, k)``."""
        return self.mixture.responsibilities(self.rows)

    @cached_property
    def log_density(self) -> FloatArray:
        """Log density of each row in nats, ``(n,)``."""
        return self.mixture.log_density(self.rows)

    @cached_property
    def is_complete(self) -> BoolArray:
        """Whether each row has all values, ``(n,)``; only these have p-values."""
        return np.asarray(~np.isnan(self.rows).any(axis=1))

    @cached_property
    def distribution(self) -> LogDensityDistribution:
        """Distribution of the log density of rows drawn from the model."""
        return self.mixture.log_density_distribution()

    @cached_property
    def p_values(self) -> FloatArray:
        """Probability that a row of the model has a density at most as low, ``(n,)``; NaN for incomplete rows."""
        values = np.full(len(self.rows), np.nan)
        values[self.is_complete] = self.distribution.cdf(self.log_density[self.is_complete])
        return values

    def flagged(self, alpha: float, control: str) -> BoolArray:
        """Return which rows are outliers, ``(n,)``, as `gaussmix.diagnostics.outliers.flag_rows` does."""
        flags = np.zeros(len(self.rows), dtype=np.bool_)
        flags[self.is_complete] = flag_rows(self.p_values[self.is_complete], alpha, control)
        return flags

    def explained(self, flags: BoolArray, most: int) -> OutlierExplanation:
        """Return reasons for the flagged rows with the lowest p-values, at most ``most``."""
        at = np.flatnonzero(flags)
        at = at[np.argsort(self.p_values[at], kind="stable")][:most]
        return explain_rows(self.mixture, self.rows[at], at, self.p_values[at])

    def results(self, outliers: tuple[float, str] | None) -> dict[str, Any]:
        """Return the columns of a download: label and probabilities, and the outliers by ``alpha`` and ``control``."""
        columns: dict[str, Any] = {"label": self.labels}
        columns |= {f"p{component}": share for component, share in enumerate(self.responsibilities.T)}
        if outliers is not None:
            columns |= {"p_value": self.p_values, "outlier": self.flagged(*outliers).astype(np.int64)}
        return columns


def inside(points: FloatArray, polygon: Sequence[Sequence[float]]) -> BoolArray:
    """Return which points (n, 2) lie inside a polygon, by the parity of the edges that a ray crosses; NaN is outside.

    Raises
    ------
    ValueError
        If the polygon has fewer than three corners or a corner is not two finite numbers.
    """
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or len(corners) < 3 or not np.isfinite(corners).all():
        raise ValueError("The selection must be a polygon of at least three corners")
    x, y = points.T
    found = np.zeros(len(points), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            crosses = (y0 <= y) != (y1 <= y)
            found ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return found
