"""Moves out of a poor local optimum: merge two components and split a third, or relocate one.

At a poor local optimum, one component typically covers several clusters while several components share one (Chen, Song,
Lin and Liu, IEEE Transactions on Information Theory 70 (2024)). Split-and-merge moves are those of Ueda, Nakano,
Ghahramani and Hinton (Neural Computation 12 (2000), 2109-2128), ranked by the log-likelihood that the split gains minus
that of the merge.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gaussmix.core.covariance.deviations import whiten_by
from gaussmix.core.covariance.triangular import inverse_transposed, lower_root
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.merge_losses import losses_in, merge_losses, moves_each
from gaussmix.fitting.sample import Sample, cluster, kurtosis_axes
from gaussmix.fitting.starts import start_from_labels, start_from_responsibilities

_SPLIT_ITERATIONS = 2, 3  # of each start, then of the better one
_LEAST_SHARE = 1e-3  # responsibility below which a row is ignored when a component is split
_POWER_ITERATIONS = 10
_FEW_COMPONENTS = 4
_HEAVY, _FAR = 1.5, 2.0  # fourth moment of heavy tails, squared distance of a tail, relative to those of most rows


def propose_moves(
    data: Sample, mixture: Mixture, moments: Moments, update: MaximumLikelihood, unsound: BoolArray
) -> Iterator[Mixture]:
    """Yield mixtures after split-and-merge moves, in descending order of the gain of the split minus the merge loss.

    If there are few components, mixtures follow in which half of a component is merged into another one.

    Parameters
    ----------
    data : Sample
        Rows of the search.
    mixture : Mixture
        Result of EM on these rows.
    moments : Moments
        Sums at this mixture.
    update : MaximumLikelihood
        The M-step.
    unsound : (k,) array of bool
        Components that are merged before all others.

    Yields
    ------
    Mixture
    """
    responsibilities = mixture.responsibilities(data.rows.values)
    losses = merge_losses(mixture, responsibilities, data.rows.weights)
    splits = {
        component: split
        for component in np.flatnonzero(~unsound).tolist()
        if (split := _split(data, mixture, responsibilities[:, component], update)) is not None
    }
    structure, gains = type(mixture.covariance), {at: split[0] for at, split in splits.items()}
    for i, j, component in ranked_moves(losses, gains, unsound):
        moved = responsibilities.copy()
        moved[:, i] += moved[:, j]
        moved[:, j] = responsibilities[:, component] * splits[component][1]
        moved[:, component] -= moved[:, j]
        yield start_from_responsibilities(data, moved, structure)
    for component, half, to in ranked_transfers(losses, gains):
        share, moved = splits[component][1], responsibilities.copy()
        moving = moved[:, component] * (share if half == 0 else 1 - share)
        moved[:, component] -= moving
        moved[:, to] += moving
        yield start_from_responsibilities(data, moved, structure)


def compiled_moves(
    rows: CompiledRows, state: FloatArray, losses: FloatArray, unsound: BoolArray
) -> Iterator[FloatArray]:
    """Yield the states of `propose_moves` from compiled code, for a state and the `merge_losses` of its mixture."""
    gains, halves = rows.split(state)
    splits = {at: float(gains[at]) for at in np.flatnonzero(~unsound & np.isfinite(gains)).tolist()}
    for i, j, component in ranked_moves(losses, splits, unsound):
        moved = rows.moved(state, halves, (i, j), component)
        if moved is not None:
            yield moved
    for component, half, to in ranked_transfers(losses, splits):
        moved = rows.transferred(state, halves, component, half, to)
        if moved is not None:
            yield moved


def promising_moves(
    rows: CompiledRows, state: FloatArray, losses: FloatArray, unsound: BoolArray, least_gain: float
) -> Iterator[FloatArray]:
    """Yield the states after moves of `ranked_moves` that promise a gain: several at once, then one by one.

    Moves that are made at once have no component in common. ``losses`` are the `merge_losses` of the mixture.
    """
    gains, halves = rows.split(state)
    splits = {at: float(gains[at]) for at in np.flatnonzero(~unsound & np.isfinite(gains)).tolist()}
    moves, used, apart = ranked_moves(losses, splits, unsound, least_gain), set[int](), list[tuple[int, int, int]]()
    for move in moves:
        if used.isdisjoint(move):
            apart.append(move)
            used.update(move)
    sizes = sorted({len(apart), len(apart) // 2} - {0, 1}, reverse=True)
    for together in [*(apart[:size] for size in sizes), *([move] for move in moves)]:
        moved = _after(rows, state, halves, together)
        if moved is not None:
            yield moved


def _after(
    rows: CompiledRows, state: FloatArray, halves: FloatArray, moves: list[tuple[int, int, int]]
) -> FloatArray | None:
    """Return the state after moves that have no component in common; None if it is singular."""
    for at, (i, j, component) in enumerate(moves):
        if at:
            state = rows.state_of(before := rows.mixture_of(state), rows.weight * before.weights)
        moved = rows.moved(state, halves, (i, j), component)
        if moved is None:
            return None
        state = moved
    return state


def ranked_moves(
    costs: FloatArray, gains: dict[int, float], unsound: BoolArray, least_gain: float = -np.inf
) -> list[tuple[int, int, int]]:
    """Return the two components to merge and the one to split of each move, best first.

    Parameters
    ----------
    costs : (k, k) array
        Result of `merge_losses`.
    gains : dict
        Gain of splitting a component in nats, by component.
    unsound : (k,) array of bool
        Components that are merged before all others.
    least_gain : float
        Moves are left out unless the gain of the split minus the merge cost is at least this.

    Returns
    -------
    list of tuple
        Moves in descending order of the gain of the split minus the merge cost.
    """
    k = len(costs)
    costs = costs - 1e300 * (unsound[:, None] + 1.0 * unsound)
    first, second = np.triu_indices(k, 1)
    cheapest = np.argsort(costs[first, second], kind="stable")
    pairs = list(zip(first[cheapest].tolist(), second[cheapest].tolist(), strict=True))
    widest = sorted(gains, key=lambda component: -gains[component])
    most = moves_each(k)
    moves = []
    for component in widest[:most]:
        others = [pair for pair in pairs if component not in pair]
        moves += [(costs[i, j] - gains[component], (i, j, component)) for i, j in others[:most]]
    return [move for loss, move in sorted(moves) if -loss >= least_gain]


def propose_swaps(data: Sample, mixture: Mixture, rng: np.random.Generator) -> Iterator[Mixture]:
    """Yield mixtures in which a random component is moved to a random row and gets the average covariance.

    Zhao, Hautamaki, Karkkainen and Franti, Random swap EM algorithm for Gaussian mixture models, Pattern Recognition
    Letters 33 (2012), 2120-2126.
    """
    k = mixture.n_components
    rows = data.rows.values
    draws = draw_swaps(len(rows), mixture.weights, lambda: (losses_in(data, mixture), mixture.log_density(rows)), rng)
    for gone, row in draws:
        weights, means = mixture.weights.copy(), mixture.means.copy()
        weights[gone] = 1 / k
        means[gone] = rows[row]
        covariance = mixture.covariance.with_average(gone, mixture.weights)
        yield Mixture(weights / weights.sum(), means, covariance)


def ranked_transfers(losses: FloatArray, gains: dict[int, float]) -> list[tuple[int, int, int]]:
    """Return the component that is split, its half that moves, and where it is merged; none for many components.

    With few components, a move of `ranked_moves` may have no pair to merge: where one component covers two clusters,
    another one the third, and the last one all tails, each pair of the clusters has its own optimum.

    Parameters
    ----------
    losses : (k, k) array
        Result of `merge_losses`.
    gains : dict
        Gain of splitting a component in nats, by component.

    Returns
    -------
    list of tuple
        Best first: the components that gain most from a split, and those that lose least by being merged with them.
    """
    k = len(losses)
    if k > _FEW_COMPONENTS:
        return []
    widest = sorted(gains, key=lambda component: -gains[component])
    ranked = []
    for rank, component in enumerate(widest):
        others = np.argsort(losses[component], kind="stable").tolist()
        others.remove(component)
        ranked += [(rank + at, component, half, to) for at, to in enumerate(others) for half in (0, 1)]
    return [(component, half, to) for _, component, half, to in sorted(ranked)]


def draw_swaps(
    n: int, weights: FloatArray, overlap: Callable[[], tuple[FloatArray, FloatArray]], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield components to move, and the rows that they are moved to, without end.

    In turn, both are drawn at random, and a component that would cost little to merge with another one moves to a row
    that the mixture makes unlikely.

    Parameters
    ----------
    n : int
        Number of rows.
    weights : (k,) array
        Weights of the mixture.
    overlap : callable
        Function that returns `merge_losses` (k, k) and the log density of the rows (n,), up to a constant.
    rng : Generator

    Yields
    ------
    component, row : int
    """
    k = len(weights)
    by_weight = np.argsort(-weights, kind="stable")  # does not depend on the order of the components
    yield int(by_weight[rng.integers(k)]), int(rng.integers(n))
    losses, log_density = overlap()
    unlikely = np.cumsum((log_density.max() - log_density) ** 2)
    by_loss = np.argsort((losses + np.diag(np.full(k, np.inf))).min(axis=1), kind="stable")
    while True:
        row = int(np.searchsorted(unlikely, rng.random() * unlikely[-1]))
        yield int(by_loss[min(int(rng.geometric(0.5)), k) - 1]), min(row, n - 1)
        yield int(by_weight[rng.integers(k)]), int(rng.integers(n))


def propose_refills(
    data: Sample, mixture: Mixture, update: MaximumLikelihood, lost: BoolArray, rng: np.random.Generator
) -> Iterator[Mixture]:
    """Propose new starts for a mixture with components without rows: k-means, and splits of the other components.

    Parameters
    ----------
    data : Sample
    mixture : Mixture
        Where EM ended on these rows.
    update : MaximumLikelihood
    lost : (k,) array of bool
        Components without rows.
    rng : Generator

    Yields
    ------
    Mixture
    """
    structure = type(mixture.covariance)
    labels = cluster(data.rows.values - data.center, data, mixture.n_components, rng)
    yield start_from_labels(data, labels, structure, mixture.n_components)
    shares = mixture.responsibilities(data.rows.values)
    for component in np.flatnonzero(lost):
        splits = [(at, _split(data, mixture, shares[:, at], update)) for at in np.flatnonzero(shares.any(axis=0))]
        possible = [(*split, at) for at, split in splits if split is not None]
        if not possible:
            return
        _, first, widest = max(possible, key=lambda split: split[0])
        shares[:, component] = shares[:, widest] * first
        shares[:, widest] -= shares[:, component]
    yield start_from_responsibilities(data, shares, structure)


def side_of_mean(centered: FloatArray, direction: FloatArray) -> BoolArray:
    """Return on which side of the mean rows lie along a direction.

    Parameters
    ----------
    centered : (n, d) array
        Rows about the mean of a component, in any units.
    direction : (d,) array
        Direction in the same units.

    Returns
    -------
    (n,) array of bool
        True on the side to which the direction points.
    """
    return np.asarray(centered @ direction > 0)


def halves(own: FloatArray, side: BoolArray, share: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Return the responsibilities of the two halves of a component.

    Parameters
    ----------
    own : (n,) array
        Responsibilities of the component.
    side : (n,) array of bool
        Half of each row, such as the result of `side_of_mean`.
    share : float, default=1.0
        Share of a row that goes to its half; the rest is divided equally between both.

    Returns
    -------
    first, second : (n,) array
        Responsibilities that sum to ``own``; the first half has the rows whose side is True.
    """
    apart = np.where(side, share, -share)
    return own * (0.5 * (1 + apart)), own * (0.5 * (1 - apart))


def _split(
    data: Sample, mixture: Mixture, shares: FloatArray, update: MaximumLikelihood
) -> tuple[float, FloatArray] | None:
    """Return the gain in nats of splitting a component, and the responsibilities of the first half.

    The split starts from the two sides of the mean along the direction of greatest variance, in units of all rows, or
    along that of least kurtosis, or from the tails and the rest if tails are heavy, whichever is best; with many
    columns, from the first.
    """
    held = shares > _LEAST_SHARE
    if np.count_nonzero(held) < 4:
        return None
    some = data.rows.take(held)
    rows = replace(some, weights=shares[held] if some.weights is None else shares[held] * some.weights)
    own = Sample(rows, data.center, data.root)
    structure = type(mixture.covariance)
    engine = NativeEngine.of(rows)
    nobody = np.zeros(rows.n_rows, dtype=np.int64)
    one = fit_em(engine, update, start_from_labels(own, nobody, structure, 1), None, max_iter=1).uninterrupted()
    sides = _sides(own, one.mixture)
    starts = [start_from_labels(own, side.astype(np.int64), structure, 2) for side in sides]
    few, more = _SPLIT_ITERATIONS
    short = [fit_em(engine, update, start, None, max_iter=few).uninterrupted() for start in starts]
    best = max(short, key=lambda fit: fit.objective)
    best = fit_em(engine, update, best.mixture, None, max_iter=more, earlier=best).uninterrupted()
    first = np.zeros(len(shares))
    first[held] = best.mixture.responsibilities(rows.values)[:, 0]
    return best.objective - one.objective, first


def _sides(data: Sample, one: Mixture) -> list[BoolArray]:
    """Return on which side of the mean of one component its rows lie, along the directions of `_split`."""
    if data.is_wide:
        whitened = data.whitened - whiten_by(one.means[:1] - data.center, data.root)
        return [side_of_mean(whitened, _widest(whitened, data.rows.explicit_weights))]
    centered = data.rows.values - one.means[0]
    if data.root.ndim == 1:
        root = np.sqrt(one.covariance.variances()[0])
        sides = [centered[:, (root / data.root).argmax()] > 0]
    else:
        root = lower_root(one.covariance.dense())[0]
        units = inverse_transposed(data.root[None])[0]
        sides = [side_of_mean(centered, units @ np.linalg.svd(units.T @ root)[0][:, 0])]
    whitened = whiten_by(centered, root)
    if not FORMS[one.covariance.form].is_shared:
        sides += _tails(whitened, data.rows.explicit_weights)
    if data.rows.n_features > 1:
        sides.append(side_of_mean(whitened, kurtosis_axes(data.rows.with_values(whitened))[:, 0]))
    return sides


def _tails(whitened: FloatArray, weights: FloatArray) -> list[BoolArray]:
    """Return which rows are far from the mean of a component, if its tails are heavier than those of a Gaussian."""
    d, lengths = whitened.shape[1], (whitened**2).sum(axis=1)
    if np.average(lengths**2, weights=weights) <= _HEAVY * d * (d + 2):
        return []
    logs = np.log(np.maximum(lengths, np.finfo(np.float64).eps))
    return [np.asarray(lengths > _FAR * np.exp(np.average(logs, weights=weights)))]


def _widest(centered: FloatArray, weights: FloatArray) -> FloatArray:
    """Return an approximate direction (d,) of greatest variance, by power iterations from the row farthest out."""
    direction = centered[(weights * (centered**2).sum(axis=1)).argmax()]
    for _ in range(_POWER_ITERATIONS):
        direction = (weights * (centered @ direction)) @ centered
        direction = direction / (np.linalg.norm(direction) or 1.0)
    return np.asarray(direction)
