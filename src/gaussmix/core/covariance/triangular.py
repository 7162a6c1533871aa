"""Roots of symmetric matrices, kept triangular: the algebra that the full and tied structures share."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import lapack

from gaussmix.core.typing import BoolArray, FloatArray

_DOUBTFUL_PIVOT = 1e-5  # of a deviation: its square is rounded to the sixth digit
_LARGEST_WHITENED = 100.0  # deviations; a variance of ten thousand beside one costs up to four digits of sixteen


def lower_root(matrices: FloatArray) -> FloatArray:
    """Lower triangular L with L L' = matrix, for each positive semi-definite matrix of a stack (k, d, d).

    A matrix that is not positive-definite to rounding gets the root of its positive part.
    """
    try:
        return np.asarray(np.linalg.cholesky(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.stack([_lower_root_of_positive_part(matrix) for matrix in matrices])


def _lower_root_of_positive_part(matrix: FloatArray) -> FloatArray:
    """By the correlations, so that columns of small units do not pass for rounding."""
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
    """The roots of the covariances of some features, from the rows of the roots: nothing is squared."""
    return triangular(np.swapaxes(roots[:, list(features)], -1, -2))


def root_of_rows(rows: FloatArray) -> FloatArray:
    """Lower triangular L with ``L L' = rows' rows``, for rows (n, d).

    By way of the correlations where these are well conditioned, and without squaring where they are not.
    """
    missing = rows.shape[1] - len(rows)
    if missing > 0:
        rows = np.concatenate([rows, np.zeros((missing, rows.shape[1]))])
    scale = np.sqrt((rows**2).sum(axis=0))
    scale[scale == 0] = 1.0
    rows = rows / scale
    try:
        root = np.linalg.cholesky(rows.T @ rows)
    except np.linalg.LinAlgError:
        return scale[:, None] * triangular(rows)
    doubtful = root.diagonal().min() < _DOUBTFUL_PIVOT
    return np.asarray(scale[:, None] * (triangular(rows) if doubtful else root))


def add_rows(roots: FloatArray, deviations: FloatArray) -> FloatArray:
    """Roots of ``L L' + diag(deviations^2)`` for stacks (k, d, d) and (k, d), without squaring either.

    By an orthogonal factorization of ``[L'; diag(deviations)]``: Golub and Van Loan, Matrix Computations (2013), 6.5.
    """
    diagonal = deviations[:, :, None] * np.eye(roots.shape[-1])
    return triangular(np.concatenate([np.swapaxes(roots, -1, -2), diagonal], axis=-2))


def next_roots(roots: FloatArray, factors: FloatArray, change: FloatArray, ridge: float) -> FloatArray:
    """Roots of ``L T L' + ridge I`` for stacks (k, d, d) of roots L, of their factors W, and of T.

    The root is ``L chol(T + ridge W'W)``: as soon as ``L L'`` holds the ridge itself, its share in whitened units is at
    most the identity. Where it is far more, T would lose its digits beside it.
    """
    if ridge == 0:
        return np.asarray(roots @ lower_root(change))
    deviations = math.sqrt(ridge) * factors
    if np.abs(deviations).max() > _LARGEST_WHITENED:
        return add_rows(roots @ lower_root(change), np.full(roots.shape[:2], math.sqrt(ridge)))
    return np.asarray(roots @ lower_root(change + deviations.transpose(0, 2, 1) @ deviations))


def variances_beside(roots: FloatArray, target_root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(k, d) the ascending variances of covariances with roots (k, d, d) in units of a reference, and its W (d, d).

    Both are zero where the reference, with lower root (d, d), is singular: nothing varies beside it.
    """
    if not target_root.diagonal().all():
        return np.zeros(roots.shape[:2]), np.zeros(target_root.shape)
    whiten = inverse_transposed(target_root[None])[0]
    return np.linalg.svd(whiten.T @ roots, compute_uv=False)[:, ::-1] ** 2, whiten


def triangular(tall: FloatArray) -> FloatArray:
    """Lower triangular L with nonnegative diagonal and ``L L' = tall' tall``."""
    upper = np.linalg.qr(tall, mode="r")
    signs = np.where(np.diagonal(upper, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return np.ascontiguousarray(np.swapaxes(upper * signs[..., :, None], -1, -2))


def inverse_transposed(lower: FloatArray) -> FloatArray:
    """W = inverse(L)', upper triangular, for a stack (k, d, d)."""
    inverses = np.empty_like(lower)
    for matrix, inverse in zip(lower, inverses, strict=True):
        inverse[...] = lapack.dtrtri(matrix.T)[0]
    return inverses


def root_from_precision(precisions: FloatArray) -> FloatArray:
    """L with ``inverse(L L') = precision``, for a stack, without inverting a precision.

    Reversing the order of rows and columns turns a lower Cholesky factor into an upper one, W W' = precision; then
    L = inverse(W)'.
    """
    upper = np.linalg.cholesky(precisions[:, ::-1, ::-1])[:, ::-1, ::-1]
    return np.stack([lapack.dtrtri(np.ascontiguousarray(factor), lower=0)[0].T for factor in upper])


def not_positive_definite(matrices: FloatArray) -> BoolArray:
    """(k,) whether a matrix of a stack fails to be finite, symmetric and positive-definite."""
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
