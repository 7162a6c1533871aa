"""Moves out of a poor local optimum: merge two components and split a third, or relocate one.

At a poor local optimum, one component typically covers several clusters while several components share one (Chen, Song,
Lin and Liu, IEEE Transactions on Information Theory 70 (2024)). Split-and-merge moves are those of Ueda, Nakano,
Ghahramani and Hinton (Neural Computation 12 (2000), 2109-2128), ranked by the log-likelihood that the split gains minus
that of the merge.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gaussmix.core.covariance.deviations import whiten_by
from gaussmix.core.covariance.triangular import inverse_transposed, lower_root
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample, cluster, kurtosis_axes
from gaussmix.fitting.starts import start_from_labels, start_from_responsibilities

_SPLIT_ITERATIONS = 2, 3  # of each start, then of the better one
_LEAST_SHARE = 1e-3  # responsibility below which a row is ignored when a component is split
_POWER_ITERATIONS = 10
_MERGES = 3  # components to split, and pairs to merge for each of them; k / 4 if that is more


def propose_moves(
    data: Sample, mixture: Mixture, moments: Moments, update: MaximumLikelihood, unsound: BoolArray
) -> Iterator[Mixture]:
    """Yield mixtures after split-and-merge moves, in descending order of the gain of the split minus the merge cost.

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
    costs = merge_costs(mixture, moments.counts)
    splits = {
        component: split
        for component in np.flatnonzero(~unsound).tolist()
        if (split := _split(data, mixture, responsibilities[:, component], update)) is not None
    }
    for i, j, component in ranked_moves(costs, {at: split[0] for at, split in splits.items()}, unsound):
        moved = responsibilities.copy()
        moved[:, i] += moved[:, j]
        moved[:, j] = responsibilities[:, component] * splits[component][1]
        moved[:, component] -= moved[:, j]
        yield start_from_responsibilities(data, moved, type(mixture.covariance))


def compiled_moves(
    rows: CompiledRows, state: FloatArray, mixture: Mixture, counts: FloatArray, unsound: BoolArray
) -> Iterator[FloatArray]:
    """Yield the states of `propose_moves` from compiled code, for a state with the counts (k,) of its pass."""
    gains, halves = rows.split(state)
    splits = {at: float(gains[at]) for at in np.flatnonzero(~unsound & np.isfinite(gains)).tolist()}
    for i, j, component in ranked_moves(merge_costs(mixture, counts), splits, unsound):
        moved = rows.moved(state, halves, (i, j), component)
        if moved is not None:
            yield moved


def ranked_moves(costs: FloatArray, gains: dict[int, float], unsound: BoolArray) -> list[tuple[int, int, int]]:
    """Return the two components to merge and the one to split of each move, best first.

    Parameters
    ----------
    costs : (k, k) array
        Result of `merge_costs`.
    gains : dict
        Gain of splitting a component in nats, by component.
    unsound : (k,) array of bool
        Components that are merged before all others.

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
    most = max(_MERGES, k // 4)
    moves = []
    for component in widest[:most]:
        others = [pair for pair in pairs if component not in pair]
        moves += [(costs[i, j] - gains[component], (i, j, component)) for i, j in others[:most]]
    return [move for _, move in sorted(moves)]


def propose_swaps(data: Sample, mixture: Mixture, rng: np.random.Generator) -> Iterator[Mixture]:
    """Yield mixtures in which a random component is moved to a random row and gets the average covariance.

    Zhao, Hautamaki, Karkkainen and Franti, Random swap EM algorithm for Gaussian mixture models, Pattern Recognition
    Letters 33 (2012), 2120-2126.
    """
    k = mixture.n_components
    by_weight = np.argsort(-mixture.weights, kind="stable")  # does not depend on the order of the components
    while True:
        gone, row = int(by_weight[rng.integers(k)]), int(rng.integers(data.rows.n_rows))
        weights, means = mixture.weights.copy(), mixture.means.copy()
        weights[gone] = 1 / k
        means[gone] = data.rows.values[row]
        covariance = mixture.covariance.with_average(gone, mixture.weights)
        yield Mixture(weights / weights.sum(), means, covariance)


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


def merge_costs(mixture: Mixture, counts: FloatArray) -> FloatArray:
    """Return upper bounds (k, k) on the log-likelihood in nats that is lost by merging two components.

    They are `AbstractCovariance.merge_costs` of all pairs; the diagonal is zero.
    """
    k = mixture.n_components
    first, second = np.triu_indices(k, 1)
    costs = np.zeros((k, k))
    cost = mixture.covariance.merge_costs(first, second, counts, mixture.means[first] - mixture.means[second])
    costs[first, second] = costs[second, first] = cost
    return costs


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
    along that of least kurtosis, whichever is better; with many columns, from the former.
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
    one = fit_em(engine, update, start_from_labels(own, nobody, structure, 1), None, max_iter=1)
    sides = _sides(own, one.mixture)
    starts = [start_from_labels(own, side.astype(np.int64), structure, 2) for side in sides]
    short = [fit_em(engine, update, start, None, max_iter=_SPLIT_ITERATIONS[0]) for start in starts]
    best = max(short, key=lambda fit: fit.objective)
    best = fit_em(engine, update, best.mixture, None, max_iter=_SPLIT_ITERATIONS[1], earlier=best)
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
    if data.rows.n_features > 1:
        whitened = whiten_by(centered, root)
        sides.append(side_of_mean(whitened, kurtosis_axes(data.rows.with_values(whitened))[:, 0]))
    return sides


def _widest(centered: FloatArray, weights: FloatArray) -> FloatArray:
    """Return an approximate direction (d,) of greatest variance, by power iterations from the row farthest out."""
    direction = centered[(weights * (centered**2).sum(axis=1)).argmax()]
    for _ in range(_POWER_ITERATIONS):
        direction = (weights * (centered @ direction)) @ centered
        direction = direction / (np.linalg.norm(direction) or 1.0)
    return np.asarray(direction)
