"""Model files of classifiers: that of the joint mixture, with the class of each component (docs/model-file.md)."""

from dataclasses import dataclass
from numbers import Integral
from os import PathLike
from typing import Any

import numpy as np

from gaussmix.core.errors import ModelFileError
from gaussmix.core.model_file import StoredMixture, document_in, model_of, numbers_of, write_model
from gaussmix.core.typing import IntArray

Label = str | int | bool


@dataclass(frozen=True, eq=False)
class StoredClassifier:
    """Content of the model file of a classifier."""

    mixture: StoredMixture
    component_classes: IntArray
    classes: list[Any]
    temperature: float
    features: tuple[int, ...] | None


def write_classifier(path: str | PathLike[str], stored: StoredClassifier, vectors: dict[str, Any] | None) -> None:
    """Write a model file with a part "classes"; ValueError if a class is no text, whole number or truth value."""
    classes = [_as_label(label) for label in stored.classes]
    parts = {
        "classes": classes,
        "component_classes": stored.component_classes.tolist(),
        "temperature": stored.temperature,
        "class_features": None if stored.features is None else list(stored.features),
    }
    write_model(path, stored.mixture, vectors, parts)


def read_classifier(path: str | PathLike[str]) -> StoredClassifier:
    """Read the model file of a classifier.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is invalid, or is that of a mixture without classes; the message gives the reason.
    """
    try:
        with np.errstate(all="ignore"):
            document = document_in(path)
            if "classes" not in document:
                raise ModelFileError(
                    "it is that of a mixture, whose components have no classes; gaussmix.load reads it"
                )
            return _classifier_of(document)
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not the model of a classifier: {error}") from error


def has_classes(path: str | PathLike[str]) -> bool:
    """Return whether a model file is that of a classifier; what else is wrong with it is found when it is read."""
    try:
        return "classes" in document_in(path)
    except ModelFileError:
        return False


def _classifier_of(document: dict[str, Any]) -> StoredClassifier:
    mixture, classes = model_of(document), document["classes"]
    is_list = isinstance(classes, list) and all(type(label) in (str, int, bool) for label in classes)
    if not is_list or len({type(label) for label in classes}) != 1 or len(set(classes)) < len(classes):
        raise ModelFileError("its classes are not a list of different texts or of different whole numbers")
    owners = numbers_of(document, "component_classes", mixture.weights.shape)
    if set(owners.tolist()) != set(range(len(classes))):
        raise ModelFileError(f"component_classes does not have each position from 0 to {len(classes) - 1}")
    temperature = float(numbers_of(document, "temperature", ()))
    if not 0 < temperature < np.inf:
        raise ModelFileError(f"temperature is {temperature}, not a positive number")
    features = document.get("class_features")
    if features is not None:
        d = mixture.means.shape[1]
        if not isinstance(features, list) or any(type(at) is not int or not 0 <= at < d for at in features):
            raise ModelFileError(f"class_features is not a list of positions below {d}, or null")
        if not features or len(set(features)) < len(features):
            raise ModelFileError("class_features names no feature, or one twice")
    seen = None if features is None else tuple(features)
    return StoredClassifier(mixture, owners.astype(np.int64), classes, temperature, seen)


def _as_label(label: Any) -> Label:
    if isinstance(label, str | bool):
        return label
    if isinstance(label, Integral) or (isinstance(label, float) and label.is_integer()):
        return int(label)
    raise ValueError(f"a model file holds classes that are text or whole numbers; got {label!r}: use such labels")
