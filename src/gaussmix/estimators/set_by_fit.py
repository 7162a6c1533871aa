"""Attributes that do not exist before the fit."""

from typing import Any

from sklearn.exceptions import NotFittedError


class _SetByFit:
    def __get__(self, estimator: object, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        raise NotFittedError(
            f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
            "using this estimator."
        )


def set_by_fit() -> Any:
    """Return the value of a class attribute that fits set; reading it before a fit raises scikit-learn's error.

    Returns
    -------
    Any
        A descriptor, which an attribute of the instance replaces.
    """
    return _SetByFit()
