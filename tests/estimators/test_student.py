"""`StudentMixture`: reference values, parameters, attributes, and what its mixtures can do."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import f as f_distribution
from scipy.stats import multivariate_t
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.datasets import load_iris

from gaussmix import (
    DegenerateDataWarning,
    GaussianMixture,
    GaussianMixtureIC,
    Mixture,
    StudentMixture,
    bootstrap,
    describe,
    load,
    merge_components,
    standard_errors,
)
from gaussmix.datasets import load_old_faithful
from gaussmix.plots import MixtureDisplay

IRIS = load_iris().data


@pytest.fixture(scope="module")
def fitted():
    return StudentMixture(3, random_state=0).fit(IRIS)


def heavy_rows(nu, n, seed, d=2):
    rng = np.random.default_rng(seed)
    return multivariate_t(np.zeros(d), np.eye(d), df=nu).rvs(n, random_state=rng)


@pytest.mark.parametrize("seed", range(3))
def test_iris_reaches_the_published_optimum(seed):
    model = StudentMixture(3, random_state=seed).fit(IRIS)
    assert model.lower_bound_ * len(IRIS) >= -178.9154  # tgmm, with at most 1000 degrees of freedom
    assert np.isinf(model.degrees_of_freedom_).sum() == 1


def test_old_faithful_reaches_the_published_optimum():
    eruptions, _ = load_old_faithful()
    model = StudentMixture(2, random_state=0).fit(eruptions)
    assert model.lower_bound_ * len(eruptions) >= -1129.9423
    assert model.converged_


def test_parameters_are_those_of_the_constructor():
    model = StudentMixture(2, degrees_of_freedom="shared", covariance_type="tied")
    assert clone(model).get_params() == model.get_params()
    assert "noise" not in model.get_params()


@pytest.mark.parametrize("value", ["all", 0, -2.0, np.nan, True, None])
def test_wrong_degrees_of_freedom_are_refused(value):
    with pytest.raises(ValueError, match="degrees_of_freedom must be"):
        StudentMixture(1, degrees_of_freedom=value).fit(IRIS)


def test_infinite_degrees_of_freedom_are_the_gaussian_fit():
    normal = GaussianMixture(3, random_state=0).fit(IRIS)
    model = StudentMixture(3, degrees_of_freedom=np.inf, random_state=0).fit(IRIS)
    assert_allclose(model.lower_bound_, normal.lower_bound_, rtol=1e-8)
    assert_allclose(model.covariances_, normal.covariances_, rtol=1e-5, atol=1e-6)
    assert_allclose(model.bic(IRIS), normal.bic(IRIS), rtol=1e-8)


def test_criteria_count_the_degrees_of_freedom():
    counts = {}
    for degrees in ("each", "shared", 5.0):
        model = StudentMixture(2, degrees_of_freedom=degrees, random_state=0).fit(IRIS)
        counts[degrees] = (model.aic(IRIS) + 2 * model.lower_bound_ * len(IRIS)) / 2
    assert_allclose([counts["each"] - counts[5.0], counts["shared"] - counts[5.0]], [2, 1])


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_covariances_are_larger_than_scale_matrices(covariance_type):
    model = StudentMixture(2, degrees_of_freedom=6, covariance_type=covariance_type, random_state=0).fit(IRIS)
    scales = model.scale_matrices_ if covariance_type != "tied" else np.stack([model.scale_matrices_] * 2)
    assert_allclose(model.covariances_, 1.5 * scales)
    if covariance_type in ("full", "tied"):
        assert_allclose(model.covariances_ @ model.precisions_, np.tile(np.eye(4), (2, 1, 1)), atol=1e-8)


def test_covariances_are_infinite_up_to_two_degrees_of_freedom():
    model = StudentMixture(1, degrees_of_freedom=2.0).fit(IRIS)
    assert np.isinf(model.covariances_).all()
    assert not model.precisions_.any()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEI", "VEE"])
@pytest.mark.parametrize("degrees", [0.5, 1, 2])
def test_scale_matrices_are_finite_where_covariances_are_not(covariance_type, degrees, tmp_path):
    X = np.random.default_rng(0).standard_cauchy((200, 2))
    model = StudentMixture(1, degrees_of_freedom=degrees, covariance_type=covariance_type, random_state=0).fit(X)
    variances = model.covariances_
    if variances.ndim == 3:
        variances = np.diagonal(variances, axis1=1, axis2=2)
    assert np.isposinf(variances).all()
    assert not model.precisions_.any()
    assert np.isfinite(model.scale_matrices_).all()
    assert np.isfinite(model.sample(100, random_state=0)[0]).all()
    assert "inf" not in str(model.mixture_)
    assert "covariance" not in str(model.mixture_)
    assert "inf" not in str(model.report(X))
    model.mixture_.save(tmp_path / "model.json")
    assert_allclose(Mixture.load(tmp_path / "model.json").covariance.covariances, model.scale_matrices_)


def test_covariances_of_uncorrelated_columns_are_zero_at_any_degrees_of_freedom():
    X = np.random.default_rng(0).standard_normal((100, 2))
    with pytest.warns(DegenerateDataWarning):
        model = StudentMixture(1, degrees_of_freedom=1.5).fit(np.c_[X, np.ones(100)])
    assert not model.covariances_[0, 2, :2].any()
    assert np.isposinf(np.diagonal(model.covariances_[0])).all()


@pytest.mark.parametrize("nu", [3.0, 5.0, 10.0, 30.0])
def test_degrees_of_freedom_are_recovered(nu):
    found = [
        1 / StudentMixture(1).fit(heavy_rows(nu, 1500, seed)).degrees_of_freedom_[0] for seed in range(12)
    ]  # 1 / nu is estimated without the bias of nu itself
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - 1 / nu) < 2 * error + 0.002


def test_outliers_do_not_move_the_components():
    rng = np.random.default_rng(0)
    good = np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(8, 1, (150, 2))])
    model = StudentMixture(2, random_state=0).fit(np.concatenate([good, rng.uniform(-60, 60, (15, 2))]))
    means = model.means_[np.argsort(model.means_[:, 0])]
    assert_allclose(means, [[0, 0], [8, 8]], atol=0.4)


def test_weights_count_rows():
    weights = np.arange(len(IRIS)) % 3
    weighted = StudentMixture(2, random_state=0).fit(IRIS, sample_weight=weights)
    repeated = StudentMixture(2, random_state=0).fit(np.repeat(IRIS, weights, axis=0))
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, atol=1e-6)


def test_missing_values():
    rows = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.1, np.nan, IRIS)
    model = StudentMixture(3, random_state=0).fit(rows)
    assert model.converged_
    filled = model.impute(rows)
    assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])
    draws = model.impute(rows, "draw", n_draws=3, random_state=0)
    assert np.isfinite(draws).all()


def test_measurement_errors_are_refused():
    with pytest.raises(ValueError, match="measurement errors"):
        StudentMixture(2).fit(IRIS, noise_covariance=np.full(4, 0.1))


@pytest.mark.parametrize("init", ["kmeans", "random", "random_from_data", "k-means++"])
def test_starts_of_scikit_learn(init):
    model = StudentMixture(2, init_params=init, random_state=0).fit(IRIS)
    assert model.degrees_of_freedom_.shape == (2,)
    again = StudentMixture(2, means_init=model.means_, weights_init=model.weights_, random_state=0).fit(IRIS)
    assert np.isfinite(again.lower_bound_)


def test_warm_start_continues():
    model = StudentMixture(2, init_params="kmeans", max_iter=2, warm_start=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [model.fit(IRIS).lower_bound_ for _ in range(4)]
    assert np.diff(values).min() > -1e-9


def test_without_acceleration():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = StudentMixture(2, acceleration="none", max_iter=40, random_state=0).fit(IRIS)
    assert np.diff(model.lower_bounds_).min() > -1e-12


def test_files_keep_every_bit(fitted, tmp_path):
    fitted.mixture_.save(tmp_path / "model.json")
    again = load(tmp_path / "model.json")
    assert_array_equal(again.degrees_of_freedom, fitted.degrees_of_freedom_)
    assert_array_equal(again.log_density(IRIS), fitted.score_samples(IRIS))
    text = (tmp_path / "model.json").read_text().replace("null", "-1", 1)
    (tmp_path / "wrong.json").write_text(text)


def test_samples_have_the_tails():
    mixture = Mixture.from_parameters([1.0], [[1.0, -1.0]], [np.eye(2)], degrees_of_freedom=3)
    rows, _ = mixture.sample(40_000, 0)
    inside = np.abs(rows[:, 0] - 1) < student(3).ppf(0.975)
    assert_allclose(inside.mean(), 0.95, atol=0.005)


def test_the_report_and_the_plot_work(fitted):
    pytest.importorskip("matplotlib").use("Agg")
    assert "150 with 4 columns" in str(fitted.report(IRIS))
    two = StudentMixture(2, degrees_of_freedom=3, random_state=0).fit(IRIS[:, :2])
    display = MixtureDisplay.from_estimator(two, IRIS[:, :2])
    distances = two.mixture_.covariance.whiten_each(display.ellipses[:, -1, 0] - two.means_)
    radius = np.sqrt(2 * f_distribution(2, 3).ppf(display.masses[-1]))
    assert_allclose(np.linalg.norm(distances, axis=1), radius, rtol=1e-6)
    assert "degrees of freedom" in str(fitted.mixture_)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: standard_errors(model, IRIS),
        lambda model: bootstrap(model, IRIS, n_draws=2),
        lambda model: describe(model, IRIS),
        lambda model: merge_components(model.mixture_),
    ],
)
def test_what_is_not_defined_is_refused(use, fitted):
    with pytest.raises(ValueError, match="not defined for a mixture of t distributions"):
        use(fitted)


def test_the_model_search_compares_families():
    rows = np.concatenate([heavy_rows(2.5, 200, 0), np.array([12, 0]) + heavy_rows(2.5, 200, 1)])
    search = GaussianMixtureIC(
        range(1, 5), covariance_types=["full", "spherical"], family=("gaussian", "student"), random_state=0
    ).fit(rows)
    assert isinstance(search.best_estimator_, StudentMixture)
    assert search.best_n_components_ == 2
    assert len(search.results_) == 16
    assert search.best_score_ < GaussianMixtureIC(range(1, 5), random_state=0).fit(rows).best_score_
    assert "t distributions" in str(search.why())


def test_the_model_search_nests_families():
    search = GaussianMixtureIC(
        [1, 2], covariance_types=["VVV", "EEE", "EII"], family=["gaussian", "student"], random_state=0
    ).fit(IRIS)
    values = {spec: cell.log_likelihood for spec, cell in search.cells_.items()}
    for spec, value in values.items():
        if spec.family == "student":
            assert value >= values[spec.of_family("gaussian")] - 0.01
    with pytest.raises(ValueError, match="family must be"):
        GaussianMixtureIC([1], family="cauchy").fit(IRIS)


def test_segmenter_with_t_distributions():
    from gaussmix.imaging import GaussianMixtureSegmenter

    rng = np.random.default_rng(0)
    truth = np.zeros((40, 40), dtype=int)
    truth[:, 20:] = 1
    image = 50.0 + 100 * truth + 5 * rng.standard_t(2, truth.shape)
    segmenter = GaussianMixtureSegmenter(2, family="student", random_state=0).fit(image)
    assert segmenter.mixture_.degrees_of_freedom is not None
    assert (segmenter.predict(image) == truth).mean() > 0.98
    with pytest.raises(ValueError, match="family"):
        GaussianMixtureSegmenter(2, family="cauchy").fit(image)


@pytest.mark.parametrize("method", ["partial_fit", "merge"])
def test_streams_are_refused(method, fitted):
    with pytest.raises(ValueError, match="not defined for t distributions"):
        getattr(fitted, method)(IRIS)
