"""Inference for mixtures of factor analyzers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gaussmix import (
    GaussianMixture,
    GaussianMixtureRegressor,
    adapt,
    bootstrap,
    choose_n_components,
    cross_validated_log_likelihood,
    likelihood_ratio_test,
    stability,
    trace_em,
)


def rows_of_two_clusters(seed=0):
    rng = np.random.default_rng(seed)
    loadings, labels = rng.normal(size=(2, 6, 2)), rng.integers(0, 2, 400)
    factors, noise = rng.normal(size=(400, 2)), 0.5 * rng.normal(size=(400, 6))
    return 4 * labels[:, None] + np.einsum("nq,ndq->nd", factors, loadings[labels]) + noise


X = rows_of_two_clusters()
MODEL = GaussianMixture(2, covariance_type="factor", n_factors=2, random_state=0).fit(X)
FULL = GaussianMixture(2, random_state=0).fit(X)


@pytest.mark.parametrize("kind", ["nonparametric", "weighted", "parametric"])
def test_bootstrap_of_distant_clusters_is_that_of_full_covariances(kind):
    ours, full = (bootstrap(model, X, kind=kind, n_draws=20, random_state=0) for model in (MODEL, FULL))
    assert_allclose(ours.means.std(axis=0), full.means.std(axis=0), rtol=0.8)
    if kind != "parametric":  # the same rows are drawn
        order = [int(np.abs(FULL.means_ - mean).sum(axis=1).argmin()) for mean in MODEL.means_]
        assert_allclose(ours.means, full.means[:, order], atol=1e-3)


@pytest.mark.filterwarnings("ignore:.*less noise than the least variance")  # of one fold
@pytest.mark.parametrize("model", [MODEL, MODEL.mixture_], ids=["estimator", "mixture"])
@pytest.mark.parametrize("start", ["warm", "cold"])
def test_cross_validation_is_that_of_separate_fits(model, start):
    held = cross_validated_log_likelihood(model, X, n_folds=3, start=start)
    expected = np.empty(len(X))
    for fold in range(3):
        out = held.folds == fold
        other = GaussianMixture(2, covariance_type="factor", n_factors=2, random_state=0).fit(X[~out])
        expected[out] = other.score_samples(X[out])
    assert_allclose(held.log_density.mean(), expected.mean(), atol=5e-3)


@pytest.mark.parametrize("start", ["search", "warm"])
def test_distant_clusters_are_stable(start):
    assert stability(MODEL, X, start=start, n_draws=5, random_state=0).rand.min() > 0.99


@pytest.mark.parametrize(
    "call",
    [
        lambda: likelihood_ratio_test(X, MODEL, n_draws=9),
        lambda: likelihood_ratio_test(X, 1, covariance_type="factor(2)", n_draws=9),
        lambda: choose_n_components(X, covariance_type="factor(2)", n_draws=9),
        lambda: trace_em(X, MODEL.mixture_),
        lambda: adapt(MODEL, X, what="all"),
        lambda: GaussianMixtureRegressor(covariance_type="factor(2)").fit(X[:, 1:], X[:, 0]),
    ],
)
def test_what_is_not_defined_for_factors(call):
    with pytest.raises(ValueError, match='is not defined for factor covariances: use covariance_type="full"'):
        call()
