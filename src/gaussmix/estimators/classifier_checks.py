"""Checks of the parameters of `GaussianMixtureClassifier`, and their values for each class."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gaussmix.classification.labels import ClassLabels
from gaussmix.core.covariance import covariance_class, is_model, refuse_factor_type
from gaussmix.estimators.parameter_checks import require_integer, require_n_jobs

SELECTIONS = ("cv", "bic")
"""Values of ``selection``."""


def check_classifier(estimator: Any) -> None:
    """Raise a ValueError if a parameter of a `GaussianMixtureClassifier` is invalid."""
    if estimator.selection not in SELECTIONS:
        raise ValueError(f"selection must be one of {SELECTIONS}; got {estimator.selection!r}")
    for name in ("shared_covariance", "calibrate"):
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_) and not is_auto(value):
            raise ValueError(f'{name} must be "auto", True or False; got {value!r}')
    shrinkage = estimator.shrinkage
    if not is_auto(shrinkage) and (isinstance(shrinkage, str | bool) or not 0 <= shrinkage < 1):
        raise ValueError(f'shrinkage must be "auto" or a number from 0, below 1; got {shrinkage!r}')
    weight = estimator.unlabeled_weight
    if not is_auto(weight) and (isinstance(weight, str | bool) or not 0 <= weight <= 1):
        raise ValueError(f'unlabeled_weight must be "auto" or a number from 0 to 1; got {weight!r}')
    if not is_auto(estimator.n_components):
        for size in _values(estimator.n_components):
            require_integer("each of n_components", size, 1)
    if not is_auto(estimator.covariance_type):
        for name in _values(estimator.covariance_type):
            refuse_factor_type(name, "GaussianMixtureClassifier")
            if not is_model(covariance_class(name)):
                raise ValueError(f"covariance_type {name!r} is not one of the fourteen models of classes")
    require_n_jobs(estimator.n_jobs)


def is_auto(value: Any) -> bool:
    """Return whether a parameter is "auto"."""
    return isinstance(value, str) and value == "auto"


def _values(value: Any) -> list[Any]:
    """Return the values for each class, or the one for all."""
    if isinstance(value, Mapping):
        return list(value.values())
    return [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)


def each_class(value: Any, labels: ClassLabels, name: str) -> list[Any]:
    """Return a value for each class, in order; ValueError that names a missing class."""
    classes = labels.classes.tolist()
    if isinstance(value, Mapping):
        missing = [label for label in classes if label not in value]
        if missing or len(value) != len(classes):
            raise ValueError(f"{name} must have the classes {classes}; got {list(value)}")
        return [value[label] for label in classes]
    values = _values(value)
    if len(values) == 1 and (isinstance(value, str) or not isinstance(value, Iterable)):
        return values * len(classes)
    if len(values) != len(classes):
        raise ValueError(f"{name} must have a value for each of {len(classes)} classes, got {len(values)}")
    return values
