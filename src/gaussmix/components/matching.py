"""Matching and ordering of components."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix.components.distances import jeffreys
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray

ORDERS = ("weight", "variance", "principal")
"""Orders of `order_components` other than features."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of matching components of a mixture and a reference.

    Attributes
    ----------
    components, partners : (m,) array of int
        Component ``components[i]`` of the mixture matches component ``partners[i]`` of the reference; partners are in
        ascending order, and ``m`` is the smaller number of components.
    order : (k,) array of int
        The components of the mixture in the order of the reference; those without a partner come last, by descending
        weight.
    cost : float
        The sum of the costs of the pairs, in nats.
    margin : float
        The difference from the cost of the second-best matching; small values mean an ambiguous matching. Infinite if
        there is only one matching.
    """

    components: IntArray
    partners: IntArray
    order: IntArray
    cost: float
    margin: float


@underflow_to_zero
def match_components(mixture: Mixture, reference: Mixture) -> Matching:
    """Match components at the lowest total cost (Hungarian method: Kuhn 1955; `scipy.optimize`).

    The cost of a pair is the symmetric Kullback-Leibler divergence of their normal densities
    (`gaussmix.components.distances.jeffreys`), in nats; weights are ignored. Costs from the responsibilities of common
    rows mismatch more components (benchmarks/alignment.py).

    Parameters
    ----------
    mixture, reference : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    Matching
        The pairs, the order of the components that matches the reference, and the margin of the matching.

    Raises
    ------
    ValueError
        If the features differ.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> old = Mixture.from_parameters([0.5, 0.5], [[0.0], [5.0]], [1.0, 1.0], covariance_type="spherical")
    >>> new = Mixture.from_parameters([0.4, 0.6], [[5.1], [0.2]], [1.0, 1.1], covariance_type="spherical")
    >>> match_components(new, old).order
    array([1, 0])
    """
    return match_costs(jeffreys(mixture, reference), mixture.weights)


def match_costs(costs: FloatArray, weights: FloatArray) -> Matching:
    """Match at the lowest total cost, with ``costs`` (k, reference k), and find the cost of the second-best matching.

    The second-best matching lacks one of the pairs of the best (Murty, Operations Research 16 (1968), 682-687).
    """
    first, second = linear_sum_assignment(costs)
    by_partner = np.argsort(second)
    first, second = first[by_partner].astype(np.int64), second[by_partner].astype(np.int64)
    cost = float(costs[first, second].sum())
    margin = np.inf
    if costs.size > 1:
        worst = float(np.abs(costs).sum()) + 1.0
        for pair in zip(first, second, strict=True):
            without = costs.copy()
            without[pair] = 2 * worst
            other = float(without[linear_sum_assignment(without)].sum())
            if other < worst:
                margin = min(margin, other - cost)
    left = np.setdiff1d(np.arange(len(costs)), first)
    order = np.concatenate([first, left[np.argsort(-weights[left], kind="stable")]])
    return Matching(first, second, order, cost, float(margin))


@underflow_to_zero
def align(mixture: Mixture, reference: Mixture) -> Mixture:
    """Reorder the components of a mixture to match those of a reference (`match_components`).

    Components without a partner come last, by descending weight.

    Parameters
    ----------
    mixture : Mixture
        The mixture to reorder.
    reference : Mixture
        A mixture with the same features.

    Returns
    -------
    Mixture
        The mixture with its components reordered.

    Examples
    --------
    >>> from gaussmix import Mixture, align
    >>> old = Mixture.from_parameters([0.5, 0.5], [[0.0], [5.0]], [1.0, 1.0], covariance_type="spherical")
    >>> new = Mixture.from_parameters([0.4, 0.6], [[5.1], [0.2]], [1.0, 1.1], covariance_type="spherical")
    >>> align(new, old).means.ravel()
    array([0.2, 5.1])
    """
    return mixture.reordered(match_components(mixture, reference).order)


@underflow_to_zero
def order_components(mixture: Mixture, by: int | str) -> IntArray:
    """Return an order of the components that depends on the mixture alone, for `Mixture.reordered`.

    Parameters
    ----------
    mixture : Mixture
        The mixture whose components are ordered.
    by : "weight", "variance", "principal", or a feature's name or position
        "weight": by descending weight. "variance": by ascending variance; with several features, by the determinant of
        the covariance, and the order does not depend on the units. A feature: by ascending mean. "principal": by
        ascending mean along the first principal direction of the mixture, with the sign that makes its entry of
        greatest size positive (of several, the first); this order depends on the units. Ties keep the existing order.

    Returns
    -------
    (k,) array of int
        Positions of the components in the new order.

    Raises
    ------
    ValueError
        If there is no such feature.

    Examples
    --------
    >>> from gaussmix import Mixture, order_components
    >>> mixture = Mixture.from_parameters([0.4, 0.6], [[0.0], [5.0]], [1.0, 1.0], covariance_type="spherical")
    >>> order_components(mixture, "weight")
    array([1, 0])
    """
    if isinstance(by, str) and by not in (mixture.feature_names or ()) and by in ORDERS:
        if by == "weight":
            return np.argsort(-mixture.weights, kind="stable")
        if by == "variance":
            log_precisions = np.round(mixture.covariance.log_det(), 9)  # equal determinants differ by rounding
            return np.argsort(-log_precisions, kind="stable")
        return np.argsort(mixture.means @ principal_direction(mixture), kind="stable")
    return np.argsort(mixture.marginal([by]).means[:, 0], kind="stable")


def principal_direction(mixture: Mixture) -> FloatArray:
    """Return the first principal direction (d,) of a mixture: a unit vector whose largest entry is positive."""
    weights = mixture.weights / mixture.weights.sum()
    shifts = mixture.means - weights @ mixture.means
    scale = np.sqrt((weights @ (mixture.covariance.variances() + shifts**2)).max())
    within = np.sqrt(weights)[:, None, None] * mixture.covariance.dense_roots().transpose(0, 2, 1)
    tall = np.concatenate([np.sqrt(weights)[:, None] * shifts, within.reshape(-1, mixture.n_features)]) / scale
    direction = np.linalg.svd(tall, full_matrices=False)[2][0]
    sizes = np.abs(direction)
    greatest = int((sizes >= (1 - 1e-9) * sizes.max()).argmax())
    return np.asarray(direction * np.sign(direction[greatest]))
