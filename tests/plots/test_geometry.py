"""Ellipses, marginal densities and ranges are those of the mixture."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from gaussmix import Mixture
from gaussmix.plots import ellipse, marginal_densities, radius_holding, view_range


@pytest.fixture
def mixture():
    covariances = [[[2.0, 0.9], [0.9, 1.0]], [[0.5, -0.2], [-0.2, 0.8]], [[1.0, 0.0], [0.0, 3.0]]]
    means = [[0.0, 1.0], [5.0, -2.0], [-4.0, 4.0]]
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=["length", "width"])


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5])
def test_every_point_of_an_ellipse_has_its_mahalanobis_distance(mixture, radius):
    for mean, covariance in zip(mixture.means, mixture.covariance.covariances, strict=True):
        offsets = ellipse(mean, covariance, radius) - mean
        squared = np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(covariance), offsets)
        np.testing.assert_allclose(squared, radius**2, rtol=1e-12)


def test_ellipse_closes_and_goes_around_its_mean(mixture):
    points = ellipse(mixture.means[0], mixture.covariance.covariances[0])
    np.testing.assert_allclose(points[0], points[-1], atol=1e-12)
    np.testing.assert_allclose(points[:-1].mean(axis=0), mixture.means[0], atol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 7])
@pytest.mark.parametrize("probability", [0.0, 0.5, 0.95, 0.999])
def test_radius_is_the_root_of_the_chi_square_quantile(probability, n_features):
    assert radius_holding(probability, n_features) ** 2 == pytest.approx(chi2.ppf(probability, n_features), rel=1e-12)


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_radius_of_no_probability_is_refused(probability):
    with pytest.raises(ValueError, match="probability must be at least 0 and below 1"):
        radius_holding(probability)


def test_ellipse_holds_its_share_of_a_sample(mixture):
    one = Mixture.from_parameters([1.0], mixture.means[:1], mixture.covariance.covariances[:1])
    rows, _ = one.sample(20_000, 0)
    offsets = np.linalg.solve(np.linalg.cholesky(one.covariance.covariances[0]), (rows - one.means[0]).T)
    share = ((offsets**2).sum(axis=0) < radius_holding(0.95) ** 2).mean()
    assert share == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("feature", [0, "width"])
def test_marginal_densities_are_weighted_normal_densities(mixture, feature):
    position = 0 if feature == 0 else 1
    grid = np.linspace(-12, 12, 50)
    deviations = np.sqrt(mixture.covariance.variances())
    expected = [
        weight * norm.pdf(grid, mean[position], deviation[position])
        for weight, mean, deviation in zip(mixture.weights, mixture.means, deviations, strict=True)
    ]
    np.testing.assert_allclose(marginal_densities(mixture, feature, grid), expected, rtol=1e-12)


def test_marginal_densities_integrate_to_the_weights(mixture):
    grid = np.linspace(-20, 20, 4001)
    areas = np.trapezoid(marginal_densities(mixture, 0, grid), grid, axis=1)
    np.testing.assert_allclose(areas, mixture.weights, rtol=1e-9)
    assert areas.sum() == pytest.approx(1.0, rel=1e-9)


def test_view_range_leaves_room_and_is_never_empty():
    assert view_range([0.0, 10.0], 0.1) == (-1.0, 11.0)
    assert view_range([3.0, 3.0]) == (2.5, 3.5)
