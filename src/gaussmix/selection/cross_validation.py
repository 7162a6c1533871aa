"""Cross-validated log-likelihood."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import FitFailedError, refit, search_anew, stream


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Log densities of held-out rows.

    Attributes
    ----------
    log_density : (n,) array
        Log density of each row under the fit to the other folds, in nats.
    folds : (n,) array of int
        Fold of each row.
    row_weights : (n,) array or None
        Number of rows that each row counts as.
    """

    log_density: FloatArray
    folds: IntArray
    row_weights: FloatArray | None

    @property
    def n(self) -> float:
        """Sum of the row weights."""
        return float(len(self.folds)) if self.row_weights is None else float(self.row_weights.sum())

    @property
    def mean(self) -> float:
        """Mean log density of held-out rows, in nats; higher is better."""
        return float(np.average(self.log_density, weights=self.row_weights))

    @property
    def criterion(self) -> float:
        """Criterion ``-2 n mean``, on the scale of BIC and AIC; lower is better."""
        return -2 * self.n * self.mean

    @property
    def standard_error(self) -> float:
        """Standard error of the mean; infinite if a row has density zero or there is only one row.

        It is estimated from the variance of the rows, and ignores that the fits share most of their rows (Bengio and
        Grandvalet, Journal of Machine Learning Research 5 (2004), 1089-1105). To compare two models, use the error of
        the differences, ``HeldOut(first.log_density - second.log_density, first.folds, first.row_weights)``.
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
    """Compute the log density of each row under a fit to the other folds.

    Smyth, Model selection for probabilistic clustering using cross-validated likelihood, Statistics and Computing 10
    (2000), 63-72.

    A warm start runs EM to convergence from the responsibilities of the full fit. The held-out rows then influence
    which optimum is found, but not its parameters. A cold start searches anew in each fold, so the held-out rows have
    no influence.

    Folds are drawn at random, with numbers of rows that differ by at most one. A row of weight 2 counts as two rows of
    the same fold.

    Parameters
    ----------
    rows : WeightedRows
        Rows of the fit.
    mixture : Mixture
        The fit to all rows.
    update : MaximumLikelihood
        M-step of the fit.
    n_folds : int
        From 2 to n; n is leave-one-out cross-validation.
    seed : int
        Seed of the folds; with the same seed, all models have the same folds.
    start : {"warm", "cold"}
        Start of the fits to the other folds.

    Raises
    ------
    ValueError
        If there are fewer rows than folds, or fewer rows than components without a fold.
    FitFailedError
        If a component collapses without one of the folds.
    """
    n = rows.n_rows
    if not isinstance(n_folds, int | np.integer) or not 2 <= n_folds <= n:
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
        others = replace(others, values=np.ascontiguousarray(others.values, dtype=np.float64), names=None)
        try:
            if start == "warm":
                fit = refit(others, update, mixture)
            else:
                fit = search_anew(others, update, mixture, stream(seed, fold + 1))
        except FitFailedError as error:
            raise FitFailedError(
                f"without fold {fold} {error}: use fewer components, a simpler covariance_type or more folds"
            ) from error
        engine = engine_for(rows.take(folds == fold))
        log_density[folds == fold] = engine.score_rows(fit.mixture.whitened(), "log_density")
    return HeldOut(log_density, folds, rows.weights)
