"""Rows and weights that users give to estimators."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.number_checks import check_numbers
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.validation import check_sample_weight, naming_columns, require_finite


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
    options = {"dtype": list(KEPT_TYPES), "ensure_all_finite": False} | options
    rows = check_numbers(X)
    with naming_columns(X):
        values = validate_data(estimator, rows, **options)
    require_finite(values, X, allow_missing=allow_missing)
    names = getattr(estimator, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    noise = NoiseCovariance.of_user(noise_covariance, *values.shape)
    return WeightedRows(values, check_sample_weight(sample_weight, len(values)), names, noise)
