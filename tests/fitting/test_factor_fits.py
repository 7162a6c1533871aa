"""Fits of mixtures of factor analyzers: monotone, at the optima that other methods find, and no dense matrices."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans
from sklearn.decomposition import FactorAnalysis
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from gaussmix import GaussianMixture
from gaussmix.core.covariance import FACTOR_LETTERS, Factor, covariance_class
from gaussmix.core.covariance.factor_maximum import factor_scatter
from gaussmix.core.engines import NativeEngine
from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.factor_acceleration import FactorAccelerator
from gaussmix.fitting.factor_starts import factor_start
from gaussmix.fitting.factor_step import LEAST_NOISE, FactorUpdate
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.stopping import RemainingGain


def simulated(seed=0, n=600, d=12, q=2, k=3, apart=2.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    means, loadings = apart * rng.standard_normal((k, d)), rng.standard_normal((k, d, q))
    noise = rng.uniform(0.2, 1.5, (k, d))
    factors, errors = rng.standard_normal((n, q)), rng.standard_normal((n, d))
    return means[labels] + np.einsum("nq,ndq->nd", factors, loadings[labels]) + errors * np.sqrt(noise[labels])


def started(X, letters, n_components=3, n_factors=2):
    data = Sample.of(WeightedRows(X), "diagonal")
    rng = np.random.default_rng(0)
    structure = covariance_class(f"factor-{letters}({n_factors})")
    return factor_start(data, rng.integers(0, n_components, len(X)), structure, n_components, rng)


def update_by_steps(X):
    return FactorUpdate(least_noise=LEAST_NOISE * X.var(axis=0), by_steps=True)


@pytest.mark.parametrize("by_steps", [True, False])
@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_no_step_lowers_the_likelihood(letters, by_steps):
    X = simulated()
    update = update_by_steps(X) if by_steps else FactorUpdate.of("auto", X.var(axis=0))
    fit = fit_em(NativeEngine(X), update, started(X, letters), None, max_iter=60)
    gains = np.diff([record.log_likelihood for record in fit.history])
    assert (gains > -1e-12).all()
    assert gains[:5].min() > 0


@pytest.mark.parametrize("by_steps", [True, False])
@pytest.mark.parametrize("letters", FACTOR_LETTERS)
@pytest.mark.parametrize("n_factors", [1, 9])
def test_a_start_with_less_noise_than_the_bound_does_not_fall(letters, by_steps, n_factors):
    X = simulated(3, n=14, d=12)
    update = FactorUpdate(least_noise=LEAST_NOISE * X.var(axis=0), by_steps=by_steps)
    start = started(X, letters, n_components=14, n_factors=n_factors)
    narrow = type(start.covariance)(1e-8 * start.covariance.roots, *start.means.shape)
    start = start.with_components(start.weights, X, narrow)  # a component for each row
    fit = fit_em(NativeEngine(X), update, start, None, max_iter=5)
    assert (np.diff([record.log_likelihood for record in fit.history]) > -1e-9).all()
    assert (fit.mixture.covariance.noise_variances >= 0.999 * update.least_noise).all()


@pytest.mark.parametrize("letters", FACTOR_LETTERS)
def test_accelerated_steps_never_lower_the_likelihood(letters):
    X = simulated(1, apart=0.5)
    update = update_by_steps(X)
    start, rule = started(X, letters), RemainingGain(1e-3)
    plain = fit_em(NativeEngine(X), update, start, rule, max_iter=3000)
    fast = fit_em(NativeEngine(X), update, start, rule, max_iter=3000, accelerator=FactorAccelerator(update))
    assert fast.stop.is_converged
    assert fast.objective > plain.objective - 1e-2
    assert (np.diff([record.log_likelihood for record in fast.history]) > -1e-11).all()
    if letters in ("UUU", "CUU"):  # where plain EM is slow
        assert fast.n_passes < 0.7 * plain.n_passes


@pytest.mark.parametrize("letters", ["UUU", "UUC", "UCU", "CUU", "CCU"])
def test_the_maximum_over_the_factors_needs_fewer_steps_than_em(letters):
    X = simulated(2, d=6, q=1, apart=1.5)
    start, rule = started(X, letters, n_factors=1), RemainingGain(1e-3)
    updates = (FactorUpdate.of("auto", X.var(axis=0)), update_by_steps(X))
    most, steps = (fit_em(NativeEngine(X), update, start, rule, max_iter=2000) for update in updates)
    assert most.stop.is_converged
    assert most.objective > steps.objective - 1e-3
    assert most.n_passes < steps.n_passes


@pytest.mark.parametrize("letters", ["UUU", "UUC", "UCU", "UCC", "CCU", "CCC"])
@pytest.mark.parametrize(("d", "n_factors"), [(4, 1), (6, 2), (9, 3)])
def test_the_most_likely_factors_are_an_optimum_that_em_does_not_leave(letters, d, n_factors):
    structure = covariance_class(f"factor-{letters}({n_factors})")
    rng = np.random.default_rng(d)
    rows = [simulated(seed, n=400, d=d, q=n_factors, k=1) for seed in range(2)]
    covariances, counts = np.array([np.cov(one.T, bias=True) for one in rows]), np.array([400.0, 300.0])
    start = structure.from_parts(np.ones((2, d)), rng.standard_normal((2, d, n_factors)))
    best = start.most_likely(counts, covariances, np.full(d, 1e-4))
    again = best.most_likely(counts, covariances, np.full(d, 1e-4))
    assert deviance(again, covariances, counts) > deviance(best, covariances, counts) - 1e-4
    stepped = best
    for _ in range(20):
        stepped = stepped.stepped(counts, factor_scatter(covariances, counts, stepped.factors()), np.full(d, 1e-4))[0]
    assert_allclose(deviance(stepped, covariances, counts), deviance(best, covariances, counts), atol=1e-5)


def deviance(covariance, covariances, counts):
    """Return ``sum_k N_k [log det Sigma + tr(inverse(Sigma) S)]``."""
    dense = covariance.dense()
    traces = np.trace(np.linalg.solve(dense, covariances), axis1=1, axis2=2)
    return float(counts @ (np.linalg.slogdet(dense)[1] + traces))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_search_of_as_many_factors_as_columns_but_one_is_that_of_the_full_model(seed):
    X = simulated(seed, n=400, d=5, q=1, k=3, apart=1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateComponentWarning)
        full = GaussianMixture(3, random_state=0).fit(X)
        model = GaussianMixture(3, covariance_type="factor", n_factors=4, random_state=0).fit(X)
    assert model.score(X) * len(X) > full.score(X) * len(X) - 1e-2


@pytest.mark.parametrize(("seed", "n_factors"), [(0, 1), (1, 2), (2, 3), (3, 5)])
def test_one_component_is_factor_analysis(seed, n_factors):
    X = simulated(seed, d=15, q=n_factors, k=1)
    expected = FactorAnalysis(n_factors, tol=1e-12, max_iter=100_000, svd_method="lapack").fit(X).score(X)
    found = GaussianMixture(1, covariance_type="factor", n_factors=n_factors).fit(X).score(X)
    assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize(("seed", "n_factors"), [(0, 1), (1, 2), (2, 3), (3, 5)])
def test_one_component_with_equal_noise_is_probabilistic_pca(seed, n_factors):
    X = simulated(seed, d=15, k=1)
    values = np.linalg.eigvalsh(np.cov(X.T, bias=True))[::-1]  # Tipping and Bishop (1999), equation 8
    rest = values[n_factors:].mean()
    logs = np.log(values[:n_factors]).sum() + (15 - n_factors) * np.log(rest)
    expected = -0.5 * (15 * np.log(2 * np.pi) + logs + 15)
    model = GaussianMixture(1, covariance_type="factor-UUC", n_factors=n_factors).fit(X)
    assert_allclose(model.score(X), expected, rtol=1e-8)
    assert_allclose(model.noise_variances_, rest, rtol=1e-3)


@pytest.mark.parametrize(("seed", "d", "k"), [(0, 4, 1), (1, 4, 2), (2, 5, 3), (3, 3, 2)])
def test_as_many_factors_as_columns_but_one_is_the_full_model(seed, d, k):
    X = simulated(seed, d=d, q=1, k=k, apart=4.0)
    full = GaussianMixture(k, random_state=0).fit(X)
    model = GaussianMixture(k, covariance_type="factor", n_factors=d - 1, init_params=full.predict(X)).fit(X)
    assert_allclose(model.score(X) * len(X), full.score(X) * len(X), atol=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_held_out_rows_of_a_wide_table_are_more_likely_than_in_other_models(seed):
    X = simulated(seed, n=900, d=60, q=3, k=3)
    train, test = X[:450], X[450:]
    scores = {}
    for name in ("factor", "full", "diag", "tied"):
        factors = {"n_factors": 3} if name == "factor" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores[name] = GaussianMixture(3, covariance_type=name, random_state=0, **factors).fit(train).score(test)
    assert max(scores, key=scores.get) == "factor"


def wide_clusters(seed, k, d=100, q=3):
    """Return rows of clusters that differ in their factors far more than in their means, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, 150 * k)
    means, loadings = 0.15 * rng.standard_normal((k, d)), 0.8 * rng.standard_normal((k, d, q))
    factors, errors = rng.standard_normal((len(labels), q)), rng.standard_normal((len(labels), d))
    return means[labels] + np.einsum("nq,ndq->nd", factors, loadings[labels]) + errors, labels


@pytest.mark.slow
@pytest.mark.parametrize(("k", "seed"), [(4, 0), (6, 1), (6, 2), (8, 0)])
def test_clusters_that_starts_do_not_separate_are_found(k, seed):
    X, labels = wide_clusters(seed, k)
    model = GaussianMixture(k, covariance_type="factor", n_factors=3, random_state=0).fit(X)
    assert adjusted_rand_score(labels, model.predict(X)) > 0.96


def test_few_rows_of_many_columns():
    X = simulated(n=60, d=400, k=2)
    model = GaussianMixture(2, covariance_type="factor", n_factors=2, random_state=0).fit(X)
    assert model.converged_
    assert np.isfinite(model.score(X))


def test_noise_that_vanishes_has_its_least_variance_and_is_named():
    X = simulated(k=1, d=6, apart=0.0)
    X[:, 3] = 2 * X[:, 1]
    with pytest.warns(DegenerateComponentWarning, match=r"least variance, 0.0001 .*\(x1, x3\)|x3"):
        model = GaussianMixture(1, covariance_type="factor", n_factors=2).fit(X)
    shares = model.noise_variances_[0] / X.var(axis=0)
    assert_allclose(shares[[1, 3]].min(), LEAST_NOISE, rtol=1e-3)


def test_a_number_is_the_least_noise():
    X = simulated(k=1)
    free = GaussianMixture(1, covariance_type="factor", n_factors=2, reg_covar=0.0).fit(X)
    assert free.noise_variances_.min() < 0.5
    with pytest.warns(DegenerateComponentWarning, match="least variance reg_covar=0.5 in some columns"):
        bounded = GaussianMixture(1, covariance_type="factor", n_factors=2, reg_covar=0.5).fit(X)
    assert_allclose(bounded.noise_variances_.min(), 0.5)


def test_weights_count_rows():
    X = simulated(n=300)
    weights = np.random.default_rng(7).integers(0, 3, len(X))
    labels = KMeans(3, random_state=0).fit_predict(X)
    options = {"covariance_type": "factor", "n_factors": 2}
    weighted = GaussianMixture(3, init_params=labels, **options).fit(X, sample_weight=weights)
    repeated = GaussianMixture(3, init_params=np.repeat(labels, weights), **options).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.score(X, sample_weight=weights), repeated.score(np.repeat(X, weights, axis=0)), rtol=1e-7)


def test_more_rows_than_are_searched():
    X = simulated(n=3000, d=30)
    model = GaussianMixture(3, covariance_type="factor", n_factors=2, random_state=0).fit(np.vstack([X] * 8)[:23_000])
    assert model.converged_
    assert isinstance(model.mixture_.covariance, Factor)


def test_a_fit_does_not_depend_on_the_number_of_threads():
    X, found = simulated(n=3000, d=400), []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            found.append(GaussianMixture(2, covariance_type="factor", n_factors=2, random_state=0).fit(X))
    assert (found[0].loadings_ == found[1].loadings_).all()


def test_components_without_rows_are_reported():
    X = simulated(n=200, k=1)
    labels = np.zeros(len(X), dtype=int)
    with pytest.warns(DegenerateComponentWarning, match="lost all rows"):
        model = GaussianMixture(2, covariance_type="factor", n_factors=1, init_params=labels).fit(X)
    assert_allclose(np.sort(model.weights_), [0.0, 1.0])
