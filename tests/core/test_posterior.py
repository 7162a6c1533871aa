"""Posteriors: densities integrate to one, draws and intervals agree with SciPy and with each other, files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import beta, dirichlet, gamma, invgamma, multivariate_t, t, wishart

from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.errors import ModelFileError
from gaussmix.core.posterior import Dirichlet, MixturePrior, NormalWisharts, Posterior, StickBreaking
from gaussmix.core.posterior.occupation import occupied_distribution

STRUCTURES = ("full", "tied", "diag", "spherical")
KINDS = ("dirichlet_process", "dirichlet_distribution")


def make_posterior(structure, kind, n_components=3, n_features=2, seed=0, prior_rows=4.0) -> Posterior:
    rng = np.random.default_rng(seed)
    scale = np.eye(n_features) if structure == "spherical" else np.diag(1.0 + np.arange(n_features))
    if structure in ("full", "tied"):
        scale = scale + 0.3
    prior = MixturePrior(
        COVARIANCES[structure],
        n_components,
        kind,
        0.7,
        rng.standard_normal(n_features),
        0.5,
        n_features + prior_rows,
        np.linalg.cholesky(scale),
    )
    noise = rng.standard_normal((n_components, n_features, n_features + 3))
    dense = noise @ noise.transpose(0, 2, 1) / (n_features + 3)
    covariance = COVARIANCES[structure].from_dense_roots(
        np.linalg.cholesky(dense)
        if structure in ("full", "tied")
        else np.stack([np.diag(np.sqrt(np.diag(one))) for one in dense])
        if structure == "diag"
        else np.stack([np.sqrt(one[0, 0]) * np.eye(n_features) for one in dense])
    )
    return Posterior(
        prior, rng.uniform(3, 20, n_components), 2 * rng.standard_normal((n_components, n_features)), covariance
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_predictive_density_of_one_feature_integrates_to_one(structure, kind):
    posterior = make_posterior(structure, kind, n_features=1)

    def density(x):
        return float(np.exp(posterior.predictive_log_density([[x]])[0]))

    total = quad(density, -np.inf, np.inf, epsabs=1e-9, limit=500)[0]
    assert abs(total - 1) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
def test_predictive_density_of_two_features_integrates_to_one(structure):
    posterior = make_posterior(structure, "dirichlet_process", n_components=2)
    nodes, weights = np.polynomial.legendre.leggauss(400)  # of x = tan(u), which covers the plane
    angles, stretch = 0.5 * np.pi * nodes, 0.5 * np.pi * weights
    points = 3 * np.tan(angles)
    stretch = 3 * stretch / np.cos(angles) ** 2
    grid = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(posterior.predictive_log_density(grid)).reshape(400, 400)
    assert abs(stretch @ density @ stretch - 1) < 1e-6


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_predictive_density_of_one_component_is_that_of_scipy(structure, n_features):
    posterior = make_posterior(structure, "dirichlet_distribution", n_components=1, n_features=n_features)
    one, d = posterior.components, n_features
    rows = np.random.default_rng(1).standard_normal((20, d)) * 3
    spread = (1 + 1 / one.mean_precision[0]) * one.covariance.dense()[0]
    nu = one.degrees[0]
    if structure in ("full", "tied"):
        expected = multivariate_t(one.means[0], spread * nu / (nu - d + 1), nu - d + 1).logpdf(rows)
    elif structure == "spherical":
        expected = multivariate_t(one.means[0], spread, d * nu).logpdf(rows)
    else:
        expected = t(nu, one.means[0], np.sqrt(np.diag(spread))).logpdf(rows).sum(axis=1)
    assert_allclose(posterior.predictive_log_density(rows), expected, rtol=1e-10)


def test_distributions_of_weights_agree_with_scipy():
    law = Dirichlet(np.array([0.3, 2.0, 5.0]))
    draws = law.sample(50_000, np.random.default_rng(0))
    assert_allclose(draws.mean(axis=0), law.mean(), atol=6e-3)
    assert_allclose(np.log(draws).mean(axis=0), law.expected_log(), atol=4e-2)
    other = Dirichlet(np.array([1.0, 1.5, 3.0]))
    ratio = dirichlet(law.counts).logpdf(draws.T) - dirichlet(other.counts).logpdf(draws.T)
    assert_allclose(law.divergence(other), ratio.mean(), atol=4 * ratio.std() / np.sqrt(len(ratio)))
    assert_allclose(law.quantiles(np.array([0.1, 0.9]))[1], beta(2, 5.3).ppf([0.1, 0.9]))
    sticks = StickBreaking(np.array([2.0, 3.0, 1.5]), np.array([4.0, 1.0, 0.0]))
    draws = sticks.sample(50_000, np.random.default_rng(0))
    assert_allclose(draws.sum(axis=1), 1)
    assert_allclose(draws.mean(axis=0), sticks.mean(), atol=6e-3)
    assert_allclose(np.log(draws).mean(axis=0), sticks.expected_log(), atol=4e-2)
    assert_allclose(sticks.quantiles(np.array([0.1, 0.9]))[0], beta(2, 4).ppf([0.1, 0.9]), atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
def test_divergence_is_the_mean_log_ratio_of_draws(structure):
    first, second = (make_posterior(structure, "dirichlet_distribution", 2, 2, seed).components for seed in (0, 1))
    assert first.divergence(first) == pytest.approx(0, abs=1e-10)
    rng = np.random.default_rng(0)
    draws = zip(*first.sample(400, rng), strict=True)
    ratios = np.array(
        [
            _log_density(first, means, covariance) - _log_density(second, means, covariance)
            for means, covariance in draws
        ]
    )
    assert_allclose(first.divergence(second), ratios.mean(), atol=4 * ratios.std() / np.sqrt(len(ratios)))


def _log_density(law: NormalWisharts, means, covariance) -> float:
    """Return the log density of means and precisions by SciPy; constants that both laws share may be left out."""
    d, total = law.n_features, 0.0
    for at, (dense, own) in enumerate(zip(covariance.dense(), law.covariance.dense(), strict=True)):
        inverse = np.linalg.inv(dense)
        away = means[at] - law.means[at]
        precision = law.mean_precision[at]
        total += 0.5 * (d * np.log(precision) - precision * away @ inverse @ away)
        if law.covariance.form == "tied" and at > 0:
            continue
        nu = law.degrees[at]
        match law.covariance.form:
            case "full" | "tied":
                total += wishart(nu, np.linalg.inv(nu * own)).logpdf(inverse)
            case "diagonal":
                total += gamma(nu / 2, scale=2 / (nu * np.diag(own))).logpdf(np.diag(inverse)).sum()
            case "spherical":
                total += gamma(d * nu / 2, scale=2 / (d * nu * own[0, 0])).logpdf(inverse[0, 0])
    return float(total)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_draws_follow_the_intervals(structure, kind):
    posterior = make_posterior(structure, kind)
    draws = posterior.sample(2000, 0)
    intervals = posterior.intervals(0.8)
    for found, name in ((np.stack([getattr(one, name) for one in draws]), name) for name in ("weights", "means")):
        assert_allclose(np.moveaxis(np.quantile(found, [0.1, 0.9], axis=0), 0, -1), getattr(intervals, name), atol=0.1)
    found = np.stack([one.covariance.covariances for one in draws])
    assert_allclose(
        np.moveaxis(np.quantile(found, [0.1, 0.9], axis=0), 0, -1), intervals.covariances, rtol=0.1, atol=0.1
    )


def test_intervals_of_one_component_are_exact():
    posterior = make_posterior("full", "dirichlet_distribution", n_components=1)
    one = posterior.components
    nu, scale = one.degrees[0], one.degrees[0] * one.covariance.dense()[0]
    ends = posterior.intervals(0.95)
    expected = t(nu - 1, one.means[0, 0], np.sqrt(scale[0, 0] / (nu - 1) / one.mean_precision[0]))
    assert_allclose(ends.means[0, 0], expected.ppf([0.025, 0.975]))
    assert_allclose(ends.covariances[0, 1, 1], invgamma((nu - 1) / 2, scale=scale[1, 1] / 2).ppf([0.025, 0.975]))
    assert_array_equal(ends.weights, [[1, 1]])
    for level in (0.0, 1.0, 1.5, -1, "0.95", None, True, [0.9]):
        with pytest.raises(ValueError, match="level must be between 0 and 1"):
            posterior.intervals(level)


def test_draws_are_mixtures_in_the_order_of_the_fit():
    posterior = make_posterior("full", "dirichlet_process")
    (first, second), again = posterior.sample(2, 7), posterior.sample(2, np.random.default_rng(7))
    assert_array_equal(first.means, again[0].means)
    assert not np.array_equal(first.means, second.means)
    assert first.weights.sum() == pytest.approx(1)
    assert len(posterior.sample(1, np.random.RandomState(0))) == 1
    for n in (0, -1, 2.5):
        with pytest.raises(ValueError, match="n must be a whole number, at least 1"):
            posterior.sample(n)


def test_number_of_components_counts_those_with_rows():
    assert_allclose(occupied_distribution(np.log([0.5, 0.5])), [0.25, 0.5, 0.25])
    assert_allclose(occupied_distribution(np.array([-np.inf, -np.inf, 0.0])), [0, 0, 1, 0])
    with pytest.raises(ValueError, match="needs the rows of a fit"):
        _ = make_posterior("full", "dirichlet_process").n_components


def test_rows_that_do_not_fit_are_refused():
    posterior = make_posterior("full", "dirichlet_process")
    with pytest.raises(ValueError, match=r"X must have the shape \(n, 2\)"):
        posterior.predictive_log_density([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="X has NaN"):
        posterior.predictive_log_density([[1.0, np.nan]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_file_keeps_every_bit(structure, kind, tmp_path):
    posterior = replace(make_posterior(structure, kind), log_empty=np.log([1e-3, 0.5, 1.0]), feature_names=("a", "b"))
    posterior.save(tmp_path / "posterior.json")
    copy = Posterior.load(tmp_path / "posterior.json")
    rows = np.random.default_rng(0).standard_normal((5, 2))
    assert_array_equal(copy.predictive_log_density(rows), posterior.predictive_log_density(rows))
    assert_array_equal(copy.intervals().means, posterior.intervals().means)
    assert copy.divergence_from_prior() == posterior.divergence_from_prior()
    assert_allclose(copy.n_components, posterior.n_components)
    assert copy.feature_names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format", "gaussmix mixture", 'does not say "format": "gaussmix posterior"'),
        ("counts", [1.0, -2.0, 3.0], "counts are negative"),
        ("counts", [1.0, 2.0], "counts does not have the shape"),
        ("prior", None, "it has no prior"),
        ("prior/degrees_of_freedom", 1.0, "degrees_of_freedom is 1.0, not more than 1"),
        ("prior/mean_precision", 0.0, "mean_precision is 0.0"),
        ("prior/weight_concentration_prior_type", "other", "weight_concentration_prior_type is 'other'"),
        ("prior/n_components", 2, "invalid n_components"),
        ("prior/root", [[1.0, 1.0], [0.0, 1.0]], "not lower triangular"),
        ("probabilities_empty", [0.1, 0.2, 1.5], "no probabilities"),
    ],
)
def test_damaged_file_is_refused(name, value, message, tmp_path):
    path = tmp_path / "posterior.json"
    make_posterior("full", "dirichlet_process").save(path)
    document = json.loads(path.read_text())
    *parts, last = name.split("/")
    (document[parts[0]] if parts else document)[last] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match=f"is not a gaussmix posterior: .*{message}"):
        Posterior.load(path)
