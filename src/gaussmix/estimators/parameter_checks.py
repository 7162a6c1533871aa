"""What a user may pass to an estimator, and what is said when it is something else."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from gaussmix.components.matching import ORDERS
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.mixture import Mixture, check_weights
from gaussmix.core.typing import FloatArray


def require_integer(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}")


def require_nonnegative(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number, at least 0; got {value!r}")


def require_order(order_by: Any, names: tuple[str, ...] | None, n_features: int) -> None:
    """ValueError unless components can be ordered by it: "auto", one of `ORDERS`, a feature's name or position."""
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
    """A start in which what the user gave takes the place of what was drawn; with all three, nothing is drawn."""
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
