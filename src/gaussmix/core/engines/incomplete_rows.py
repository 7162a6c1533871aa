"""Passes over rows each of which may have missing values and errors of its own (cpp/kernels/form_incomplete.hpp)."""

from dataclasses import replace

import numpy as np

from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

_CHUNK = 1 << 22  # numbers of covariances factored at a time


class IncompleteRows(NativeEngine):
    """Rows with missing values or measurement errors, with compiled passes.

    The time of a pass depends little on whether rows have missing values in common. It is least if rows with as many
    missing values, and the same ones, are next to one another.

    Parameters
    ----------
    rows : WeightedRows
        Rows; NaN is a missing value.
    """

    _incomplete = True

    def __init__(self, rows: WeightedRows) -> None:
        values = rows.values
        if rows.noise is not None and rows.noise.infinite.any():
            values = np.where(rows.noise.infinite, np.nan, values)
        super().__init__(values, rows.weights)
        self.rough_helps = False
        self._errors = None if rows.noise is None else _errors_of(rows)
        self._have_covariances = rows.noise is not None and not rows.noise.is_diagonal

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        moments = super().accumulate(self._expressible(mixture), log_prior)
        if moments.form == mixture.form:
            return moments
        return replace(moments, form=mixture.form, scatter=FORMS[mixture.form].restricted(moments.scatter))

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        return super().score_rows(self._expressible(mixture), want, log_prior)

    def _expressible(self, mixture: WhitenedMixture) -> WhitenedMixture:
        """Return the mixture without a common basis, in a form in which errors can be correlated, if they are."""
        form = FORMS[mixture.form]
        if not (self._have_covariances and form.is_diagonal):
            return mixture if mixture.common is None else replace(mixture, common=None)
        dense = form.dense(mixture.factors, *mixture.means.shape)
        return replace(mixture, form="full", factors=np.ascontiguousarray(dense), common=None)


def _errors_of(rows: WeightedRows) -> FloatArray:
    """Return standard deviations (n, d), or lower roots of covariances by rows (n, d (d + 1) / 2).

    What belongs to a missing value is that of an independent error with variance 1.
    """
    noise, missing = rows.noise, rows.missing
    assert noise is not None
    if missing is None:
        missing = np.zeros(rows.shape, dtype=bool)
    if noise.is_diagonal:
        return np.sqrt(np.where(missing, 1.0, noise.variances))
    n, d = rows.shape
    lower = np.tril_indices(d)
    errors = np.empty((n, len(lower[0])))
    step = max(1, _CHUNK // d**2)
    for start in range(0, n, step):
        part = slice(start, start + step)
        covariances = noise.values[part] if noise.per_row else np.broadcast_to(noise.values, (len(missing[part]), d, d))
        errors[part] = _lower_roots(_without(covariances, missing[part]))[:, *lower]
    return errors


def _without(covariances: FloatArray, missing: BoolArray) -> FloatArray:
    """Return covariances (n, d, d) in which missing values are independent, with variance 1."""
    left_out = missing[:, :, None] | missing[:, None, :]
    return np.where(left_out, np.eye(missing.shape[1]), covariances)


def _lower_roots(covariances: FloatArray) -> FloatArray:
    """Return lower triangular roots of positive semidefinite matrices (n, d, d), by Cholesky's method.

    A pivot that is zero to rounding has a column of zeros.
    """
    d = covariances.shape[1]
    roots = np.zeros(covariances.shape)
    for j in range(d):
        done = roots[:, j, :j]
        variances = covariances[:, j, j]
        pivots = variances - (done**2).sum(axis=1)
        held = pivots > 4 * d * np.finfo(np.float64).eps * variances
        roots[:, j, j] = np.sqrt(np.where(held, pivots, 0.0))
        below = covariances[:, j + 1 :, j] - (roots[:, j + 1 :, :j] @ done[:, :, None])[:, :, 0]
        roots[:, j + 1 :, j] = np.where(held[:, None], below / np.where(held, roots[:, j, j], 1.0)[:, None], 0.0)
    return roots
