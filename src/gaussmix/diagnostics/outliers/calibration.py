"""Conformal p-values: the rank of a row's density among those of held-out rows."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.text import counted
from gaussmix.core.typing import ArrayLike, FloatArray


@dataclass(frozen=True, eq=False)
class CalibrationScores:
    """Log densities of held-out rows that are known to be ordinary.

    The p-value of a new row is the share of the held-out rows, and the new row itself, whose density is at most as low.
    If the new row is ordinary, so that it and the held-out rows are exchangeable, the probability of a p-value of at
    most alpha is at most alpha, whatever the mixture (Bates, Candes, Lei, Romano and Sesia, Testing for outliers with
    conformal p-values, Annals of Statistics 51 (2023), 149-178).

    Attributes
    ----------
    log_densities : (m,) array
        Log densities of the held-out rows, ascending, each once.
    counts : (m,) array
        Weight of the rows with at most this log density.
    """

    log_densities: FloatArray
    counts: FloatArray

    @classmethod
    def of(cls, log_densities: FloatArray, weights: FloatArray | None = None) -> Self:
        """Return the scores of held-out rows.

        Parameters
        ----------
        log_densities : (n,) array
            Log densities of the held-out rows.
        weights : (n,) array, optional
            Weights of the rows; a weight of 2 counts as two equal rows.
        """
        values, at = np.unique(log_densities, return_inverse=True)
        return cls(values, np.cumsum(np.bincount(at, weights=weights, minlength=len(values)).astype(np.float64)))

    @property
    def smallest(self) -> float:
        """The smallest p-value."""
        return 1.0 / (1.0 + float(self.counts[-1])) if self.counts.size else 1.0

    def require(self, alpha: float) -> None:
        """Refuse to flag rows if there are too few held-out rows for it.

        Parameters
        ----------
        alpha : float
            Bound for p-values.

        Raises
        ------
        ValueError
            If no p-value can be at most the bound.
        """
        if self.smallest > alpha:
            raise ValueError(
                f"calibration has {counted(round(1 / self.smallest) - 1, 'row')}, so no p-value is below "
                f"{self.smallest:.2g} and nothing can be flagged at alpha={alpha:g}: use at least "
                f"{math.ceil(1 / alpha) - 1} rows"
            )

    def cdf(self, log_density: ArrayLike) -> FloatArray:
        """Return p-values.

        Parameters
        ----------
        log_density : array-like
            Log densities of new rows.

        Returns
        -------
        array
            P-values in the same shape, at least `smallest`.
        """
        rank = np.searchsorted(self.log_densities, np.asarray(log_density, dtype=np.float64), side="right")
        return (1.0 + np.append(0.0, self.counts)[rank]) * self.smallest

    def cdf_error(self, log_density: ArrayLike) -> FloatArray:
        """Return the standard errors of p-values as estimates of probabilities for the fitted mixture.

        Parameters
        ----------
        log_density : array-like
            Log densities of new rows.

        Returns
        -------
        array
            Binomial standard errors in the same shape.
        """
        p = self.cdf(log_density)
        return np.asarray(np.sqrt(p * (1 - p) * self.smallest))

    def quantile(self, probability: float) -> float:
        """Return the log density below which p-values are at most a probability; -inf if there is none.

        Parameters
        ----------
        probability : float
            Probability above 0 and below 1.

        Returns
        -------
        float
            One of the log densities of the held-out rows, or -inf.
        """
        if self.smallest > probability:
            return -math.inf
        return float(self.log_densities[np.flatnonzero((1.0 + self.counts) * self.smallest > probability)[0]])
