"""Algebra of triangular roots of symmetric matrices, for the full and tied structures."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import lapack

from gaussmix.core.column_sums import sum_squares
from gaussmix.core.typing import BoolArray, FloatArray

_DOUBTFUL_PIVOT = 1e-5  # relative to a standard deviation: the square has only six digits
_LARGEST_WHITENED = 100.0  # standard deviations; a ratio of variances of 10,000 costs up to four of sixteen digits


def lower_root(matrices: FloatArray) -> FloatArray:
    """Return lower triangular L with L L' = matrix, for each positive semi-definite matrix of a stack (k, d, d).

    If a matrix is not positive-definite up to rounding, return the root of its positive part.
    """
    try:
        return np.asarray(np.linalg.cholesky(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.stack([_lower_root_of_positive_part(matrix) for matrix in matrices])


def _lower_root_of_positive_part(matrix: FloatArray) -> FloatArray:
    """Return the root of the positive part, from the correlations, so that small columns do not count as rounding."""
    deviations = np.sqrt(np.maximum(np.diagonal(matrix), 0.0))
    scale = np.where(deviations > 0, deviations, 1.0)
    correlations = matrix / scale / scale[:, None]
    try:
        root = np.linalg.cholesky(correlations)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlations)
        rounding = len(matrix) * np.finfo(np.float64).eps * values[-1]
        root = triangular((vectors * np.sqrt(np.where(values > rounding, values, 0.0))).T)
    return np.asarray(scale[:, None] * root)


def root_of_some(roots: FloatArray, features: Sequence[int]) -> FloatArray:
    """Return the roots of the covariances of some features, without squaring."""
    return triangular(np.swapaxes(roots[:, list(features)], -1, -2))


def root_of_rows(rows: FloatArray) -> FloatArray:
    """Return lower triangular L with ``L L' = rows' rows``, for rows (n, d).

    It is computed from the correlations if these are well conditioned, else from the rows without squaring.
    """
    missing = rows.shape[1] - len(rows)
    if missing > 0:
        rows = np.concatenate([rows, np.zeros((missing, rows.shape[1]))])
    scale = np.sqrt(sum_squares(rows))
    scale[scale == 0] = 1.0
    rows = rows / scale
    try:
        root = np.linalg.cholesky(rows.T @ rows)
    except np.linalg.LinAlgError:
        return scale[:, None] * triangular(rows)
    doubtful = root.diagonal().min() < _DOUBTFUL_PIVOT
    return np.asarray(scale[:, None] * (triangular(rows) if doubtful else root))


def add_rows(roots: FloatArray, deviations: FloatArray) -> FloatArray:
    """Return roots of ``L L' + diag(deviations^2)`` for stacks (k, d, d) and (k, d), without squaring.

    They come from the QR factorization of ``[L'; diag(deviations)]``: Golub and Van Loan, Matrix Computations (2013),
    6.5.
    """
    diagonal = deviations[:, :, None] * np.eye(roots.shape[-1])
    return triangular(np.concatenate([np.swapaxes(roots, -1, -2), diagonal], axis=-2))


def next_roots(roots: FloatArray, factors: FloatArray, change: FloatArray, ridge: float) -> FloatArray:
    """Return roots of ``L T L' + ridge I`` for stacks (k, d, d) of roots L, of their factors W, and of T.

    The root is ``L chol(T + ridge W'W)``. If ``L L'`` already contains the ridge, ``ridge W'W`` is at most the
    identity. If it is far larger, T would lose digits, and `add_rows` is used.
    """
    if ridge == 0:
        return np.asarray(roots @ lower_root(change))
    deviations = math.sqrt(ridge) * factors
    if np.abs(deviations).max() > _LARGEST_WHITENED:
        return add_rows(roots @ lower_root(change), np.full(roots.shape[:2], math.sqrt(ridge)))
    return np.asarray(roots @ lower_root(change + deviations.transpose(0, 2, 1) @ deviations))


def variances_beside(roots: FloatArray, target_root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ascending eigenvalues (k, d) of covariances in units of a reference, and W (d, d) of the reference.

    ``roots`` are (k, d, d). Both results are zero if the reference, with lower root (d, d), is singular.
    """
    if not target_root.diagonal().all():
        return np.zeros(roots.shape[:2]), np.zeros(target_root.shape)
    whiten = inverse_transposed(target_root[None])[0]
    return np.linalg.svd(whiten.T @ roots, compute_uv=False)[:, ::-1] ** 2, whiten


def triangular(tall: FloatArray) -> FloatArray:
    """Return lower triangular L with nonnegative diagonal and ``L L' = tall' tall``."""
    upper = np.linalg.qr(tall, mode="r")
    signs = np.where(np.diagonal(upper, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return np.ascontiguousarray(np.swapaxes(upper * signs[..., :, None], -1, -2))


def inverse_transposed(lower: FloatArray) -> FloatArray:
    """Return upper triangular W = inverse(L)', for a stack (k, d, d)."""
    inverses = np.empty_like(lower)
    for matrix, inverse in zip(lower, inverses, strict=True):
        inverse[...] = lapack.dtrtri(matrix.T)[0]
    return inverses


def root_from_precision(precisions: FloatArray) -> FloatArray:
    """Return L with ``inverse(L L') = precision``, for a stack, without inverting a precision.

    Reversing the order of rows and columns turns a lower Cholesky factor into an upper one, W W' = precision; then
    L = inverse(W)'.
    """
    upper = np.linalg.cholesky(precisions[:, ::-1, ::-1])[:, ::-1, ::-1]
    return np.stack([lapack.dtrtri(np.ascontiguousarray(factor), lower=0)[0].T for factor in upper])


def not_positive_definite(matrices: FloatArray) -> BoolArray:
    """Return (k,) bools: whether each matrix of a stack is not finite, symmetric and positive-definite."""
    return np.array([not _is_positive_definite(matrix) for matrix in matrices])


def _is_positive_definite(matrix: FloatArray) -> bool:
    if not np.isfinite(matrix).all():
        return False
    scale = np.sqrt(np.abs(np.diagonal(matrix)))
    if (np.abs(matrix - matrix.T) > 1e-7 * np.outer(scale, scale)).any():
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
