"""Moves of single rows between components, where one row decides the covariance of a component.

EM leaves a row that is far from all others where it is, because the row stretches its component until it fits. Moving
the row to another component may raise the likelihood, and that can be computed without EM (the exchange algorithm of
Hartigan and Wong, Applied Statistics 28 (1979), 100-108, with the likelihood in place of the sum of squares).
"""

from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, Factor
from gaussmix.core.covariance.triangular import inverse_transposed, lower_root
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.degeneracy import rows_needed
from gaussmix.fitting.row_sequences import can_move_in_sequence, sequences_of_moves
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_responsibilities

_LEAST_GAIN = 0.5  # nats
_MOST_MOVES = 100  # of one proposal, of one row for each component
_MOST_ROWS = 200  # that may move, those that decide most
_PSEUDO_ROWS = 1e-6  # of each covariance: a whole one of all rows would have the tails of all of them
_TINY = 1e-9


def propose_row_moves(data: Sample, mixture: Mixture, *, of_tails: bool = True) -> Iterator[Mixture]:
    """Yield the mixture after moves of rows that raise the classification likelihood, if there are any.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    mixture : Mixture
        Result of EM on these rows.
    of_tails : bool
        Whether components may be made for heavy tails: rows also move in sequences, and covariances of the result have
        hardly any part of that of all rows.

    Yields
    ------
    Mixture
    """
    structure = type(mixture.covariance)
    if issubclass(structure, Factor) or mixture.n_components == 1:
        return
    responsibilities = mixture.responsibilities(data.rows.values)
    labels, rows, weights = responsibilities.argmax(axis=1), data.scaled[0], data.rows.explicit_weights
    gains = gains_of_row_moves(rows, weights, labels, mixture.n_components, np.arange(len(rows)), structure)
    exchanged = _exchanged(data, labels, gains, structure)
    moves = [(moved, exchanged[moved])] if (moved := np.flatnonzero(exchanged != labels)).size else []
    if of_tails and data.has_heavy_tails and can_move_in_sequence(structure, rows.shape[1]):
        least = rows_needed(structure.letters, rows.shape[1])
        sequences = sequences_of_moves(rows, weights, labels, gains, least, structure)
        moves += [(one.rows, np.full(len(one.rows), one.to)) for one in sequences if one.gain > _LEAST_GAIN]
    for moved, to in moves:
        after = responsibilities.copy()
        after[moved] = 0.0
        after[moved, to] = 1.0
        yield start_from_responsibilities(data, after, structure, _PSEUDO_ROWS if of_tails else 1.0)


def _exchanged(data: Sample, labels: IntArray, gains: FloatArray, structure: type[AbstractCovariance]) -> IntArray:
    """Return labels (n,) after the best moves of single rows, one for each component at a time.

    The gains (n, k) are those of `gains_of_row_moves` for all rows.
    """
    labels = labels.copy()
    rows, weights, k = data.scaled[0], data.rows.explicit_weights, gains.shape[1]
    least = rows_needed(structure.letters, rows.shape[1])
    some = np.arange(len(rows))
    for at in range(_MOST_MOVES):
        gains = gains_of_row_moves(rows, weights, labels, k, some, structure) if at else gains.copy()
        own, counts = labels[some], np.bincount(labels, weights, k)
        gains[(counts[own] - weights[some] < max(least, 1)) | ~np.isfinite(gains).all(axis=1)] = 0.0
        gains[np.arange(len(some)), own] = 0.0
        best = gains.max(axis=1)
        if not best.max(initial=0.0) > _LEAST_GAIN:
            break
        for component in np.unique(own[best > max(_LEAST_GAIN, 0.5 * best.max())]):
            of_component = np.flatnonzero(own == component)
            row = of_component[best[of_component].argmax()]
            labels[some[row]] = gains[row].argmax()
        if len(some) > _MOST_ROWS:
            some = some[np.argsort(-best, kind="stable")[:_MOST_ROWS]]
    return labels


def gains_of_row_moves(
    rows: FloatArray,
    weights: FloatArray,
    labels: IntArray,
    k: int,
    some: IntArray,
    structure: type[AbstractCovariance],
) -> FloatArray:
    """Return what moving rows to each component gains in classification likelihood, in nats.

    Covariances are taken as free in each component, or as common for the tied form.

    Parameters
    ----------
    rows : (n, d) array
        All rows.
    weights : (n,) array
        Their weights.
    labels : (n,) array of int
        Their components.
    k : int
        Number of components.
    some : (m,) array of int
        The rows that may move.
    structure : type of AbstractCovariance
        Covariance structure.

    Returns
    -------
    (m, k) array
        Gains; those of the own component have no meaning, and neither do numbers that are not finite.
    """
    counts = np.bincount(labels, weights, k).astype(np.float64)
    if FORMS[structure.form].is_shared:
        return _gains_tied(rows, weights, labels, counts, some)
    return _gains(rows, weights, labels, counts, some, structure)


def _moments(rows: FloatArray, weights: FloatArray, labels: IntArray, component: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean (d,) and the centered rows of a component times the roots of their weights."""
    held = labels == component
    own, w = rows[held], weights[held]
    mean = w @ own / max(float(w.sum()), _TINY)
    return mean, np.sqrt(w)[:, None] * (own - mean)


def _entropy(counts: FloatArray) -> FloatArray:
    return np.asarray(counts * np.log(np.maximum(counts, _TINY)))


def _gains(
    rows: FloatArray,
    weights: FloatArray,
    labels: IntArray,
    counts: FloatArray,
    some: IntArray,
    structure: type[AbstractCovariance],
) -> FloatArray:
    """Return what moving some rows to each component (m, k) gains, in nats; each component has its own covariance.

    With ``n`` rows in a component, and the squared Mahalanobis distance ``q`` of a row, its determinant is multiplied
    by ``(n / (n + 1))^d (1 + q / (n + 1))`` if the row is added, and likewise with -1 if it is removed.
    """
    k, d = len(counts), rows.shape[1]
    own, w = labels[some], weights[some]
    added, removed, values = np.empty((len(some), k)), np.zeros(len(some)), rows[some]
    is_diagonal = FORMS[structure.form].is_diagonal
    for component, count in enumerate(counts):
        if count <= 0:
            added[:, component] = -np.inf
            continue
        mean, centered = _moments(rows, weights, labels, component)
        away = values - mean
        if is_diagonal:
            variances, times = (centered**2).sum(axis=0) / count, 1.0
            if FORMS[structure.form].features_per_variance(d) > 1:
                variances[:] = variances.mean()
                times = float(d)
            is_singular = not (variances > _TINY**2).all()
        else:
            root = lower_root((centered.T @ centered / count)[None])[0]
            is_singular = not (root.diagonal() > _TINY).all()
        if is_singular:
            added[:, component] = -np.inf
            removed[own == component] = -np.inf
            continue
        if is_diagonal:
            squares = away**2 / variances if times == 1.0 else (away**2).mean(axis=1)[:, None] / variances[0]
            log_det = float(np.log(variances).sum())
        else:
            squares = ((away @ inverse_transposed(root[None])[0]) ** 2).sum(axis=1)[:, None]
            log_det, times = 2 * float(np.log(root.diagonal()).sum()), 1.0
        inside = own == component
        shape = (squares, times, log_det)
        added[:, component] = _change(float(count), w, *shape, d)
        removed[inside] = _change(float(count), -w, *shape, d)[inside]
    return removed[:, None] + added


def _change(
    count: float, mass: FloatArray, squares: FloatArray, times: float, log_det: float, n_features: int
) -> FloatArray:
    """Return what a component gains (m,) if it has more or fewer rows of some mass (m,).

    The squared distances of the rows are ``squares`` (m, any), each of which changes the determinant ``times`` times.
    """
    after = np.maximum(count + mass, _TINY)
    ratio = np.maximum(1 + mass[:, None] * squares / after[:, None], _TINY)
    log_after = log_det + n_features * np.log(count / after) + times * np.log(ratio).sum(axis=1)
    return _entropy(after) - _entropy(np.asarray(count)) - 0.5 * (after * log_after - count * log_det)


def _gains_tied(
    rows: FloatArray, weights: FloatArray, labels: IntArray, counts: FloatArray, some: IntArray
) -> FloatArray:
    """Return what moving some rows to each component (m, k) gains, in nats; all have the same covariance."""
    k, total = len(counts), float(counts.sum())
    parts = [_moments(rows, weights, labels, component) for component in range(k)]
    means, centered = np.stack([mean for mean, _ in parts]), np.concatenate([part for _, part in parts])
    root = lower_root((centered.T @ centered)[None])[0]
    if not (root.diagonal() > 0).all():
        return np.zeros((len(some), k))
    whiten = inverse_transposed(root[None])[0]
    own, w = labels[some], weights[some][:, None]
    away = (rows[some][:, None] - means) @ whiten
    from_own = away[np.arange(len(some)), own]
    squares, own_squares = (away**2).sum(axis=2), (from_own**2).sum(axis=1)[:, None]
    products = np.einsum("nd,nkd->nk", from_own, away)
    before, after = counts[own][:, None], counts
    remove = w * before / np.maximum(before - w, _TINY)
    add = w * after / (after + w)
    ratio = (1 - remove * own_squares) * (1 + add * squares) + remove * add * products**2
    entropy = _entropy(before - w) - _entropy(before) + _entropy(after + w) - _entropy(after)
    return np.asarray(-0.5 * total * np.log(np.maximum(ratio, _TINY)) + entropy)
