"""The axes that several covariances have most nearly in common.

Flury and Gautschi, An algorithm for simultaneous orthogonal transformation of several positive definite symmetric
matrices to nearly diagonal form, SIAM Journal on Scientific and Statistical Computing 7 (1986), 169-184, with the
rotations of Jacobi and on the rows of roots, as in one-sided Jacobi methods (Golub and Van Loan, Matrix Computations
(2013), 8.6.3): nothing is squared.
"""

import numpy as np

from gaussmix.typing import FloatArray

_MOST_SWEEPS = 100
_SETTLED = 1e-9  # sine of the largest rotation of a sweep
_TINY = 1e-30  # of the greatest variance: a direction without any does not divide by zero
_GOLDEN = 0.5 * (np.sqrt(5) - 1)


def common_axes(counts: FloatArray, roots: FloatArray, axes: FloatArray, *, equal_volumes: bool) -> FloatArray:
    """(d, d) orthogonal axes Q, in columns, along which free covariances S_k are as diagonal as they can be.

    With ``v = diag(Q' S_k Q)`` they minimize ``sum_k counts_k sum_j log v_kj``, or, for equal volumes,
    ``sum_k counts_k (prod_j v_kj)^(1/d)``. For given shapes both are ``sum_kj c_kj q_j' S_k q_j``, which the smaller
    eigenvector of a two by two matrix minimizes over the rotations of a pair of axes.

    Parameters
    ----------
    counts : (k,) array
    roots : (k, d, d) array
        Of the free covariances.
    axes : (d, d) array
        To begin with.
    equal_volumes : bool
    """
    d = len(axes)
    if d == 1:
        return axes
    turned = np.concatenate([(axes.T @ roots).transpose(1, 0, 2).reshape(d, -1), axes.T], axis=1)
    width = roots.shape[2]
    shares = counts / counts.sum()
    rounds = _rounds(d)
    for _ in range(_MOST_SWEEPS):
        largest = 0.0
        for first, second in rounds:
            parts = turned[:, :-d].reshape(d, -1, width)
            variances = (parts**2).sum(axis=2).T
            variances = np.maximum(variances, _TINY * variances.max())
            scale = np.exp(np.log(variances).mean(axis=1)) if equal_volumes else np.ones(len(counts))
            pull = (shares * scale)[:, None] * (1 / variances[:, first] - 1 / variances[:, second])
            along = (pull * (variances[:, first] - variances[:, second])).sum(axis=0)
            across = (pull * (parts[first] * parts[second]).sum(axis=2).T).sum(axis=0)
            angle = 0.5 * np.arctan2(-2 * across, -along)
            cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
            one, two = turned[first], turned[second]
            turned[first], turned[second] = cosine * one + sine * two, cosine * two - sine * one
            largest = max(largest, float(np.abs(np.sin(angle)).max()))
        if largest < _SETTLED:
            break
    return turned[:, -d:].T


def generic_axes(roots: FloatArray) -> FloatArray:
    """The axes of covariances that have them in common: those of a sum in which no two axes are likely to tie."""
    scaled = roots / np.sqrt((roots**2).sum(axis=(1, 2), keepdims=True))
    weights = 0.5 + np.mod(_GOLDEN * np.arange(1, len(roots) + 1), 1.0)
    tall = (np.sqrt(weights)[:, None, None] * scaled.transpose(0, 2, 1)).reshape(-1, roots.shape[1])
    return np.linalg.svd(tall, full_matrices=False)[2].T


def lengths_along(axes: FloatArray, roots: FloatArray) -> FloatArray:
    """(k, d) deviations of covariances along common axes."""
    return np.sqrt(((axes.T @ roots) ** 2).sum(axis=2))


def _rounds(d: int) -> list[tuple[list[int], list[int]]]:
    """All pairs of axes, in rounds of pairs that have none in common: those of a tournament."""
    places = list(range(d + d % 2))
    half = len(places) // 2
    rounds = []
    for _ in range(len(places) - 1):
        pairs = [(one, two) for one, two in zip(places[:half], places[::-1], strict=False) if max(one, two) < d]
        rounds.append(([one for one, _ in pairs], [two for _, two in pairs]))
        places = [places[0], places[-1], *places[1:-1]]
    return rounds
