"""A fitted estimator from a cell, without fitting again."""

from dataclasses import replace
from typing import Any

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.fitting.multistart import Found
from gaussmix.selection.cells import Cell
from gaussmix.selection.rows import GivenRows


def estimator_of(
    cell: Cell, given: GivenRows, *, reg_covar: float | str, random_state: Any, feature_names: Any = None
) -> GaussianMixture:
    """The estimator that holds the fit of a cell.

    Where columns were left out, its mixture covers them all, in the structure of the `ColumnReduction`.

    Parameters
    ----------
    cell : Cell
        With a fit.
    given : GivenRows
    reg_covar, random_state
        Parameters of the estimator.
    feature_names : (d,) array of str, optional
    """
    assert cell.fit is not None
    assert cell.update is not None
    assert cell.soundness is not None
    fit, mixture = cell.fit, cell.fit.mixture
    log_likelihood = fit.moments.mean_log_likelihood
    covariance_type = cell.covariance_type
    data_range = given.data_range
    if data_range is not None:
        covariance_type = data_range.covariance_type
        mixture = data_range.lift(mixture.promote_to(covariance_class(covariance_type)))
        engine = NativeEngine.of(given.rows)
        log_likelihood = engine.accumulate(mixture.whitened()).mean_log_likelihood
    names = None if feature_names is None else tuple(map(str, feature_names))
    mixture = replace(mixture, feature_names=names)
    estimator = GaussianMixture(
        cell.n_components, covariance_type=covariance_type, reg_covar=reg_covar, random_state=random_state
    )
    estimator.n_features_in_ = given.rows.n_features
    if feature_names is not None:
        estimator.feature_names_in_ = feature_names
    found = Found(fit, cell.update, cell.soundness, (fit.moments.log_likelihood,))
    estimator._keep(found, mixture, log_likelihood)
    estimator.stop_reason_ = f"Found by a search over models, from {cell.origin}. Last run: {fit.reason}"
    estimator._data_range, estimator._reduced = data_range, fit.mixture
    return estimator
