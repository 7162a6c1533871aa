"""A model that is fitted again and again, and the threads that do it."""

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
from gaussmix.core.validation import as_weighted_rows
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.parameter_checks import require_flag, require_n_jobs
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.refit import FitFailedError, default_update

Drawn = TypeVar("Drawn")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted mixture, its M-step and its rows.

    Attributes
    ----------
    mixture : Mixture
        As users see it.
    reduced : Mixture
        Of the columns that the fit kept.
    update : MaximumLikelihood
    rows : WeightedRows
        The kept columns, as contiguous float64.
    columns : ColumnReduction or None
        What lies between the two.
    """

    mixture: Mixture
    reduced: Mixture
    update: MaximumLikelihood
    rows: WeightedRows
    columns: ColumnReduction | None

    @classmethod
    def of(cls, model: Any, X: Any, sample_weight: Any) -> Self:
        """From a fitted `GaussianMixture`, or from a `Mixture`, which is refitted with the default penalty.

        Raises
        ------
        TypeError
            When the model is neither.
        ValueError
            When the rows are not those of such a model.
        """
        if isinstance(model, GaussianMixture):
            check_is_fitted(model)
            result = model.fit_result_
            mixture, reduced, update, columns = result.mixture, result.reduced, result.update, result.columns
        elif isinstance(model, Mixture):
            mixture, reduced, update, columns = model, model, default_update(model), None
        else:
            raise TypeError(f"model must be a fitted GaussianMixture or a Mixture; got {type(model).__name__}")
        rows = as_weighted_rows(X, sample_weight, mixture.n_features, mixture.feature_names)
        values = rows.values if columns is None else columns.reduce(rows.values)
        rows = rows.with_values(np.ascontiguousarray(values, dtype=np.float64))
        return cls(mixture, reduced, update, rows, columns)

    @property
    def n_rows(self) -> int:
        """So many rows as the weights stand for.

        Raises
        ------
        ValueError
            When they stand for less than two.
        """
        total = self.rows.total
        if round(total) < 2:
            raise ValueError(
                f"sample_weight sums to {total:g}: weights count rows here, and two rows are the least (divide them "
                "by their mean)"
            )
        if total > 2**53:
            raise ValueError(
                f"sample_weight sums to {total:g}: weights count rows here, and so many cannot be drawn (divide them "
                "by their mean)"
            )
        return round(total)

    def lift(self, mixture: Mixture) -> Mixture:
        """A mixture of the kept columns as one of all."""
        whole = mixture if self.columns is None else self.columns.lift(mixture)
        return replace(whole, feature_names=self.mixture.feature_names)

    def resampled(self, rng: np.random.Generator) -> WeightedRows:
        """As many rows drawn with replacement: each row that is drawn once, with the number of times as its weight."""
        n_rows, weights = self.rows.n_rows, self.rows.weights
        shares = np.full(n_rows, 1 / n_rows) if weights is None else weights / self.rows.total
        counts = rng.multinomial(self.n_rows, shares)
        held = counts.nonzero()[0]
        return WeightedRows(np.ascontiguousarray(self.rows.values[held]), counts[held].astype(np.float64))

    def reweighted(self, rng: np.random.Generator) -> WeightedRows:
        """All rows, with weights from a Dirichlet distribution."""
        weights = self.rows.weights
        own = rng.standard_exponential(self.rows.n_rows) if weights is None else rng.gamma(weights)
        return replace(self.rows, weights=own * (self.rows.total / own.sum()))

    def simulated(self, rng: np.random.Generator) -> WeightedRows:
        """As many rows drawn from the mixture."""
        return WeightedRows(self.reduced.sample(self.n_rows, rng)[0])


def draw_each(
    make: Callable[[int], Drawn],
    n_draws: int,
    shape: tuple[int, int],
    *,
    n_jobs: int | None,
    progress: bool,
    title: str,
) -> list[Drawn | FitFailedError]:
    """What ``make`` returns for draw 0, 1, ..., or its failure; in the order of the draws for any number of threads.

    Threads, because the passes let go of the interpreter and the rows are not copied. BLAS works on one thread each.

    Parameters
    ----------
    make : callable
        From the number of a draw to its result.
    n_draws : int
    shape : tuple of int
        Of the rows.
    n_jobs : int or None
        Threads, as joblib counts: None is one, -1 all processors.
    progress : bool
        Whether a bar is drawn on stderr.
    title : str
        What is said beside it.

    Raises
    ------
    ValueError
        When there are less than two draws, or less than two that did not fail.
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
        one_blas_thread(*shape),
        mapped_in_threads(attempt, range(n_draws), n_jobs) as results,
        progress_bar(title, n_draws, shown=progress) as update,
    ):
        for result in results:
            drawn.append(result)
            update()
    failed = sorted({str(result) for result in drawn if isinstance(result, FitFailedError)})
    if sum(not isinstance(result, FitFailedError) for result in drawn) < 2:
        raise ValueError(
            f"nearly all of {n_draws} refits failed ({', '.join(failed)}): the model does not stand resampling. Use "
            "fewer components, a simpler covariance_type or reg_covar='inverse-wishart'"
        )
    return drawn
