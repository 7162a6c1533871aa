"""`BayesianGaussianMixture`: scikit-learn's contract and iterations, the search, what the estimator offers."""

import inspect
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import sklearn_suite
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as TheirBayesianGaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import BayesianGaussianMixture, DegenerateDataWarning, GaussianMixture

STRUCTURES = ("full", "tied", "diag", "spherical")
KINDS = ("dirichlet_process", "dirichlet_distribution")
THEIR_DEFAULTS = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100, "n_init": 1, "init_params": "kmeans"}
TESTS = Path(sklearn_suite.__file__).parent.parent


@pytest.fixture
def flowers() -> np.ndarray:
    return load_iris().data


def their_fit(rows: np.ndarray, responsibilities: np.ndarray, **parameters: Any) -> TheirBayesianGaussianMixture:
    """Return scikit-learn's fit from given responsibilities, which its class offers no parameter for."""

    class FromResponsibilities(TheirBayesianGaussianMixture):
        def _initialize_parameters(self, X, random_state, xp=None):
            self._initialize(X, responsibilities)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return FromResponsibilities(n_components=responsibilities.shape[1], **parameters).fit(rows)


# their tests, checks and numbers


@pytest.mark.slow
@pytest.mark.contract
def test_scikit_learns_own_tests_pass_on_our_class():
    command = [sys.executable, "-m", "helpers.sklearn_bayesian_suite"]
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "failed: 0 tests" in run.stdout


def drawn_starts(estimator: Any) -> dict[str, str]:
    if estimator.n_components == 1:
        return {}
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "The start is drawn: repeated rows in another order draw another one, as in sklearn.cluster.KMeans."
        )
    }


@pytest.mark.slow
@pytest.mark.contract
@parametrize_with_checks(
    [BayesianGaussianMixture(), BayesianGaussianMixture(n_components=2)],
    expected_failed_checks=drawn_starts,
    xfail_strict=True,
)
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_estimator_checks_pass(estimator, check):
    check(estimator)


def test_parameters_are_theirs_with_the_same_defaults_or_auto():
    classes = TheirBayesianGaussianMixture, BayesianGaussianMixture
    theirs, ours = (inspect.signature(kind).parameters for kind in classes)
    for name, parameter in theirs.items():
        if name in THEIR_DEFAULTS:
            assert parameter.default == THEIR_DEFAULTS[name], f"{name}: this is their default no longer"
        assert ours[name].default == ("auto" if name in THEIR_DEFAULTS else parameter.default), name
        assert ours[name].kind == parameter.kind, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_attribute_and_method_of_theirs_gives_the_same_kind_of_thing(structure, kind, flowers):
    parameters = {"n_components": 3, "covariance_type": structure, "weight_concentration_prior_type": kind}
    theirs = TheirBayesianGaussianMixture(**parameters, random_state=0).fit(flowers)
    ours = BayesianGaussianMixture(**parameters, init_params="kmeans", random_state=0).fit(flowers)
    elsewhere = {*dir(BaseEstimator), *theirs.get_params()}
    names = [name for name in dir(theirs) if not name.startswith("_") and name not in elsewhere]
    assert {"means_", "weight_concentration_", "covariance_prior_", "sample"} <= set(names)
    for name in names:
        expected, found = getattr(theirs, name), getattr(ours, name)
        if callable(expected):
            given = 3 if name == "sample" else flowers
            expected, found = expected(given), found(given)
        if name == "fit":
            assert (expected, found) == (theirs, ours)
            continue
        if name == "lower_bounds_":
            assert (type(found), type(found[0])) == (list, float)
            continue
        if name == "lower_bound_":  # theirs has the shape (1,) for tied covariances
            assert isinstance(found, float)
            continue
        expected, found = (given if isinstance(given, tuple) else (given,) for given in (expected, found))
        for their_part, our_part in zip(expected, found, strict=True):
            assert np.shape(our_part) == np.shape(their_part), name
            assert np.asarray(our_part).dtype.kind == np.asarray(their_part).dtype.kind or name in (
                "degrees_of_freedom_prior_",
                "mean_precision_prior_",
            ), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"weight_concentration_prior": 3.0, "mean_precision_prior": 0.1, "reg_covar": 0.1},
        {"degrees_of_freedom_prior": 7.5, "mean_prior": [1.0, 2.0, 3.0, 4.0], "max_iter": 1},
        {"weight_concentration_prior": 1e-3, "covariance_prior": True, "max_iter": 60},
    ],
)
def test_same_start_gives_their_numbers(structure, kind, given, flowers):
    shares = np.random.default_rng(3).dirichlet(np.ones(4), len(flowers))
    scale = {"full": np.eye(4) + 0.1, "tied": np.eye(4) + 0.1, "diag": np.arange(1.0, 5.0), "spherical": 0.3}
    given = given | {"covariance_prior": scale[structure]} if "covariance_prior" in given else given
    parameters = {"covariance_type": structure, "weight_concentration_prior_type": kind}
    parameters |= {"reg_covar": 1e-6, "max_iter": 20, "tol": 0.0} | given
    theirs = their_fit(flowers, shares, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = BayesianGaussianMixture(n_components=4, init_params=shares, acceleration="none", **parameters)
        ours.fit(flowers)
    assert ours.n_iter_ == theirs.n_iter_
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "weight_concentration_")
    priors = ("weight_concentration_prior_", "mean_precision_prior_", "mean_prior_", "covariance_prior_")
    for name in (*names, *priors, "mean_precision_", "degrees_of_freedom_", "degrees_of_freedom_prior_"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9, err_msg=name)
    assert_array_equal(ours.predict(flowers), theirs.predict(flowers))
    assert_allclose(ours.predict_proba(flowers), theirs.predict_proba(flowers), rtol=1e-9, atol=1e-9)
    assert_allclose(ours.score_samples(flowers), theirs.score_samples(flowers), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tol", [1e-3, 1e-2, 1.0])
def test_number_for_tol_ends_a_run_where_theirs_ends(kind, tol, flowers):
    shares = np.random.default_rng(3).dirichlet(np.ones(3), len(flowers))
    parameters = {"weight_concentration_prior_type": kind, "tol": tol, "max_iter": 2000, "reg_covar": 0.0}
    theirs = their_fit(flowers, shares, **parameters)
    ours = BayesianGaussianMixture(n_components=3, init_params=shares, acceleration="none", **parameters).fit(flowers)
    assert ours.converged_
    assert theirs.converged_
    assert abs(ours.n_iter_ - theirs.n_iter_) <= 2
    assert_allclose(ours.means_, theirs.means_, rtol=1e-3)


# the search


def balls(n_rows: int) -> np.ndarray:
    """Return rows of three separated clusters that every structure describes."""
    rng = np.random.default_rng(1)
    means = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 2.0], [0.0, 9.0, -2.0]])
    return means[rng.choice(3, n_rows, p=[0.5, 0.3, 0.2])] + rng.standard_normal((n_rows, 3))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_search_keeps_the_components_that_have_rows(structure, kind):
    rows = balls(600)
    model = BayesianGaussianMixture(
        n_components=12, covariance_type=structure, weight_concentration_prior_type=kind, random_state=0
    ).fit(rows)
    assert len(model.weights_) == 3
    assert model.fit_result_.n_pruned == 9
    assert (np.diff(model.weights_) <= 0).all()
    assert_allclose(model.posterior_.n_components, [0, 0, 0, 1], atol=1e-6)
    assert "9 of 12 components had less than one expected row" in str(model.report(rows))


def test_components_without_rows_are_kept_on_request():
    rows = balls(600)
    kept = BayesianGaussianMixture(n_components=6, random_state=0, prune=False).fit(rows)
    assert kept.weights_.shape == (6,)
    assert (kept.weights_[3:] < 1e-3).all()
    assert_allclose(kept.posterior_.n_components[3], 1, atol=0.2)
    given = BayesianGaussianMixture(n_components=6, init_params="kmeans", random_state=0).fit(rows)
    assert given.weights_.shape == (6,)
    assert BayesianGaussianMixture(n_components=6, init_params="kmeans", random_state=0, prune=True).fit(
        rows
    ).weights_.shape < (6,)


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_search_is_not_below_ten_starts_of_theirs(structure, kind, flowers):
    parameters = {"n_components": 5, "covariance_type": structure, "weight_concentration_prior_type": kind}
    found = BayesianGaussianMixture(**parameters, prune=False, random_state=0).fit(flowers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = TheirBayesianGaussianMixture(**parameters, n_init=10, random_state=0).fit(flowers)
    shares = theirs.predict_proba(flowers)
    continued = BayesianGaussianMixture(**parameters, init_params=shares).fit(flowers)
    assert found.lower_bound_ >= continued.lower_bound_ - 1e-6


def test_fit_does_not_depend_on_units(flowers):
    base = BayesianGaussianMixture(n_components=5, random_state=0).fit(flowers)
    units = np.array([1e-3, 1.0, 1e3, 7.0])
    moved = BayesianGaussianMixture(n_components=5, random_state=0).fit(units * flowers + 3.0)
    assert_allclose(moved.weights_, base.weights_, atol=1e-6)
    assert_allclose(moved.means_, units * base.means_ + 3.0, rtol=1e-6)
    assert_allclose(moved.lower_bound_, base.lower_bound_ - len(flowers) * np.log(units).sum(), rtol=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_weights_are_repetitions(structure, flowers):
    weights = np.random.default_rng(5).integers(0, 4, size=len(flowers)).astype(float)
    labels = np.random.default_rng(6).integers(0, 3, size=len(flowers))
    weighted = BayesianGaussianMixture(n_components=3, covariance_type=structure, init_params=labels)
    weighted.fit(flowers, sample_weight=weights)
    times = weights.astype(int)
    repeated = BayesianGaussianMixture(n_components=3, covariance_type=structure, init_params=labels.repeat(times)).fit(
        flowers.repeat(times, axis=0)
    )
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-10)
    assert_allclose(weighted.mean_precision_, repeated.mean_precision_, rtol=1e-5)
    assert_allclose(weighted.covariance_prior_, repeated.covariance_prior_, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [1.0, 0.1, 1e-2, 1e-5])
def test_rows_with_a_total_weight_below_one_leave_one_component(kind, total, flowers):
    weights = np.full(len(flowers), total / len(flowers))
    one = BayesianGaussianMixture().fit(flowers, sample_weight=weights)
    many = BayesianGaussianMixture(n_components=4, weight_concentration_prior_type=kind, random_state=0)
    many.fit(flowers, sample_weight=weights)
    assert_allclose(many.lower_bound_, one.lower_bound_, rtol=1e-9)
    assert_allclose(many.means_, one.means_)


def test_constant_and_equal_columns_do_not_end_the_fit(flowers):
    rows = np.column_stack([flowers, np.full(len(flowers), 3.0), flowers[:, 0]])
    redundant = {"full": (4, 5), "tied": (4, 5), "diag": (4,), "spherical": ()}
    for structure in STRUCTURES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = BayesianGaussianMixture(n_components=3, covariance_type=structure, random_state=0).fit(rows)
        assert [warning.message.columns for warning in caught] == [
            columns for columns in [redundant[structure]] if columns
        ]
        assert np.isfinite(model.lower_bound_)
        assert np.isfinite(model.score_samples(rows)).all()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (lambda x: [x[:, 0], x[:, 1], np.ones(len(x))], "x2 is constant"),
        (lambda x: [x[:, 0], x[:, 1], x[:, 0] + 2 * x[:, 1]], "x2 is a linear function of x0 and x1"),
        (lambda x: [x[:, 0], x[:, 0], x[:, 1]], "x1 repeats x0"),
    ],
)
def test_a_singular_default_prior_is_said_and_one_of_the_user_is_used(flowers, columns, said):
    rows = np.column_stack(columns(flowers))
    with pytest.warns(DegenerateDataWarning, match=said):
        BayesianGaussianMixture(n_components=2, random_state=0).fit(rows)
    BayesianGaussianMixture(n_components=2, covariance_prior=np.eye(3), random_state=0).fit(rows)


def test_fewer_rows_than_columns_are_said(flowers):
    with pytest.warns(DegenerateDataWarning, match="X has 4 columns and 3 rows"):
        BayesianGaussianMixture(random_state=0).fit(flowers[[0, 60, 120]])


@pytest.mark.parametrize("offset", [0.0, 1000.0, -3e5])
def test_prior_of_many_rows_in_single_precision_is_at_their_mean(offset):
    rows = (np.random.default_rng(0).normal(size=(700_000, 2)) + offset).astype(np.float32)
    fitted = BayesianGaussianMixture(n_components=1, random_state=0).fit(rows)
    np.testing.assert_allclose(fitted.mean_prior_, rows.mean(axis=0, dtype=np.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray, lambda rows: rows[::-1][::-1]])
def test_order_in_memory_changes_no_bit(order):
    rows = np.random.default_rng(0).normal(size=(160, 2))
    expected, fitted = (BayesianGaussianMixture(n_components=3, random_state=0).fit(X) for X in (rows, order(rows)))
    np.testing.assert_array_equal(fitted.means_, expected.means_)


def test_many_rows_are_searched_in_a_sample():
    rows = balls(30_000)
    model = BayesianGaussianMixture(n_components=6, random_state=0).fit(rows)
    assert len(model.weights_) == 3
    assert_allclose(model.mean_precision_.sum(), 30_000 + 3, rtol=1e-6)


# what the estimator offers


def test_bounds_never_fall_and_the_last_is_returned(flowers):
    for structure in STRUCTURES:
        for kind in KINDS:
            for acceleration in ({}, {"init_params": np.arange(150) % 4}):
                model = BayesianGaussianMixture(
                    n_components=4,
                    covariance_type=structure,
                    weight_concentration_prior_type=kind,
                    random_state=0,
                    **acceleration,
                ).fit(flowers)
                bounds = model.history_["lower_bound"]
                assert (np.diff(bounds) >= -1e-9 * np.abs(bounds[1:])).all()
                assert_allclose(model.lower_bound_, bounds[-1], rtol=1e-14)
                assert model.lower_bounds_ == bounds[1:].tolist()
                assert model.converged_


def test_warm_start_continues(flowers):
    model = BayesianGaussianMixture(
        n_components=3, init_params="kmeans", max_iter=3, warm_start=True, random_state=0, tol=1e-5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = model.fit(flowers).lower_bound_
        second = model.fit(flowers).lower_bound_
    assert second > first
    model.set_params(covariance_type="diag")
    with pytest.raises(ValueError, match="set warm_start=False"):
        model.fit(flowers)


def test_callback_sees_every_run(flowers):
    seen = []
    BayesianGaussianMixture(n_components=3, random_state=0, callback=seen.append).fit(flowers)
    assert len({progress.start for progress in seen}) > 5
    assert all(np.isfinite(progress.log_likelihood) for progress in seen)


def test_verbose_says_what_it_prints(flowers, capsys):
    BayesianGaussianMixture(n_components=2, random_state=0, verbose=1, verbose_interval=1).fit(flowers)
    printed = capsys.readouterr().out
    assert "Initialization 0" in printed
    assert "mean evidence lower bound" in printed
    assert "log-likelihood" not in printed


def test_time_budget_gives_the_best_so_far(flowers):
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        model = BayesianGaussianMixture(n_components=8, random_state=0, time_budget=0).fit(flowers)
    assert np.isfinite(model.lower_bound_)
    assert not model.converged_


def test_interrupted_fit_keeps_the_best_so_far(flowers):
    seen = []

    def interrupt(progress):
        seen.append(progress)
        if len(seen) == 60:
            raise KeyboardInterrupt

    model = BayesianGaussianMixture(n_components=4, random_state=0, callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(flowers)
    assert np.isfinite(model.lower_bound_)
    assert "Interrupted" in model.stop_reason_


def test_copies_keep_every_bit(flowers):
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(flowers)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(flowers), model.predict_proba(flowers))
    assert copy.lower_bound_ == model.lower_bound_
    assert_array_equal(clone(model).fit(flowers).means_, model.means_)


def test_point_mixture_has_the_scores_of_no_posterior(flowers):
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(flowers)
    assert_array_equal(model.mixture_.weights, model.weights_)
    assert model.bic(flowers) == pytest.approx(
        model.mixture_.n_parameters * np.log(150) - 2 * model.mixture_.log_density(flowers).sum()
    )
    assert model.score(flowers) == pytest.approx(model.score_samples(flowers).mean())
    assert model.score(flowers) < model.mixture_.log_density(flowers).mean()
    assert_allclose(model.predictive_log_density(flowers), model.posterior_.predictive_log_density(flowers))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"covariance_type": "VVV"}, "covariance_type must be one of"),
        ({"covariance_type": ["full"]}, "covariance_type must be one of"),
        ({"n_components": 0}, "n_components must be a whole number"),
        ({"weight_concentration_prior_type": "dirichlet"}, "weight_concentration_prior_type must be one of"),
        ({"weight_concentration_prior": 0.0}, "weight_concentration_prior must be a positive number"),
        ({"mean_precision_prior": -1.0}, "mean_precision_prior must be a positive number"),
        ({"mean_prior": [1.0, 2.0]}, r"'mean_prior' should have the shape of \(4,\)"),
        ({"mean_prior": [1.0, 2.0, np.nan, 0.0]}, "mean_prior must be finite"),
        ({"degrees_of_freedom_prior": 3.0}, "'degrees_of_freedom_prior' should be greater than 3, but got 3.000"),
        ({"covariance_prior": np.ones((4, 4))}, "covariance_prior is invalid: .*positive-definite"),
        ({"covariance_prior": np.ones(4)}, r"'full covariance_prior' should have the shape of \(4, 4\)"),
        ({"covariance_prior": -1.0, "covariance_type": "spherical"}, "covariance_prior is invalid: .*positive"),
        ({"covariance_prior": [1.0, 0.0, 1.0, 1.0], "covariance_type": "diag"}, "covariance_prior is invalid"),
        ({"reg_covar": "chen-tan"}, "reg_covar must be a finite number"),
        ({"reg_covar": -1e-3}, "reg_covar must be a finite number"),
        ({"prune": "yes"}, "prune must be True or False"),
        ({"tol": -1.0}, "tol must be a finite number"),
        ({"init_params": "k-means"}, "init_params must be one of"),
    ],
)
def test_invalid_parameters_are_named(parameters, message, flowers):
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(**parameters).fit(flowers)


def test_old_class_and_new_agree_with_one_component(flowers):
    bayes = BayesianGaussianMixture(random_state=0).fit(flowers)
    likelihood = GaussianMixture(random_state=0).fit(flowers)
    assert_allclose(bayes.means_, likelihood.means_, rtol=1e-9)
