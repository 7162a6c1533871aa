"""Distances of components and of mixtures: closed forms against SciPy, drawn ones within their errors."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad, trapezoid
from scipy.linalg import block_diag, sqrtm

from gaussmix import Mixture
from gaussmix.components.distances import (
    bhattacharyya,
    jeffreys,
    kullback_leibler,
    mixture_jeffreys,
    mixture_wasserstein,
    overlap,
    squared_wasserstein,
    total_variation,
)
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.testing import random_mixture

TABLES_OF_PAIRS = (kullback_leibler, jeffreys, bhattacharyya, overlap, squared_wasserstein)


def draw(covariance_type, k, d, seed=0):
    return random_mixture(covariance_class(covariance_type), k, d, np.random.default_rng(seed))


def line(weights, means, variances):
    return Mixture.from_parameters(weights, np.reshape(means, (-1, 1)), variances, covariance_type="spherical")


def log_normals(mixture):
    return [stats.multivariate_normal(m, S) for m, S in zip(mixture.means, mixture.covariance.dense(), strict=True)]


def textbook_kullback_leibler(m1, S1, m2, S2):
    inverse, t = np.linalg.inv(S2), m2 - m1
    return 0.5 * (np.trace(inverse @ S1) + t @ inverse @ t - len(t) + np.log(np.linalg.det(S2) / np.linalg.det(S1)))


def textbook_bhattacharyya(m1, S1, m2, S2):
    S, t, det = (S1 + S2) / 2, m2 - m1, np.linalg.det
    return t @ np.linalg.inv(S) @ t / 8 + 0.5 * np.log(det(S) / np.sqrt(det(S1) * det(S2)))


def textbook_wasserstein(m1, S1, m2, S2):
    root = np.real(sqrtm(S1))
    return ((m1 - m2) ** 2).sum() + np.trace(S1 + S2 - 2 * np.real(sqrtm(root @ S2 @ root)))


@pytest.mark.parametrize(
    ("function", "textbook"),
    [
        (kullback_leibler, textbook_kullback_leibler),
        (bhattacharyya, textbook_bhattacharyya),
        (squared_wasserstein, textbook_wasserstein),
    ],
)
@pytest.mark.parametrize("first_type", MODELS)
@pytest.mark.parametrize("second_type", ["EII", "VVI", "EEE", "VEV"])
def test_closed_forms_are_the_textbooks(function, textbook, first_type, second_type):
    first, second = draw(first_type, 3, 4, 1), draw(second_type, 2, 4, 2)
    table = function(first, second)
    assert table.shape == (3, 2)
    dense = first.covariance.dense(), second.covariance.dense()
    for i, j in np.ndindex(3, 2):
        expected = textbook(first.means[i], dense[0][i], second.means[j], dense[1][j])
        assert table[i, j] == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_closed_forms_are_the_integrals():
    first, second = line([0.5, 0.5], [0.0, 3.0], [1.0, 0.2]), line([1.0], [1.0], [2.5])
    q = log_normals(second)[0]
    for i, p in enumerate(log_normals(first)):
        divergence = quad(lambda x, p=p: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -12, 15)[0]
        affinity = quad(lambda x, p=p: np.sqrt(p.pdf(x) * q.pdf(x)), -20, 20)[0]
        assert kullback_leibler(first, second)[i, 0] == pytest.approx(divergence, rel=1e-7)
        assert overlap(first, second)[i, 0] == pytest.approx(affinity, rel=1e-7)
        assert bhattacharyya(first, second)[i, 0] == pytest.approx(-np.log(affinity), rel=1e-7)
    # on a line the distance is that of means and of deviations
    assert squared_wasserstein(first, second)[:, 0] == pytest.approx(
        [1 + (1 - 2.5**0.5) ** 2, 4 + (0.2**0.5 - 2.5**0.5) ** 2]
    )


@pytest.mark.parametrize("function", TABLES_OF_PAIRS)
def test_swapping_the_mixtures_transposes_the_table(function):
    first, second = draw("full", 3, 3, 1), draw("diag", 2, 3, 2)
    swapped = function(second, first).T
    if function is kullback_leibler:
        assert not np.allclose(function(first, second), swapped)
    else:
        np.testing.assert_allclose(function(first, second), swapped, rtol=1e-12)


@pytest.mark.parametrize("function", [kullback_leibler, jeffreys, bhattacharyya])
def test_divergences_do_not_depend_on_units(function):
    first, second = draw("full", 3, 3, 1), draw("full", 2, 3, 2)
    units = np.array([1e-8, 1.0, 1e9]) * np.eye(3) + np.tril(np.ones((3, 3)), -1)

    def moved(mixture):
        covariances = units @ mixture.covariance.dense() @ units.T
        return Mixture.from_parameters(mixture.weights, mixture.means @ units.T + 5.0, covariances)

    np.testing.assert_allclose(function(moved(first), moved(second)), function(first, second), rtol=1e-6)


@pytest.mark.parametrize("function", [kullback_leibler, jeffreys, bhattacharyya, squared_wasserstein])
def test_nothing_is_far_from_itself(function):
    mixture = draw("full", 4, 6, 3)
    scales = 10.0 ** np.arange(-6, 6, 2)
    covariance = type(mixture.covariance)(scales[:, None] * mixture.covariance.roots, 4, 6)
    stretched = Mixture(mixture.weights, 1e3 * mixture.means, covariance)
    table = function(stretched, stretched)
    scale = covariance.dense().max() if function is squared_wasserstein else 1.0
    assert np.diagonal(table).min() >= 0
    assert np.diagonal(table).max() < 1e-13 * scale
    assert (table[~np.eye(4, dtype=bool)] > 1e-3 * scale).all()


def test_components_almost_alike_keep_their_digits():
    step = 1e-6
    first, second = line([1.0], [0.0], [1.0]), line([1.0], [step], [(1 + step) ** 2])
    assert squared_wasserstein(first, second)[0, 0] == pytest.approx(2 * step**2, rel=1e-8)
    # to second order in the step: half of the Fisher information of a mean (1) and of a deviation (2)
    assert kullback_leibler(first, second)[0, 0] == pytest.approx(1.5 * step**2, rel=1e-4)


def spread_out(mixture):
    return [stats.norm(m[0], S[0, 0] ** 0.5) for m, S in zip(mixture.means, mixture.covariance.dense(), strict=True)]


def density(mixture, x):
    return sum(w * p.pdf(x) for w, p in zip(mixture.weights, spread_out(mixture), strict=True))


FIRST, SECOND = line([0.3, 0.7], [0.0, 4.0], [1.0, 2.0]), line([0.5, 0.25, 0.25], [0.5, 3.0, 6.0], [1.5, 1.0, 1.0])


def integral_of(function):
    x = np.linspace(-9, 15, 200_001)
    return trapezoid(function(density(FIRST, x), density(SECOND, x)), x)


@pytest.mark.parametrize(
    ("function", "integrand"),
    [(mixture_jeffreys, lambda p, q: (p - q) * np.log(p / q)), (total_variation, lambda p, q: 0.5 * abs(p - q))],
)
def test_drawn_distances_miss_by_their_standard_errors(function, integrand):
    exact = integral_of(integrand)
    found = [function(FIRST, SECOND, n_draws=1000, random_state=seed) for seed in range(100)]
    misses = np.array([(one.value - exact) / one.standard_error for one in found])
    assert abs(misses.mean()) < 0.4  # four standard errors of a mean of a hundred
    assert 0.8 < misses.std() < 1.25
    many = function(FIRST, SECOND, n_draws=100_000)
    assert many.standard_error < 0.2 * found[0].standard_error
    assert many.value == pytest.approx(exact, abs=4 * many.standard_error)


@pytest.mark.parametrize("function", [mixture_jeffreys, total_variation])
def test_drawn_distances_repeat_and_vanish_for_equals(function):
    assert function(FIRST, SECOND) == function(FIRST, SECOND)
    assert function(FIRST, SECOND, random_state=1) != function(FIRST, SECOND)
    rng = np.random.RandomState(0)
    assert function(FIRST, SECOND, random_state=rng) != function(FIRST, SECOND, random_state=rng)
    same = function(FIRST, FIRST.reordered([1, 0]))
    assert same.value == pytest.approx(0, abs=1e-12)
    assert str(function(FIRST, SECOND)).count("±") == 1


def test_a_small_divergence_has_a_small_error():
    for step in (1e-1, 1e-3, 1e-5):
        near = Mixture(FIRST.weights, FIRST.means + step, FIRST.covariance)
        found = mixture_jeffreys(FIRST, near)
        assert found.value > 0
        assert found.standard_error < 0.05 * found.value


def test_what_is_out_of_reach_is_infinitely_far():
    far = line([1.0], [1e140], [1e-40])
    with np.errstate(over="ignore"):
        found, variation = mixture_jeffreys(FIRST, far), total_variation(FIRST, far)
    assert (found.value, found.standard_error) == (np.inf, np.inf)
    assert (variation.value, variation.standard_error) == (1, 0)


def test_a_component_without_weight_plays_no_part():
    more = line([0.3, 0.7, 0.0], [0.0, 4.0, 90.0], [1.0, 2.0, 1.0])
    assert mixture_jeffreys(more, SECOND) == mixture_jeffreys(FIRST, SECOND)
    assert mixture_wasserstein(more, SECOND).distance == pytest.approx(mixture_wasserstein(FIRST, SECOND).distance)


def test_transport_of_single_components_is_their_distance():
    first, second = draw("full", 1, 3, 1), draw("tied", 1, 3, 2)
    transport = mixture_wasserstein(first, second)
    assert transport.distance**2 == pytest.approx(squared_wasserstein(first, second)[0, 0], rel=1e-12)
    np.testing.assert_array_equal(transport.plan, [[1.0]])
    assert mixture_wasserstein(first, first).distance == pytest.approx(0, abs=1e-12)


def test_transport_of_equal_weights_is_the_best_permutation():
    first, second = (
        Mixture(np.full(4, 0.25), mixture.means, mixture.covariance)
        for mixture in (draw("full", 4, 2, 5), draw("diag", 4, 2, 6))
    )
    transport = mixture_wasserstein(first, second)
    best = min(sum(transport.costs[range(4), list(order)]) / 4 for order in permutations(range(4)))
    assert transport.distance**2 == pytest.approx(best, rel=1e-12)


def test_transport_keeps_weights_and_is_a_metric():
    mixtures = [draw(t, k, 2, seed) for seed, (t, k) in enumerate([("full", 3), ("tied", 5), ("spherical", 2)])]
    a, b, c = mixtures
    transport = mixture_wasserstein(a, b)
    np.testing.assert_allclose(transport.plan.sum(axis=1), a.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(transport.plan.sum(axis=0), b.weights, rtol=0, atol=1e-12)
    assert mixture_wasserstein(b, a).distance == pytest.approx(transport.distance, rel=1e-12)
    assert mixture_wasserstein(a, c).distance <= transport.distance + mixture_wasserstein(b, c).distance + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_transport_is_that_of_pot(seed):
    gmm = pytest.importorskip("ot.gmm", reason="POT is not installed")
    first, second = draw("full", 4, 3, seed), draw("full", 6, 3, seed + 100)
    arrays = [(m.means, m.covariance.dense(), m.weights) for m in (first, second)]
    (m1, S1, w1), (m2, S2, w2) = arrays
    assert mixture_wasserstein(first, second).distance ** 2 == pytest.approx(
        gmm.gmm_ot_loss(m1, m2, S1, S2, w1, w2), rel=1e-10
    )


@pytest.mark.parametrize("function", [*TABLES_OF_PAIRS, mixture_jeffreys, total_variation, mixture_wasserstein])
def test_only_mixtures_of_the_same_features_are_compared(function):
    two, three = draw("full", 2, 2), draw("full", 2, 3)
    with pytest.raises(TypeError, match="pass its mixture_"):
        function(two, object())
    with pytest.raises(ValueError, match="2 and 3 features"):
        function(two, three)
    named = [Mixture(two.weights, two.means, two.covariance, names) for names in (("a", "b"), ("b", "a"))]
    with pytest.raises(ValueError, match="different features"):
        function(*named)


def test_something_must_be_drawn():
    with pytest.raises(ValueError, match="n_draws must be at least 1"):
        mixture_jeffreys(FIRST, SECOND, n_draws=0)


def test_independent_features_add_up():
    first, second = draw("full", 2, 2, 1), draw("full", 2, 3, 2)
    k = 2
    both = [
        Mixture.from_parameters(
            np.full(k, 0.5),
            np.hstack([a.means, b.means]),
            np.stack([block_diag(*S) for S in zip(a.covariance.dense(), b.covariance.dense(), strict=True)]),
        )
        for a, b in ((first, second), (first.reordered([1, 0]), second.reordered([1, 0])))
    ]
    for function in (kullback_leibler, bhattacharyya, squared_wasserstein):
        parts = [function(m, m.reordered([1, 0])) for m in (first, second)]
        np.testing.assert_allclose(function(*both), sum(parts), rtol=1e-10, atol=1e-12)
