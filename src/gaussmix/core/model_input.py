"""Models and rows that a user passes to a function: the mixture of a fitted estimator, and its features of a table."""

from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import Rows
from gaussmix.core.validation import as_rows


def mixture_of(model: Any) -> Mixture:
    """Return the mixture of a model.

    Parameters
    ----------
    model : Mixture or fitted estimator
        `GaussianMixture`, `GaussianMixtureIC` (its best model), a segmenter, or scikit-learn's ``GaussianMixture`` and
        ``BayesianGaussianMixture``.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If an estimator is not fitted.
    TypeError
        If the model is anything else.
    """
    if isinstance(model, Mixture):
        return model
    fitted = fitted_model(model)
    if isinstance(getattr(fitted, "mixture_", None), Mixture):
        return fitted.mixture_
    if not all(hasattr(fitted, name) for name in ("weights_", "means_", "covariances_", "covariance_type")):
        raise TypeError(f"{type(model).__name__} has no mixture: weights_, means_ or covariances_ is missing")
    weights = np.asarray(fitted.weights_, dtype=np.float64)
    return Mixture.from_parameters(
        weights / weights.sum(),
        fitted.means_,
        fitted.covariances_,
        covariance_type=fitted.covariance_type,
        feature_names=getattr(fitted, "feature_names_in_", None),
    )


def fitted_model(model: Any) -> Any:
    """Return a mixture as it is, and of a fitted estimator that compares models its best one.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If an estimator is not fitted.
    TypeError
        If the model is neither a mixture nor an estimator.
    """
    if isinstance(model, Mixture):
        return model
    if not hasattr(model, "fit"):
        within = ": pass its mixture" if isinstance(getattr(model, "mixture", None), Mixture) else ""
        raise TypeError(f"model must be a Mixture or a fitted estimator; got {type(model).__name__}{within}")
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    return getattr(model, "best_estimator_", model)


def rows_of(mixture: Mixture, X: Any) -> Rows:
    """Return the features of a mixture in its order; the columns of a table are selected by name. NaN is missing.

    Raises
    ------
    ValueError
        If a column is missing, the shape is wrong, a value is infinite, or X has no rows.
    """
    rows = as_rows(X, mixture.n_features, mixture.feature_names, allow_missing=True)
    if not len(rows):
        raise ValueError("X has no rows")
    return rows
