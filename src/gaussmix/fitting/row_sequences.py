"""Sequences of moves of rows from one component to another, of which the first ones may lose likelihood.

Where a column has heavy tails, several rows together decide the variance of a component. Moving one of them loses, and
moving all of them gains. A sequence moves the best row each time, whether it gains or not, and its best beginning is
kept (Kernighan and Lin, Bell System Technical Journal 49 (1970), 291-307).
"""

import itertools
from dataclasses import dataclass

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.covariance.triangular import inverse_transposed, lower_root
from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, IntArray

_CANDIDATES = 32  # rows of a component that may move to another one, those that gain most or lose least
_STEPS = 20
_MOST_PAIRS = 30
_HOPELESS = 10.0  # nats lost that end a sequence
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class RowSequence:
    """Rows that move together.

    Attributes
    ----------
    gain : float
        What they gain in classification likelihood, in nats.
    rows : (m,) array of int
        Numbers of the rows.
    to : int
        The component that they move to.
    """

    gain: float
    rows: IntArray
    to: int


def can_move_in_sequence(structure: type[AbstractCovariance], n_features: int) -> bool:
    """Return whether `sequences_of_moves` knows the structure: each component has its own variance of each column."""
    form = FORMS[structure.form]
    return not form.is_shared and form.features_per_variance(n_features) == 1


def sequences_of_moves(
    rows: FloatArray,
    weights: FloatArray,
    labels: IntArray,
    gains: FloatArray,
    least: float,
    structure: type[AbstractCovariance],
) -> list[RowSequence]:
    """Return sequences of moves that gain, best first, one for each pair of components at most.

    Parameters
    ----------
    rows : (n, d) array
        All rows.
    weights : (n,) array
        Their weights.
    labels : (n,) array of int
        Their components.
    gains : (n, k) array
        Result of `gains_of_row_moves` for all rows.
    least : float
        Weight of the rows that each component keeps.
    structure : type of AbstractCovariance
        Covariance structure, one of those of `can_move_in_sequence`.

    Returns
    -------
    list of RowSequence
    """
    k = gains.shape[1]
    every = [_Sums.of(rows[labels == at], weights[labels == at], structure) for at in range(k)]
    sums = {at: own for at, own in enumerate(every) if own is not None}
    pairs = []
    for at, to in itertools.permutations(sums, 2):
        members = np.flatnonzero(labels == at)
        some = members[np.argsort(-gains[members, to], kind="stable")[:_CANDIDATES]]
        if np.isfinite(gains[some, to]).all():
            pairs.append((float(gains[some[0], to]), at, to, some))
    pairs.sort(key=lambda pair: -pair[0])
    found = []
    for _, at, to, some in pairs[:_MOST_PAIRS]:
        gain, moved = _sequence(rows[some], weights[some], sums[at], sums[to], least)
        found.append(RowSequence(gain, some[moved], to))
    return sorted((one for one in found if one.gain > 0), key=lambda one: -one.gain)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Mean, and units in which the scatter is the identity, of the rows of a component; blocks share a determinant."""

    count: float
    mean: FloatArray
    units: FloatArray
    log_det: float
    is_diagonal: bool

    @classmethod
    def of(cls, rows: FloatArray, weights: FloatArray, structure: type[AbstractCovariance]) -> "_Sums | None":
        """Return the sums; None if the covariance is singular."""
        count = float(weights.sum())
        if count <= 0:
            return None
        mean = weights @ rows / count
        centered = np.sqrt(weights)[:, None] * (rows - mean)
        if FORMS[structure.form].is_diagonal:
            root = np.sqrt((centered**2).sum(axis=0))
            if not (root > _TINY).all():
                return None
            return cls(count, mean, 1 / root, 2 * float(np.log(root).sum()), True)
        root = lower_root((centered.T @ centered)[None])[0]
        if not (root.diagonal() > _TINY).all():
            return None
        return cls(count, mean, inverse_transposed(root[None])[0], 2 * float(np.log(root.diagonal()).sum()), False)

    def products(self, rows: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the inner products (m, m, blocks) of rows with a one in front, in units of the sums of such rows."""
        away, root = rows - self.mean, np.sqrt(weights)
        if self.is_diagonal:
            away = away * self.units
            inner = away[:, None] * away
        else:
            away = away @ self.units
            inner = (away @ away.T)[:, :, None]
        return np.asarray((1 / self.count + inner) * (root[:, None] * root)[:, :, None])


def _sequence(
    rows: FloatArray, weights: FloatArray, source: _Sums, target: _Sums, least: float
) -> tuple[float, IntArray]:
    """Return the gain of the best beginning of a sequence of moves, and the rows that move.

    With a one in front of each row, the sum of squares of all rows has the determinant of the scatter times the count
    (in each block), and both the determinant and the products change by a rank-one update when a row moves. What
    earlier moves have added to the gain of a row counts twice, so that a sequence does not leave the direction in which
    it began for rows between the components, of which each loses little.
    """
    m, d = rows.shape
    from_source, from_target = source.products(rows, weights), target.products(rows, weights)
    blocks = from_source.shape[2]
    count_out, count_in = source.count, target.count
    log_out, log_in = (one.log_det + blocks * np.log(one.count) for one in (source, target))
    before = _of_count(count_out, log_out, blocks, d) + _of_count(count_in, log_in, blocks, d)
    start, at_start, first = before, before, None
    is_left, order, gains = np.ones(m, dtype=bool), [], []
    for _ in range(min(_STEPS, m)):
        out = log_out + np.log(np.maximum(1 - np.einsum("iib->ib", from_source), _TINY)).sum(axis=1)
        into = log_in + np.log1p(np.einsum("iib->ib", from_target)).sum(axis=1)
        after = _of_count(count_out - weights, out, blocks, d) + _of_count(count_in + weights, into, blocks, d)
        gain = after - at_start
        first = gain if first is None else first
        may_move = is_left & (count_out - weights >= least)
        if not may_move.any():
            break
        row = int(np.where(may_move, 2 * gain - first, -np.inf).argmax())
        order.append(row)
        gains.append(after[row] - start)
        if gains[-1] < max(gains) - _HOPELESS or gains[-1] < -_HOPELESS:
            break
        at_start, log_out, log_in = after[row], out[row], into[row]
        count_out, count_in = count_out - weights[row], count_in + weights[row]
        is_left[row] = False
        column, own = from_source[:, row], from_source[row, row]
        from_source = from_source + column[:, None] * column / np.maximum(1 - own, _TINY)
        column, own = from_target[:, row], from_target[row, row]
        from_target = from_target - column[:, None] * column / (1 + own)
    if not gains:
        return -np.inf, np.zeros(0, dtype=np.int64)
    best = int(np.argmax(gains))
    return float(gains[best]), np.asarray(order[: best + 1])


def _of_count(count: FloatArray | float, log_det: FloatArray | float, blocks: int, d: int) -> FloatArray:
    """Return the classification likelihood of a component, but for constants, from its sums of squares."""
    log_count = np.log(np.maximum(count, _TINY))
    return np.asarray(count * log_count - 0.5 * count * (log_det - (blocks + d) * log_count))
