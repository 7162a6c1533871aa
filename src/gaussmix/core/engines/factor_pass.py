"""Passes over rows for factor covariances, linear in the features and factors (cpp/factor/factor.hpp).

With ``y`` the rows in units of the noise and ``t = y G`` (core/forms/factor.py), the whitened rows are ``y - t G'`` and
their squared length is ``|y|^2 - sum (2 - g) t^2``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.engines.factor_lengths import FactorLengths, are_worth_keeping
from gaussmix.core.moments import Moments
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.typing import FloatArray, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

_PRODUCTS_PER_CALL = 1e10  # less than a second, so that Ctrl-C takes effect
_CONVERTED_NUMBERS = 1 << 23  # of rows that the compiled code cannot read: 64 MB
_SCORED_ROWS = 1 << 16


def accumulate_factors(
    rows: WeightedRows, mixture: WhitenedMixture, log_prior: FloatArray | None, known: FactorLengths | None
) -> tuple[Moments, FactorLengths | None]:
    """Return the sums over all rows, and what the pass knows of the lengths of the whitened rows.

    Parameters
    ----------
    rows : WeightedRows
        Complete rows.
    mixture : WhitenedMixture
        Mixture that scores the rows.
    log_prior : (n, k) array, optional
        As of `AbstractEngine.accumulate`.
    known : FactorLengths, optional
        What an earlier pass over the same rows knew. It saves time and changes no bit.

    Returns
    -------
    moments : Moments
        The sums.
    lengths : FactorLengths or None
        None if bounds would take too much memory.
    """
    _require_normal(mixture)
    k, d = mixture.means.shape
    is_known = known is not None and log_prior is None and known.fits(mixture)
    moves, scales = known.changes(mixture) if known is not None and is_known else (np.zeros(k), np.ones(k))
    lengths = FactorLengths.empty(mixture, rows.n_rows) if are_worth_keeping(rows.values, k) else None
    total: _Sums | None = None
    for part, values in _pieces(rows.values, k, mixture.factors.shape[2] - 1):
        sums = _Sums.zeros(k, d, mixture.factors.shape[2] - 1)
        _native.accumulate_factors(
            values,
            None if rows.weights is None else np.ascontiguousarray(rows.weights[part], dtype=np.float64),
            _piece(log_prior, part),
            *_arrays(mixture),
            known.least[part] if known is not None and is_known else None,
            known.best[part] if known is not None and is_known else None,
            moves,
            scales,
            lengths.least[part] if lengths else None,
            lengths.best[part] if lengths else None,
            *sums.arrays,
        )
        total = sums if total is None else total.plus(sums)
    assert total is not None
    shifts, scatter = total.whitened(mixture)
    log_likelihood, entropy = total.totals.tolist()
    moments = Moments("factor", total.counts, shifts, scatter, log_likelihood, entropy, rows.total)
    return moments, lengths


def score_factor_rows(rows: WeightedRows, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None) -> Rows:
    """Return one or several numbers for each row, as `AbstractEngine.score_rows`."""
    _require_normal(mixture)
    results = []
    k, _, width = mixture.factors.shape
    for part, values in _pieces(rows.values, k, width - 1, _SCORED_ROWS):
        scores = np.empty((len(values), k))
        _native.score_factors(values, _piece(log_prior, part), *_arrays(mixture), scores)
        results.append(_wanted(scores, want))
    return np.concatenate(results)


def _require_normal(mixture: WhitenedMixture) -> None:
    if mixture.degrees_of_freedom is not None or mixture.background is not None:
        raise ValueError("factor covariances are for normal components without noise: use another covariance_type")


def _arrays(mixture: WhitenedMixture) -> tuple[FloatArray, FloatArray, FloatArray]:
    return mixture.offsets, mixture.means, mixture.factors


def _piece(log_prior: FloatArray | None, part: slice) -> FloatArray | None:
    return None if log_prior is None else np.ascontiguousarray(log_prior[part], dtype=np.float64)


def _pieces(values: Rows, k: int, q: int, most: int | None = None) -> Iterator[tuple[slice, Rows]]:
    """Yield the rows in order, in pieces of whole blocks that the compiled code can read."""
    n, d = values.shape
    in_place = values.dtype.type in KEPT_TYPES and values.dtype.isnative and values.flags.c_contiguous
    block = _native.factor_block_rows(k, q)
    size = min(_PRODUCTS_PER_CALL / (k * d * (2 + q)), n, n if in_place else _CONVERTED_NUMBERS // d, most or n)
    step = block * max(1, round(size / block))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        yield part, values[part] if in_place else np.ascontiguousarray(values[part], dtype=np.float64)


def _softmax(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log densities (n,) and the responsibilities (n, k); all are zero in rows whose density is zero."""
    greatest = scores.max(axis=1, keepdims=True)
    reference = np.where(np.isfinite(greatest), greatest, 0.0)
    shares = np.exp(scores - reference)
    total = shares.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_density = (np.log(total) + reference)[:, 0]
    return log_density, shares / np.where(total > 0, total, 1.0)


def _wanted(scores: FloatArray, want: Want) -> Rows:
    match want:
        case "scores":
            return scores
        case "labels":
            return scores.argmax(axis=1)
        case "log_density":
            return _softmax(scores)[0]
        case "responsibilities":
            return _softmax(scores)[1]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over rows, as the compiled code writes them (cpp/factor/factor.hpp)."""

    totals: FloatArray  # (2,)
    counts: FloatArray  # (k,)
    along: FloatArray  # (k, q)
    inner: FloatArray  # (k, q, q)
    columns: FloatArray  # (k, 2 + q, d)

    @classmethod
    def zeros(cls, k: int, d: int, q: int) -> Self:
        return cls(np.zeros(2), np.zeros(k), np.zeros((k, q)), np.zeros((k, q, q)), np.zeros((k, 2 + q, d)))

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        return self.totals, self.counts, self.along, self.inner, self.columns

    def plus(self, other: Self) -> Self:
        return type(self)(*(mine + theirs for mine, theirs in zip(self.arrays, other.arrays, strict=True)))

    def whitened(self, mixture: WhitenedMixture) -> tuple[FloatArray, FloatArray]:
        """Return the shifts and the scatter."""
        axes = np.ascontiguousarray(mixture.factors[:, :, 1:].transpose(0, 2, 1))  # (k, q, d), as the products
        shares = np.einsum("kqd,kqd->kq", axes, axes)  # g
        first, products, squares = self.columns[:, 0], self.columns[:, 1:-1], self.columns[:, -1]
        shifts = first - (self.along[:, None, :] @ axes)[:, 0]
        across = self.inner @ axes
        diagonal = squares - np.einsum("kqd,kqd->kd", axes, 2 * products - across)
        cross = (products - across) * (1 - shares)[:, :, None]
        return shifts, np.concatenate([diagonal[:, None, :], cross], axis=1).transpose(0, 2, 1).copy()
