"""Names that stay: components in an order that does not depend on the fit."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix.covariance import AbstractCovariance
from gaussmix.covariance.triangular import inverse_transposed
from gaussmix.mixture import Mixture
from gaussmix.typing import FloatArray, IntArray

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

    The cost of a pair is the symmetric Kullback-Leibler divergence of their normal densities, in nats; weights do not
    matter. (Responsibilities of common rows in its place flip more names: benchmarks/alignment.py.)

    Parameters
    ----------
    mixture, reference : Mixture
        Of the same features; the numbers of components may differ.

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
    _require_same_features(mixture, reference)
    return match_costs(component_divergences(mixture, reference), mixture.weights)


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
    """The mixture with its components in the order of those of a reference that they match: `match_components`.

    With more components than the reference has, those without a partner come last, by descending weight; with fewer,
    the order is that of their partners.
    """
    return mixture.reordered(match_components(mixture, reference).order)


def order_components(mixture: Mixture, by: int | str) -> IntArray:
    """(k,) the components in an order that the mixture itself decides; pass it to `Mixture.reordered`.

    Parameters
    ----------
    mixture : Mixture
    by : "weight", "principal", or a feature's name or position
        "weight": the heaviest first. A feature: ascending means. "principal": ascending means along the direction in
        which the mixture varies most, the first eigenvector of its covariance; of its two signs the one that makes the
        entry of greatest size positive (of several, the first). Unlike the others it depends on the units of the
        features. Ties keep the order the components have.

    Raises
    ------
    ValueError
        When there is no such feature.
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
    within = np.sqrt(weights)[:, None, None] * _triangles(mixture.covariance)[0].transpose(0, 2, 1)
    tall = np.concatenate([np.sqrt(weights)[:, None] * shifts, within.reshape(-1, mixture.n_features)]) / scale
    direction = np.linalg.svd(tall, full_matrices=False)[2][0]
    sizes = np.abs(direction)
    greatest = int((sizes >= (1 - 1e-9) * sizes.max()).argmax())
    return np.asarray(direction * np.sign(direction[greatest]))


def component_divergences(first: Mixture, second: Mixture) -> FloatArray:
    """(k, l) symmetric Kullback-Leibler divergences KL(i, j) + KL(j, i) between components, in nats, without weights.

    ``1/2 [tr(P_j S_i) + tr(P_i S_j) - 2 d + (m_i - m_j)' (P_i + P_j) (m_i - m_j)]`` with means m, covariances S and
    precisions P (Kullback 1959, section 9.1).
    """
    first_roots, first_factors = _triangles(first.covariance)
    second_roots, second_factors = _triangles(second.covariance)
    gaps = first.means[:, None] - second.means[None]
    traces = ((first_roots.transpose(0, 2, 1)[:, None] @ second_factors[None]) ** 2).sum(axis=(2, 3))
    traces += ((second_roots.transpose(0, 2, 1)[None] @ first_factors[:, None]) ** 2).sum(axis=(2, 3))
    distances = ((gaps[:, :, None] @ first_factors[:, None]) ** 2).sum(axis=(2, 3))
    distances += ((gaps[:, :, None] @ second_factors[None]) ** 2).sum(axis=(2, 3))
    return np.maximum(0.5 * (traces - 2 * first.n_features + distances), 0.0)


def _triangles(covariance: AbstractCovariance) -> tuple[FloatArray, FloatArray]:
    """(k, d, d) lower roots L and upper W with ``covariance = L L'`` and ``W W' = inverse(covariance)``."""
    k, d = covariance.n_components, covariance.n_features
    roots = covariance.roots
    match covariance.form:
        case "full":
            pass
        case "tied":
            roots = np.broadcast_to(roots, (k, d, d))
        case "diagonal":
            roots = roots[:, :, None] * np.eye(d)
        case "spherical":
            roots = roots[:, None, None] * np.eye(d)
    return roots, inverse_transposed(np.ascontiguousarray(roots))


def _require_same_features(mixture: Mixture, reference: Mixture) -> None:
    if mixture.n_features != reference.n_features:
        raise ValueError(
            f"the mixture has {mixture.n_features} features, the reference {reference.n_features}: components can be "
            "matched in the same features only (Mixture.marginal takes some)"
        )
    if mixture.feature_names and reference.feature_names and mixture.feature_names != reference.feature_names:
        raise ValueError(
            f"the mixture has the features {mixture.feature_names}, the reference {reference.feature_names}: bring "
            "them into one order (Mixture.marginal)"
        )
