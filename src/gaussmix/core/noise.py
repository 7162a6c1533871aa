"""The covariance of the measurement errors of rows, as one checked value."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.number_checks import as_numbers
from gaussmix.core.typing import BoolArray, FloatArray, IntArray

_ROUNDING = 1e-8  # of a covariance: greatest asymmetry and negative eigenvalue, as a share of the variances


@dataclass(frozen=True, eq=False)
class NoiseCovariance:
    """Variances or covariances of measurement errors, one for all rows or one for each row.

    Attributes
    ----------
    values : array
        Variances (d,) or a covariance (d, d) of every row; variances (n, d) or covariances (n, d, d) of each row.
    per_row : bool
        Whether each row has its own.
    """

    values: FloatArray
    per_row: bool

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=np.float64).view()
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @classmethod
    def checked(cls, given: Any, n_rows: int, n_features: int) -> "NoiseCovariance":
        """Return the noise covariance that a user gave.

        Parameters
        ----------
        given : array-like
            Variances (d,) or a covariance (d, d) of every row; variances (n, d) or covariances (n, d, d) of each row.
            If n equals d, an (d, d) array is the covariance of every row.
        n_rows, n_features : int
            n and d.

        Returns
        -------
        NoiseCovariance
            The checked values.

        Raises
        ------
        ValueError
            If the shape is wrong, a number is NaN, a variance is negative, or a covariance is not symmetric and
            positive semidefinite; the message names the row and column.
        """
        values = as_numbers(given, "noise_covariance")
        n, d = n_rows, n_features
        if values.shape not in ((d,), (d, d), (n, d), (n, d, d)):
            raise ValueError(
                f"noise_covariance must have the shape ({d},) or ({d}, {d}) for all rows, or ({n}, {d}) or "
                f"({n}, {d}, {d}) for each row; got {values.shape}"
            )
        noise = cls(values, per_row=values.shape in ((n, d), (n, d, d)) and values.shape != (d, d))
        noise._check()
        return noise

    @classmethod
    def of_user(cls, given: Any, n_rows: int, n_features: int) -> "NoiseCovariance | None":
        """Return the checked noise covariance; None if there is none, or if it is zero in every row.

        Parameters
        ----------
        given : array-like or None
            As in `checked`.
        n_rows, n_features : int
            n and d.

        Returns
        -------
        NoiseCovariance or None
            The checked values.
        """
        noise = None if given is None else cls.checked(given, n_rows, n_features)
        return noise if noise is not None and noise.values.any() else None

    @property
    def is_diagonal(self) -> bool:
        """Whether errors of different features are independent, so that only variances are stored."""
        return self.values.ndim == (2 if self.per_row else 1)

    @property
    def infinite(self) -> BoolArray:
        """Where a variance is infinite, (n, d) or (d,): the value there is missing."""
        return np.isinf(self.variances)

    @property
    def variances(self) -> FloatArray:
        """The variances (n, d) or (d,)."""
        return self.values if self.is_diagonal else np.diagonal(self.values, axis1=-2, axis2=-1)

    def take(self, where: IntArray | BoolArray | slice) -> "NoiseCovariance":
        """Return the noise covariance of some rows.

        Parameters
        ----------
        where : array of int, (n,) array of bool, or slice
            Positions of the rows.

        Returns
        -------
        NoiseCovariance
            The values for these rows.
        """
        return NoiseCovariance(self.values[where], per_row=True) if self.per_row else self

    def of_features(self, features: IntArray) -> "NoiseCovariance":
        """Return the noise covariance of some features.

        Parameters
        ----------
        features : array of int
            Positions of the features, in the order of the result.

        Returns
        -------
        NoiseCovariance
            The variances of these features and the covariances between them.
        """
        if self.is_diagonal:
            return NoiseCovariance(self.values[..., features], self.per_row)
        return NoiseCovariance(self.values[..., features[:, None], features], self.per_row)

    def in_units(self, scales: FloatArray) -> "NoiseCovariance":
        """Return the noise covariance of rows in other units.

        Parameters
        ----------
        scales : (d,) array
            The unit of each feature, in the present units.

        Returns
        -------
        NoiseCovariance
            The values in these units.
        """
        if self.is_diagonal:
            return NoiseCovariance(self.values / scales**2, self.per_row)
        return NoiseCovariance(self.values / scales[:, None] / scales, self.per_row)

    def dense(self, row: int) -> FloatArray:
        """Return the covariance (d, d) of the errors of a row.

        Parameters
        ----------
        row : int
            Position of the row.

        Returns
        -------
        (d, d) array
            The covariance.
        """
        values = self.values[row] if self.per_row else self.values
        return np.diag(values) if self.is_diagonal else values

    def draw(self, n_rows: int, rng: np.random.Generator) -> FloatArray:
        """Draw errors; those of infinite variance are zero.

        Parameters
        ----------
        n_rows : int
            Number of rows; that of the covariances if each row has its own.
        rng : Generator
            Source of random numbers.

        Returns
        -------
        (n_rows, d) array
            Errors.
        """
        normal = rng.standard_normal((n_rows, self.variances.shape[-1]))
        if self.is_diagonal:
            return np.asarray(normal * np.sqrt(np.where(np.isinf(self.values), 0.0, self.values)))
        infinite = np.isinf(self.variances)
        known = np.where(infinite[..., :, None] | infinite[..., None, :], 0.0, self.values)
        variances, axes = np.linalg.eigh(known)
        roots = axes * np.sqrt(np.maximum(variances, 0.0))[..., None, :]
        return np.asarray((roots @ normal[:, :, None])[:, :, 0])

    def _check(self) -> None:
        values = self.values if self.per_row else self.values[None]
        where = "row {row}, column {column}" if self.per_row else "column {column}"
        variances = self.variances if self.per_row else self.variances[None]
        bad = np.argwhere(~(variances >= 0))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"noise_covariance has the variance {variances[row, column]:g} at "
                f"{where.format(row=row, column=column)}: variances must be at least 0 (0: exact; inf: missing)"
            )
        if self.is_diagonal:
            return
        finite = np.where(np.isinf(variances)[:, :, None] | np.isinf(variances)[:, None, :], 0.0, values)
        scale = np.sqrt(np.where(np.isinf(variances), 0.0, variances))
        scale = np.where(scale > 0, scale, 1.0)
        scaled = finite / scale[:, :, None] / scale[:, None, :]
        wrong = ~np.isfinite(scaled).all(axis=(1, 2))
        wrong |= ~(np.abs(scaled - scaled.transpose(0, 2, 1)).max(axis=(1, 2), initial=0) <= _ROUNDING)
        wrong[~wrong] = np.linalg.eigvalsh(scaled[~wrong])[:, 0] < -_ROUNDING
        if wrong.any():
            row = f" of row {wrong.argmax()}" if self.per_row else ""
            both = self.values.ndim == 2  # variances of d rows have the same shape
            advice = "; variances of each of d rows have to be diagonal matrices, (d, d, d)" if both else ""
            raise ValueError(f"noise_covariance{row} is not a symmetric and positive semidefinite matrix{advice}")
