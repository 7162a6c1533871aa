"""Priors with given numbers: published modes, invalid numbers, and what the mode maximizes."""

import numpy as np
import pytest
from helpers.datasets import TABLES
from scipy.stats import dirichlet, invwishart, multivariate_normal

from gaussmix import GaussianMixture, Mixture, NormalInverseWishart
from gaussmix.core.covariance import MODELS
from gaussmix.datasets import load_old_faithful

ROWS, K = TABLES["blobs"]
WEIGHTS_VVV = [0.0813, 0.356, 0.5627]  # mclust's mode for Old Faithful, rounded
MEANS_VVV = [[4.0963, 87.5253], [2.0367, 54.4823], [4.3177, 78.8769]]
DENSE_VVV = [
    [[0.1459, 1.1431], [1.1431, 13.6532]],
    [[0.0684, 0.4502], [0.4502, 31.7518]],
    [[0.1569, 1.0947], [1.0947, 28.4136]],
]
MEAN, SCALE = ROWS.mean(axis=0), np.cov(ROWS.T) / 5


def log_posterior(mixture, prior, rows):
    """The log posterior density of full covariances, by SciPy."""
    value = mixture.log_density(rows).sum()
    for mean, covariance in zip(mixture.means, mixture.covariance.dense(), strict=True):
        value += invwishart(prior.degrees_of_freedom, prior.scale).logpdf(covariance)
        value += multivariate_normal(prior.mean, covariance / prior.mean_strength).logpdf(mean)
    alpha = np.broadcast_to(prior.weight_concentration, mixture.weights.shape)
    return value + dirichlet(alpha).logpdf(mixture.weights / mixture.weights.sum())


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "degrees", "alpha"), [(0.01, 5.0, 1.0), (3.0, 12.0, 4.0), (20.0, 40.5, 50.0)])
def test_the_fit_has_the_greatest_posterior_density(strength, degrees, alpha):
    prior = NormalInverseWishart(
        MEAN, SCALE, mean_strength=strength, degrees_of_freedom=degrees, weight_concentration=alpha
    )
    found = GaussianMixture(K, prior=prior, random_state=0).fit(ROWS).mixture_
    best = log_posterior(found, prior, ROWS)
    rng = np.random.default_rng(0)
    for _ in range(20):
        means = found.means + 1e-3 * rng.normal(size=found.means.shape)
        roots = found.covariance.roots * (1 + 1e-3 * rng.normal(size=(K, 1, 1)))
        weights = found.weights * np.exp(1e-3 * rng.normal(size=K))
        covariance = type(found.covariance)(roots, *found.means.shape)
        assert log_posterior(Mixture(weights / weights.sum(), means, covariance), prior, ROWS) < best


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", MODELS)
def test_every_structure_takes_a_prior(covariance_type):
    scale = 2.0 if covariance_type in ("EII", "VII") else SCALE
    scale = SCALE.diagonal() if covariance_type in ("EEI", "VEI", "EVI", "VVI") else scale
    prior = NormalInverseWishart(MEAN, scale, mean_strength=1.0, weight_concentration=2.0)
    fitted = GaussianMixture(K, covariance_type=covariance_type, prior=prior, random_state=0).fit(ROWS)
    assert fitted.converged_
    assert np.isfinite(fitted.lower_bound_)


def test_a_strong_prior_wins():
    prior = NormalInverseWishart([1.0, 2.0, 3.0], 1e9 * np.eye(3), mean_strength=1e9, degrees_of_freedom=1e9)
    fitted = GaussianMixture(2, prior=prior, random_state=0).fit(ROWS)
    np.testing.assert_allclose(fitted.means_, [[1, 2, 3]] * 2, atol=1e-4)
    np.testing.assert_allclose(fitted.covariances_, np.tile(np.eye(3), (2, 1, 1)), atol=1e-4)


def test_a_concentration_pulls_weights_together():
    prior = NormalInverseWishart(MEAN, SCALE, weight_concentration=1e9)
    fitted = GaussianMixture(K, prior=prior, random_state=0).fit(ROWS)
    np.testing.assert_allclose(fitted.weights_, 1 / K, atol=1e-6)


def test_an_array_of_concentrations_needs_places():
    prior = NormalInverseWishart(MEAN, SCALE, weight_concentration=[1.0, 1.0, 1e9])
    with pytest.raises(ValueError, match="no places before a fit"):
        GaussianMixture(K, prior=prior).fit(ROWS)
    labels = GaussianMixture(K, random_state=0).fit_predict(ROWS)
    fitted = GaussianMixture(K, prior=prior, init_params=labels).fit(ROWS)
    assert fitted.weights_[2] > 0.999


def test_it_is_the_named_penalty_with_its_numbers():
    rows = ROWS
    covariance = np.cov(rows.T, bias=True)
    prior = NormalInverseWishart(rows.mean(axis=0), covariance / K ** (2 / 3))
    given = GaussianMixture(K, prior=prior, random_state=0).fit(rows)
    named = GaussianMixture(K, reg_covar="inverse-wishart", random_state=0).fit(rows)
    np.testing.assert_allclose(given.means_, named.means_, atol=1e-7)
    np.testing.assert_allclose(given.covariances_, named.covariances_, atol=1e-7)


@pytest.mark.parametrize("covariance_type", ["EII", "EEI", "EEE"])
def test_a_shared_covariance_has_one_prior(covariance_type):
    """The mode of the shared covariance: (scale + W) / (n + nu + d + 1 + k), and its analogues."""
    prior = NormalInverseWishart(MEAN, 40.0, mean_strength=2.0, degrees_of_freedom=11.0)
    fitted = GaussianMixture(K, covariance_type=covariance_type, prior=prior, random_state=0).fit(ROWS)
    shares, n, d = fitted.predict_proba(ROWS), len(ROWS), 3
    scatter = 40.0 * np.eye(d)
    for share, mean in zip(shares.T, fitted.means_, strict=True):
        scatter += (share[:, None] * (ROWS - mean)).T @ (ROWS - mean) + 2.0 * np.outer(mean - MEAN, mean - MEAN)
    match covariance_type:
        case "EEE":
            expected = scatter / (n + 11 + d + 1 + K)
        case "EEI":
            expected = np.diag(scatter.diagonal()) / (n + 11 + 2 + K)
        case _:
            trace = np.trace(scatter) - 40.0 * (d - 1)  # one scale
            expected = np.eye(d) * trace / ((n + K) * d + 11 + 2)
    np.testing.assert_allclose(fitted.mixture_.covariance.dense()[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([[0.0]], 1.0), {}, "mean must have the shape"),
        (([0.0, np.nan], 1.0), {}, "mean must be finite"),
        (([0.0, 0.0], [1.0, 2.0, 3.0]), {}, "scale must be a number or have the shape"),
        (([0.0, 0.0], -1.0), {}, "scale must be symmetric and positive-definite"),
        (([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), {}, "scale must be symmetric and positive-definite"),
        (([0.0, 0.0], 1.0), {"mean_strength": -1.0}, "mean_strength must be a number, at least 0"),
        (([0.0, 0.0], 1.0), {"degrees_of_freedom": 1.0}, "degrees_of_freedom must be more than 1"),
        (([0.0, 0.0], 1.0), {"weight_concentration": 0.5}, "weight_concentration must be at least 1"),
        (([0.0, 0.0], 1.0), {"weight_concentration": "many"}, "weight_concentration"),
    ],
)
def test_invalid_numbers_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        NormalInverseWishart(*arguments, **options)


@pytest.mark.parametrize(
    ("prior", "options", "message"),
    [
        (NormalInverseWishart(np.zeros(2), 1.0), {}, "prior.mean has 2 features, but X has 3"),
        (NormalInverseWishart(MEAN, SCALE), {"covariance_type": "diag"}, "scale must be diagonal"),
        (NormalInverseWishart(MEAN, [1.0, 1.0, 2.0]), {"covariance_type": "VII"}, "scale must be one number"),
        (NormalInverseWishart(MEAN, SCALE), {"reg_covar": "chen-tan"}, "is a prior, too"),
        (NormalInverseWishart(MEAN, SCALE, weight_concentration=[1.0, 2.0]), {}, r"shape \(3,\)"),
        ("wishart", {}, "prior must be a NormalInverseWishart"),
    ],
)
def test_priors_that_do_not_fit_are_refused(prior, options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(K, prior=prior, **options).fit(ROWS)


@pytest.mark.parametrize(
    ("covariance_type", "published"), [("VVV", -1128.134993), ("EEE", -1126.427179), ("VII", -1637.503358)]
)
def test_the_modes_of_mclust(covariance_type, published):
    """mclust 6.1.3, ``Mclust(faithful, 3, prior = priorControl())`` with tolerance 1e-12.

    Its mode of VVV is not the best one: fits start from its means, weights and covariances, and stay there.
    """
    rows = load_old_faithful()[0]
    own = np.cov(rows.T) / 3
    scale = own.diagonal().mean() if covariance_type == "VII" else own
    prior = NormalInverseWishart(rows.mean(axis=0), scale)
    options = {}
    if covariance_type == "VVV":
        options = {"tol": 1e-14} | {
            "weights_init": WEIGHTS_VVV,
            "means_init": MEANS_VVV,
            "precisions_init": np.linalg.inv(DENSE_VVV),
        }
    fitted = GaussianMixture(3, covariance_type=covariance_type, prior=prior, random_state=0, **options).fit(rows)
    assert fitted.score(rows) * len(rows) == pytest.approx(published, abs=1e-5)
    if covariance_type == "VVV":
        best = GaussianMixture(3, prior=prior, random_state=0).fit(rows)
        assert best.fit_result_.fit.objective > fitted.fit_result_.fit.objective + 7
