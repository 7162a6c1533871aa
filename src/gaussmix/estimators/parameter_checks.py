"""Validation of the parameters of estimators."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from gaussmix.components.matching import ORDERS
from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.mixture import Mixture, check_weights
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.initialization import METHODS
from gaussmix.fitting.settings import PENALTIES


def require_integer(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}")


def require_nonnegative(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number, at least 0; got {value!r}")


def require_reg_covar(reg_covar: Any) -> None:
    """Raise a ValueError unless it is a nonnegative number, "auto" or the name of a penalty."""
    if not isinstance(reg_covar, str):
        require_nonnegative("reg_covar", reg_covar)
    elif reg_covar not in ("auto", *PENALTIES):
        raise ValueError(f"reg_covar must be a number, at least 0, or one of {('auto', *PENALTIES)}; got {reg_covar!r}")


def require_time_budget(time_budget: Any) -> None:
    """Raise a ValueError unless it is None or a nonnegative number."""
    if time_budget is not None:
        require_nonnegative("time_budget", time_budget)


def require_enough_rows(rows: WeightedRows, n_components: int) -> None:
    """Raise a ValueError if there are fewer rows, or fewer rows of positive weight, than components."""
    if rows.n_rows < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {rows.n_rows}"
        )
    if rows.n_positive < n_components:
        raise ValueError(
            f"sample_weight leaves {rows.n_positive} rows for n_components = {n_components}; give weight to more rows "
            "or use fewer components"
        )


def check_gaussian_mixture(estimator: Any) -> None:
    """Raise a ValueError if a parameter of a `GaussianMixture` is invalid."""
    covariance_class(estimator.covariance_type)
    require_integer("n_components", estimator.n_components, 1)
    require_integer("verbose_interval", estimator.verbose_interval, 1)
    if estimator.max_iter != "auto":
        require_integer("max_iter", estimator.max_iter, 0)
    if estimator.n_init != "auto":
        require_integer("n_init", estimator.n_init, 1)
    if estimator.tol != "auto":
        require_nonnegative("tol", estimator.tol)
    require_reg_covar(estimator.reg_covar)
    require_time_budget(estimator.time_budget)
    if estimator.acceleration not in ("auto", "none"):
        raise ValueError(f'acceleration must be "auto" or "none"; got {estimator.acceleration!r}')
    init_params, callback = estimator.init_params, estimator.callback
    if isinstance(init_params, str) and init_params not in ("auto", *METHODS):
        raise ValueError(f"init_params must be one of {('auto', *METHODS)} or an array; got {init_params!r}")
    if callback is not None and not callable(callback):
        raise ValueError(f"callback must be callable or None; got {callback!r}")


def require_order(order_by: Any, names: tuple[str, ...] | None, n_features: int) -> None:
    """Raise a ValueError unless it is "auto", one of `ORDERS`, or the name or position of a feature."""
    if isinstance(order_by, str):
        if order_by in ("auto", *ORDERS, *(names or ())):
            return
        known = "X has no names" if names is None else f"the names are {names}"
        raise ValueError(
            f"order_by must be one of {('auto', *ORDERS)} or a feature; there is no feature {order_by!r}: {known}"
        )
    if isinstance(order_by, bool) or not isinstance(order_by, Integral):
        raise ValueError(f"order_by must be one of {('auto', *ORDERS)}, a name or a position; got {order_by!r}")
    if not -n_features <= int(order_by) < n_features:
        raise ValueError(f"order_by must be a position below {n_features}, the number of features; got {order_by}")


def with_given_parameters(
    drawn: Mixture | None,
    structure: type[AbstractCovariance],
    shape: tuple[int, int],
    weights: Any,
    means: Any,
    precisions: Any,
) -> Mixture:
    """Return a start with the given parameters, and drawn values for those not given."""
    n_components, n_features = shape
    if weights is not None:
        weights = check_weights(np.array(weights, dtype=np.float64), n_components)
    if means is not None:
        means = np.array(means, dtype=np.float64)
        _require_shape(means, shape, "means")
        if not np.isfinite(means).all():
            raise ValueError("means_init must be finite")
    if precisions is not None:
        precisions = np.array(precisions, dtype=np.float64)
        _require_shape(precisions, structure.root_shape(*shape), f"{structure.name} precision")
        covariance = structure.from_precisions(precisions, n_components, n_features)
    if drawn is None:
        return Mixture(weights, means, covariance)
    return Mixture(
        drawn.weights if weights is None else weights,
        drawn.means if means is None else means,
        drawn.covariance if precisions is None else covariance,
    )


def _require_shape(values: FloatArray, shape: tuple[int, ...], name: str) -> None:
    if values.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {values.shape}")
