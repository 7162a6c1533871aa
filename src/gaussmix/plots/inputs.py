"""Inputs of displays: mixtures of fitted estimators, and rows of arrays or tables."""

from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray, Rows
from gaussmix.core.validation import as_rows

MOST_POINTS = 5_000
"""Greatest number of rows that a display draws; of more rows a random sample is drawn."""


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
    if not hasattr(model, "fit"):
        within = ": pass its mixture" if isinstance(getattr(model, "mixture", None), Mixture) else ""
        raise TypeError(f"model must be a Mixture or a fitted estimator; got {type(model).__name__}{within}")
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model)
    fitted = getattr(model, "best_estimator_", model)
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


def feature_names(mixture: Mixture, positions: ArrayLike | None = None) -> list[str]:
    """Return the names of all features, or of those at the positions."""
    names = mixture.names
    return [names[position] for position in (range(len(names)) if positions is None else np.asarray(positions))]


def chosen_rows(n_rows: int, most: int = MOST_POINTS, seed: int = 0) -> IntArray:
    """Return the positions of the rows to draw, in order; at most ``most`` are chosen at random."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False, shuffle=False))


def labeled_rows(mixture: Mixture, given: Rows | None) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return the rows (m, d) to draw, their most probable components (m,) and the responsibilities of these (m,)."""
    if given is None:
        return np.empty((0, mixture.n_features)), np.empty(0, dtype=np.int64), np.empty(0)
    rows = np.asarray(given[chosen_rows(len(given))], dtype=np.float64)
    responsibilities = mixture.responsibilities(rows)
    return rows, responsibilities.argmax(axis=1), responsibilities.max(axis=1)
