"""Cumulative probabilities, quantiles and modes of a mixture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from gaussmix import Mixture


def random_mixture(n_components, n_features, seed, apart=2.0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(n_components, n_features, n_features))
    return Mixture.from_parameters(
        rng.dirichlet(np.ones(n_components)),
        apart * rng.normal(size=(n_components, n_features)),
        roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(n_features),
    )


@pytest.mark.parametrize("correlation", [-0.9, -0.2, 0.0, 0.5, 0.99])
def test_orthant_of_two_features(correlation):
    mixture = Mixture.from_parameters([1.0], [[3.0, -1.0]], [[[4.0, 2 * correlation], [2 * correlation, 1.0]]])
    found, error = mixture.cdf([[3.0, -1.0]], return_error=True)
    assert_allclose(found, 0.25 + np.arcsin(correlation) / (2 * np.pi), atol=1e-4)
    assert error < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [2, 3, 6])
def test_cumulative_probabilities_are_those_of_scipy(n_features):
    mixture = random_mixture(3, n_features, n_features)
    rows, _ = mixture.sample(20, 0)
    found, error = mixture.cdf(rows, return_error=True)
    expected = sum(
        weight * multivariate_normal(mean, covariance, seed=0).cdf(rows)
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    )
    assert_allclose(found, expected, atol=3e-4)
    assert (error < 3e-4).all()
    assert_array_equal(mixture.cdf(rows), found)


@pytest.mark.parametrize("structure", ["diag", "spherical", "EEI", "VII"])
def test_features_without_correlations_multiply(structure):
    shape = {"diag": (2, 3), "EEI": (2, 3), "spherical": (2,), "VII": (2,)}[structure]
    variances = np.ones(shape) * 2.0
    mixture = Mixture.from_parameters([0.4, 0.6], np.zeros((2, 3)), variances, covariance_type=structure)
    found, error = mixture.cdf([[1.0, 2.0, -1.0]], return_error=True)
    assert_allclose(found, norm.cdf(np.array([1, 2, -1]) / np.sqrt(2)).prod(), rtol=1e-14)
    assert error == 0


@pytest.mark.parametrize("seed", range(4))
def test_quantiles_are_the_inverse_of_cumulative_probabilities(seed):
    mixture = random_mixture(4, 1, seed)
    q = np.array([[1e-300, 1e-9, 0.1], [0.5, 0.7, 0.999]])
    assert_allclose(mixture.cdf(mixture.quantile(q).reshape(-1, 1)), q.ravel(), rtol=1e-11)
    assert_array_equal(mixture.quantile([0.0, 1.0]), [-np.inf, np.inf])
    mirrored = Mixture.from_parameters(mixture.weights, -mixture.means, mixture.covariance.dense())
    assert_allclose(mixture.quantile(1 - 1e-12), -mirrored.quantile(1 - (1 - 1e-12)), rtol=1e-12)
    assert mixture.quantile(0.3).shape == ()


def test_quantiles_between_components_far_apart():
    mixture = Mixture.from_parameters(
        [0.5, 0.5, 0.0], [[0.0], [1e9], [-5.0]], [1e-8, 1.0, 1.0], covariance_type="spherical"
    )
    assert_allclose(mixture.quantile([0.25, 0.75]), [0.0, 1e9], atol=1e-12)
    low, high = mixture.quantile([0.49, 0.51])
    assert_allclose([low, high], [1e-4 * norm.ppf(0.98), 1e9 + norm.ppf(0.02)], rtol=1e-12)


def test_quantiles_of_several_features_and_of_no_probabilities_are_refused():
    mixture = random_mixture(2, 2, 0)
    with pytest.raises(ValueError, match=r"one feature, and the mixture has 2: use mixture\.marginal\(\['x0'\]\)"):
        mixture.quantile(0.5)
    for q in (-0.1, 1.1, np.nan, [0.5, 2]):
        with pytest.raises(ValueError, match="q must be probabilities"):
            mixture.marginal([0]).quantile(q)


@pytest.mark.parametrize(("half", "n_modes"), [(0.5, 1), (0.99, 1), (1.01, 2), (4.0, 2)])
def test_two_equal_normals_have_two_modes_beyond_two_standard_deviations(half, n_modes):
    for scale, offset in ((1.0, 0.0), (1e-6, 1e3), (1e6, -1e9)):
        means = offset + scale * np.array([[-half, 0], [half, 0]])
        modes = Mixture.from_parameters([0.5, 0.5], means, scale**2 * np.eye(2), covariance_type="tied").modes()
        assert len(modes) == n_modes


def test_there_can_be_more_modes_than_components():
    """Two long components that cross have modes at both means and where they cross (Ray and Lindsay 2005)."""
    crossing = Mixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [[[1.0, 0.0], [0.0, 0.05]], [[0.05, 0.0], [0.0, 1.0]]]
    )
    assert len(crossing.modes()) == 3


@pytest.mark.parametrize(("variance", "n_modes"), [(0.45, 3), (0.505, 4), (0.6, 1)])
def test_three_round_components_on_a_triangle_can_have_four_modes(variance, n_modes):
    """Their middle is a mode if the variance exceeds half the squared radius (Carreira-Perpinan and Williams 2003)."""
    corners = np.array([[1.0, 0.0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]])
    mixture = Mixture.from_parameters(np.full(3, 1 / 3), corners, np.full(3, variance), covariance_type="spherical")
    assert len(mixture.modes()) == n_modes


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_every_ascent_from_a_drawn_row_ends_at_a_mode(seed, n_features):
    mixture = random_mixture(4, n_features, seed, apart=1.5)
    modes = mixture.modes()
    heights = mixture.log_density(modes)
    assert (np.diff(heights) <= 0).all()
    assert_array_equal(mixture.mode(), modes[0])
    for row in mixture.sample(60, seed)[0]:
        top = minimize(lambda x: -mixture.log_density(x[None])[0], row, method="BFGS", options={"gtol": 1e-7}).x
        assert np.linalg.norm(modes - top, axis=1).min() < 1e-3


def test_equal_components_and_components_without_weight_add_no_modes():
    mixture = Mixture.from_parameters(
        [0.5, 0.5, 0.0], [[1.0], [1.0], [50.0]], [1.0, 1.0, 1.0], covariance_type="spherical"
    )
    assert_allclose(mixture.modes(), [[1.0]])
