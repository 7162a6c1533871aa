"""Checks of a fit of `GaussianMixture`: its parameters, and its rows."""

from typing import Any

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AnyRows
from gaussmix.estimators.constraint_checks import check_constraints, require_constrained_rows
from gaussmix.estimators.factor_checks import check_factor_fit
from gaussmix.estimators.parameter_checks import (
    check_gaussian_mixture,
    require_enough_rows,
    require_observed_columns,
    require_order,
)
from gaussmix.estimators.truncation_checks import check_truncation, require_truncated_rows
from gaussmix.fitting.constraints import Constraints


def check_fit(estimator: Any, checkpoint: Any) -> Constraints:
    """Raise a ValueError if a parameter is invalid or excludes another one; return the constraints of the fit."""
    check_gaussian_mixture(estimator)
    constraints = check_constraints(estimator)
    check_truncation(estimator, checkpoint)
    return constraints


def check_fit_rows(estimator: Any, structure: type[AbstractCovariance], rows: AnyRows) -> None:
    """Raise a ValueError if the fit of an estimator cannot use the rows."""
    check_factor_fit(estimator, structure, rows)
    require_observed_columns(rows)
    require_enough_rows(rows, estimator.n_components)
    require_constrained_rows(estimator, rows)
    require_truncated_rows(estimator.truncation, rows)
    require_order(estimator.order_by, rows.names, rows.n_features)
