"""Inference from rows with missing values and measurement errors."""

import numpy as np
import pytest
from helpers.incomplete_rows import with_holes
from helpers.oracles import derivatives, log_likelihood, second_derivatives
from inference.test_information import path_of
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from gaussmix import (
    GaussianMixture,
    Mixture,
    bootstrap,
    choose_n_components,
    cross_validated_log_likelihood,
    likelihood_ratio_test,
    stability,
    standard_errors,
)
from gaussmix.core.covariance import MODELS
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.datasets import load_old_faithful
from gaussmix.inference.information import Information, score_rows
from gaussmix.inference.parametrization import Parametrization
from gaussmix.testing import random_mixture

GEYSER = load_old_faithful()[0]
ROWS = with_holes(GEYSER, 0.2, np.random.default_rng(0))
FITTED = GaussianMixture(2, random_state=0).fit(ROWS)
NOISE = np.random.default_rng(1).random((272, 2)) * [0.1, 20.0]


def noise_of(kind, n, d):
    rng = np.random.default_rng(2)
    match kind:
        case "none":
            return None
        case "each":
            return NoiseCovariance(rng.random((n, d)), per_row=True)
    return NoiseCovariance(np.cov(rng.normal(size=(9, d)).T), per_row=False)


@pytest.mark.slow
@pytest.mark.parametrize(("letters", "kind"), [("VEE", "none"), ("VVV", "each"), ("VVE", "same")])
def test_scores_and_information_are_derivatives(letters, kind):
    rng = np.random.default_rng(5)
    mixture = random_mixture(MODELS[letters], 2, 2, rng)
    values = with_holes(1.1 * mixture.sample(6, 3)[0] + 0.1, 0.3, rng)
    rows = WeightedRows(values, rng.random(6), noise=noise_of(kind, 6, 2))
    parametrization = Parametrization.about(mixture)
    at, parameters = path_of(parametrization)
    information = Information.at(parametrization, rows)

    def of_row(here, row):
        weights, means, covariances = parameters(here)
        seen = ~np.isnan(values[row])
        noise = 0.0 if rows.noise is None else rows.noise.dense(row)[np.ix_(seen, seen)]
        own = [covariance[np.ix_(seen, seen)] + noise for covariance in covariances]
        return log_likelihood(values[row : row + 1, seen], weights, means[:, seen], own) if seen.any() else 0.0

    def total(here):
        return sum(weight * of_row(here, row) for row, weight in enumerate(rows.explicit_weights))

    assert_allclose(information.score, derivatives(total, at), rtol=1e-9, atol=1e-9)
    assert_allclose(information.observed, -second_derivatives(total, at), rtol=1e-6, atol=1e-6)
    if kind == "none":
        scores = score_rows(parametrization, values)
        assert_allclose(scores[4], derivatives(lambda here: of_row(here, 4), at), rtol=1e-9, atol=1e-9)
        squares = scores.T @ (rows.explicit_weights[:, None] * scores)
        assert_allclose(information.squared_scores, squares, rtol=1e-9, atol=1e-9)


def test_errors_of_a_mean_are_those_of_the_values_that_are_observed():
    rows = np.random.default_rng(3).normal(size=(400, 2))
    rows[100:, 1] = np.nan
    errors = standard_errors(GaussianMixture(covariance_type="diag").fit(rows), rows)
    assert_allclose(errors.means[0], [rows[:, 0].std() / 20, rows[:100, 1].std() / 10], rtol=1e-5)
    noisy = GaussianMixture().fit(GEYSER[:, :1], noise_covariance=NOISE[:, :1])
    wide = standard_errors(noisy, GEYSER[:, :1], noise_covariance=NOISE[:, :1])
    information = (1 / (noisy.covariances_[0, 0] + NOISE[:, 0])).sum()
    assert wide.means[0, 0] == pytest.approx(information**-0.5, rel=0.02)


@pytest.mark.parametrize("kind", ["nonparametric", "weighted", "parametric"])
def test_bootstraps_agree_with_standard_errors(kind):
    errors = standard_errors(FITTED, ROWS)
    draws = bootstrap(FITTED, ROWS, kind=kind, n_draws=200, random_state=0)
    assert not draws.n_failed
    assert_allclose(draws.standard_errors.means, errors.means, rtol=0.3)
    noisy = GaussianMixture(2, random_state=0).fit(GEYSER, noise_covariance=NOISE)
    draws = bootstrap(noisy, GEYSER, kind=kind, n_draws=5, random_state=0, noise_covariance=NOISE)
    assert np.abs(draws.means.mean(axis=0) - noisy.means_).max() < 1


@pytest.mark.parametrize("start", ["warm", "cold"])
def test_held_out_density_is_that_of_what_is_observed(start):
    two = cross_validated_log_likelihood(FITTED, ROWS, n_folds=3, start=start)
    one = cross_validated_log_likelihood(GaussianMixture().fit(ROWS), ROWS, n_folds=3, start=start)
    assert two.mean > one.mean
    row = int(np.flatnonzero(np.isnan(ROWS[:, 0]) & ~np.isnan(ROWS[:, 1]))[0])
    fold = two.folds == two.folds[row]
    other = GaussianMixture(2, random_state=0).fit(ROWS[~fold])
    parts = zip(other.weights_, other.means_, other.covariances_, strict=True)
    density = sum(w * multivariate_normal(m[1], c[1, 1]).pdf(ROWS[row, 1]) for w, m, c in parts)
    assert two.log_density[row] == pytest.approx(np.log(density), abs=1e-2)
    noisy = cross_validated_log_likelihood(FITTED, ROWS, n_folds=2, start=start, noise_covariance=NOISE)
    assert np.isfinite(noisy.mean)


def test_stability_and_likelihood_ratio_take_missing_values():
    assert (stability(FITTED, ROWS, n_draws=3, random_state=0).rand > 0.8).all()
    assert (stability(FITTED, GEYSER, n_draws=2, random_state=0, noise_covariance=NOISE).rand > 0.8).all()
    test = likelihood_ratio_test(ROWS, 1, n_draws=9, random_state=0)
    assert test.p_value == 0.1
    fitted = GaussianMixture(2, random_state=0).fit(ROWS)
    assert test.alternative is not None
    assert_allclose(np.sort(test.alternative.means[:, 1]), np.sort(fitted.means_[:, 1]), atol=1e-2)
    rng = np.random.default_rng(0)
    rows = with_holes(rng.normal(size=(80, 2)), 0.2, rng)
    assert choose_n_components(rows, up_to=2, n_draws=9, random_state=0, level=0.11).n_components in (1, 2)
    assert likelihood_ratio_test(rows, 1, n_draws=9, random_state=0, noise_covariance=np.ones(2) / 9).p_value > 0.1


EMPTY = np.vstack([ROWS[~np.isnan(ROWS).all(axis=1)], np.full((60, 2), np.nan)])
N_INFORMATIVE = len(EMPTY) - 60


def test_rows_without_any_value_do_not_count():
    whole, some = standard_errors(FITTED, EMPTY), standard_errors(FITTED, EMPTY[:N_INFORMATIVE])
    assert whole.n == some.n == N_INFORMATIVE
    assert_allclose(whole.means, some.means, rtol=1e-9)
    held_out = cross_validated_log_likelihood(FITTED, EMPTY, random_state=0)
    assert held_out.n == N_INFORMATIVE
    assert held_out.log_density.shape == (len(EMPTY),)
    assert_allclose(held_out.mean, held_out.log_density[:N_INFORMATIVE].mean(), rtol=1e-12)
    drawn = bootstrap(FITTED, EMPTY, n_draws=5, random_state=0)
    assert np.isfinite(drawn.means).all()
    assert str(stability(FITTED, EMPTY, n_draws=3, random_state=0))


@pytest.mark.parametrize("function", [standard_errors, bootstrap, cross_validated_log_likelihood, stability])
def test_some_row_needs_a_value(function):
    with pytest.raises(ValueError, match="no row of X has a value and a positive weight"):
        function(FITTED, np.full((5, 2), np.nan))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "d", "noise"), [(3, 3, None), (4, 2, None), (5, 3, None), (6, 4, 0.3)])
def test_alternatives_are_as_likely_as_those_of_a_search(seed, d, noise):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(2, d, d)) * 0.5 + np.eye(d)
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)
    truth = Mixture.from_parameters([0.6, 0.4], rng.normal(size=(2, d)) * 4, covariances)
    rows = with_holes(truth.sample(150, seed)[0], 0.25, rng)
    errors = None if noise is None else np.full(d, noise)
    fits = [GaussianMixture(k, random_state=0).fit(rows, noise_covariance=errors) for k in (2, 3)]
    small, large = (fit.score(rows, noise_covariance=errors) * (~np.isnan(rows).all(axis=1)).sum() for fit in fits)
    test = likelihood_ratio_test(rows, 2, n_draws=2, noise_covariance=errors, random_state=0)
    assert test.statistic >= 0.7 * 2 * (large - small)
