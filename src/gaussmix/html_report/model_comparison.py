"""Comparison of a model with other numbers of components and covariance structures on the same rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gaussmix.core.covariance import COVARIANCES, display_name, is_model
from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import fixed_subsample
from gaussmix.core.rows import WeightedRows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.estimators import GaussianMixtureIC
from gaussmix.fitting.incomplete_columns import reduce_rows
from gaussmix.selection import criteria
from gaussmix.selection.model_names import code_of
from gaussmix.selection.table import SelectionTable

MORE = 3
"""Default difference between the largest number of components compared and that of the model."""

MOST_NUMBERS = 12
"""Largest number of components up to which all smaller numbers are compared by default."""


@dataclass(frozen=True, eq=False)
class FitCriteria:
    """Log-likelihood and criteria of a mixture; lower criteria are better.

    Attributes
    ----------
    name : str
        Covariance structure and number of components, such as "VEV 2".
    log_likelihood : float
        Log-likelihood in nats, summed over the rows.
    n_parameters : int
        Number of free parameters.
    bic, icl, aic : float
        Criteria; lower is better.
    """

    name: str
    log_likelihood: float
    n_parameters: int
    bic: float
    icl: float
    aic: float

    @classmethod
    def of(cls, name: str, n_parameters: int, moments: Moments) -> Self:
        """Compute the criteria from the moments of a pass over the rows."""
        log_likelihood, p = moments.log_likelihood, n_parameters
        return cls(
            name,
            log_likelihood,
            p,
            float(criteria.bic(log_likelihood, p, moments.weight)),
            float(criteria.icl(log_likelihood, p, moments.weight, moments.entropy)),
            float(criteria.aic(log_likelihood, p)),
        )

    @classmethod
    def from_table(cls, table: SelectionTable, line: int) -> Self:
        """Return the criteria from a row of a table of models."""
        numbers = (float(table[name][line]) for name in ("bic", "icl", "aic"))
        return cls(table.name_of(line), float(table.log_likelihood[line]), int(table.n_parameters[line]), *numbers)


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Comparison of one model with a search over models.

    Attributes
    ----------
    search : GaussianMixtureIC
        Search over models.
    n_rows : int
        Number of rows to which the search was fitted.
    model : FitCriteria
        Criteria of the model, on the columns that the search kept.
    dropped : tuple of int
        Columns that the search left out as redundant.
    refit : FitCriteria or None
        Fit of the search with the structure and number of components of the model.
    notes : tuple of str
        Warnings of the search.
    """

    search: GaussianMixtureIC
    n_rows: int
    model: FitCriteria
    dropped: tuple[int, ...]
    refit: FitCriteria | None
    notes: tuple[str, ...]


def default_n_components(n_components: int) -> tuple[int, ...]:
    """Return the numbers of components to compare a model with."""
    last = n_components + MORE
    return tuple(range(1, last + 1)) if last <= MOST_NUMBERS else (1, *range(n_components - MORE, last + 1))


def compare_models(
    mixture: Mixture,
    rows: WeightedRows,
    n_components: Iterable[int],
    *,
    random_state: Any,
    n_jobs: int | None,
    progress: bool,
) -> tuple[ModelComparison, KeyboardInterrupt | None]:
    """Search over the structure of the model, if it is one of `MODELS`, and scikit-learn's four.

    Of many rows a fixed sample is used.

    Returns
    -------
    ModelComparison
        Comparison of the search and the model.
    KeyboardInterrupt or None
        Interrupt that ended a search with results, to be raised later.
    """
    some = fixed_subsample(rows)
    if not some.complete:
        rows = some.rows
    own = (mixture.covariance_type,) if is_model(type(mixture.covariance)) else ()
    search = GaussianMixtureIC(
        n_components,
        covariance_types=(*own, *COVARIANCES),
        noise=(False, True) if mixture.background is not None else False,
        random_state=random_state,
        n_jobs=n_jobs,
        progress=progress,
    )
    interrupt = None
    with collected_warnings() as caught:
        try:
            search.fit(rows.values, sample_weight=rows.weights)
        except KeyboardInterrupt as pressed:
            if not hasattr(search, "results_"):
                raise
            interrupt = pressed
    notes = tuple(dict.fromkeys(" ".join(str(warning).split()) for warning in caught))
    return compare_with_search(mixture, search, rows, notes), interrupt


def compare_with_search(
    mixture: Mixture, search: GaussianMixtureIC, rows: WeightedRows, notes: tuple[str, ...] = ()
) -> ModelComparison:
    """Compare a model with a search fitted to these rows, on the columns that the search kept."""
    columns = search.best_estimator_.fit_result_.columns
    structure, k, name = type(mixture.covariance), mixture.n_components, mixture.covariance_type
    dropped: tuple[int, ...] = ()
    if columns is not None:
        dropped = tuple(columns.dropped.tolist())
        mixture = mixture.marginal(columns.kept.tolist())
        rows = reduce_rows(columns, rows)
    d = mixture.n_features
    has_noise = mixture.background is not None
    n_parameters = (
        k
        - 1
        + k * d
        + structure.count_parameters(k, d)
        + (mixture.background.n_parameters if mixture.background is not None else 0)
    )
    moments = engine_for(rows).accumulate(mixture.whitened())
    table = search.results_
    same = [
        line
        for line, spec in enumerate(map(table.spec_of, range(len(table))))
        if spec.n_components == k and code_of(spec.covariance_type, d) == code_of(name, d) and spec.noise == has_noise
        if table.status[line] != "failed"
    ]
    has_refit = bool(same) and is_model(structure)
    return ModelComparison(
        search,
        rows.n_rows,
        FitCriteria.of(f"{display_name(name, d)} {k}{' with noise' if has_noise else ''}", n_parameters, moments),
        dropped,
        FitCriteria.from_table(table, same[0]) if has_refit else None,
        notes,
    )


def was_fitted_to(search: GaussianMixtureIC, rows: WeightedRows) -> bool:
    """Return whether a search was fitted to these rows, by the likelihood of its best model."""
    fitted = search.best_estimator_
    if fitted.n_features_in_ != rows.n_features:
        return False
    moments = engine_for(rows).accumulate(fitted.mixture_.whitened())
    return bool(np.isclose(moments.mean_log_likelihood, fitted.lower_bound_, rtol=1e-9, atol=1e-9))
