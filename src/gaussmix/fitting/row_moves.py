"""Moves of single rows between components, where one row decides the covariance of a component.

EM leaves a row that is far from all others where it is, because the row stretches its component until it fits. Moving
the row to another component may raise the likelihood, and that can be computed without EM (the exchange algorithm of
Hartigan and Wong, Applied Statistics 28 (1979), 100-108, with the likelihood in place of the sum of squares).
"""

from collections.abc import Iterator

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.covariance import AbstractCovariance, Factor
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
    gains = np.empty((len(some), k))
    _native.gains_of_row_moves(rows, weights, labels, structure.form, some, gains)
    return gains
