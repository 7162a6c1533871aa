"""Fitted estimator of the best model of a search."""

from dataclasses import replace
from typing import Any

from gaussmix.core.rows import WeightedRows
from gaussmix.estimators.factor_checks import covariance_parameters
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.student import StudentMixture
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.search_result import SearchResult
from gaussmix.selection.cells import Cell


def estimator_of_cell(
    cell: Cell,
    rows: WeightedRows,
    columns: ColumnReduction | None,
    *,
    reg_covar: float | str,
    random_state: Any,
    noise_volume: float | str = "hypvol",
    feature_names: Any = None,
) -> GaussianMixture:
    """Return a fitted `GaussianMixture` with the fit of a cell.

    If redundant columns were left out of the search, the mixture covers all columns, with full covariances.

    Parameters
    ----------
    cell : Cell
        Cell with a fit.
    rows : WeightedRows
        Rows with all columns.
    columns : ColumnReduction or None
        Columns kept by the search.
    reg_covar, random_state, noise_volume
        Parameters of the estimator.
    feature_names : (d,) array of str, optional
        ``feature_names_in_``.
    """
    assert cell.fit is not None
    assert cell.update is not None
    assert cell.soundness is not None
    search = SearchResult(cell.fit, cell.update, cell.soundness, (cell.fit.moments.log_likelihood,))
    reason = (
        f"Chosen by a search over models. The best start of this model was {cell.origin}; no special case of it in the "
        f"search has a higher likelihood. Last run: {cell.fit.reason}"
    )
    result = replace(FitResult.of(search, rows, columns, reason), is_last_run=True)
    parameters: dict[str, Any] = {
        **covariance_parameters(cell.covariance_type if columns is None else result.mixture.covariance_type),
        "reg_covar": reg_covar,
        "random_state": random_state,
    }
    estimator: GaussianMixture
    if cell.family == "student":
        estimator = StudentMixture(cell.n_components, **parameters)
    else:
        noise = "uniform" if cell.noise else None
        estimator = GaussianMixture(cell.n_components, noise=noise, noise_volume=noise_volume, **parameters)
    estimator.n_features_in_ = rows.n_features
    if feature_names is not None:
        estimator.feature_names_in_ = feature_names
    estimator.fit_result_ = result
    return estimator
