"""scikit-learn's promises, kept: its own tests, its estimator checks, tables, routing, pipelines, searches."""

import inspect
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from helpers import sklearn_suite
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import DegenerateComponentWarning, GaussianMixture

pytestmark = pytest.mark.contract

STRUCTURES = ("full", "tied", "diag", "spherical")
THEIR_DEFAULTS = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100, "n_init": 1, "init_params": "kmeans"}
PLAIN = THEIR_DEFAULTS | {"acceleration": "none"}
SUITE = Path(sklearn_suite.__file__)


@pytest.fixture
def flowers() -> np.ndarray:
    return load_iris().data


@pytest.fixture
def flower_weights() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 4, size=150).astype(float)


def given_start(structure: str, n_components: int, rows: np.ndarray) -> dict[str, Any]:
    """A start that leaves nothing to chance, in the parameters of both classes."""
    means = rows[:: len(rows) // n_components][:n_components]
    n_features = rows.shape[1]
    precisions = {
        "full": np.tile(np.eye(n_features), (n_components, 1, 1)),
        "tied": np.eye(n_features),
        "diag": np.ones((n_components, n_features)),
        "spherical": np.ones(n_components),
    }[structure]
    weights = np.full(n_components, 1 / n_components)
    return {
        "n_components": n_components,
        "covariance_type": structure,
        "weights_init": weights,
        "means_init": means,
        "precisions_init": precisions,
    }


# their tests and checks


@pytest.mark.slow
def test_scikit_learns_own_tests_pass_on_our_class():
    run = subprocess.run([sys.executable, str(SUITE)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "failed: 0 tests" in run.stdout


@pytest.mark.slow
def test_suite_notices_a_failure(tmp_path):
    """The exchange takes place, and what it breaks is reported: run with a class that cannot predict."""
    broken = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import gaussmix\n"
        "gaussmix.GaussianMixture.predict = lambda self, X: 1 / 0\n"
        "import sklearn_suite\n"
        "sys.exit(sklearn_suite.main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", broken, str(SUITE.parent)], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "PROBLEM: test_gaussian_mixture_predict_predict_proba failed." in run.stdout


def test_suite_tables_cannot_go_stale():
    names = {*sklearn_suite.NOT_APPLICABLE, *sklearn_suite.DIFFERENT, "test_score"}
    failures = {name: difference.evidence for name, difference in sklearn_suite.DIFFERENT.items()}
    assert sklearn_suite.Outcome({"test_score"}, 1, failures, {}, names).problems() == []
    assert sklearn_suite.Outcome(set(), 0, failures, {}, names).problems() == ["No test passed."]
    gone = sklearn_suite.Outcome({"test_score"}, 1, failures, {}, names - {"test_suffstat_sk_full"}).problems()
    assert len(gone) == 1
    assert gone[0].startswith("test_suffstat_sk_full is in the tables but")
    repaired = {name: text for name, text in failures.items() if name != "test_regularisation"}
    assert sklearn_suite.Outcome({"test_score"}, 1, repaired, {}, names).problems() == [
        "test_regularisation is listed as a difference but did not fail."
    ]
    another = {**failures, "test_regularisation": "ZeroDivisionError"}
    assert sklearn_suite.Outcome({"test_score"}, 1, another, {}, names).problems() == [
        "test_regularisation failed, but not in the way that is stated."
    ]


@pytest.mark.slow
@parametrize_with_checks([GaussianMixture(), GaussianMixture(n_components=2)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_estimator_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_weights_are_repetitions_for_a_given_start(structure, flowers, flower_weights):
    start = given_start(structure, 2, flowers)
    weighted = GaussianMixture(**start, **PLAIN).fit(flowers, sample_weight=flower_weights)
    order = np.random.default_rng(2).permutation(int(flower_weights.sum()))
    repeated = GaussianMixture(**start, **PLAIN).fit(flowers.repeat(flower_weights.astype(int), axis=0)[order])
    assert weighted.n_iter_ == repeated.n_iter_
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-10)
    assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-8, atol=1e-12)
    assert_allclose(weighted.predict_proba(flowers), repeated.predict_proba(flowers), rtol=1e-7, atol=1e-12)


# the same interface


def test_parameters_are_theirs_with_the_same_defaults_or_auto():
    theirs, ours = (inspect.signature(kind).parameters for kind in (TheirGaussianMixture, GaussianMixture))
    for name, parameter in theirs.items():
        if name in THEIR_DEFAULTS:
            assert parameter.default == THEIR_DEFAULTS[name], f"{name}: this is their default no longer"
        assert ours[name].default == ("auto" if name in THEIR_DEFAULTS else parameter.default), name
        assert ours[name].kind == parameter.kind, name


def test_every_attribute_and_method_of_theirs_gives_the_same_kind_of_thing(flowers):
    start = given_start("full", 2, flowers)
    theirs, ours = (kind(**start).fit(flowers) for kind in (TheirGaussianMixture, GaussianMixture))
    elsewhere = {*dir(BaseEstimator), *theirs.get_params()}  # the parameters are compared above
    names = [name for name in dir(theirs) if not name.startswith("_") and name not in elsewhere]
    assert {"means_", "n_features_in_", "score_samples", "sample"} <= set(names)
    for name in names:
        expected, found = getattr(theirs, name), getattr(ours, name)
        if callable(expected):
            given = 3 if name == "sample" else flowers
            expected, found = expected(given), found(given)
        if name == "fit":
            assert (expected, found) == (theirs, ours)
            continue
        expected, found = (given if isinstance(given, tuple) else (given,) for given in (expected, found))
        for their_part, our_part in zip(expected, found, strict=True):
            assert np.shape(our_part) == np.shape(their_part), name
            assert np.asarray(our_part).dtype.kind == np.asarray(their_part).dtype.kind, name


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
def test_same_start_gives_their_numbers(structure, flowers):
    start = given_start(structure, 3, flowers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = TheirGaussianMixture(**start, max_iter=20, tol=0).fit(flowers)
        ours = GaussianMixture(**start, **(PLAIN | {"max_iter": 20, "tol": 0})).fit(flowers)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-9, err_msg=name)
    assert_array_equal(ours.predict(flowers), theirs.predict(flowers))
    assert_allclose(ours.score_samples(flowers), theirs.score_samples(flowers), rtol=1e-8)
    assert_allclose([ours.aic(flowers), ours.bic(flowers)], [theirs.aic(flowers), theirs.bic(flowers)], rtol=1e-10)


def test_weights_outside_the_unit_interval_are_named_with_both_ends_the_right_way_round(flowers):
    message = r"in the range \[0, 1\], but got max value 1\.70000, min value 1\.20000"
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, weights_init=[1.2, 1.7]).fit(flowers)
    with pytest.raises(ValueError, match=r"should be normalized, but got sum\(weights\) = 0\.60000"):
        GaussianMixture(2, weights_init=[0.2, 0.4]).fit(flowers)
    with pytest.raises(ValueError, match=r"should have the shape of \(2,\), but got \(2, 1\)"):
        GaussianMixture(2, weights_init=[[0.2], [0.8]]).fit(flowers)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_collapsed_data_give_a_valid_model_and_a_warning_where_theirs_raise(structure):
    rows = np.repeat([[1.0] * 5, [0.0] * 5], 5, axis=0)
    model = GaussianMixture(10, covariance_type=structure, random_state=0, **(PLAIN | {"reg_covar": 0}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of k-means: two distinct rows for ten clusters
        with pytest.warns(DegenerateComponentWarning) as caught:
            model.fit(rows)
    assert any(re.match("Components 0.* and . collapsed", str(warning.message)) for warning in caught)
    assert np.isfinite(model.score_samples(rows)).all()
    assert np.isfinite(model.precisions_).all()
    assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0)


# tables


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_table_gives_the_fit_of_its_numbers_and_its_feature_names(library, flowers):
    names = ["sepal length", "sepal width", "petal length", "petal width"]
    table = make_table(library, flowers, names)
    from_table = GaussianMixture(3, random_state=0).fit(table)
    from_array = GaussianMixture(3, random_state=0).fit(flowers)
    assert_allclose(from_table.means_, from_array.means_, rtol=1e-12)
    assert_allclose(from_table.covariances_, from_array.covariances_, rtol=1e-9, atol=1e-14)
    assert_allclose(from_table.predict_proba(table), from_array.predict_proba(flowers), rtol=1e-9, atol=1e-14)
    assert_array_equal(from_array.predict_proba(table.to_numpy()), from_array.predict_proba(flowers))
    assert list(from_table.feature_names_in_) == names
    assert from_table.mixture_.feature_names == tuple(names)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_table_with_other_names_is_refused(library, flowers):
    model = GaussianMixture(3, random_state=0).fit(make_table(library, flowers, ["a", "b", "c", "d"]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(make_table(library, flowers, ["a", "b", "d", "c"]))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output_gives_a_table_of_responsibilities(library, flowers):
    model = GaussianMixture(3, random_state=0).set_output(transform=library)
    table = model.fit(flowers).transform(flowers)
    assert type(table).__module__.partition(".")[0] == library
    assert list(table.columns) == ["gaussianmixture0", "gaussianmixture1", "gaussianmixture2"]
    assert list(table.columns) == list(model.get_feature_names_out())
    assert_array_equal(table.to_numpy(), model.predict_proba(flowers))


def test_pandas_output_keeps_the_index(flowers):
    table = make_table("pandas", flowers, list("abcd"))
    table.index = range(1000, 1150)
    model = GaussianMixture(3, random_state=0).set_output(transform="pandas")
    assert list(model.fit_transform(table).index) == list(table.index)


def test_column_of_weights_may_come_from_the_table(flowers, flower_weights):
    table = make_table("pandas", flowers, list("abcd")).assign(count=flower_weights)
    from_table = GaussianMixture(3, random_state=0).fit(table[list("abcd")], sample_weight=table["count"])
    from_array = GaussianMixture(3, random_state=0).fit(flowers, sample_weight=flower_weights)
    assert_array_equal(from_table.means_, from_array.means_)


def make_table(library: str, rows: np.ndarray, names: list[str]) -> Any:
    columns = {name: rows[:, position] for position, name in enumerate(names)}
    return pytest.importorskip(library).DataFrame(columns)


# copies


@pytest.mark.parametrize("structure", STRUCTURES)
def test_pickle_and_joblib_keep_every_bit(structure, flowers, tmp_path):
    model = GaussianMixture(3, covariance_type=structure, random_state=0).fit(flowers)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(path), joblib.load(path, mmap_mode="r")):
        assert_array_equal(copy.predict_proba(flowers), model.predict_proba(flowers))
        assert_array_equal(copy.covariances_, model.covariances_)
        assert copy.lower_bound_ == model.lower_bound_
        assert copy.get_params() == model.get_params()


def test_clone_has_the_parameters_and_not_the_fit(flowers):
    model = GaussianMixture(3, covariance_type="tied", means_init=flowers[:3], random_state=0).fit(flowers)
    copy = clone(model)
    assert not hasattr(copy, "mixture_")
    assert not hasattr(copy, "means_")
    assert repr(copy.get_params()) == repr(model.get_params())
    assert_array_equal(copy.fit(flowers).means_, model.means_)


# routing, pipelines, searches


def test_sample_weight_is_routed_to_fit_through_a_pipeline(flowers, flower_weights):
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = GaussianMixture(3, random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pipe = make_pipeline(scaler, model).fit(flowers, sample_weight=flower_weights)
        score = pipe.score(flowers, sample_weight=flower_weights)
    scaled = StandardScaler().fit_transform(flowers)
    direct = GaussianMixture(3, random_state=0).fit(scaled, sample_weight=flower_weights)
    assert_array_equal(pipe[-1].means_, direct.means_)
    assert score == direct.score(scaled, sample_weight=flower_weights)
    assert score != direct.score(scaled)


def test_sample_weight_is_routed_to_fit_and_score_through_a_search(flowers, flower_weights):
    folds = KFold(3, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(random_state=0).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"n_components": [2]}, cv=folds).fit(flowers, sample_weight=flower_weights)
    expected = []
    for train, test in folds.split(flowers):
        fold = GaussianMixture(2, random_state=0).fit(flowers[train], sample_weight=flower_weights[train])
        expected.append(fold.score(flowers[test], sample_weight=flower_weights[test]))
    found = [search.cv_results_[f"split{at}_test_score"][0] for at in range(3)]
    assert_array_equal(found, expected)


def test_unrequested_sample_weight_is_refused_under_routing(flowers, flower_weights):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [2]})
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            search.fit(flowers, sample_weight=flower_weights)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")  # equal widths of petals
def test_grid_search_finds_the_best_mean_score_over_the_folds(flowers):
    grid = {"n_components": [1, 2, 3], "covariance_type": list(STRUCTURES)}
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(GaussianMixture(random_state=0), grid, cv=folds, error_score="raise").fit(flowers)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 12
    assert np.isfinite(scores).all()
    assert search.best_score_ == scores.max()
    assert search.best_params_["n_components"] > 1
    assert search.best_params_["covariance_type"] in ("full", "tied")  # the flowers' features are correlated
    assert search.best_estimator_.n_components == search.best_params_["n_components"]


def test_pipeline_after_a_scaler_is_the_fit_of_the_scaled_rows(flowers):
    pipe = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(flowers)
    scaled = StandardScaler().fit_transform(flowers)
    direct = GaussianMixture(3, random_state=0).fit(scaled)
    assert_array_equal(pipe.predict(flowers), direct.predict(scaled))
    assert_array_equal(pipe.transform(flowers), direct.predict_proba(scaled))
    assert pipe.score(flowers) == direct.score(scaled)
    assert list(pipe.get_feature_names_out()) == ["gaussianmixture0", "gaussianmixture1", "gaussianmixture2"]


def test_responsibilities_feed_the_next_step_of_a_pipeline(flowers):
    from sklearn.linear_model import LogisticRegression

    species = load_iris().target
    pipe = make_pipeline(GaussianMixture(3, random_state=0), LogisticRegression()).fit(flowers, species)
    assert pipe[-1].n_features_in_ == 3
    assert pipe.score(flowers, species) > 0.9
