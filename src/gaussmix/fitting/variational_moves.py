"""Moves that may raise the evidence lower bound: merges, splits, both at once, and births on badly explained rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior.merge_gains import entropy_losses, merge_gains
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.sample import Sample, cluster, kurtosis_axes
from gaussmix.fitting.split_merge import side_of_mean
from gaussmix.fitting.starts import start_from_labels, start_from_responsibilities
from gaussmix.fitting.variational import VariationalUpdate

_SPLIT_ITERATIONS = 3, 6  # of each start, then of the better one
_LEAST_SHARE = 1e-3  # responsibility below which a row is ignored when a component is split
_LEAST_ROWS = 4
_BADLY_EXPLAINED = 0.05  # share of the rows with the lowest density
_COSTLY, _COSTLY_SHARE = 50.0, 0.05  # nats, at all or per row, that no split makes up for
_HOPELESS = 20.0  # nats below which a move is not tried


@dataclass(frozen=True, eq=False)
class Move:
    """A new start from changed responsibilities.

    Attributes
    ----------
    gain : float
        Expected gain of the bound in nats.
    responsibilities : (n, k) array
        Responsibilities after the move.
    """

    gain: float
    responsibilities: FloatArray

    def start(self, data: Sample, update: VariationalUpdate) -> Mixture:
        """Return the state of the loop after the move."""
        return start_from_responsibilities(data, self.responsibilities, update.prior.structure)


@dataclass(frozen=True, eq=False)
class Split:
    """A component in two halves: the gain in nats for its own rows, and the responsibilities (n,) of the first half."""

    component: int
    gain: float
    first: FloatArray


def merge_all(update: VariationalUpdate, mixture: Mixture, data: Sample) -> FloatArray | None:
    """Return responsibilities after the merges of disjoint pairs that each raise the bound; None if there are none.

    Parameters
    ----------
    update : VariationalUpdate
        The M-step, with the prior.
    mixture : Mixture
        State of the loop.
    data : Sample
        Rows of the loop.

    Returns
    -------
    (n, m) array or None
        Responsibilities of the components that are left.
    """
    shares, pairs = _ranked_merges(update, mixture, data)
    gone: set[int] = set()
    used: set[int] = set()
    for gain, i, j in pairs:
        if gain > 0 and not {i, j} & used:
            shares[:, i] += shares[:, j]
            used |= {i, j}
            gone.add(j)
    if not gone:
        return None
    return np.delete(shares, sorted(gone), axis=1)


def propose_moves(update: VariationalUpdate, mixture: Mixture, data: Sample) -> Iterator[Move]:
    """Yield moves from a state of the loop in descending order of their expected gain.

    Parameters
    ----------
    update : VariationalUpdate
        The M-step, with the prior.
    mixture : Mixture
        State of the loop.
    data : Sample
        Rows of the loop.

    Yields
    ------
    Move
        Merges of two components; a merge and a split at once; and, if the model has components left, splits and births.
    """
    shares, merges = _ranked_merges(update, mixture, data)
    most_lost = max(_COSTLY, _COSTLY_SHARE * update.total)
    merges = [merge for merge in merges if merge[0] > -most_lost]
    if not merges and mixture.n_components == update.prior.n_components:
        return
    splits = sorted(_splits(update, mixture, data, shares), key=lambda split: -split.gain)
    k = mixture.n_components
    few = max(3, k // 4)
    moves = [Move(gain, _merged(shares, i, j)) for gain, i, j in merges[:few] if gain > -_HOPELESS]
    if k < update.prior.n_components:
        moves += [Move(split.gain, _divided(shares, split)) for split in splits[: 2 * few] if split.gain > -_HOPELESS]
        moves += list(_births(mixture, update, data, shares))
    for split in splits[:few]:
        pairs = [merge for merge in merges if split.component not in merge[1:]]
        for gain, i, j in pairs[:few]:
            if gain + split.gain > -_HOPELESS:
                divided = _divided(shares, split)
                moves.append(Move(gain + split.gain, _merged(divided, i, j)))
    yield from sorted(moves, key=lambda move: -move.gain)


def _ranked_merges(
    update: VariationalUpdate, mixture: Mixture, data: Sample
) -> tuple[FloatArray, list[tuple[float, int, int]]]:
    """Return the responsibilities and the likeliest merges (gain, first, second), best first."""
    posterior = update.posterior(mixture)
    shares = data_engine(data).score_rows(posterior.whitened(), "responsibilities")
    first, second, gains = merge_gains(posterior)
    best = np.argsort(-gains, kind="stable")[: 3 * mixture.n_components]
    first, second, gains = first[best], second[best], gains[best]
    weight = update.total / len(shares)
    gains = gains - weight * entropy_losses(shares, data.rows.explicit_weights, first, second)
    order = np.argsort(-gains, kind="stable")
    return shares, [(float(gains[at]), int(first[at]), int(second[at])) for at in order]


def _merged(shares: FloatArray, i: int, j: int) -> FloatArray:
    merged = shares.copy()
    merged[:, i] += merged[:, j]
    return np.delete(merged, j, axis=1)


def _divided(shares: FloatArray, split: Split) -> FloatArray:
    own = shares[:, split.component]
    divided = np.concatenate([shares, (own * (1 - split.first))[:, None]], axis=1)
    divided[:, split.component] = own * split.first
    return divided


def _births(mixture: Mixture, update: VariationalUpdate, data: Sample, shares: FloatArray) -> Iterator[Move]:
    """Yield moves with a new component for a cluster of the rows with the lowest density."""
    density = data_engine(data).score_rows(update.posterior(mixture).whitened(), "log_density")
    n_few = max(2 * _LEAST_ROWS, int(_BADLY_EXPLAINED * len(density)))
    if n_few >= len(density):
        return
    chosen = np.argpartition(density, n_few)[:n_few]
    some = replace(data, rows=data.rows.take(chosen))
    labels = cluster(some.whitened, some, 2, np.random.default_rng(0))
    for label in (0, 1):
        rows = chosen[labels == label]
        if len(rows) >= _LEAST_ROWS:
            born = np.concatenate([shares, np.zeros((len(shares), 1))], axis=1)
            born[rows], born[rows, -1] = 0.0, 1.0
            yield Move(0.0, born)


def _splits(update: VariationalUpdate, mixture: Mixture, data: Sample, shares: FloatArray) -> Iterator[Split]:
    for component in range(mixture.n_components):
        split = _split(update, data, shares[:, component])
        if split is not None:
            yield Split(component, *split)


def _split(update: VariationalUpdate, data: Sample, own: FloatArray) -> tuple[float, FloatArray] | None:
    """Return the gain of splitting a component and the responsibilities of the first half.

    The split starts from the two sides of the mean along the direction of greatest variance in units of all rows, and
    along that of least kurtosis.
    """
    held = own > _LEAST_SHARE
    if np.count_nonzero(held) < _LEAST_ROWS:
        return None
    scale = update.total / len(own)
    rows = data.rows.take(held)
    rows = replace(rows, weights=scale * own[held] * rows.explicit_weights)
    total = float(rows.explicit_weights.sum())
    if total < _LEAST_ROWS:
        return None
    engine, part = NativeEngine.of(rows), Sample(rows, data.center, data.root)
    structure, sides = update.prior.structure, _sides(part)
    alone, local = (replace(update, prior=replace(update.prior, n_components=number), total=total) for number in (1, 2))
    nobody = np.zeros(rows.n_rows, dtype=np.int64)
    one = fit_em(engine, alone, start_from_labels(part, nobody, structure, 1), None, max_iter=1).uninterrupted()
    starts = [start_from_labels(part, side.astype(np.int64), structure, 2) for side in sides]
    few, more = _SPLIT_ITERATIONS
    short = [fit_em(engine, local, start, None, max_iter=few).uninterrupted() for start in starts]
    best = max(short, key=lambda fit: fit.objective)
    best = fit_em(engine, local, best.mixture, None, max_iter=more, earlier=best).uninterrupted()
    first = np.zeros(len(own))
    first[held] = engine.score_rows(local.posterior(best.mixture).whitened(), "responsibilities")[:, 0]
    return best.objective - one.objective, first


def _sides(part: Sample) -> list[BoolArray]:
    """Return on which side of the mean rows lie, along one or two directions."""
    weights = part.rows.explicit_weights
    whitened = part.whitened - np.average(part.whitened, axis=0, weights=weights)
    scaled = whitened * np.sqrt(weights / weights.sum())[:, None]
    values, axes = np.linalg.eigh(scaled.T @ scaled)
    sides = [side_of_mean(whitened, axes[:, -1])]
    if whitened.shape[1] > 1:
        own = whitened @ axes / np.sqrt(np.maximum(values, np.finfo(np.float64).eps * values[-1]))
        sides.append(side_of_mean(own, kurtosis_axes(part.rows.with_values(own))[:, 0]))
    return sides


def data_engine(data: Sample) -> NativeEngine:
    """Return an engine of the rows of a sample, in the units of the data."""
    return NativeEngine.of(data.rows)
