"""What is known about the class of each row: labels, missing labels, or evidence for each class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from gaussmix.core.number_checks import as_numbers, column_names
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.core.warning_values import warn

UNLABELED = -1
"""Label of a row whose class is not known, as in scikit-learn."""


@dataclass(frozen=True, eq=False)
class ClassLabels:
    """Classes, and what is known about the class of each row.

    Attributes
    ----------
    classes : (c,) array
        The classes, sorted.
    evidence : (n, c) array
        Nonnegative; the greatest number of a row is one. A row whose class is known has a single one, and a row without
        a label has ones only. Zero excludes a class.
    """

    classes: Rows
    evidence: FloatArray

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @property
    def codes(self) -> IntArray:
        """The position of the class of each row (n,), or -1 if more than one class is possible."""
        return np.where(self.is_known, self.evidence.argmax(axis=1), -1)

    @property
    def is_known(self) -> BoolArray:
        """Whether the class of each row (n,) is known."""
        return np.asarray(np.count_nonzero(self.evidence, axis=1) == 1)

    @property
    def log_evidence(self) -> FloatArray:
        """The logarithm (n, c) of the evidence; -inf excludes a class."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.evidence))

    def take(self, where: IntArray | BoolArray) -> "ClassLabels":
        """Return the labels of some of the rows."""
        return ClassLabels(self.classes, self.evidence[where])

    def hidden(self, where: IntArray | BoolArray) -> "ClassLabels":
        """Return the same labels without those of some rows."""
        evidence = self.evidence.copy()
        evidence[where] = 1.0
        return ClassLabels(self.classes, evidence)


def class_labels(y: Any, n_rows: int) -> ClassLabels:
    """Return the classes and the evidence in labels (n,) or in a table (n, c) of nonnegative numbers.

    Missing values (None, NaN, NA) have no label, and -1 has none unless there is only one other class: the classes are
    then -1 and that one.

    Raises
    ------
    ValueError
        If the number of labels is not that of the rows, there are fewer than two classes, a number of a table is
        negative or not finite, or a row of it is all zero.
    """
    given = np.asarray(y)
    if given.ndim == 0 or len(given) != n_rows:
        raise ValueError(f"y must have a label for each of {n_rows} rows, got the shape {given.shape}")
    if given.ndim == 2 and given.shape[1] == 1:
        warn(
            DataConversionWarning("A column-vector y was passed when a 1d array was expected: its only column is used"),
            stacklevel=4,
        )
        given = given[:, 0]
    if given.ndim == 2 and given.dtype.kind != "O":
        return _of_table(given, column_names(y))
    if given.ndim != 1:
        raise ValueError(f"y must have a label for each row, or a column of numbers for each class; got {given.shape}")
    missing = _is_missing(given)
    seen = given[~missing]
    if seen.dtype.kind == "f" and (seen != np.floor(seen)).any():
        raise ValueError(f"y must be classes, got continuous numbers such as {seen[seen != np.floor(seen)][0]}")
    if seen.dtype.kind == "O" and all(isinstance(label, str) for label in seen):
        seen = seen.astype(str)
    try:
        classes, codes = np.unique(seen, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"y must have labels of one kind, texts or numbers, because classes are sorted: {error}"
        ) from None
    if classes.dtype.kind in "iufO" and len(classes) != 2:
        kept = np.array([not _is_minus_one(label) for label in classes], dtype=np.bool_)
        positions = np.where(kept, np.cumsum(kept) - 1, -1)
        classes, codes = classes[kept], positions[codes]
    if len(classes) < 2:
        found = "no class" if not len(classes) else f"one class, {classes[0]}"
        raise ValueError(f"y must have at least two classes, got {found}; rows without a label are -1, None or NaN")
    evidence = np.ones((len(given), len(classes)))
    known = np.flatnonzero(~missing)[codes >= 0]
    evidence[known] = np.eye(len(classes))[codes[codes >= 0]]
    return ClassLabels(classes, evidence)


def _of_table(y: Rows, names: Any) -> ClassLabels:
    table = as_numbers(y, "y")
    bad = ~(np.isfinite(table) & (table >= 0)).all(axis=1) | ~(table > 0).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"y with a column for each class must be nonnegative with a positive number in every row; row {row} has "
            f"{table[row]}: ones in all columns mean that nothing is known"
        )
    classes = np.arange(table.shape[1]) if names is None else np.array(list(names))
    return ClassLabels(classes, table / table.max(axis=1, keepdims=True))


def _is_missing(labels: Rows) -> BoolArray:
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind != "O":
        return np.zeros(len(labels), dtype=np.bool_)
    return np.array([label is None or type(label).__name__ == "NAType" or label != label for label in labels], bool)


def _is_minus_one(label: Any) -> bool:
    return not isinstance(label, str) and bool(label == UNLABELED)
