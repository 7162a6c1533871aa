"""Cross-validated likelihood: each row judged by a fit that has not seen it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import refit, search_anew, stream


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What rows get from fits without them.

    Attributes
    ----------
    log_density : (n,) array
        Log density of each row under the fit to the other folds, in nats.
    folds : (n,) array of int
        The fold that each row is in.
    row_weights : (n,) array or None
        How many rows each counts as.
    """

    log_density: FloatArray
    folds: IntArray
    row_weights: FloatArray | None

    @property
    def n(self) -> float:
        """The sum of the weights of the rows."""
        return float(len(self.folds)) if self.row_weights is None else float(self.row_weights.sum())

    @property
    def mean(self) -> float:
        """Mean log density of a row that was held out, in nats: higher is better."""
        return float(np.average(self.log_density, weights=self.row_weights))

    @property
    def criterion(self) -> float:
        """``-2 n mean``, on the scale of the other criteria: lower is better."""
        return -2 * self.n * self.mean

    @property
    def standard_error(self) -> float:
        """Of the mean, by the variance of the rows; infinite where a row has no density or there is one row only.

        The folds share most of their rows, which it does not see (Bengio and Grandvalet, Journal of Machine Learning
        Research 5 (2004), 1089-1105). Two models are compared by the error of the differences of their rows:
        ``HeldOut(first.log_density - second.log_density, first.folds, first.row_weights)``.
        """
        if not np.isfinite(self.log_density).all() or self.n <= 1:
            return math.inf
        variance = np.average((self.log_density - self.mean) ** 2, weights=self.row_weights)
        return math.sqrt(variance / (self.n - 1))


def hold_out(
    rows: WeightedRows,
    mixture: Mixture,
    update: MaximumLikelihood,
    *,
    n_folds: int = 10,
    seed: int = 0,
    start: Literal["warm", "cold"] = "warm",
) -> HeldOut:
    """The log density of each row under a fit to the folds that it is not in.

    Smyth, Model selection for probabilistic clustering using cross-validated likelihood, Statistics and Computing 10
    (2000), 63-72.

    A warm start begins with the responsibilities that the full fit gives to the rows of the other folds. EM runs to
    the top from there, so nothing of the held-out rows remains in the parameters; what may remain is the choice of
    the basin, which the full fit made with them. A cold start searches anew in each fold, and leaks nothing.

    Folds are drawn without regard to anything, and are as equal in their number of rows as can be. A row of weight 2
    counts as two rows that are in one fold.

    Parameters
    ----------
    rows : WeightedRows
    mixture : Mixture
        The fit to all rows.
    update : MaximumLikelihood
        Its M-step.
    n_folds : int
        From 2 to n; n leaves one row out at a time.
    seed : int
        Of the folds; the same seed gives every model the same folds.
    start : {"warm", "cold"}

    Raises
    ------
    ValueError
        When there are not so many rows, or too few are left for the components.
    FitFailedError
        When a component collapses without one of the folds.
    """
    n = rows.n_rows
    if not 2 <= n_folds <= n:
        raise ValueError(f"n_folds must be from 2 to the number of rows, {n}; got {n_folds!r}")
    if start not in ("warm", "cold"):
        raise ValueError(f'start must be "warm" or "cold"; got {start!r}')
    folds = np.arange(n) % n_folds
    stream(seed, 0).shuffle(folds)
    log_density = np.empty(n)
    for fold in range(n_folds):
        seen = folds != fold
        if rows.weights is not None:
            seen &= rows.weights > 0
        if np.count_nonzero(seen) < mixture.n_components:
            raise ValueError(
                f"without fold {fold} there are {np.count_nonzero(seen)} rows for {mixture.n_components} components: "
                "use more folds or fewer components"
            )
        others = rows.take(seen)
        others = others.with_values(np.ascontiguousarray(others.values, dtype=np.float64))
        if start == "warm":
            fit = refit(others, update, mixture)
        else:
            fit = search_anew(others, update, mixture, stream(seed, fold + 1))
        log_density[folds == fold] = fit.mixture.log_density(np.ascontiguousarray(rows.values[folds == fold]))
    return HeldOut(log_density, folds, rows.weights)
