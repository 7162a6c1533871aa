"""Priors: what an M-step with them gains, what it maximizes, and the closed forms they were published with."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior

ROWS, K = TABLES["iris"]
CENTER = ROWS.mean(axis=0)
ROOT = np.linalg.cholesky(np.cov(ROWS.T, bias=True))
STRENGTH = 5.0
types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def update_of(name, covariance_type):
    form = covariance_class(covariance_type).form
    root = ROOT if form in ("full", "tied") else np.diag(ROWS.std(axis=0))
    match name:
        case "none":
            return MaximumLikelihood()
        case "chen-tan":
            return MaximumLikelihood(prior=Prior.chen_tan(STRENGTH, root))
        case "inverse-wishart":
            return MaximumLikelihood(prior=Prior.inverse_wishart(form, root, CENTER, K))


updates = pytest.mark.parametrize("name", ["none", "chen-tan", "inverse-wishart"])


def start_for(rows, n_components, covariance_type, seed):
    structure = covariance_class(covariance_type)
    membership = draw_membership(NativeEngine(rows), n_components, "random_from_data", np.random.RandomState(seed))
    return mixture_from_membership(membership, structure, MaximumLikelihood(1e-3))


def objective_of(engine, update, mixture):
    return engine.accumulate(mixture.whitened()).log_likelihood + update.log_prior(mixture)


@types
@updates
def test_every_step_gains_what_it_guarantees(covariance_type, name):
    update, engine = update_of(name, covariance_type), NativeEngine(ROWS)
    for seed in range(3):
        mixture = start_for(ROWS, K, covariance_type, seed)
        gains = []
        for _ in range(25):
            moments = engine.accumulate(mixture.whitened())
            before = moments.log_likelihood + update.log_prior(mixture)
            step = update.maximize(mixture, moments)
            assert not step.collapsed.any()
            gains.append(update.gain(mixture, moments, step))
            after = objective_of(engine, update, step.mixture)
            assert gains[-1] >= -1e-9
            assert after - before >= gains[-1] - 1e-9 * abs(before)
            mixture = step.mixture
        assert gains[0] > 1e-2, "a start at the top proves nothing"


def expected_objective(rows, shares, update, mixture):
    """Log-likelihood of rows whose components are known in shares, plus log prior, without `Moments`."""
    total = update.log_prior(mixture)
    for component, (weight, mean, dense) in enumerate(
        zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    ):
        away = rows - mean
        distances = np.einsum("ni,ij,nj->n", away, np.linalg.inv(dense), away)
        log_density = -0.5 * (distances + np.linalg.slogdet(2 * np.pi * dense)[1])
        total += shares[:, component] @ (np.log(weight) + log_density)
    return total


@types
@updates
def test_the_step_is_at_a_maximum_and_its_gain_is_the_difference(covariance_type, name):
    update, engine = update_of(name, covariance_type), NativeEngine(ROWS)
    start = start_for(ROWS, K, covariance_type, 1)
    shares = start.responsibilities(ROWS)
    moments = engine.accumulate(start.whitened())
    step = update.maximize(start, moments)
    best = expected_objective(ROWS, shares, update, step.mixture)
    was = expected_objective(ROWS, shares, update, start)
    assert update.gain(start, moments, step) == pytest.approx(best - was, rel=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(20):
        for size in (1e-3, 1e-1):
            weights = step.mixture.weights * np.exp(size * rng.standard_normal(K))
            means = step.mixture.means + size * ROWS.std(axis=0) * rng.standard_normal((K, 4))
            covariances = step.mixture.covariance.covariances
            bend = np.eye(4) + size * rng.standard_normal((4, 4))
            scales = np.exp(size * rng.standard_normal((K, 4)))
            match covariance_type:
                case "full" | "tied":
                    moved = bend @ covariances @ bend.T
                case "diag":
                    moved = covariances * scales
                case "spherical":
                    moved = covariances * scales[:, 0]
            for changed in (
                (weights / weights.sum(), step.mixture.means, covariances),
                (step.mixture.weights, means, covariances),
                (step.mixture.weights, step.mixture.means, moved),
            ):
                other = Mixture.from_parameters(*changed, covariance_type=covariance_type)
                assert expected_objective(ROWS, shares, update, other) < best


def scatters(shares, means):
    """(k, d, d) sums of squares about the means."""
    away = ROWS[:, None] - means
    return np.einsum("nk,nki,nkj->kij", shares, away, away)


@types
def test_chen_tan_is_its_closed_form(covariance_type):
    # Chen and Tan (2009), section 3: (N_k S_k + 2 a S) / (N_k + 2 a)
    start = start_for(ROWS, K, covariance_type, 0)
    update = update_of("chen-tan", covariance_type)
    shares = start.responsibilities(ROWS)
    counts = shares.sum(axis=0)
    means = shares.T @ ROWS / counts[:, None]
    target = ROOT @ ROOT.T if covariance_type in ("full", "tied") else np.diag(ROWS.var(axis=0))
    scatter = scatters(shares, means) + 2 * STRENGTH * target
    wanted = {
        "full": lambda: scatter / (counts + 2 * STRENGTH)[:, None, None],
        "tied": lambda: (scatters(shares, means).sum(axis=0) + 2 * STRENGTH * target) / (150 + 2 * STRENGTH),
        "diag": lambda: np.diagonal(scatter, axis1=1, axis2=2) / (counts + 2 * STRENGTH)[:, None],
        "spherical": lambda: np.trace(scatter, axis1=1, axis2=2) / (4 * (counts + 2 * STRENGTH)),
    }[covariance_type]()
    step = update.maximize(start, NativeEngine(ROWS).accumulate(start.whitened()))
    np.testing.assert_allclose(step.mixture.weights, counts / 150, rtol=1e-12)
    np.testing.assert_allclose(step.mixture.means, means, rtol=1e-11)
    np.testing.assert_allclose(step.mixture.covariance.covariances, wanted, rtol=1e-10, atol=1e-12)


@types
def test_inverse_wishart_is_its_closed_form(covariance_type):
    # Fraley and Raftery (2007), table 2: kappa = 0.01 rows at the center, nu = d + 2, scale S / k^(2/d); the diagonal
    # one for each feature
    d, kappa = 4, 0.01
    nu = d + 2
    start = start_for(ROWS, K, covariance_type, 0)
    shares = start.responsibilities(ROWS)
    counts = shares.sum(axis=0)
    averages = shares.T @ ROWS / counts[:, None]
    means = (counts[:, None] * averages + kappa * CENTER) / (counts + kappa)[:, None]
    pulled = kappa * counts / (counts + kappa)
    away = averages - CENTER
    scatter = scatters(shares, averages) + pulled[:, None, None] * away[:, :, None] * away[:, None, :]
    scale = ROOT @ ROOT.T / K ** (2 / d)
    variances = ROWS.var(axis=0) / K ** (2 / d)
    wanted = {
        "full": lambda: (scale + scatter) / (counts + nu + d + 2)[:, None, None],
        "tied": lambda: (scale + scatter.sum(axis=0)) / (150 + nu + d + 1 + K),
        "diag": lambda: (variances + np.diagonal(scatter, axis1=1, axis2=2)) / (counts + nu + 3)[:, None],
        "spherical": lambda: (variances.mean() + np.trace(scatter, axis1=1, axis2=2)) / (counts * d + d + nu + 2),
    }[covariance_type]()
    step = update_of("inverse-wishart", covariance_type).maximize(
        start, NativeEngine(ROWS).accumulate(start.whitened())
    )
    np.testing.assert_allclose(step.mixture.means, means, rtol=1e-11)
    np.testing.assert_allclose(step.mixture.covariance.covariances, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@types
@pytest.mark.parametrize("table", ["iris", "blobs", "overlapping"])
def test_the_default_penalty_costs_a_sound_fit_nothing(covariance_type, table):
    rows, k = TABLES[table]
    gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(rows)
    mixture = gm.mixture_
    unpenalized = GaussianMixture(
        k,
        covariance_type=covariance_type,
        reg_covar=0,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=mixture.covariance.precisions,
    ).fit(rows)
    assert abs(unpenalized.lower_bound_ - gm.lower_bound_) * len(rows) < 1e-6


@pytest.mark.parametrize("reg_covar", ["chen-tan", "inverse-wishart"])
@types
def test_components_of_few_rows_are_kept_regular(covariance_type, reg_covar):
    rng = np.random.default_rng(0)
    rows = np.r_[rng.standard_normal((60, 3)), 8 + rng.standard_normal((6, 3)) * [1, 1, 0]]  # six in a plane
    labels = np.arange(66) // 60
    gm = GaussianMixture(2, covariance_type=covariance_type, reg_covar=reg_covar, init_params=labels).fit(rows)
    sizes = np.linalg.eigvalsh(gm.mixture_.covariance.dense())
    assert sizes.min() > 0.01
