"""Moves of a component to a place that has many more rows than the mixture expects.

A small, dense cluster within a wide one pulls no mean and hardly changes a covariance, so k-means and splits do not see
it, and starts may agree without it. But a ball about one of its rows holds many more rows than the mixture predicts.
"""

import math
from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.covariance.deviations import diagonal_of
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.degeneracy import rows_needed
from gaussmix.fitting.merge_losses import merge_losses
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_responsibilities

_CENTERS, _MOST_ROWS = 128, 2048  # balls whose rows are counted, and rows that are counted, before all are looked at
_EXPECTED, _ENOUGH = 3.0, 10  # rows of a ball by the mixture, and rows that hardly ever occur by chance
_MOST_BALLS = 16  # that are looked at
_FIRST_GAIN = 5.0  # nats of the Poisson distribution at the first look
_LEAST_GAIN = 14.0  # nats of the ball that is most unlikely about the mean of its rows
_MOST_LOG = 80.0  # logarithm of a number of single precision
_PLACES, _PAIRS = 3, 2  # proposals: places for the best pair, and pairs for the best place
_PSEUDO_ROWS = 1e-6  # of each covariance: a whole one of all rows would be much wider than the place


def propose_dense_places(data: Sample, mixture: Mixture) -> Iterator[Mixture]:
    """Yield mixtures in which two components are merged, and one moves to rows that are unexpectedly close together.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    mixture : Mixture
        Result of EM on these rows.

    Yields
    ------
    Mixture
    """
    structure, k = type(mixture.covariance), mixture.n_components
    is_normal = mixture.background is None and mixture.degrees_of_freedom is None
    if not is_normal or issubclass(structure, Factor) or FORMS[structure.form].is_shared or k == 1:
        return
    places = find_dense_places(data, mixture, rows_needed(structure.letters, data.rows.n_features))
    if not places:
        return
    responsibilities = mixture.responsibilities(data.rows.values)
    losses = merge_losses(mixture, responsibilities, data.rows.weights)
    first, second = np.triu_indices(k, 1)
    cheapest = np.argsort(losses[first, second], kind="stable")[:_PAIRS].tolist()
    moves = [(place, cheapest[0]) for place in places] + [(places[0], pair) for pair in cheapest[1:]]
    for place, pair in moves:
        moved = responsibilities.copy()
        moved[:, first[pair]] += moved[:, second[pair]]
        moved[:, second[pair]] = 0.0
        moved[place] = 0.0
        moved[place, second[pair]] = 1.0
        yield start_from_responsibilities(data, moved, structure, _PSEUDO_ROWS)


def find_dense_places(data: Sample, mixture: Mixture, least: float) -> list[IntArray]:
    """Return the rows of up to three balls that hold many more rows than a mixture expects, the most unlikely first.

    A place of equal rows is none: values that were cut off at a limit are the tail of a cluster.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    mixture : Mixture
        Mixture that predicts them.
    least : float
        Weight of the rows that a ball must have.

    Returns
    -------
    list of (m,) array of int
        Numbers of the rows.
    """
    rows, d = data.whitened, data.rows.n_features
    in_units = float(np.log(diagonal_of(data.root)).sum())
    log_expected = _log_of_unit_ball(d) + math.log(data.rows.total) + in_units  # in a ball of radius one, less density
    centers = np.arange(len(rows))[:: max(1, len(rows) // _CENTERS)]
    every = -(-len(rows) // _MOST_ROWS)
    log_density = mixture.log_density(data.rows.values[centers])
    log_radius = math.log(_EXPECTED * every) - log_expected - log_density
    within = _are_within(rows[::every], rows[centers], np.exp(np.minimum(2 / d * log_radius, _MOST_LOG)))
    counts = np.count_nonzero(within, axis=1)
    counts[2 * counts > within.shape[1]] = 0  # the center is an outlier
    dense = np.argsort(-counts, kind="stable")[:_MOST_BALLS]
    dense = dense[counts[dense] > _ENOUGH]
    if not dense.size:
        return []
    highest = np.where(within[dense], mixture.log_density(data.rows.values[::every]), -np.inf).max(axis=1)
    log_excess = np.log(counts[dense] / _EXPECTED) - np.maximum(highest - log_density[dense], 0.0)
    dense = dense[counts[dense] * (log_excess + np.exp(-log_excess) - 1) * (log_excess > 0) > _FIRST_GAIN]
    if not dense.size:
        return []
    means = within[dense] @ rows[::every] / counts[dense, None]
    log_rates = log_expected + mixture.log_density(data.rows.values)
    balls = [_most_unlikely(rows - mean, data.rows.explicit_weights, log_rates, least) for mean in means]
    places: list[IntArray] = []
    for gain, ball in sorted(balls, key=lambda one: -one[0]):
        if gain < _LEAST_GAIN or len(places) == _PLACES:
            break
        is_new = not any(np.isin(ball[0], place) for place in places)
        if is_new and len(np.unique(rows[ball], axis=0)) >= _EXPECTED:
            places.append(ball)
    return places


def _log_of_unit_ball(d: int) -> float:
    """Return the logarithm of the volume of the unit ball in ``d`` dimensions."""
    return 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)


def _are_within(rows: FloatArray, centers: FloatArray, squares: FloatArray) -> BoolArray:
    """Return which rows (n, d) have less than a squared distance (m,) from each center (m, d), up to rounding.

    Distances are computed in single precision, which suffices for a first look.
    """
    ones, single = np.ones((len(rows), 1)), np.float32
    left = np.hstack([-2 * centers, ((centers**2).sum(axis=1) - squares)[:, None], ones[: len(centers)]]).astype(single)
    right = np.hstack([rows, ones, (rows**2).sum(axis=1)[:, None]]).astype(single)
    return np.asarray(left @ right.T < 0)


def _most_unlikely(
    away: FloatArray, weights: FloatArray, log_rates: FloatArray, least: float
) -> tuple[float, IntArray]:
    """Return the most unlikely ball about a center by the Poisson distribution of its rows: nats, and the rows.

    The expected number is at most that of the highest density in the ball.
    """
    squares, d = (away**2).sum(axis=1), away.shape[1]
    order = np.argsort(squares, kind="stable")[: len(squares) // 2]
    counts = np.cumsum(weights[order]) - weights[order[0]]
    radius = np.maximum(squares[order], np.finfo(np.float64).tiny)
    expected = np.maximum.accumulate(log_rates[order]) + 0.5 * d * np.log(radius)
    excess = np.log(np.maximum(counts, 1.0)) - expected
    gains = np.where((counts >= max(least, _EXPECTED)) & (excess > 0), counts * excess - counts, 0.0)
    gains += (gains > 0) * np.exp(np.minimum(expected, 700.0))
    best = int(gains.argmax())
    return float(gains[best]), order[: best + 1]
