"""Names that stay: components in an order that does not depend on the fit."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix.components.distances import jeffreys
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray

ORDERS = ("weight", "principal")
"""What `order_components` knows beside features."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Which component is which in a reference.

    Attributes
    ----------
    components, partners : (m,) array of int
        Component ``components[i]`` of the mixture is ``partners[i]`` of the reference; partners ascend. Of two mixtures
        with different numbers of components, ``m`` is the lesser one.
    order : (k,) array of int
        The components of the mixture in the order of the reference, those without a partner last, by descending weight.
    cost : float
        Sum of the costs of the pairs, in nats.
    margin : float
        By how much the second-best matching costs more: the less, the less sure are the names. Infinite when there is
        one matching only.
    """

    components: IntArray
    partners: IntArray
    order: IntArray
    cost: float
    margin: float


def match_components(mixture: Mixture, reference: Mixture) -> Matching:
    """The matching of components that costs least (Hungarian method: Kuhn 1955; `scipy.optimize`).

    The cost of a pair is the symmetric Kullback-Leibler divergence of their normal densities
    (`gaussmix.components.distances.jeffreys`), in nats; weights do not matter. (Responsibilities of common rows in its
    place flip more names: benchmarks/alignment.py.)

    Parameters
    ----------
    mixture, reference : Mixture
        Of the same features; the numbers of components may differ.

    Returns
    -------
    Matching
        Pairs, the order that puts them side by side, and how sure it is.

    Raises
    ------
    ValueError
        When the two have different features.

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
    """The matching of least cost, ``costs`` (k, reference k), and how much more the next one costs.

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


def align(mixture: Mixture, reference: Mixture) -> Mixture:
    """The mixture with its components in the order of a reference's that they match (`match_components`).

    With more components than the reference has, those without a partner come last, by descending weight; with fewer,
    the order is that of their partners.

    Parameters
    ----------
    mixture : Mixture
        What is to be put in order.
    reference : Mixture
        Of the same features.

    Returns
    -------
    Mixture
        The same mixture, reordered.

    Examples
    --------
    >>> from gaussmix import Mixture, align
    >>> old = Mixture.from_parameters([0.5, 0.5], [[0.0], [5.0]], [1.0, 1.0], covariance_type="spherical")
    >>> new = Mixture.from_parameters([0.4, 0.6], [[5.1], [0.2]], [1.0, 1.1], covariance_type="spherical")
    >>> align(new, old).means.ravel()
    array([0.2, 5.1])
    """
    return mixture.reordered(match_components(mixture, reference).order)


def order_components(mixture: Mixture, by: int | str) -> IntArray:
    """The components in an order that the mixture itself decides; pass it to `Mixture.reordered`.

    Parameters
    ----------
    mixture : Mixture
        Any one.
    by : "weight", "principal", or a feature's name or position
        "weight": the heaviest first. A feature: ascending means. "principal": ascending means along the direction in
        which the mixture varies most, the first eigenvector of its covariance; of its two signs the one that makes the
        entry of greatest size positive (of several, the first). Unlike the others it depends on the units of the
        features. Ties keep the order the components have.

    Returns
    -------
    (k,) array of int
        Positions of the components: first, second, ...

    Raises
    ------
    ValueError
        When there is no such feature.

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
        return np.argsort(mixture.means @ principal_direction(mixture), kind="stable")
    return np.argsort(mixture.marginal([by]).means[:, 0], kind="stable")


def principal_direction(mixture: Mixture) -> FloatArray:
    """(d,) the first principal direction of a mixture: of length one, its entry of greatest size positive."""
    weights = mixture.weights / mixture.weights.sum()
    shifts = mixture.means - weights @ mixture.means
    scale = np.sqrt((weights @ (mixture.covariance.variances() + shifts**2)).max())
    within = np.sqrt(weights)[:, None, None] * mixture.covariance.dense_roots().transpose(0, 2, 1)
    tall = np.concatenate([np.sqrt(weights)[:, None] * shifts, within.reshape(-1, mixture.n_features)]) / scale
    direction = np.linalg.svd(tall, full_matrices=False)[2][0]
    sizes = np.abs(direction)
    greatest = int((sizes >= (1 - 1e-9) * sizes.max()).argmax())
    return np.asarray(direction * np.sign(direction[greatest]))
