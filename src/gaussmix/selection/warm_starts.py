"""Warm starts of a model from the models with one component more or less."""

from collections.abc import Iterator

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.merge_losses import merge_costs
from gaussmix.fitting.split_merge import halves, side_of_mean
from gaussmix.selection.partitions import Start

_SPLITS = 8  # components that are split, greatest weight first
_MERGES = 6  # pairs that are merged, cheapest first
NUDGE = 0.02  # share of a row that is assigned to its own half, for almost equal halves


def splits(rows: FloatArray, mixture: Mixture, table: FloatArray, share: float = 1.0) -> Iterator[Start]:
    """Split one component at its mean, across the direction of greatest variance.

    ``table`` (n, k) contains the responsibilities of the rows. With a small ``share``, the halves are almost equal, and
    the likelihood of the start is almost that of the mixture.
    """
    dense = mixture.covariance.dense()
    for component in np.argsort(-mixture.weights, kind="stable")[:_SPLITS]:
        widest = np.linalg.eigh(dense[component])[1][:, -1]
        side = side_of_mean(rows - mixture.means[component], widest)
        others = np.delete(table, component, axis=1)
        split = np.column_stack([others, *halves(table[:, component], side, share)])
        yield f"{mixture.n_components} components, one split", split


def nudged_splits(rows: FloatArray, mixture: Mixture, table: FloatArray) -> Iterator[Start]:
    """Split one component into almost equal halves, with almost no loss of likelihood."""
    return splits(rows, mixture, table, NUDGE)


def merges(mixture: Mixture, table: FloatArray, weight: float) -> Iterator[Start]:
    """Merge two components, cheapest pair first; ``weight`` is the total weight of the rows."""
    costs = merge_costs(mixture, mixture.weights * weight)
    first, second = np.triu_indices(mixture.n_components, 1)
    for at in np.argsort(costs[first, second], kind="stable")[:_MERGES]:
        merged = np.delete(table, second[at], axis=1)
        merged[:, first[at]] += table[:, second[at]]
        yield f"{mixture.n_components} components, two merged", merged


def doubled(mixture: Mixture) -> Mixture:
    """Duplicate the component of greatest weight, halving the weight; the density does not change."""
    component = int(mixture.weights.argmax())
    order = [*range(mixture.n_components), component]
    weights = mixture.weights[order]
    weights[[component, -1]] /= 2
    return mixture.take(order, weights)
