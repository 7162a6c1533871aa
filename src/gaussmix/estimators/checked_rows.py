"""Rows and weights that users give to estimators."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import distant_rows_of, local_rows, require_in_memory
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.number_checks import check_numbers
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.validation import check_sample_weight, naming_columns, require_finite
from gaussmix.tables.stored_rows import StoredRows


def checked_rows(
    estimator: BaseEstimator,
    X: Any,
    sample_weight: Any = None,
    noise_covariance: Any = None,
    *,
    allow_missing: bool = False,
    **options: Any,
) -> WeightedRows:
    """Check the rows and weights of a user; ``options`` are those of scikit-learn's ``validate_data``."""
    if isinstance(X, WeightedRows):  # checked by another estimator
        estimator.n_features_in_ = X.n_features
        return X
    if isinstance(X, StoredRows):
        return _of_stored(estimator, X, sample_weight, noise_covariance, allow_missing=allow_missing, **options)
    distant = distant_rows_of(X)
    if distant is not None:
        require_in_memory(distant, type(estimator).__name__)
    X = local_rows(X)
    options = {"dtype": list(KEPT_TYPES), "ensure_all_finite": False} | options
    rows = check_numbers(X)
    with naming_columns(X):
        values = validate_data(estimator, rows, **options)
    require_finite(values, X, allow_missing=allow_missing)
    names = getattr(estimator, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    noise = NoiseCovariance.of_user(noise_covariance, *values.shape)
    return WeightedRows(values, check_sample_weight(local_rows(sample_weight), len(values)), names, noise)


def _of_stored(
    estimator: BaseEstimator, stored: StoredRows, *given: Any, allow_missing: bool, **options: Any
) -> WeightedRows:
    """Check rows in files; in a fit, those that do not fit into memory must be complete."""
    is_fit = options.get("reset", True)
    if not is_fit and stored.names is not None:
        stored.select(getattr(estimator, "feature_names_in_", stored.names))
    rows = checked_rows(estimator, stored.as_table(), *given, allow_missing=allow_missing, **options)
    if is_fit and not stored.in_memory and rows.missing is not None:
        row, column = np.argwhere(rows.missing)[0].tolist()
        name = "" if stored.names is None else f" ({stored.names[column]!r})"
        raise ValueError(
            f"X has a missing value at row {row}, column {column}{name}; a fit to rows that do not fit into memory "
            "needs complete rows: leave such rows out, fill them in first (GaussianMixtureImputer, fitted to some of "
            "the rows), or open the rows with a memory_limit= of at least twice their size"
        )
    return rows


def checked_any_rows(
    estimator: BaseEstimator, X: Any, sample_weight: Any = None, noise_covariance: Any = None, **options: Any
) -> AnyRows:
    """Check the rows and weights of a user as `checked_rows` does, and also take rows that are not in memory."""
    distant = distant_rows_of(X)
    if distant is None:
        return checked_rows(estimator, X, sample_weight, noise_covariance, allow_missing=True, **options)
    if noise_covariance is not None:
        require_in_memory(distant, "noise_covariance")
    if sample_weight is not None and not distant.takes_weights:
        require_in_memory(distant, "sample_weight")
    validate_data(estimator, distant.header, reset=options.get("reset", True), skip_check_array=True)
    least = options.get("ensure_min_samples", 1)
    if least > 1 and distant.n_rows < least:
        raise ValueError(f"X has {distant.n_rows} rows, and at least {least} are required")
    distant.check_values()
    weights = check_sample_weight(local_rows(sample_weight), distant.n_rows)
    return distant if weights is None else distant.with_weights(weights)
