"""Trimming: passes that leave out the rows of least density and give each other row to one component.

Garcia-Escudero, Gordaliza, Matran and Mayo-Iscar, A general trimming approach to robust cluster analysis, Annals of
Statistics 36 (2008), 1324-1345. The log-likelihood of such a pass is their objective, the classification likelihood of
the rows that are kept: the sum over these of ``max_k log w_k N(x | k)``.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.incomplete import IncompleteEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import fixed_subsample
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

_NORMAL = 1.3489795003921634  # interquartile range of a standard normal distribution
_ROUNDING = 1e-9  # of the weight that is kept


@dataclass(frozen=True, eq=False)
class Trimming:
    """Share of the rows that is left out, and how rows with missing values compare with others.

    Attributes
    ----------
    share : float
        Share of the total weight, from 0 to less than 1. If all weights are whole numbers, so is the weight that is
        kept: a share of 271 rows leaves out the next whole number of rows.
    spreads : (d,) array
        Spread of each column: the interquartile range of its values, in standard deviations of a normal distribution.
        A missing value counts as the expected log density of a normal distribution with this spread, so that the rows
        that are left out do not depend on units.
    """

    share: float
    spreads: FloatArray

    @classmethod
    def of(cls, share: float, rows: WeightedRows) -> Self:
        """Return the rule for rows.

        Parameters
        ----------
        share : float
            Share of the weight of the rows.
        rows : WeightedRows
            Rows; NaN is a missing value.

        Returns
        -------
        Trimming
            The rule.
        """
        some = fixed_subsample(rows).rows
        columns = zip(
            some.values.T, np.ones(some.shape, bool).T if some.missing is None else ~some.missing.T, strict=True
        )
        spreads = [_spread(values[seen], some.explicit_weights[seen]) for values, seen in columns]
        return cls(share, np.array(spreads))

    def weight_kept(self, weights: FloatArray) -> float:
        """Return how much of the weight of the rows is kept.

        Parameters
        ----------
        weights : (n,) array
            Weights of the rows.

        Returns
        -------
        float
            The rest of their sum; a whole number if all weights are.
        """
        total = float(weights.sum())
        kept = (1 - self.share) * total
        is_whole = total < 1 / _ROUNDING and bool((weights == np.floor(weights)).all())
        return math.floor(kept + _ROUNDING * total) if is_whole else kept

    def allowance(self, rows: WeightedRows) -> FloatArray | None:
        """Return what the missing values of each row count.

        Parameters
        ----------
        rows : WeightedRows
            Rows with the columns of the rule.

        Returns
        -------
        (n,) array or None
            Log densities; None if no value is missing.
        """
        if rows.missing is None:
            return None
        return -(rows.missing @ (np.log(self.spreads) + 0.5 * math.log(2 * math.pi * math.e)))


class TrimmedEngine(AbstractEngine):
    """An engine whose passes trim rows.

    Parameters
    ----------
    rows : WeightedRows
        Rows of the engine.
    engine : NativeEngine or IncompleteEngine
        Engine with these rows.
    trimming : Trimming
        The rule.
    """

    def __init__(self, rows: WeightedRows, engine: NativeEngine | IncompleteEngine, trimming: Trimming) -> None:
        self._engine, self._trimming = engine, trimming
        self.n_rows, self.n_features, self.weight = engine.n_rows, engine.n_features, engine.weight
        self._weights = rows.explicit_weights
        self._kept = trimming.weight_kept(self._weights)
        self._allowance = trimming.allowance(rows)

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        labels, density = self.judge(mixture, log_prior)
        weights = self.weights_kept(density)
        others = np.full((self.n_rows, mixture.n_scores), -np.inf)
        others[np.arange(self.n_rows), labels] = 0.0 if log_prior is None else log_prior[np.arange(self.n_rows), labels]
        moments = self._engine.reweighted(weights).accumulate(mixture, others)
        if self._allowance is None:
            return moments
        return replace(moments, log_likelihood=moments.log_likelihood + float(weights @ self._allowance))

    def judge(self, mixture: WhitenedMixture, log_prior: FloatArray | None = None) -> tuple[IntArray, FloatArray]:
        """Return the component of each row, and the number by which rows are trimmed.

        Parameters
        ----------
        mixture : WhitenedMixture
            The mixture.
        log_prior : (n, k) array, optional
            Log prior of each row and component.

        Returns
        -------
        labels : (n,) array of int
            Component with the greatest ``log w_k N(x | k)``.
        density : (n,) array
            This maximum, plus what missing values count.
        """
        scores = self._engine.score_rows(mixture, "scores", log_prior)
        labels = scores.argmax(axis=1)
        density = scores[np.arange(self.n_rows), labels]
        return labels, density if self._allowance is None else density + self._allowance

    def weights_kept(self, density: FloatArray) -> FloatArray:
        """Return the weights of the rows without those of least density.

        Parameters
        ----------
        density : (n,) array
            As of `judge`.

        Returns
        -------
        (n,) array
            The weights, 0 for rows that are left out. Of one row only a part may be left out.
        """
        order = np.argsort(density, kind="stable")
        beyond = np.cumsum(self._weights[order]) - (self._weights.sum() - self._kept)
        weights = np.empty(self.n_rows)
        weights[order] = np.clip(beyond, 0.0, self._weights[order])
        return weights

    def threshold(self, mixture: WhitenedMixture) -> float:
        """Return the least density of a row that is kept, as in `judge`.

        Parameters
        ----------
        mixture : WhitenedMixture
            The mixture.

        Returns
        -------
        float
            Rows below it are left out.
        """
        density = self.judge(mixture)[1]
        return float(density[self.weights_kept(density) > 0].min())

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        return self._engine.score_rows(mixture, want, log_prior)

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        return self._engine.sample_rows(limit, rng, center)


def _spread(values: FloatArray, weights: FloatArray) -> float:
    """Return the spread of a column: that of its middle half, of all values if these are equal, or 1."""
    order = np.argsort(values, kind="stable")
    values, below = values[order].astype(np.float64), np.cumsum(weights[order])
    low, high = values[np.searchsorted(below, [0.25 * below[-1], 0.75 * below[-1]]).clip(0, len(values) - 1)]
    return float(high - low) / _NORMAL or float(values.std()) or 1.0
