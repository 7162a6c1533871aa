"""Rows with their weights, measurement errors and column names, as one value."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.file_pages import pieces, rows_of_piece, take_rows
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows

KEPT_TYPES = (np.float64, np.float32, np.uint8, np.uint16)
"""Dtypes that the compiled code reads without a copy, in native byte order; others are converted to float64."""

_PIECE_ROWS = 1 << 14  # stay in cache


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """Rows with weights.

    The arrays are read-only views; the caller's arrays stay writable. Weights are converted to contiguous float64.

    Attributes
    ----------
    values : (n, d) array of numbers
        The rows. NaN is a missing value.
    weights : (n,) array, or None
        Nonnegative weights; a weight of 2 counts as two equal rows. None means weight 1 for each row.
    names : tuple of d str, or None
        Names of the columns, if known.
    noise : NoiseCovariance, or None
        Covariance of the measurement errors. None means exact values.
    """

    values: Rows
    weights: FloatArray | None = None
    names: tuple[str, ...] | None = None
    noise: NoiseCovariance | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _read_only(self.values))
        if self.weights is not None:
            weights = np.ascontiguousarray(self.weights, dtype=np.float64)
            if weights.shape != (self.n_rows,):
                raise ValueError(f"weights must have the shape ({self.n_rows},), got {weights.shape}")
            object.__setattr__(self, "weights", _read_only(weights))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and the number of columns."""
        return self.n_rows, self.n_features

    @property
    def n_rows(self) -> int:
        """The number of rows, including rows of weight zero."""
        return len(self.values)

    @property
    def n_features(self) -> int:
        """The number of columns."""
        return int(self.values.shape[1])

    @property
    def n_positive(self) -> int:
        """The number of rows of positive weight."""
        return self.n_rows if self.weights is None else int(np.count_nonzero(self.weights))

    @cached_property
    def total(self) -> float:
        """The sum of the weights; without weights, the number of rows."""
        return float(self.n_rows) if self.weights is None else float(self.weights.sum())

    @property
    def explicit_weights(self) -> FloatArray:
        """The weights (n,); without weights, ones."""
        return np.ones(self.n_rows) if self.weights is None else self.weights

    @cached_property
    def missing(self) -> BoolArray | None:
        """Where values are missing, (n, d): NaN, or of infinite noise variance. None if there are none."""
        if self.noise is None and not _has_nan(self.values):
            return None
        missing = np.isnan(self.values) if self.values.dtype.kind == "f" else np.zeros(self.shape, dtype=bool)
        if self.noise is not None:
            missing |= self.noise.infinite
        return missing if missing.any() else None

    @property
    def is_exact(self) -> bool:
        """Whether no value is missing and there are no measurement errors."""
        return self.noise is None and self.missing is None

    def take(self, where: IntArray | BoolArray | slice) -> "WeightedRows":
        """Return some of the rows, with their weights.

        Parameters
        ----------
        where : array of int, (n,) array of bool, or slice
            Positions of the rows.

        Returns
        -------
        WeightedRows
            The rows, in the order of the positions.
        """
        return replace(
            self,
            values=self.values[where] if isinstance(where, slice) else take_rows(self.values, _positions(where)),
            weights=None if self.weights is None else self.weights[where],
            noise=None if self.noise is None else self.noise.take(where),
        )

    def positive(self) -> "WeightedRows":
        """Return the rows of positive weight.

        Returns
        -------
        WeightedRows
            The rows; this object itself if all weights are positive.
        """
        return self if self.weights is None or self.weights.all() else self.take(self.weights > 0)

    def complete(self) -> "WeightedRows":
        """Return the rows without missing values.

        Returns
        -------
        WeightedRows
            The rows; this object itself if no value is missing.
        """
        return self if self.missing is None else self.take(np.asarray(~self.missing.any(axis=1)))

    @property
    def with_value(self) -> BoolArray:
        """Which rows have at least one value, (n,)."""
        return np.asarray(np.ones(self.n_rows, dtype=np.bool_) if self.missing is None else ~self.missing.all(axis=1))

    def informative(self) -> "WeightedRows":
        """Return the rows with at least one value; others say nothing about a mixture.

        Returns
        -------
        WeightedRows
            The rows; this object itself if there are no empty ones.
        """
        where = self.with_value
        return self if where.all() else self.take(where)

    def disregarding_empty(self) -> "WeightedRows":
        """Return the same rows, with weight 0 where a row has no value.

        Returns
        -------
        WeightedRows
            The rows; this object itself if there are no empty ones.
        """
        where = self.with_value
        return self if where.all() else replace(self, weights=self.explicit_weights * where)

    def of_features(self, features: IntArray) -> "WeightedRows":
        """Return some features of the rows, with their measurement errors and without names.

        Parameters
        ----------
        features : array of int
            Positions of the features, in the order of the result.

        Returns
        -------
        WeightedRows
            The features as a C-contiguous array, with shared weights.
        """
        noise = None if self.noise is None else self.noise.of_features(features)
        return WeightedRows(np.ascontiguousarray(self.values[:, features]), self.weights, noise=noise)

    def with_values(self, values: Rows) -> "WeightedRows":
        """Return the same rows with new values, the same weights, no names and no measurement errors.

        Parameters
        ----------
        values : (n, any) array of numbers
            New values of each row, such as coordinates in other units.

        Returns
        -------
        WeightedRows
            The new values, with shared weights.
        """
        return WeightedRows(values, self.weights)


def _has_nan(values: Rows) -> bool:
    """Return whether there are missing values; the least value of a piece is NaN if there is one."""
    if values.dtype.kind != "f" or not values.size:
        return False
    return any(np.isnan(piece.min()) for _, piece in pieces(values, min(_PIECE_ROWS, rows_of_piece(values))))


def _positions(where: IntArray | BoolArray) -> IntArray:
    which = np.asarray(where)
    return np.flatnonzero(which) if which.dtype == np.bool_ else which.astype(np.int64, copy=False)


def _read_only(array: Rows) -> Rows:
    view = array.view()
    view.flags.writeable = False
    return view
