"""Validation of the parameters of estimators."""

import math
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from typing import Any, ParamSpec

import numpy as np

from gaussmix.components.matching import ORDERS
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AnyRows
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import as_numbers, check_weights
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.fitting.initialization import METHODS
from gaussmix.fitting.noise_region import VOLUMES
from gaussmix.fitting.settings import PENALTIES

P = ParamSpec("P")


def require_integer(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}")


def require_verbose(verbose: Any) -> None:
    """Raise a ValueError unless it is a truth value or a whole number, at least 0."""
    if not isinstance(verbose, bool | np.bool_ | Integral) or verbose < 0:
        raise ValueError(f"verbose must be a whole number, at least 0, or a truth value; got {verbose!r}")


def require_flag(name: str, value: Any) -> None:
    """Raise a ValueError unless it is True or False, or 1 or 0."""
    if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
        raise ValueError(f"{name} must be True or False; got {value!r}")


def require_n_jobs(n_jobs: Any) -> None:
    """Raise a ValueError unless it is a number of threads as joblib counts, or None."""
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ValueError(f"n_jobs must be a number of threads, -1 for all processors, or None; got {n_jobs!r}")


def require_nonnegative(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number, at least 0; got {value!r}")


def require_reg_covar(reg_covar: Any) -> None:
    """Raise a ValueError unless it is a nonnegative number, "auto" or the name of a penalty."""
    if not isinstance(reg_covar, str):
        require_nonnegative("reg_covar", reg_covar)
    elif reg_covar not in ("auto", *PENALTIES):
        raise ValueError(f"reg_covar must be a number, at least 0, or one of {('auto', *PENALTIES)}; got {reg_covar!r}")


def require_noise(noise: Any, noise_volume: Any) -> None:
    """Raise a ValueError unless ``noise`` is None or "uniform" and the volume is one of `VOLUMES` or a number."""
    if noise is not None and not (isinstance(noise, str) and noise == "uniform"):
        raise ValueError(f'noise must be "uniform" or None; got {noise!r}')
    if isinstance(noise_volume, str):
        if noise_volume not in VOLUMES:
            raise ValueError(f"noise_volume must be a positive number or one of {VOLUMES}; got {noise_volume!r}")
        return
    require_nonnegative("noise_volume", noise_volume)
    if noise_volume == 0:
        raise ValueError('noise_volume must be positive: a volume in the units of the columns, or "hypvol"')


def family_axis(family: Any) -> tuple[str, ...]:
    """Return the distinct families of a search over models; ValueError if there are others."""
    values = (family,) if isinstance(family, str) else family
    known = ("gaussian", "student")
    if not isinstance(values, list | tuple) or not values or not all(value in known for value in values):
        raise ValueError(f'family must be "gaussian", "student" or ("gaussian", "student"); got {family!r}')
    return tuple(dict.fromkeys(values))


def noise_axis(noise: Any) -> tuple[bool, ...]:
    """Return the distinct values of the axis ``noise`` of a search over models; ValueError if there are others."""
    values = (noise,) if isinstance(noise, bool | np.bool_) else noise
    is_axis = isinstance(values, tuple | list | np.ndarray) and len(values) > 0
    if not is_axis or not all(isinstance(value, bool | np.bool_) for value in values):
        raise ValueError(f"noise must be False, True or (False, True); got {noise!r}")
    return tuple(sorted({bool(value) for value in values}))


def require_time_budget(time_budget: Any) -> None:
    """Raise a ValueError unless it is None or a nonnegative number."""
    if time_budget is not None:
        require_nonnegative("time_budget", time_budget)


def require_observed_columns(rows: AnyRows) -> None:
    """Raise a ValueError that names the first column without any value in a row of positive weight."""
    missing = rows.positive().missing if isinstance(rows, WeightedRows) else None
    if missing is None or not missing.all(axis=0).any():
        return
    column = int(missing.all(axis=0).argmax())
    name = "" if rows.names is None else f" ({rows.names[column]!r})"
    raise ValueError(f"X has no value in column {column}{name}: leave the column out")


def require_values(rows: AnyRows) -> AnyRows:
    """Return the rows with at least one value; ValueError if none of them has a positive weight."""
    informative = rows.informative()
    if not informative.total:
        raise ValueError("X has no value in rows of positive weight: there is nothing to score")
    return informative


def of_used(init_params: Any, used: BoolArray) -> Rows:
    """Return the labels or responsibilities of a user for the rows (n,) that a fit uses."""
    given = np.asarray(init_params)
    return given[used] if given.shape[:1] == used.shape else given


def require_enough_rows(rows: AnyRows, n_components: int) -> None:
    """Raise a ValueError if fewer rows have a value, or a value and a positive weight, than there are components."""
    if rows.n_rows < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, n_samples = {rows.n_rows}"
        )
    if rows.with_value.sum() < n_components:
        raise ValueError(
            f"only {rows.with_value.sum()} rows of X have a value, for n_components = {n_components}: use fewer "
            "components"
        )
    if rows.informative().n_positive < n_components:
        raise ValueError(
            f"sample_weight leaves {rows.informative().n_positive} rows for n_components = {n_components}; give weight "
            "to more rows or use fewer components"
        )


def numbers_of_components(numbers: Any) -> tuple[int, ...]:
    """Return distinct whole numbers in ascending order; raise a ValueError if there are none or others."""
    return numbers_of(numbers, "n_components")


def numbers_of(numbers: Any, name: str) -> tuple[int, ...]:
    """Return distinct whole numbers in ascending order; raise a ValueError that names the parameter otherwise."""
    if isinstance(numbers, str):
        raise ValueError(f"{name} must be whole numbers, such as range(1, 10); got {numbers!r}")
    try:
        candidates = list(numbers)
    except TypeError:
        candidates = [numbers]
    if not candidates:
        what = "components" if name == "n_components" else "factors"
        raise ValueError(f"{name} is empty: give at least one number of {what}")
    for k in candidates:
        require_integer(f"each of {name}", k, 1)
    return tuple(sorted({int(k) for k in candidates}))


def check_gaussian_mixture(estimator: Any) -> None:
    """Raise a ValueError if a parameter of a `GaussianMixture` is invalid."""
    require_integer("n_components", estimator.n_components, 1)
    require_runs(estimator)
    require_reg_covar(estimator.reg_covar)
    require_noise(estimator.noise, estimator.noise_volume)


def require_runs(estimator: Any) -> None:
    """Raise a ValueError if a parameter of an estimator about its runs is invalid."""
    require_verbose(estimator.verbose)
    require_flag("warm_start", estimator.warm_start)
    require_integer("verbose_interval", estimator.verbose_interval, 1)
    if estimator.max_iter != "auto":
        require_integer("max_iter", estimator.max_iter, 0)
    if estimator.n_init != "auto":
        require_integer("n_init", estimator.n_init, 1)
    if estimator.tol != "auto":
        require_nonnegative("tol", estimator.tol)
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


def refuse_unknown(init: Callable[P, None]) -> Callable[P, None]:
    """Let a constructor refuse unknown parameters with a TypeError that names the one that was meant."""
    known = signature(init).parameters

    @wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        for name in kwargs:
            if name not in known:
                close = get_close_matches(name, known, 1)
                hint = f"; did you mean {close[0]!r}?" if close else f": its parameters are {', '.join([*known][1:])}"
                raise TypeError(f"{type(args[0]).__name__} has no parameter {name!r}{hint}")
        init(*args, **kwargs)

    return checked


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
        weights = check_weights(as_numbers(weights, "weights_init"), n_components)
    if means is not None:
        means = as_numbers(means, "means_init")
        require_shape(means, shape, "means")
        if not np.isfinite(means).all():
            raise ValueError("means_init must be finite")
    if precisions is not None:
        precisions = as_numbers(precisions, "precisions_init")
        require_shape(precisions, structure.root_shape(*shape), f"{structure.name} precision")
        covariance = structure.from_precisions(precisions, n_components, n_features)
    if drawn is None:
        return Mixture(weights, means, covariance)
    return Mixture(
        drawn.weights if weights is None else weights,
        drawn.means if means is None else means,
        drawn.covariance if precisions is None else covariance,
    )


def require_shape(values: FloatArray, shape: tuple[int, ...], name: str) -> None:
    """Raise a ValueError that names a parameter unless it has a shape."""
    if values.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {values.shape}")
