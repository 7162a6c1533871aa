"""Log-likelihood that is lost by merging two components: what split-and-merge moves and other moves are ranked by."""

from collections.abc import Iterator

import numpy as np
from scipy.special import xlogy

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.sample import Sample

_LEAST_OVERLAP = 1e-3  # sum of the products of responsibilities, as a share of the smaller component
_OVERLAPPING = 4  # pairs for each component whose overlap is taken into account
_MOST_SHARES = 200_000  # rows times components from which overlap is estimated; of more, some of the rows
_NOTHING = 1e-9  # responsibility from which a row tells nothing about the overlap of two components
_MERGES = 3


def moves_each(n_components: int) -> int:
    """Return how many components are split, and how many pairs are merged for each of them."""
    return max(_MERGES, n_components // 4)


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


def merge_losses(mixture: Mixture, responsibilities: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return estimates (k, k) of the log-likelihood in nats that is lost by merging two components.

    The bounds of `merge_costs` take the component of each row as known. The estimate is lower by what a row tells about
    which of the two components it is from, the mutual information, so it is small for components that overlap.
    Of many rows, some are used for this information, and all of them for the pairs that lose least.

    Parameters
    ----------
    mixture : Mixture
        Result of EM.
    responsibilities : (n, k) array
        Responsibilities of the components.
    weights : (n,) array, optional
        Weights of the rows.

    Returns
    -------
    (k, k) array
        Nats; the diagonal is zero.
    """
    counts = responsibilities.sum(axis=0) if weights is None else weights @ responsibilities
    every = max(responsibilities.size // _MOST_SHARES, 1)
    some, their_weights = responsibilities[::every], None if weights is None else weights[::every]
    if every > 1:
        their_weights = np.ones(len(some)) if their_weights is None else their_weights
        their_weights = their_weights * (counts.sum() / their_weights.sum())
    shares = some if their_weights is None else some * their_weights[:, None]
    overlap = shares.T @ some
    share = np.triu(overlap / np.maximum(np.minimum(counts[:, None], counts), np.finfo(np.float64).tiny), 1)
    closest = np.argsort(-share, axis=None, kind="stable")[: _OVERLAPPING * mixture.n_components]
    columns, unknown = np.ascontiguousarray(some.T), np.zeros_like(overlap)
    for i, j in _pairs_at(closest[share.ravel()[closest] > _LEAST_OVERLAP], mixture.n_components):
        unknown[i, j] = unknown[j, i] = _unknown(columns[i], columns[j], their_weights)
    losses = losses_of(mixture, counts, unknown)
    if every == 1:
        return losses
    upper = np.where(np.triu(np.ones_like(losses), 1) > 0, losses, np.inf)
    cheapest = np.argsort(upper, axis=None, kind="stable")[: 2 * moves_each(mixture.n_components)]
    for i, j in _pairs_at(cheapest[np.isfinite(upper.ravel()[cheapest])], mixture.n_components):
        unknown[i, j] = unknown[j, i] = _unknown(responsibilities[:, i], responsibilities[:, j], weights)
    return losses_of(mixture, counts, unknown)


def _pairs_at(places: IntArray, n_components: int) -> Iterator[tuple[int, int]]:
    return (divmod(place, n_components) for place in places.tolist())


def _unknown(one: FloatArray, other: FloatArray, weights: FloatArray | None) -> float:
    """Return the entropy of rows, with responsibilities (n,) of two components, about which of them they are from."""
    rows = np.flatnonzero(np.minimum(one, other) > _NOTHING)
    one, other = one[rows], other[rows]
    nats = xlogy(one + other, one + other) - xlogy(one, one) - xlogy(other, other)
    return float(nats.sum() if weights is None else nats @ weights[rows])


def losses_of(mixture: Mixture, counts: FloatArray, unknown: FloatArray) -> FloatArray:
    """Return the estimates of `merge_losses`.

    Parameters
    ----------
    mixture : Mixture
        Result of EM.
    counts : (k,) array
        Sums of the weighted responsibilities.
    unknown : (k, k) array
        Sum over the rows of the entropy in nats about which of two components they are from, for pairs that overlap.

    Returns
    -------
    (k, k) array
        Nats; the diagonal is zero.
    """
    losses, both, own = merge_costs(mixture, counts), counts[:, None] + counts, xlogy(counts, counts)
    losses -= xlogy(both, both) - own[:, None] - own
    losses += unknown
    losses = np.where(unknown > 0, np.triu(losses) + np.triu(losses, 1).T, losses)  # the same bits on both sides
    np.fill_diagonal(losses, 0.0)
    return losses


def losses_in(data: Sample, mixture: Mixture) -> FloatArray:
    """Return `merge_losses` (k, k) of a mixture on the rows of a sample."""
    return merge_losses(mixture, mixture.responsibilities(data.rows.values), data.rows.weights)
