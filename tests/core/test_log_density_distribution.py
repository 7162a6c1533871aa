"""How probable a density at most this low is: against exact values, far into the tails; entropy."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2, kstest

from gaussmix import Mixture
from gaussmix.core.distribution.log_density import SMALLEST

TAILS = (0.5, 0.05, 1e-3, 1e-6, 1e-9, 1e-12)


def on_a_line(weights, means, deviations):
    return Mixture.from_parameters(
        weights, np.array(means)[:, None], np.square(deviations, dtype=float), covariance_type="spherical"
    )


ONE_FEATURE = {
    "overlapping": on_a_line([0.3, 0.7], [0, 2], [1, 1]),
    "one inside another": on_a_line([0.5, 0.5], [0, 0.3], [1, 0.05]),
    "unequal": on_a_line([0.9, 0.0999, 0.0001], [0, 4, 9], [1, 0.1, 30]),
    "many": on_a_line([0.1, 0.2, 0.3, 0.25, 0.1, 0.05], [-5, -2, 0, 1, 2, 12], [1, 2, 0.5, 1, 3, 0.2]),
}


def probability_below(mixture, level):
    """Return the exact probability that the log density of a row of one feature is at most this."""
    means, deviations = mixture.means[:, 0], np.sqrt(mixture.covariance.variances()[:, 0])

    def above(x):
        return float(mixture.log_density([[x]])[0]) - level

    grid = np.unique(means + deviations * np.linspace(-40, 40, 1601)[:, None])
    sign = np.sign(mixture.log_density(grid[:, None]) - level)
    changes = np.flatnonzero(sign[:-1] != sign[1:])
    ends = [-np.inf, *(brentq(above, grid[at], grid[at + 1], xtol=1e-14) for at in changes), np.inf]
    total = 0.0
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        a, b = (low - means) / deviations, (high - means) / deviations
        total += mixture.weights @ np.where(a > 0, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
    return total


@pytest.mark.parametrize("name", ONE_FEATURE)
def test_tails_of_one_feature_are_those_of_its_intervals(name):
    mixture = ONE_FEATURE[name]
    distribution = mixture.log_density_distribution()
    for probability in TAILS:
        level = distribution.quantile(probability)
        exact = probability_below(mixture, float(level))
        assert_allclose(distribution.cdf(level), exact, rtol=0.02)
        assert abs(distribution.cdf(level) - exact) < 5 * distribution.cdf_error(level) + 1e-4 * exact


@pytest.mark.parametrize("n_features", [1, 2, 5, 40])
def test_one_component_has_the_chi_square_distribution(n_features):
    covariance = np.diag(np.geomspace(0.01, 100, n_features)) + 0.001
    mixture = Mixture.from_parameters([1.0], [np.arange(n_features)], [covariance])
    distribution = mixture.log_density_distribution()
    top = mixture.log_density([np.arange(n_features)])[0]
    tails = np.array([*TAILS, 1e-100])
    levels = top - 0.5 * chi2.isf(tails, n_features)
    assert_allclose(distribution.cdf(levels), tails, rtol=1e-9)
    assert_allclose(distribution.quantile(tails), levels, rtol=1e-12)
    assert_array_equal(distribution.cdf_error(levels), 0.0)
    assert distribution.cdf(top + 1) == 1
    assert_allclose(distribution.entropy, 0.5 * n_features - top)


@pytest.mark.parametrize("n_features", [2, 3, 10])
def test_components_far_apart_are_a_sum_of_chi_square_distributions(n_features):
    weights, scales = np.array([0.6, 0.3, 0.1]), np.array([1.0, 0.2, 3.0])
    means = 200.0 * np.arange(3)[:, None] * np.ones(n_features)
    mixture = Mixture.from_parameters(weights, means, scales**2, covariance_type="spherical")
    distribution = mixture.log_density_distribution()
    tops = np.log(weights) - n_features * np.log(scales * np.sqrt(2 * np.pi))
    for probability in TAILS:
        level = distribution.quantile(probability)
        exact = weights @ chi2.sf(2 * np.maximum(tops - level, 0), n_features)
        assert_allclose(distribution.cdf(level), exact, rtol=1e-4)


def test_shares_of_drawn_rows_are_uniform():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(4, 6, 6))
    mixture = Mixture.from_parameters(
        [0.4, 0.3, 0.2, 0.1], rng.normal(size=(4, 6)), roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(6)
    )
    shares = mixture.log_density_distribution().cdf(mixture.log_density(mixture.sample(20_000, 1)[0]))
    assert kstest(shares, "uniform").pvalue > 0.01


@pytest.mark.parametrize("name", ONE_FEATURE)
def test_probabilities_rise_with_the_density_and_are_never_zero(name):
    mixture = ONE_FEATURE[name]
    distribution = mixture.log_density_distribution()
    levels = np.concatenate([[-np.inf, -1e300, -1e5], np.linspace(-800, 10, 100_001)])
    found = distribution.cdf(levels)
    assert (np.diff(found) >= 0).all()
    assert found[0] == SMALLEST > 0
    assert found[-1] == 1
    assert (np.diff(found[levels > -600]) >= 0).all()
    assert found[levels < -200].max() < 1e-60


@pytest.mark.parametrize("name", ONE_FEATURE)
def test_quantile_is_the_inverse(name):
    distribution = ONE_FEATURE[name].log_density_distribution()
    wanted = np.array([[0.001, 0.2], [0.9, 1e-15]])
    assert_allclose(distribution.cdf(distribution.quantile(wanted)), wanted, rtol=1e-9)


@pytest.mark.parametrize("probability", [0.0, 1.0, [0.5, np.nan], 1e-30])
def test_probabilities_without_a_level_are_refused(probability):
    with pytest.raises(ValueError, match="probability must be"):
        ONE_FEATURE["many"].log_density_distribution().quantile(probability)


def test_an_offset_of_the_rows_and_components_without_weight_change_nothing():
    weights, means = np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 2.0]])
    here = Mixture.from_parameters(weights, means, [1.0, 2.0], covariance_type="spherical")
    there = Mixture.from_parameters(
        [0.5, 0.5, 0], [*means + 1e9, [0, 0]], [1.0, 2.0, 1e-9], covariance_type="spherical"
    )
    one, other = here.log_density_distribution(), there.log_density_distribution()
    assert_allclose(one.quantile(TAILS), other.quantile(TAILS), rtol=1e-9)
    assert_allclose(one.entropy, other.entropy, rtol=1e-9)


@pytest.mark.parametrize("name", ONE_FEATURE)
def test_entropy_is_the_integral(name):
    mixture = ONE_FEATURE[name]
    means, deviations = mixture.means[:, 0], np.sqrt(mixture.covariance.variances()[:, 0])

    def integrand(x):
        level = float(mixture.log_density([[x]])[0])
        return -level * np.exp(level)

    ends = np.unique((means + deviations * np.array([[-12], [-3], [-1], [0], [1], [3], [12]])).ravel())
    exact = sum(quad(integrand, low, high)[0] for low, high in pairwise(ends))
    entropy, error = mixture.entropy(return_error=True)
    assert abs(entropy - exact) < 5 * error + 1e-7
    assert error < 1e-3
    assert mixture.entropy() == entropy


@pytest.mark.parametrize("mass", [0.1, 0.5, 0.95, 0.999])
def test_highest_density_regions_hold_their_mass(mass):
    mixture = ONE_FEATURE["many"]
    assert 1 - probability_below(mixture, float(mixture.density_level(mass))) == pytest.approx(mass, abs=2e-4)


@pytest.mark.parametrize("mass", [0.0, 1.0, -1, [0.5, np.nan]])
def test_masses_that_no_region_can_have_are_refused(mass):
    with pytest.raises(ValueError, match="mass must be above 0 and below 1"):
        ONE_FEATURE["many"].density_level(mass)
