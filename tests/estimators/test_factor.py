"""`GaussianMixture` and `GaussianMixtureIC` with factor covariances: parameters, attributes, files, search."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureIC,
    GaussianMixtureImputer,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    Mixture,
    StudentMixture,
    likelihood_ratio_test,
)
from gaussmix.convert import to_sklearn
from gaussmix.imaging import GaussianMixtureSegmenter

K, D, Q = 2, 10, 2


@pytest.fixture(scope="module", name="X")
def rows_of_two_components():
    rng = np.random.default_rng(0)
    loadings = 1.5 * rng.standard_normal((K, D, Q))
    noise = rng.standard_normal((K, 300, D)) * 0.7
    return np.concatenate([rng.standard_normal((300, Q)) @ loadings[k].T + noise[k] + 3 * k for k in range(K)])


@pytest.fixture(scope="module")
def model(X):
    return GaussianMixture(K, covariance_type="factor", n_factors=Q, random_state=0).fit(X)


def test_attributes(X, model):
    assert model.loadings_.shape == (K, D, Q)
    assert model.noise_variances_.shape == (K, D)
    dense = model.loadings_ @ model.loadings_.transpose(0, 2, 1) + model.noise_variances_[:, :, None] * np.eye(D)
    assert_allclose(model.covariances_, dense, rtol=1e-12)
    assert_allclose(model.precisions_ @ dense, np.tile(np.eye(D), (K, 1, 1)), atol=1e-10)
    factors = model.precisions_cholesky_
    assert_allclose(factors @ factors.transpose(0, 2, 1), model.precisions_, rtol=1e-9)
    assert_allclose(np.triu(factors), factors)
    assert model.mixture_.covariance_type == "factor(2)"
    assert model.mixture_.n_parameters == K - 1 + K * D + K * (D * Q - 1 + D)


def test_factor_scores_are_the_expected_factors(X, model):
    labels, scores = model.predict(X), model.factor_scores(X)
    for row in (0, 17, 310, 599):
        k = labels[row]
        expected = model.loadings_[k].T @ np.linalg.solve(model.covariances_[k], X[row] - model.means_[k])
        assert_allclose(scores[row], expected, atol=1e-12)


def test_factor_attributes_belong_to_factor_covariances(X):
    full = GaussianMixture(K, random_state=0).fit(X)
    assert not hasattr(full, "loadings_")
    with pytest.raises(AttributeError, match="covariance_type='full' has no factors"):
        full.factor_scores(X)


def test_saved_model_is_the_same(tmp_path, X, model):
    model.mixture_.save(tmp_path / "model.json")
    loaded = Mixture.load(tmp_path / "model.json")
    assert loaded.covariance_type == "factor(2)"
    assert (loaded.log_density(X) == model.score_samples(X)).all()


@pytest.mark.parametrize("name", ["factor-UUC", "factor-CCU", "factor-CUU", "factor-UUU"])
def test_parsimonious_models(X, name):
    model = GaussianMixture(K, covariance_type=name, n_factors=Q, random_state=0).fit(X)
    assert model.converged_
    again = clone(model).fit(X)
    assert (again.score_samples(X) == model.score_samples(X)).all()


def test_missing_values_are_scored_by_the_observed_ones(X, model):
    missing = np.where(np.arange(D) == 4, np.nan, X[:20])
    others = [at for at in range(D) if at != 4]
    assert_allclose(model.score_samples(missing), model.mixture_.marginal(others).log_density(X[:20, others]))
    expected = model.mixture_.condition(X[:20, others], on=others).means
    assert_allclose(model.impute(missing)[:, [4]], expected, rtol=1e-9)


def test_converted_model_has_the_same_density(X, model):
    assert_allclose(to_sklearn(model).score_samples(X), model.score_samples(X), rtol=1e-9)


def test_drawn_rows_have_the_covariance(model):
    rows, labels = model.sample(40_000, random_state=0)
    for k in range(K):
        assert_allclose(np.cov(rows[labels == k].T), model.covariances_[k], atol=0.06 * model.covariances_.max())


def test_constant_columns_are_left_out(X):
    wide = np.column_stack([X[:, :4], np.full(len(X), 7.0), X[:, 4:]])
    with pytest.warns(UserWarning, match="x4 is constant"):
        model = GaussianMixture(K, covariance_type="factor", n_factors=Q, random_state=0).fit(wide)
    assert model.loadings_.shape == (K, D + 1, Q)
    assert not model.loadings_[:, 4].any()
    assert model.means_[0, 4] == 7.0


def test_texts_name_the_structure(X, model):
    assert "factor(2) covariances" in str(model.mixture_)
    assert "79 free parameters" in str(model.report(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_factors": None}, "needs n_factors, such as n_factors=2"),
        ({"n_factors": 0}, "n_factors must be a whole number, at least 1; got 0"),
        ({"n_factors": 1.5}, "n_factors must be a whole number"),
        ({"n_factors": D}, "n_factors must be less than the number of columns, 10; got 10"),
        ({"covariance_type": "full"}, 'n_factors=2 is for covariance_type="factor"'),
        ({"covariance_type": "factor-XYZ"}, "covariance_type must be one of"),
        ({"noise": "uniform"}, "noise is not supported"),
        ({"trim": 0.1}, "trim is not supported"),
        ({"equal_weights": True}, "equal_weights is not supported"),
        ({"reg_covar": "chen-tan"}, 'reg_covar must be "auto" or a number with factor covariances'),
    ],
)
def test_bad_parameters_are_named(X, parameters, message):
    given = {"covariance_type": "factor", "n_factors": Q} | parameters
    with pytest.raises(ValueError, match=message):
        GaussianMixture(K, **given).fit(X)


def test_incomplete_rows_are_refused(X):
    rows = X.copy()
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="need complete rows"):
        GaussianMixture(K, covariance_type="factor", n_factors=Q).fit(rows)


def test_streams_are_refused(X):
    with pytest.raises(ValueError, match="partial_fit is not defined with factor covariances"):
        GaussianMixture(K, covariance_type="factor", n_factors=Q).partial_fit(X)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random_from_data", "random"])
def test_other_starts(X, init_params):
    options = {"covariance_type": "factor", "n_factors": Q, "random_state": 0}
    model = GaussianMixture(K, init_params=init_params, n_init=2, **options).fit(X)
    assert model.converged_


def test_warm_start_goes_on(X):
    options = {"covariance_type": "factor", "n_factors": Q, "init_params": np.arange(len(X)) % K}
    model = GaussianMixture(K, **options, random_state=0, max_iter=2, warm_start=True)
    with pytest.warns(UserWarning, match="did not converge"):
        first = model.fit(X).score(X)
    assert model.set_params(max_iter=100).fit(X).score(X) > first


def test_search_finds_the_number_of_factors(X):
    search = GaussianMixtureIC(
        [1, 2, 3], covariance_types=["full", "diag", "factor"], n_factors=[1, 2, 3], random_state=0
    )
    search.fit(X)
    assert search.best_params_ == {"n_components": K, "covariance_type": "factor", "n_factors": Q}
    assert search.best_estimator_.n_factors == Q
    assert_allclose(search.best_estimator_.bic(X), search.best_score_, rtol=1e-9)
    assert "factor(2)" in str(search.results_)
    assert "factor(3)" in str(search.why())
    assert search.extend(X, [4]).best_n_components_ == K


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_factors": None}, "needs n_factors"),
        ({"n_factors": []}, "n_factors is empty"),
        ({"n_factors": [0]}, "each of n_factors must be a whole number, at least 1"),
        ({"covariance_types": "full"}, "n_factors is for covariance_types"),
        ({"noise": True}, "noise=True is not supported"),
        ({"family": "student"}, "family='student' is not supported"),
        ({"criterion": "cv"}, 'criterion="cv" is not supported'),
    ],
)
def test_bad_parameters_of_a_search_are_named(X, parameters, message):
    given = {"covariance_types": "factor", "n_factors": [1, 2]} | parameters
    with pytest.raises(ValueError, match=message):
        GaussianMixtureIC([1, 2], **given).fit(X)


def test_too_many_factors_are_a_failed_cell(X):
    search = GaussianMixtureIC(2, covariance_types="factor", n_factors=[2, 15], random_state=0).fit(X)
    assert search.best_params_["n_factors"] == 2


@pytest.mark.parametrize("name", ["factor", "factor(2)", "factor-UUC", "factor-CCU(1)"])
def test_estimators_without_factors_say_so(X, name):
    labels = np.repeat([0, 1], 300)
    message = 'is not defined for factor covariances: use covariance_type="full"'
    for refused in (
        lambda: StudentMixture(K, covariance_type=name).fit(X),
        lambda: GaussianMixtureClassifier(covariance_type=name).fit(X, labels),
        lambda: GaussianMixtureClassifier(covariance_type=["full", name]).fit(X, labels),
        lambda: GaussianMixtureRegressor(covariance_type=name).fit(X, labels),
        lambda: GaussianMixtureSegmenter(2, covariance_type=name).fit(X.reshape(60, 100)),
        lambda: likelihood_ratio_test(X, 1, covariance_type=name),
    ):
        with pytest.raises(ValueError, match=message):
            refused()
    with pytest.raises(ValueError, match=r"must be one of \('full', 'tied', 'diag', 'spherical'\)"):
        BayesianGaussianMixture(covariance_type=name).fit(X)


@pytest.mark.parametrize("kind", [GaussianMixtureImputer, GaussianMixtureOutlierDetector])
@pytest.mark.parametrize("name", ["factor", "factor-UUC", "factor-CCC"])
@pytest.mark.parametrize("n_components", [2, "auto"])
def test_estimators_without_n_factors_take_the_number_in_the_name(X, kind, name, n_components):
    with pytest.raises(ValueError, match=rf'needs its number of factors here: "{name}\(2\)"'):
        kind(n_components, covariance_type=name).fit(X)


def test_detector_has_factors(X, model):
    detector = GaussianMixtureOutlierDetector(K, covariance_type="factor(2)", random_state=0).fit(X)
    assert_allclose(detector.score_samples(X), model.score_samples(X))
    off = X[:5].copy()
    off[0, 3] += 30
    assert detector.predict(off)[0] == -1
    assert "x3" in str(detector.explain(off))


def test_imputer_has_factors_if_it_is_fitted_to_complete_rows(X, model):
    imputer = GaussianMixtureImputer(K, covariance_type="factor(2)", random_state=0)
    missing = np.where(np.arange(D) == 4, np.nan, X[:20])
    assert_allclose(imputer.fit(X).transform(missing), model.impute(missing), rtol=1e-9)
    with pytest.raises(ValueError, match=r"'factor\(2\)' needs complete rows in fit: fit to the complete rows, or use"):
        imputer.fit(np.vstack([X, missing]))


@pytest.mark.parametrize("name", ["factor", "factor-UCU", "factor-CCU", "factor-CUU", "factor-UUC", "factor-CCC"])
@pytest.mark.parametrize(("n", "d", "q"), [(11, 15, 9), (5, 14, 9), (10, 12, 9), (6, 40, 3)])
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_component_for_each_row_has_the_least_noise(name, n, d, q):
    X = np.random.default_rng(n).standard_normal((n, d))
    model = GaussianMixture(n, covariance_type=name, n_factors=q, random_state=0).fit(X)
    least = model.fit_result_.update.least_noise
    least = np.full(d, least.max()) if name.endswith("C") else least
    assert_allclose(model.noise_variances_, np.tile(least, (n, 1)), rtol=1e-6)
    assert_allclose(model.lower_bound_, -np.log(n) - 0.5 * np.log(2 * np.pi * least).sum(), rtol=1e-9)


@pytest.mark.parametrize(("n", "d", "k"), [(12, 12, 2), (20, 30, 2), (30, 14, 5), (9, 20, 3)])
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_fewer_rows_than_full_covariances_need(n, d, k):
    X = np.random.default_rng(n).standard_normal((n, d))
    model = GaussianMixture(k, covariance_type="factor", n_factors=2, random_state=0).fit(X)
    again = GaussianMixture(k, covariance_type="factor", n_factors=2, random_state=0).fit(1024 * X)
    assert_allclose(again.lower_bound_, model.lower_bound_ - d * np.log(1024), rtol=1e-9)
