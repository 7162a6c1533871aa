"""Repeated refits of a fitted mixture, in several threads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.mixture import Mixture
from gaussmix.core.progress import progress_bar
from gaussmix.core.rows import WeightedRows
from gaussmix.core.threads import mapped_in_threads
from gaussmix.core.typing import FloatArray
from gaussmix.core.validation import as_weighted_rows
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.parameter_checks import require_flag, require_n_jobs
from gaussmix.fitting.incomplete_columns import reduce_rows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.refit import FitFailedError, default_update

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted mixture with its M-step and its rows.

    Attributes
    ----------
    mixture : Mixture
        Mixture of all columns.
    reduced : Mixture
        Mixture of the columns kept by the fit.
    update : MaximumLikelihood
        M-step of the fit.
    rows : WeightedRows
        Kept columns of the rows, as contiguous float64.
    columns : ColumnReduction or None
        Map between all columns and the kept ones; None if all are kept.
    """

    mixture: Mixture
    reduced: Mixture
    update: MaximumLikelihood
    rows: WeightedRows
    columns: ColumnReduction | None

    @classmethod
    def of(cls, model: Any, X: Any, sample_weight: Any, noise_covariance: Any = None) -> Self:
        """Take the fit of a `GaussianMixture`, or a `Mixture`, which is refitted with the default penalty.

        Raises
        ------
        TypeError
            If the model is neither.
        ValueError
            If the rows do not have the features of the model, or if there are none.
        """
        if isinstance(model, GaussianMixture):
            check_is_fitted(model)
            result = model.fit_result_
            mixture, reduced, update, columns = result.mixture, result.reduced, result.update, result.columns
            if result.trimmed is not None or not update.is_plain:
                raise ValueError(
                    "refits know neither trim nor max_variance_ratio, equal_weights, fixed and the prior of weights: "
                    "pass estimator.mixture_, which is refitted without them"
                )
        elif isinstance(model, Mixture):
            mixture, reduced, update, columns = model, model, default_update(model), None
        else:
            raise TypeError(f"model must be a fitted GaussianMixture or a Mixture; got {type(model).__name__}")
        rows = as_weighted_rows(X, sample_weight, mixture.n_features, mixture.feature_names, noise_covariance)
        if rows.n_rows == 0:
            raise ValueError("X has no rows")
        rows = rows.disregarding_empty()
        if not rows.total:
            raise ValueError("no row of X has a value and a positive weight")
        kept = rows if columns is None else reduce_rows(columns, rows)
        kept = replace(kept, values=np.ascontiguousarray(kept.values, dtype=np.float64), names=None)
        return cls(mixture, reduced, update, kept, columns)

    @property
    def n_rows(self) -> int:
        """Sum of the row weights, rounded.

        Raises
        ------
        ValueError
            If it is less than two.
        """
        total = self.rows.total
        if round(total) < 2:
            raise ValueError(
                f"sample_weight sums to {total:g}, but weights count rows, and at least two are needed: divide the "
                "weights by their mean"
            )
        if total > 2**53:
            raise ValueError(
                f"sample_weight sums to {total:g}: weights count rows here, and so many cannot be drawn (divide them "
                "by their mean)"
            )
        return round(total)

    def lift(self, mixture: Mixture) -> Mixture:
        """Return a mixture of the kept columns as a mixture of all columns."""
        whole = mixture if self.columns is None else self.columns.lift(mixture)
        return replace(whole, feature_names=self.mixture.feature_names)

    def resampled(self, rng: np.random.Generator) -> WeightedRows:
        """Draw ``n_rows`` rows with replacement; weights are the numbers of draws of each row."""
        n_rows, weights = self.rows.n_rows, self.rows.weights
        shares = np.full(n_rows, 1 / n_rows) if weights is None else weights / self.rows.total
        counts = rng.multinomial(self.n_rows, shares)
        held = counts.nonzero()[0]
        return replace(self.rows.take(held), weights=counts[held].astype(np.float64))

    def reweighted(self, rng: np.random.Generator) -> WeightedRows:
        """Return all rows with weights drawn from a Dirichlet distribution."""
        weights = self.rows.weights
        own = rng.standard_exponential(self.rows.n_rows) if weights is None else rng.gamma(weights)
        return replace(self.rows, weights=own * (self.rows.total / own.sum()))

    def simulated(self, rng: np.random.Generator) -> WeightedRows:
        """Draw ``n_rows`` rows from the mixture, with the missing values and the errors of the rows."""
        values = self.reduced.sample(self.n_rows, rng)[0]
        if self.rows.is_exact:
            return WeightedRows(values)
        return observed_like(self.rows, values, rng)

    def without(self, row: int) -> WeightedRows:
        """Return the rows without one of them, or with a weight that is less by one."""
        if self.rows.weights is None:
            return self.rows.take(np.delete(np.arange(self.rows.n_rows), row))
        weights = self.rows.weights.copy()
        weights[row] -= 1
        return replace(self.rows, weights=weights).positive()


def draw_each(
    make: Callable[[int], Drawn],
    n_draws: int,
    *,
    n_jobs: int | None,
    progress: bool,
    title: str,
) -> list[Drawn | FitFailedError]:
    """Call ``make`` for each draw, and return its results or failures in the order of the draws.

    Draws run in threads, because the passes release the GIL and share the rows. Each thread uses one BLAS thread.

    Parameters
    ----------
    make : callable
        Returns the result of a draw, given its number.
    n_draws : int
        Number of draws, at least 2.
    n_jobs : int or None
        Number of threads as in joblib: None is one, -1 all processors.
    progress : bool
        Whether a progress bar is shown on stderr.
    title : str
        Title of the progress bar.

    Raises
    ------
    ValueError
        If there are fewer than two draws, or fewer than two succeed.
    """
    if isinstance(n_draws, bool) or not isinstance(n_draws, int | np.integer) or n_draws < 2:
        raise ValueError(f"n_draws must be a whole number, at least 2; got {n_draws!r}")
    require_n_jobs(n_jobs)
    require_flag("progress", progress)

    def attempt(draw: int) -> Drawn | FitFailedError:
        try:
            return make(draw)
        except FitFailedError as error:
            return error

    drawn = []
    with (
        one_blas_thread(),
        mapped_in_threads(attempt, range(n_draws), n_jobs) as results,
        progress_bar(title, n_draws, shown=progress) as update,
    ):
        for result in results:
            drawn.append(result)
            update()
    failed = sorted({str(result) for result in drawn if isinstance(result, FitFailedError)})
    if sum(not isinstance(result, FitFailedError) for result in drawn) < 2:
        raise ValueError(
            f"nearly all of the {n_draws} refits failed ({', '.join(failed)}). Use "
            "fewer components, a simpler covariance_type or reg_covar='inverse-wishart'"
        )
    return drawn


def observed_like(rows: WeightedRows, values: FloatArray, rng: np.random.Generator) -> WeightedRows:
    """Return what is observed of true values, with the missing values and the errors of other rows.

    Parameters
    ----------
    rows : WeightedRows
        Rows whose missing values and errors are taken. If their weights are numbers of rows, each has as many copies.
    values : (n, d) array
        True values.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    WeightedRows
        n rows without weights.
    """
    share = np.full(rows.n_rows, 1 / rows.n_rows) if rows.weights is None else rows.weights / rows.total
    places = (np.arange(len(values)) + 0.5) / len(values)
    like = rows.take(np.minimum(np.searchsorted(np.cumsum(share), places), rows.n_rows - 1))
    noise = like.noise
    if noise is not None:
        values = values + noise.draw(len(values), rng)
    if like.missing is not None:
        values = np.where(like.missing, np.nan, values)
    return WeightedRows(np.ascontiguousarray(values), noise=noise)
