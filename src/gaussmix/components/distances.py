"""Distances between components, and between mixtures.

Distances between components have closed forms, and are returned for all pairs of components of one mixture (rows) and
another (columns). Distances between mixtures are Monte Carlo estimates with standard errors, or optimal transport of
components.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.core.validation import as_generator

_LEAST_DRAWS = 50  # rows per component, to estimate its variance


@dataclass(frozen=True)
class MixtureDistance:
    """Estimated distance.

    Attributes
    ----------
    value : float
        The estimate.
    standard_error : float
        The Monte Carlo standard error of the estimate; ``inf`` if the value is infinite.
    """

    value: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.standard_error:.1g}"


@dataclass(frozen=True, eq=False)
class Transport:
    """Optimal transport of components between two mixtures.

    Attributes
    ----------
    distance : float
        The square root of the sum of plan times costs, in the units of the features.
    plan : (k1, k2) array
        The weight transported from each component of the first mixture to each of the second: rows sum to the weights
        of the first, columns to those of the second.
    costs : (k1, k2) array
        The squared Wasserstein distances between the components.
    """

    distance: float
    plan: FloatArray
    costs: FloatArray


@underflow_to_zero
def kullback_leibler(first: Mixture, second: Mixture) -> FloatArray:
    """Return the Kullback-Leibler divergence D(p || q) of each component p of the first mixture and q of the second.

    ``1/2 [|M|^2 - d - 2 log det M + |t|^2]`` with ``M = inverse(L2) L1`` and ``t = inverse(L2) (mean2 - mean1)`` for
    covariances ``L L'``. M is triangular, so its diagonal gives the determinant, which is subtracted from the trace
    feature by feature to avoid cancellation for similar components. Weights are ignored.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    (k1, k2) array
        In nats.

    Raises
    ------
    TypeError
        If an argument is not a `Mixture`.
    ValueError
        If the mixtures have different features.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import kullback_leibler
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> kullback_leibler(one, other).round(3)
    array([[0.   , 0.818]])
    """
    require_comparable(first, second)
    roots, factors = first.covariance.dense_roots(), second.covariance.dense_factors()
    table = np.empty((first.n_components, second.n_components))
    for at, root in enumerate(roots):
        ratios = factors.transpose(0, 2, 1) @ root
        diagonal = np.diagonal(ratios, axis1=1, axis2=2)
        below = np.tril(ratios, -1)
        shifts = np.einsum("ki,kij->kj", second.means - first.means[at], factors)
        stretch = (diagonal - 1) * (diagonal + 1) - 2 * np.log(diagonal)
        table[at] = 0.5 * (stretch.sum(axis=1) + np.einsum("kij,kij->k", below, below) + (shifts**2).sum(axis=1))
    return table


@underflow_to_zero
def jeffreys(first: Mixture, second: Mixture) -> FloatArray:
    """Return the Jeffreys divergence ``D(p || q) + D(q || p)`` of each pair of components (Jeffreys 1946).

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    (k1, k2) array
        In nats.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import jeffreys
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> jeffreys(one, other).round(3)
    array([[0.   , 3.625]])
    """
    return kullback_leibler(first, second) + kullback_leibler(second, first).T


@underflow_to_zero
def bhattacharyya(first: Mixture, second: Mixture) -> FloatArray:
    """Return the Bhattacharyya distance of each pair of components, ``-log`` of `overlap`.

    ``1/8 t' inverse(S) t + 1/2 log[det S / sqrt(det S1 det S2)]`` with ``S = (S1 + S2) / 2`` and t the difference of
    the means: Fukunaga, Introduction to Statistical Pattern Recognition (1990), section 3.4. Computed in whitened units
    of the first component, by a QR factorization of ``[I; M']`` with ``M = inverse(L1) L2``, without squaring it.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    (k1, k2) array
        0 for equal components; unbounded.

    Raises
    ------
    TypeError, ValueError
        As `kullback_leibler`.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import bhattacharyya
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> bhattacharyya(one, other).round(3)
    array([[0.   , 0.312]])
    """
    require_comparable(first, second)
    factors, roots = first.covariance.dense_factors(), second.covariance.dense_roots()
    identity = np.broadcast_to(np.eye(first.n_features), roots.shape)
    table = np.empty((first.n_components, second.n_components))
    for at, factor in enumerate(factors):
        ratios = factor.T @ roots
        tall = np.concatenate([identity, ratios.transpose(0, 2, 1)], axis=1)
        triangles = np.asarray(np.linalg.qr(tall, mode="r"))
        shifts = (second.means - first.means[at]) @ factor
        steps = np.linalg.solve(triangles.transpose(0, 2, 1), shifts[:, :, None])[:, :, 0]
        sides = np.log(np.abs(np.diagonal(triangles, axis1=1, axis2=2)))
        others = np.log(np.diagonal(ratios, axis1=1, axis2=2))
        table[at] = 0.25 * (steps**2).sum(axis=1) + (sides - 0.5 * (math.log(2) + others)).sum(axis=1)
    return np.maximum(table, 0.0)  # rounding can make the distance of equal components negative


@underflow_to_zero
def overlap(first: Mixture, second: Mixture) -> FloatArray:
    """Return the overlap of each pair of components: the Bhattacharyya coefficient, the integral of sqrt(p q).

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    (k1, k2) array
        1 for equal components, 0 for components without overlap.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import overlap
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> overlap(one, other).round(3)
    array([[1.   , 0.732]])
    """
    return np.exp(-bhattacharyya(first, second))


@underflow_to_zero
def squared_wasserstein(first: Mixture, second: Mixture) -> FloatArray:
    """Return the squared 2-Wasserstein distance of each pair of components.

    ``|mean1 - mean2|^2 + |L1 - L2 U|^2`` with the orthogonal U that minimizes it (from the singular vectors of
    ``L2' L1``), which is the squared Bures distance ``tr(S1 + S2 - 2 sqrt(sqrt(S1) S2 sqrt(S1)))`` without
    cancellation: Bhatia, Jain and Lim, On the Bures-Wasserstein distance between positive definite matrices,
    Expositiones Mathematicae 37 (2019), 165-191.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    (k1, k2) array
        In squared units of the features.

    Raises
    ------
    TypeError, ValueError
        As `kullback_leibler`.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import squared_wasserstein
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> squared_wasserstein(one, other).round(3)
    array([[0., 5.]])
    """
    require_comparable(first, second)
    roots, others = first.covariance.dense_roots(), second.covariance.dense_roots()
    table = np.empty((first.n_components, second.n_components))
    for at, root in enumerate(roots):
        left, _, right = np.linalg.svd(others.transpose(0, 2, 1) @ root)
        apart = root - others @ (left @ right)
        moved = second.means - first.means[at]
        table[at] = np.einsum("kij,kij->k", apart, apart) + (moved**2).sum(axis=1)
    return table


@underflow_to_zero
def mixture_jeffreys(
    first: Mixture, second: Mixture, *, n_draws: int = 10_000, random_state: Seed = 0
) -> MixtureDistance:
    """Estimate the symmetric Kullback-Leibler divergence of two mixtures, in nats, from rows drawn from both.

    The estimate is the mean of ``2 l tanh(l / 2)`` with ``l = log p - log q`` over rows, half of them from p and half
    from q. This is the integral of ``(p - q) log(p / q)`` with nonnegative terms, so that the error of a small value is
    small. Rows are drawn from each component in proportion to its weight (at least 50), and the standard error is that
    of a stratified sample: Cochran, Sampling Techniques (1977), chapter 5.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.
    n_draws : int, default=10_000
        The number of rows drawn from each mixture.
    random_state : int, numpy Generator or RandomState, optional
        The source of randomness; an integer gives the same rows each time.

    Returns
    -------
    MixtureDistance
        In nats, with its standard error.

    Raises
    ------
    TypeError, ValueError
        As `kullback_leibler`; ValueError if ``n_draws`` is less than 1.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import mixture_jeffreys
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> print(mixture_jeffreys(one, other))
    1.42 ± 0.03
    """
    return _mean_of_both(first, second, lambda ratio: 2 * ratio * np.tanh(0.5 * ratio), n_draws, random_state)


@underflow_to_zero
def total_variation(
    first: Mixture, second: Mixture, *, n_draws: int = 10_000, random_state: Seed = 0
) -> MixtureDistance:
    """Estimate half the integral of ``|p - q|``, between 0 and 1, from rows drawn from both mixtures.

    The best classifier of single rows into the two mixtures is right with probability ``(1 + value) / 2``. Rows are
    drawn, and the standard error is estimated, as in `mixture_jeffreys`.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.
    n_draws : int, default=10_000
        The number of rows drawn from each mixture.
    random_state : int, numpy Generator or RandomState, optional
        The source of randomness; an integer gives the same rows each time.

    Returns
    -------
    MixtureDistance
        0 for equal mixtures, 1 for mixtures without overlap.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import total_variation
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> print(total_variation(one, other))
    0.272 ± 0.001
    """
    return _mean_of_both(first, second, lambda ratio: np.abs(np.tanh(0.5 * ratio)), n_draws, random_state)


@underflow_to_zero
def mixture_wasserstein(first: Mixture, second: Mixture) -> Transport:
    """Return the Wasserstein-type distance MW2 of two mixtures: transport of components at `squared_wasserstein` costs.

    Delon and Desolneux, A Wasserstein-type distance in the space of Gaussian mixture models, SIAM Journal on Imaging
    Sciences 13 (2020), 936-970. The linear program is solved by HiGHS. The distance depends on the units of the
    features; POT's ``ot.gmm.gmm_ot_loss`` is its square.

    Parameters
    ----------
    first, second : Mixture
        Two mixtures with the same features; the numbers of components may differ.

    Returns
    -------
    Transport
        The distance and the transport plan.

    Raises
    ------
    TypeError, ValueError
        As `kullback_leibler`.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.components.distances import mixture_wasserstein
    >>> one = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    >>> other = Mixture.from_parameters([0.5, 0.5], [[0.0], [2.0]], [1.0, 4.0], covariance_type="spherical")
    >>> round(mixture_wasserstein(one, other).distance, 3)
    1.581
    """
    require_comparable(first, second)
    require_components_only(first, second)
    costs = squared_wasserstein(first, second)
    k1, k2 = costs.shape
    scale = float(costs.max()) or 1.0
    rows = sparse.kron(sparse.eye_array(k1), np.ones((1, k2)))
    columns = sparse.kron(np.ones((1, k1)), sparse.eye_array(k2))
    sums = sparse.vstack([rows, columns]).tocsr()[:-1]  # the last one depends on the others
    weights = np.concatenate([first.weights, second.weights])[:-1]
    prices = costs.ravel() / scale
    from scipy.optimize import linprog  # its import takes a tenth of a second

    found = linprog(prices, A_eq=sums, b_eq=weights, method="highs-ds")  # type: ignore[call-overload] # sparse
    if not found.success:
        raise ArithmeticError(f"the linear program for the transport failed: {found.message}")
    plan = np.maximum(found.x, 0.0).reshape(k1, k2)
    return Transport(math.sqrt(float((plan * costs).sum())), plan, costs)


def require_comparable(first: Mixture, second: Mixture) -> None:
    """Raise TypeError or ValueError unless both are mixtures with the same features."""
    for mixture in (first, second):
        if not isinstance(mixture, Mixture):
            raise TypeError(f"both arguments must be a Mixture, got {type(mixture).__name__}: pass its mixture_")
    if first.n_features != second.n_features:
        raise ValueError(f"the mixtures have {first.n_features} and {second.n_features} features: compare marginals")
    names = first.feature_names, second.feature_names
    if None not in names and names[0] != names[1]:
        raise ValueError(f"the mixtures have different features: {names[0]} and {names[1]}; marginal() reorders them")


def require_components_only(first: Mixture, second: Mixture) -> None:
    """Raise a ValueError if a mixture has noise."""
    for mixture in (first, second):
        mixture.refuse_noise("the distance of mixtures")
        refuse_degrees(mixture.degrees_of_freedom, "the distance of mixtures")


def _mean_of_both(
    first: Mixture, second: Mixture, function: Callable[[FloatArray], FloatArray], n_draws: int, random_state: Seed
) -> MixtureDistance:
    """Estimate the mean of a function of log p - log q over rows of both mixtures, stratified by component."""
    require_comparable(first, second)
    require_components_only(first, second)
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}")
    rng = as_generator(random_state)
    value, variance = 0.0, 0.0
    for mixture in (first, second):
        for component in np.flatnonzero(mixture.weights):
            share = 0.5 * float(mixture.weights[component])
            noise = rng.standard_normal((max(_LEAST_DRAWS, math.ceil(2 * share * n_draws)), mixture.n_features))
            rows = mixture.means[component] + mixture.covariance.color(noise, int(component))
            numbers = function(first.log_density(rows) - second.log_density(rows))
            if np.isinf(numbers).any():  # the density underflows to zero
                return MixtureDistance(math.inf, math.inf)
            value += share * float(numbers.mean())
            variance += share**2 * float(numbers.var(ddof=1)) / len(numbers)
    return MixtureDistance(value, math.sqrt(variance))
