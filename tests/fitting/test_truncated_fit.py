"""Truncated fits: exact at the end, as good as exact EM from the same start, adaptive, with the usual options."""

import math
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.flat_start import flat_start, markov_seeds
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.stopping import MeanChange, RemainingGain
from gaussmix.fitting.truncated_fit import EXACT_ITERATIONS, MOST_LOST, TruncatedFit, candidates_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.ConvergenceWarning")


def blobs(n=10_000, k=150, d=4, apart=5.0, seed=0):
    rng = np.random.default_rng(seed)
    means = apart * rng.normal(size=(k, d))
    return means[rng.integers(k, size=n)] + rng.uniform(0.5, 1.5, (n, 1)) * rng.normal(size=(n, d))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEI"])
def test_fit_is_as_good_as_exact_em_from_the_same_start(covariance_type):
    X, structure, update = blobs(), covariance_class(covariance_type), MaximumLikelihood()
    rows = WeightedRows(X)
    engine = NativeEngine.of(rows)
    sample = Sample.of(rows, structure.form)
    start = flat_start(sample, structure, 150, np.random.default_rng(0))
    settings = SearchSettings(1, RemainingGain(), 1000)
    truncated = TruncatedFit(rows, engine, update, settings, 5, True).run(lambda: start, sample.root)
    exact = fit_em(engine, update, start, RemainingGain(nats=1e-4 * len(X)), max_iter=1000)
    assert truncated.fit.moments.mean_log_likelihood > exact.moments.mean_log_likelihood - 0.02
    assert truncated.truncation.lost <= MOST_LOST
    again = engine.accumulate(truncated.fit.mixture.whitened()).log_likelihood
    assert truncated.fit.moments.log_likelihood == again


@pytest.mark.parametrize("truncation", ["auto", 4])
def test_estimator_reports_exact_numbers(truncation):
    X = blobs()
    weights = np.random.default_rng(1).uniform(0.5, 1.5, len(X))
    gm = GaussianMixture(150, covariance_type="diag", truncation=truncation, random_state=0).fit(
        X, sample_weight=weights
    )
    assert gm.converged_
    assert gm.lower_bound_ == pytest.approx(gm.score(X, sample_weight=weights), rel=1e-12)
    assert gm.lower_bounds_[-1] == gm.lower_bound_
    assert gm.fit_result_.truncation.n_candidates >= 4
    np.testing.assert_array_equal(gm.predict(X[:100]), gm.predict_proba(X[:100]).argmax(axis=1))
    again = GaussianMixture(150, covariance_type="diag", truncation=truncation, random_state=0).fit(
        X, sample_weight=weights
    )
    np.testing.assert_array_equal(gm.means_, again.means_)


@pytest.mark.parametrize("truncation", [150, 151, 1000])
def test_as_many_candidates_as_components_are_an_exact_fit(truncation):
    X, options = blobs(n=2000), {"covariance_type": "diag", "max_iter": 5, "tol": 0.0, "random_state": 0}
    means = X[:150]
    truncated = GaussianMixture(150, means_init=means, truncation=truncation, **options).fit(X)
    exact = GaussianMixture(150, means_init=means, **options).fit(X)
    np.testing.assert_array_equal(truncated.means_, exact.means_)
    assert truncated.fit_result_.truncation is None


def test_auto_is_the_default_fit_with_few_components():
    X = blobs(n=500, k=3)
    auto, default = (GaussianMixture(3, truncation=one, random_state=0).fit(X) for one in ("auto", None))
    np.testing.assert_array_equal(auto.means_, default.means_)


@pytest.mark.parametrize(
    ("truncation", "n_components", "expected"),
    [(None, 1000, None), ("auto", 1000, 5), ("auto", 20, None), (7, 1000, 7), (7, 7, None), (1, 2, 1)],
)
def test_number_of_candidates(truncation, n_components, expected):
    assert candidates_of(truncation, n_components) == expected


def test_given_means_and_warm_starts():
    X = blobs()
    rng = np.random.default_rng(0)
    means = X[rng.choice(len(X), 150, replace=False)]
    gm = GaussianMixture(
        150, covariance_type="diag", truncation=5, means_init=means, max_iter=3, tol=0.0, warm_start=True
    )
    gm.fit(X)
    before = gm.lower_bound_
    assert gm.set_params(max_iter=10).fit(X).lower_bound_ > before


@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 9])
def test_first_iterations_are_exact_and_all_are_counted(max_iter):
    X, structure, update, seen = blobs(n=3000), covariance_class("diag"), MaximumLikelihood(), []
    rows = WeightedRows(X)
    engine = NativeEngine.of(rows)
    start = flat_start(Sample.of(rows, structure.form), structure, 150, np.random.default_rng(0))
    settings = SearchSettings(1, MeanChange(0.0), max_iter, watch=seen.append)
    fit = TruncatedFit(rows, engine, update, settings, 5, False).run(lambda: start, None).fit
    exact = fit_em(engine, update, start, None, max_iter=max_iter)
    assert fit.n_iter == max_iter
    assert [progress.n_iter for progress in seen] == list(range(max_iter + 1))
    for ours, other in list(zip(fit.history, exact.history, strict=True))[: min(EXACT_ITERATIONS, max_iter - 1)]:
        assert ours.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-6)


def fit_with_warnings(**options):
    """Return the truncation report of a fit of overlapping components, and the messages of its ConvergenceWarnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm = GaussianMixture(150, random_state=0, **options).fit(blobs(n=5000, apart=2.0))
    said = [str(one.message) for one in caught if issubclass(one.category, ConvergenceWarning)]
    return gm.fit_result_.truncation, [message for message in said if "of the probability" in message]


@pytest.mark.parametrize("covariance_type", ["diag", "spherical", "full", "tied"])
def test_a_loss_that_stays_is_told(covariance_type):
    report, said = fit_with_warnings(covariance_type=covariance_type, truncation="auto", max_iter=3)
    assert report.lost > MOST_LOST
    assert len(said) == 1
    assert f"{report.n_candidates} candidates" in said[0]
    assert f"lose {report.lost:.2g} of the probability" in said[0]
    assert "larger number, or to None" in said[0]
    assert report.n_candidates == 5  # no round has followed that keeps more


@pytest.mark.parametrize(
    "options",
    [
        {"truncation": "auto", "covariance_type": "spherical", "max_iter": 1000},
        {"truncation": 2, "covariance_type": "diag", "max_iter": 3},
        {"truncation": 8, "covariance_type": "tied", "max_iter": 3},
    ],
)
def test_a_small_loss_and_one_that_was_asked_for_are_not(options):
    report, said = fit_with_warnings(**options)
    assert not report.lost_too_much
    assert not said


def test_several_starts_keep_the_best():
    X = blobs(n=5000)
    one = GaussianMixture(150, covariance_type="spherical", truncation=4, n_init=1, random_state=0).fit(X)
    three = GaussianMixture(150, covariance_type="spherical", truncation=4, n_init=3, random_state=0).fit(X)
    assert len(three.start_log_likelihoods_) == 3
    assert three.lower_bound_ >= one.lower_bound_


@pytest.mark.parametrize("options", [{"reg_covar": 1e-3}, {"reg_covar": "chen-tan"}, {"equal_weights": True}])
def test_other_m_steps(options):
    gm = GaussianMixture(100, truncation=4, random_state=0, **options).fit(blobs(n=5000, k=100))
    assert math.isfinite(gm.lower_bound_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truncation": 0}, "truncation must be"),
        ({"truncation": 2.5}, "truncation must be"),
        ({"truncation": "all"}, "truncation must be"),
        ({"truncation": True}, "truncation must be"),
        ({"truncation": 3, "noise": "uniform"}, "combined with noise"),
        ({"truncation": 3, "trim": 0.1}, "combined with trim"),
        ({"truncation": 3, "init_params": "kmeans"}, "draws its own starts"),
    ],
)
def test_errors_name_the_parameter(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(10, **options).fit(blobs(n=200))


def test_incomplete_rows_are_refused():
    X = blobs(n=200)
    with pytest.raises(ValueError, match="measurement errors"):
        GaussianMixture(10, truncation=3).fit(X, noise_covariance=np.ones(4))
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="missing values"):
        GaussianMixture(10, truncation=3).fit(X)


def test_seeds_are_distinct_and_far_apart():
    X = blobs(n=400, k=20)
    seeds = markov_seeds(X, np.ones(len(X)), 200, np.random.default_rng(0))
    assert len(set(seeds.tolist())) == 200
    repeated = np.repeat(X[:10], 5, axis=0)
    assert len(set(markov_seeds(repeated, np.ones(50), 50, np.random.default_rng(0)).tolist())) == 50
    first = repeated[markov_seeds(repeated, np.ones(50), 10, np.random.default_rng(0))]
    assert len(np.unique(first, axis=0)) >= 8
