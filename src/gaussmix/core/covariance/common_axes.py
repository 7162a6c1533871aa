"""Common principal axes of several covariances.

Flury and Gautschi, An algorithm for simultaneous orthogonal transformation of several positive definite symmetric
matrices to nearly diagonal form, SIAM Journal on Scientific and Statistical Computing 7 (1986), 169-184, with Jacobi's
rotations of the roots (cpp/em/common_axes.hpp).
"""

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import CommonBasis

_SHARED = 1e-10  # greatest cosine between axes that count as orthogonal
_GOLDEN = 0.5 * (np.sqrt(5) - 1)


def common_axes(counts: FloatArray, roots: FloatArray, axes: FloatArray, *, equal_volumes: bool) -> FloatArray:
    """Return orthogonal axes Q (d, d), in columns, along which free covariances S_k are nearly diagonal.

    With ``v = diag(Q' S_k Q)`` they minimize ``sum_k counts_k sum_j log v_kj``, or, for equal volumes,
    ``sum_k counts_k (prod_j v_kj)^(1/d)``. If a covariance is singular, they are the initial axes.

    Parameters
    ----------
    counts : (k,) array
        Number of rows of each component.
    roots : (k, d, d) array
        Roots of the free covariances.
    axes : (d, d) array
        Initial axes.
    equal_volumes : bool
        Whether the covariances have equal volumes.
    """
    found = np.array(axes, order="C")
    scaled = np.ascontiguousarray(roots / np.abs(roots).max())
    return found if _native.common_axes(counts / counts.sum(), scaled, found, equal_volumes) else axes


def generic_axes(roots: FloatArray) -> FloatArray:
    """Return the axes that covariances share: those of a weighted sum in which equal eigenvalues are unlikely."""
    scaled = roots / np.sqrt((roots**2).sum(axis=(1, 2), keepdims=True))
    weights = 0.5 + np.mod(_GOLDEN * np.arange(1, len(roots) + 1), 1.0)
    tall = (np.sqrt(weights)[:, None, None] * scaled.transpose(0, 2, 1)).reshape(-1, roots.shape[1])
    return np.linalg.svd(tall, full_matrices=False)[2].T


def lengths_along(axes: FloatArray, roots: FloatArray) -> FloatArray:
    """Return the standard deviations (k, d) of covariances along common axes."""
    return np.sqrt(((axes.T @ roots) ** 2).sum(axis=2))


def basis_along(axes: FloatArray, roots: FloatArray) -> CommonBasis | None:
    """Return common axes as the basis of the factors; None if the covariances do not share them up to rounding."""
    turned = axes.T @ roots
    lengths = np.sqrt((turned**2).sum(axis=2))
    if not lengths.all():
        return None
    turns = turned / lengths[:, :, None]
    cosines = turns @ turns.transpose(0, 2, 1) - np.eye(len(axes))
    return CommonBasis("diagonal", axes, 1.0 / lengths) if np.abs(cosines).max() <= _SHARED else None
