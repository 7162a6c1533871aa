"""Roots of one covariance: a lower triangle (d, d) or, if it is diagonal, standard deviations (d,)."""

import numpy as np

from gaussmix.core.covariance.triangular import inverse_transposed
from gaussmix.core.typing import FloatArray


def diagonal_of(root: FloatArray) -> FloatArray:
    """Return the diagonal (d,) of a root."""
    return root if root.ndim == 1 else root.diagonal()


def lengths_of(root: FloatArray) -> FloatArray:
    """Return the standard deviations (d,) of the covariance of a root."""
    return np.abs(root) if root.ndim == 1 else np.sqrt((root**2).sum(axis=1))


def dense_root(root: FloatArray) -> FloatArray:
    """Return a root as a triangle (d, d)."""
    return np.diag(root) if root.ndim == 1 else root


def color_by(rows: FloatArray, root: FloatArray) -> FloatArray:
    """Multiply rows (n, d) by a transposed root: from whitened units to the units of the data."""
    return rows * root if root.ndim == 1 else rows @ root.T


def whiten_by(rows: FloatArray, root: FloatArray) -> FloatArray:
    """Multiply rows (n, d) by the transposed inverse of a root; the inverse of `color_by`."""
    return rows / root if root.ndim == 1 else rows @ inverse_transposed(root[None])[0]
