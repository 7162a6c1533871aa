"""Validation of the parameters of `BayesianGaussianMixture`."""

import math
from numbers import Real
from typing import Any

import numpy as np

from gaussmix.core.covariance import COVARIANCES, AbstractCovariance
from gaussmix.core.forms import FORMS
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import FloatArray
from gaussmix.estimators.parameter_checks import (
    require_flag,
    require_integer,
    require_nonnegative,
    require_runs,
    require_shape,
)
from gaussmix.fitting.prior_of_rows import PriorSettings

KINDS = ("dirichlet_process", "dirichlet_distribution")


def check_bayesian_mixture(estimator: Any) -> None:
    """Raise a ValueError if a parameter of a `BayesianGaussianMixture` that does not depend on the rows is invalid."""
    if not isinstance(estimator.covariance_type, str) or estimator.covariance_type not in COVARIANCES:
        raise ValueError(f"covariance_type must be one of {tuple(COVARIANCES)}; got {estimator.covariance_type!r}")
    require_integer("n_components", estimator.n_components, 1)
    require_runs(estimator)
    if estimator.reg_covar != "auto":
        require_nonnegative("reg_covar", estimator.reg_covar)
    kind = estimator.weight_concentration_prior_type
    if kind not in KINDS:
        raise ValueError(f"weight_concentration_prior_type must be one of {KINDS}; got {kind!r}")
    for name in ("weight_concentration_prior", "mean_precision_prior"):
        _require_positive(name, getattr(estimator, name))
    if estimator.prune != "auto":
        require_flag("prune", estimator.prune)


def prior_settings(estimator: Any, n_features: int) -> PriorSettings:
    """Return the settings of the prior of an estimator.

    Parameters
    ----------
    estimator : BayesianGaussianMixture
        Estimator whose parameters were checked.
    n_features : int
        Number of features.

    Returns
    -------
    PriorSettings
        The given numbers.

    Raises
    ------
    ValueError
        If a parameter does not fit the number of features; the message names it.
    """
    mean, degrees = estimator.mean_prior, estimator.degrees_of_freedom_prior
    if mean is not None:
        mean = as_numbers(mean, "mean_prior")
        require_shape(mean, (n_features,), "mean_prior")
        if not np.isfinite(mean).all():
            raise ValueError("mean_prior must be finite")
    if degrees is not None:
        _require_positive("degrees_of_freedom_prior", degrees)
        if degrees <= n_features - 1:
            raise ValueError(
                f"The parameter 'degrees_of_freedom_prior' should be greater than {n_features - 1}, "
                f"but got {degrees:.3f}."
            )
    structure = COVARIANCES[estimator.covariance_type]
    precision, concentration = estimator.mean_precision_prior, estimator.weight_concentration_prior
    return PriorSettings(
        structure,
        estimator.n_components,
        estimator.weight_concentration_prior_type,
        None if concentration is None else float(concentration),
        1.0 if precision is None else float(precision),
        mean,
        None if degrees is None else float(degrees),
        None if estimator.covariance_prior is None else _root_of(estimator.covariance_prior, structure, n_features),
        estimator.acceleration == "none",
    )


def _root_of(covariance: Any, structure: type[AbstractCovariance], n_features: int) -> FloatArray:
    """Return the root (d, d) of a covariance prior in scikit-learn's shape."""
    values = as_numbers(covariance, "covariance_prior")
    shape = structure.root_shape(1, n_features)
    require_shape(values, shape if FORMS[structure.form].is_shared else shape[1:], f"{structure.name} covariance_prior")
    try:
        one = structure.from_covariances(values.reshape(shape), 1, n_features)
    except ValueError as error:
        raise ValueError(f"covariance_prior is invalid: {error}") from error
    return one.dense_roots()[0]


def _require_positive(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name} must be a positive number or None; got {value!r}")
