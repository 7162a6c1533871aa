"""Passes over rows for factor covariances, by matrix products of blocks of rows, linear in the features and factors.

With ``y`` the rows in units of the noise and ``t = y G`` (core/forms/factor.py), the whitened rows are ``y - t G'`` and
their squared length is ``|y|^2 - sum (2 - g) t^2``. For all components together these are two products of a block of
rows, and the sums are two more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import xlogy

import gaussmix.core._native as _native
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.threads import mapped_in_threads
from gaussmix.core.typing import FloatArray, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

_BLOCK_NUMBERS, _LEAST_BLOCK, _MOST_BLOCK = 1 << 18, 64, 1024  # numbers of a block, 2 MB; rows
_GROUP = 8  # blocks whose sums one thread adds
_FEW_NUMBERS = 1 << 20  # rows times features; with fewer, threads cost more than they gain
_NOTHING = 1e-30  # responsibility that adds nothing to sums in double precision
_SPARSE = 0.3  # share of the responsibilities below which each component takes its own rows
_APART = 1e7  # squared distance of means, in units of the noise, from which squares about the center lose digits

Result = TypeVar("Result")


def accumulate_factors(rows: WeightedRows, mixture: WhitenedMixture, log_prior: FloatArray | None) -> Moments:
    """Return the sums over all rows, as `AbstractEngine.accumulate`."""
    work = _Pass(mixture)

    def sums(parts: list[slice]) -> _Sums:
        buffers = work.buffers(parts[0].stop - parts[0].start)
        return _total([_sums_of(work, rows, part, log_prior, buffers) for part in parts])

    total: _Sums | None = None
    for some in _in_groups(sums, rows):
        total = some if total is None else _total([total, some])
    assert total is not None
    log_likelihood, entropy, counts, *others = total
    shifts, scatter = work.whitened_sums(counts, others)
    return Moments("factor", counts, shifts, scatter, float(log_likelihood), float(entropy), rows.total)


def score_factor_rows(rows: WeightedRows, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None) -> Rows:
    """Return one or several numbers for each row, as `AbstractEngine.score_rows`."""
    work = _Pass(mixture)

    def result(parts: list[slice]) -> list[Rows]:
        buffers = work.buffers(parts[0].stop - parts[0].start)
        blocks = (work.block(rows.values[part], _piece(log_prior, part), buffers) for part in parts)
        return [_wanted(block.scores, want) for block in blocks]

    return np.concatenate([one for some in _in_groups(result, rows) for one in some])


_Sums = list[FloatArray]


def _in_groups(function: Callable[[list[slice]], Result], rows: WeightedRows) -> Iterator[Result]:
    """Yield the results of groups of blocks, in order; neither depends on the number of threads."""
    size = int(np.clip(_BLOCK_NUMBERS // rows.n_features, _LEAST_BLOCK, _MOST_BLOCK))
    blocks = [slice(start, start + size) for start in range(0, rows.n_rows, size)]
    groups = [blocks[at : at + _GROUP] for at in range(0, len(blocks), _GROUP)]
    n_threads = _native.max_threads() if rows.n_rows * rows.n_features > _FEW_NUMBERS else 1
    with (
        one_blas_thread(*rows.shape),
        mapped_in_threads(underflow_to_zero(function), groups, n_threads) as results,
    ):
        yield from results


def _total(sums: list[_Sums]) -> _Sums:
    return [np.asarray(sum(parts[1:], start=parts[0])) for parts in zip(*sums, strict=True)]


def _piece(log_prior: FloatArray | None, part: slice) -> FloatArray | None:
    return None if log_prior is None else log_prior[part]


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


def _sums_of(
    work: "_Pass",
    rows: WeightedRows,
    part: slice,
    log_prior: FloatArray | None,
    buffers: tuple[FloatArray, FloatArray],
) -> _Sums:
    """Return the log-likelihood, the entropy, the counts and the sums of `_Pass.sums` of a block of rows."""
    block = work.block(rows.values[part], _piece(log_prior, part), buffers)
    log_density, shares = _softmax(block.scores)
    entropies = -xlogy(shares, shares).sum(axis=1)
    if rows.weights is None:
        log_likelihood, entropy = log_density.sum(), entropies.sum()
    else:
        weights = rows.weights[part]
        counted = weights > 0
        log_likelihood, entropy = weights[counted] @ log_density[counted], weights @ entropies
        shares = shares * weights[:, None]
    shares = np.where(shares < _NOTHING, 0.0, shares)
    counts = shares.sum(axis=0)
    return [np.asarray(log_likelihood), np.asarray(entropy), counts, *work.sums(block, shares)]


@dataclass(frozen=True, eq=False)
class _Block:
    """Rows (n, d) about the center, their squares, ``t`` (k, q, n) and the scores (n, k)."""

    rows: FloatArray
    squares: FloatArray
    inner: FloatArray
    scores: FloatArray


class _Pass:
    """Matrices of a mixture for the products of a pass."""

    def __init__(self, mixture: WhitenedMixture) -> None:
        if mixture.degrees_of_freedom is not None or mixture.background is not None:
            raise ValueError("factor covariances are for normal components without noise: use another covariance_type")
        self._offsets = mixture.offsets
        self._inverse, self._axes = mixture.factors[:, :, 0], np.ascontiguousarray(mixture.factors[:, :, 1:])
        self._center = mixture.means.mean(axis=0)
        self._means = mixture.means - self._center
        k, d, q = self._axes.shape
        self._shares = (self._axes**2).sum(axis=1)  # g
        scaled = self._inverse[:, None, :] * self._axes.transpose(0, 2, 1)
        self._quadratic = self._inverse**2
        self._lengths = (self._means**2 * self._quadratic).sum(axis=1)
        self._is_apart = bool(self._lengths.max() > _APART)
        self._inner_means = scaled @ self._means[:, :, None]
        self._linear = np.concatenate([scaled.reshape(k * q, d), self._quadratic * self._means])

    def buffers(self, n_rows: int) -> tuple[FloatArray, FloatArray]:
        """Return arrays for the rows of a block and their squares, because new ones of this size take time."""
        return np.empty((n_rows, len(self._center))), np.empty((n_rows, len(self._center)))

    def block(self, values: Rows, log_prior: FloatArray | None, buffers: tuple[FloatArray, FloatArray]) -> _Block:
        """Return a block of rows with its scores; its rows are valid until the buffers are used again."""
        k, _, q = self._axes.shape
        rows, squares = (buffer[: len(values)] for buffer in buffers)
        np.subtract(values, self._center, out=rows, dtype=np.float64)
        np.multiply(rows, rows, out=squares)
        if self._is_apart:
            inner, lengths = np.empty((k, q, len(rows))), np.empty((k, len(rows)))
            for component in range(k):
                own = self._own(rows, component)
                inner[component], lengths[component] = self._axes[component].T @ own.T, (own * own).sum(axis=1)
        else:
            products = self._linear @ rows.T
            inner = products[: k * q].reshape(k, q, -1)
            inner -= self._inner_means
            lengths = self._quadratic @ squares.T
            lengths -= 2 * products[k * q :]
            lengths += self._lengths[:, None]
        lengths -= np.einsum("kqn,kqn,kq->kn", inner, inner, 2 - self._shares)
        lengths[np.isnan(lengths)] = np.inf  # of rows whose squares overflow
        scores = self._offsets - 0.5 * np.maximum(lengths, 0.0).T
        return _Block(rows, squares, inner, scores if log_prior is None else scores + log_prior)

    def _own(self, rows: FloatArray, component: int) -> FloatArray:
        """Return rows about the mean of a component in units of its noise."""
        return np.asarray((rows - self._means[component]) * self._inverse[component])

    def sums(self, block: _Block, shares: FloatArray) -> _Sums:
        """Return sums of r t, r t t', and of r x, r x^2, r t x' about the center (if means are apart, of y for x)."""
        k, d, q = self._axes.shape
        if not self._is_apart and np.count_nonzero(shares) < _SPARSE * shares.size:
            return self._sparse_sums(block, shares)
        weighted = shares.T[:, None, :] * block.inner
        inner = weighted @ block.inner.transpose(0, 2, 1)
        if not self._is_apart:
            cross = np.concatenate([weighted.reshape(k * q, -1), shares.T]) @ block.rows
            squares, products = shares.T @ block.squares, cross[: k * q].reshape(k, q, d)
            return [weighted.sum(axis=2), inner, cross[k * q :], squares, products]
        first, squares, products = np.empty((k, d)), np.empty((k, d)), np.empty((k, q, d))
        for component in range(k):
            own = self._own(block.rows, component)
            first[component], squares[component] = shares[:, component] @ own, shares[:, component] @ (own * own)
            products[component] = weighted[component] @ own
        return [weighted.sum(axis=2), inner, first, squares, products]

    def _sparse_sums(self, block: _Block, shares: FloatArray) -> _Sums:
        """Return `sums` where most responsibilities are zero."""
        k, d, q = self._axes.shape
        along, inner = np.zeros((k, q)), np.zeros((k, q, q))
        first, squares, products = np.zeros((k, d)), np.zeros((k, d)), np.zeros((k, q, d))
        for component in np.flatnonzero(shares.any(axis=0)):
            some = np.flatnonzero(shares[:, component])
            own, ours = shares[some, component], block.inner[component][:, some]
            weighted = np.concatenate([ours * own, own[None]])
            cross = weighted @ block.rows[some]
            products[component], first[component] = cross[:q], cross[q]
            along[component], inner[component] = weighted[:q].sum(axis=1), weighted[:q] @ ours.T
            squares[component] = own @ block.squares[some]
        return [along, inner, first, squares, products]

    def whitened_sums(self, counts: FloatArray, sums: _Sums) -> tuple[FloatArray, FloatArray]:
        """Return the shifts and the scatter of the sums of all rows."""
        along, inner, first, squares, products = sums
        if not self._is_apart:
            means, inverse = self._means, self._inverse
            squares = inverse**2 * (squares - means * (2 * first - counts[:, None] * means))
            products = inverse[:, None, :] * (products - along[:, :, None] * means[:, None, :])
            first = inverse * (first - counts[:, None] * means)
        axes, products = self._axes, products.transpose(0, 2, 1)
        shifts = first - (axes @ along[:, :, None])[:, :, 0]
        across = axes @ inner
        diagonal = squares - (axes * (2 * products - across)).sum(axis=2)
        cross = (products - across) * (1 - self._shares)[:, None, :]
        return shifts, np.concatenate([diagonal[:, :, None], cross], axis=2)
