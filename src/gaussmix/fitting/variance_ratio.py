"""Bound on the ratio of the greatest to the least eigenvalue of all covariances.

Fritz, Garcia-Escudero and Mayo-Iscar, A fast algorithm for robust constrained clustering, Computational Statistics and
Data Analysis 61 (2013), 124-136: the eigenvalues of the free covariances are cut off below ``m`` and above ``ratio m``,
where ``m`` minimizes ``sum_k counts_k sum_j [log e_kj + d_kj / e_kj]`` over the truncated eigenvalues ``e`` of ``d``.
"""

import math

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.covariance.triangular import triangular
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import BoolArray, FloatArray

BOUNDED = ("EII", "VII", "EEI", "VVI", "EEE", "EEV", "VVV")
"""Structures, by their letters, whose truncated covariances keep the structure and are the best ones."""


def variance_ratio(covariance: AbstractCovariance) -> float:
    """Return the greatest over the least eigenvalue of all covariances; infinite if one is singular."""
    values = FORMS[covariance.form].principal(covariance.roots)[1]
    least = float(values.min())
    return (float(values.max()) / least) ** 2 if least > 0 else math.inf


def with_bounded_ratio(
    covariance: AbstractCovariance, counts: FloatArray, ratio: float, held: BoolArray | None = None
) -> AbstractCovariance:
    """Return the covariances with the greatest likelihood whose eigenvalues are within a ratio of each other.

    Parameters
    ----------
    covariance : AbstractCovariance
        Covariances of the greatest likelihood without the bound; they may be singular. The structure is one of
        `BOUNDED`.
    counts : (k,) array
        Number of rows of each component.
    ratio : float
        Greatest over least eigenvalue, at least 1.
    held : (k,) array of bool, optional
        Components whose covariances do not change. Their own ratio is within the bound.

    Returns
    -------
    AbstractCovariance
        Object of the same class. A covariance that is within the bounds is unchanged.
    """
    axes, deviations = FORMS[covariance.form].principal(covariance.roots)
    variances = deviations**2
    if len(variances) < len(counts):  # one covariance for all components
        counts, held = counts.sum(keepdims=True), None
    free = np.ones(len(variances), dtype=np.bool_) if held is None else ~held
    least = least_variance(variances[free], counts[free], ratio)
    if not free.all():
        lowest, highest = float(variances[~free].max()) / ratio, float(variances[~free].min())
        if least is None and free.any():
            least = float(variances[free].min())
        least = min(max(lowest if least is None else least, lowest), highest)
    if least is None:
        return covariance
    cut = np.clip(variances, least, ratio * least)
    changed = free & (cut != variances).any(axis=1)
    if not changed.any():
        return covariance
    lengths = np.sqrt(cut)
    if axes is not None:
        lengths = triangular(np.swapaxes(axes, -1, -2) * lengths[:, :, None])
    roots = np.array(covariance.roots).reshape(lengths.shape)
    roots[changed] = lengths[changed]
    return type(covariance)(roots.reshape(covariance.roots.shape), covariance.n_components, covariance.n_features)


def least_variance(variances: FloatArray, counts: FloatArray, ratio: float) -> float | None:
    """Return the optimal lower bound ``m`` of the eigenvalues, or None if they are within the ratio.

    The sum that ``m`` minimizes is convex in ``log m``. Between two neighbors among the ``d`` and the ``d / ratio``,
    the derivative is zero at the mean of the ``d`` below ``m`` and of the ``d / ratio`` above ``ratio m``. Sorting and
    cumulative sums find the interval in O(k d log k d).

    Parameters
    ----------
    variances : (k, d) array
        Eigenvalues ``d``, at least 0.
    counts : (k,) array
        Number of rows of each component.
    ratio : float
        Greatest over least eigenvalue, at least 1.

    Returns
    -------
    float or None
        The bound ``m``.
    """
    held = counts > 0
    values, rows = variances[held].ravel(), np.repeat(counts[held], variances.shape[1])
    if not values.size or values.max() <= ratio * values.min():
        return None
    order = np.argsort(values, kind="stable")
    values, rows = values[order], rows[order]
    below = np.concatenate([[0.0], np.cumsum(rows)])
    sums = np.concatenate([[0.0], np.cumsum(rows * values)])
    edges = np.sort(np.concatenate([values, values / ratio]))
    low = np.searchsorted(values, edges, side="left")  # values below the edge
    high = np.searchsorted(values / ratio, edges, side="right")  # values at most ratio times the edge
    n_cut = below[low] + below[-1] - below[high]
    total = sums[low] + (sums[-1] - sums[high]) / ratio
    at = int(np.argmax(n_cut * edges >= total))  # the derivative is no longer negative
    first, last = edges[max(at - 1, 0)], edges[at]
    under = values < last
    over = values / ratio > first
    n_cut_inside = rows[under].sum() + rows[over].sum()
    if n_cut_inside == 0:
        return float(last)
    best = (rows[under] @ values[under] + rows[over] @ values[over] / ratio) / n_cut_inside
    return float(min(max(best, first), last))
