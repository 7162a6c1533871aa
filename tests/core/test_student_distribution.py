"""Marginals, conditionals and functions of mixtures of t distributions, against SciPy and simulation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import multivariate_t
from scipy.stats import t as student

from gaussmix import Mixture
from gaussmix.core.covariance import STRUCTURES
from gaussmix.testing.random_models import random_mixture


def heavy(structure="full", k=3, d=3, degrees=(3.0, 8.0, np.inf)):
    plain = random_mixture(STRUCTURES[structure], k, d, np.random.default_rng(1))
    return plain.with_components(plain.weights, plain.means, plain.covariance, np.resize(degrees, k))


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical", "EVI", "VEE"])
def test_a_conditional_density_is_a_ratio(structure):
    mixture = heavy(structure)
    y = mixture.conditional({0: 0.7})
    rows = np.random.default_rng(0).normal(size=(20, 2))
    joint = mixture.log_density(np.column_stack([np.full(20, 0.7), rows]))
    assert_allclose(y.log_density(rows), joint - mixture.marginal([0]).log_density([[0.7]]), rtol=1e-10)
    assert_allclose(y.degrees_of_freedom, mixture.degrees_of_freedom + 1)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_conditionals_of_many_rows_are_those_of_each(structure):
    mixture = heavy(structure)
    rows = np.random.default_rng(0).normal(size=(6, 1)) * 3
    many = mixture.condition(rows, on=[1])
    values = np.random.default_rng(1).normal(size=(6, 2))
    for at in range(6):
        one = many.mixture(at)
        assert_allclose(one.log_density(values), mixture.conditional({1: rows[at, 0]}).log_density(values), rtol=1e-10)
        assert_allclose(many.means[at], one.weights @ one.means, rtol=1e-10)
        factors = np.where(np.isinf(one.degrees_of_freedom), 1.0, one.degrees_of_freedom)
        factors = np.where(np.isinf(one.degrees_of_freedom), 1.0, factors / (factors - 2))
        apart = one.means - many.means[at]
        expected = np.einsum("k,kij->ij", one.weights * factors, one.covariance.dense())
        expected = expected + np.einsum("k,ki,kj->ij", one.weights, apart, apart)
        assert_allclose(many.covariances[at], expected, rtol=1e-9)
        assert_allclose(many.standard_deviations[at] ** 2, np.diag(expected), rtol=1e-9)
    assert_allclose(many.log_density(values)[2], many.mixture(2).log_density(values[2:3])[0], rtol=1e-9)
    with pytest.raises(ValueError, match="quantile"):
        mixture.condition(rows, on=[1]).quantiles(0.5, feature=0)


def test_conditional_draws_have_the_quantiles():
    mixture = heavy(k=2, degrees=(3.0, 6.0))
    draws = mixture.condition(np.full((40_000, 1), 1.5), on=[2]).sample(0)
    exact = mixture.conditional({2: 1.5}).marginal([0]).cdf([[0.4]])
    assert_allclose((draws[:, 0] <= 0.4).mean(), exact, atol=0.01)
    holes = np.tile([np.nan, 0.2, 1.5], (40_000, 1))
    filled = mixture.impute(holes, "draw", random_state=1)
    exact = mixture.conditional({1: 0.2, 2: 1.5}).cdf([[0.4]])
    assert_allclose((filled[:, 0] <= 0.4).mean(), exact, atol=0.01)


@pytest.mark.parametrize("nu", [1.5, 4.0, 30.0])
def test_cumulative_probabilities_and_quantiles_of_one_feature(nu):
    mixture = Mixture.from_parameters([1.0], [[2.0]], [[[9.0]]], degrees_of_freedom=nu)
    points = np.array([[-30.0], [1.0], [2.0], [7.0]])
    known = student(nu, loc=2, scale=3)
    assert_allclose(mixture.cdf(points), known.cdf(points[:, 0]), rtol=1e-9)
    levels = np.array([1e-6, 0.01, 0.4, 0.5, 0.99])
    assert_allclose(mixture.quantile(levels), known.ppf(levels), rtol=1e-6, atol=1e-8)
    assert_allclose(mixture.entropy(), known.entropy(), rtol=1e-6)


def test_quantiles_of_several_components_invert_the_distribution():
    mixture = heavy(d=1, degrees=(1.0, 3.0, np.inf))
    levels = np.array([0.001, 0.2, 0.5, 0.77, 0.999])
    assert_allclose(mixture.cdf(mixture.quantile(levels)[:, None]), levels, rtol=1e-9)


@pytest.mark.parametrize("nu", [3.0, 12.0])
def test_cumulative_probabilities_of_several_features(nu):
    matrix = np.array([[1.0, 0.5], [0.5, 2.0]])
    mixture = Mixture.from_parameters([1.0], [[0.0, 1.0]], matrix[None], degrees_of_freedom=nu)
    points = np.array([[0.0, 0.0], [1.0, 2.0], [-1.0, 3.0]])
    expected = [multivariate_t([0, 1], matrix, df=nu).cdf(point, random_state=0) for point in points]
    assert_allclose(mixture.cdf(points), expected, atol=2e-4)


def test_modes_are_maxima():
    mixture = heavy(k=3, d=2, degrees=(2.0, 5.0, np.inf))
    modes = mixture.modes()
    for mode in modes:
        around = mode + 1e-3 * np.random.default_rng(0).normal(size=(50, 2))
        assert (mixture.log_density(around) <= mixture.log_density(mode[None]) + 1e-12).all()


@pytest.mark.parametrize("k", [1, 3])
def test_density_levels_hold_their_mass(k):
    mixture = heavy(k=k, d=2)
    rows, _ = mixture.sample(200_000, 0)
    levels = mixture.density_level([0.5, 0.9, 0.99])
    found = (mixture.log_density(rows)[:, None] >= levels).mean(axis=0)
    assert_allclose(found, [0.5, 0.9, 0.99], atol=0.004)
    assert_allclose(mixture.entropy(), -mixture.log_density(rows).mean(), atol=0.02)


def test_linear_maps_keep_the_degrees_of_freedom():
    mixture = heavy(d=2)
    moved = mixture.rescaled([1.0, 2.0], [3.0, 0.5])
    rows = np.random.default_rng(0).normal(size=(10, 2))
    expected = mixture.log_density(rows) - np.log(1.5)
    assert_allclose(moved.log_density(rows * [3.0, 0.5] + [1.0, 2.0]), expected, rtol=1e-10)


def test_the_density_of_one_feature_integrates_to_one():
    mixture = heavy(d=1, degrees=(1.0, 3.0, np.inf))
    total, _ = quad(lambda x: float(np.exp(mixture.log_density([[x]])[0])), -200, 200, limit=400, points=[-5, 0, 5])
    assert_allclose(total + 1 - np.diff(mixture.cdf([[-200.0], [200.0]]))[0], 1, atol=1e-6)
