"""`GaussianMixtureRegressor`: scikit-learn's contract, its predictions, and the coverage of its intervals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import DegenerateDataWarning, GaussianMixtureRegressor


@parametrize_with_checks(
    [
        GaussianMixtureRegressor(random_state=0),
        GaussianMixtureRegressor(1, covariance_type="full", random_state=0),
    ]
)
@pytest.mark.contract
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_estimator_checks_pass(estimator, check):
    check(estimator)


def waves(n_rows=300, seed=0):
    """Return a feature, and a target whose noise depends on it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (n_rows, 1))
    return x, np.sin(x[:, 0]) + (0.1 + 0.1 * np.abs(x[:, 0])) * rng.standard_normal(n_rows)


def branches(n_rows=400, seed=0):
    """Return a feature, and a target that is near x or near -x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 3, (n_rows, 1))
    return x, rng.choice([-1, 1], n_rows) * x[:, 0] + 0.1 * rng.standard_normal(n_rows)


def two_targets(n_rows=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 3))
    return X, X[:, :2] @ [[1.0, 0.5], [-1.0, 2.0]] + 0.3 * rng.standard_normal((n_rows, 2))


@pytest.fixture(scope="module")
def fitted():
    return GaussianMixtureRegressor(4, covariance_type="full", random_state=0).fit(*waves())


@pytest.mark.parametrize("n_targets", [1, 2])
def test_one_component_is_linear_regression(n_targets):
    X, y = two_targets()
    y = y[:, 0] if n_targets == 1 else y
    ours = GaussianMixtureRegressor(1, covariance_type="full").fit(X, y).predict(X)
    assert_allclose(ours, LinearRegression().fit(X, y).predict(X), rtol=1e-8, atol=1e-8)


def test_predictions_are_those_of_the_joint_mixture(fitted):
    x, y = waves(20, seed=1)
    given = fitted.mixture_.condition(x, on=[0])
    mean, deviation = fitted.predict(x, return_std=True)
    assert_array_equal(mean, given.means[:, 0])
    assert_array_equal(deviation, given.standard_deviations[:, 0])
    assert_array_equal(fitted.predict_quantiles(x, [0.1, 0.5]), given.quantiles([0.1, 0.5]))
    assert_allclose(fitted.predict_interval(x, 0.8), given.quantiles([0.1, 0.9]), rtol=1e-12)
    assert_array_equal(fitted.log_density(x, y), given.log_density(y))
    assert fitted.condition(x).mixture(3).n_features == 1


def test_calibration_changes_only_the_residuals(fitted):
    fit, calibrated = fitted.model_.mixture_, fitted.mixture_
    x = waves(30, seed=2)[0]
    assert fitted.residual_factor_ != 1
    assert_allclose(calibrated.marginal([0]).log_density(x), fit.marginal([0]).log_density(x), rtol=1e-12)
    before, after = fit.condition(x, on=[0]), calibrated.condition(x, on=[0])
    assert_allclose(after.means, before.means, rtol=1e-10, atol=1e-12)
    assert_allclose(after.component_covariances, fitted.residual_factor_**2 * before.component_covariances, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["spherical", "EEI", "diag", "tied", "VEV", "full"])
def test_any_structure_is_calibrated(covariance_type):
    X, y = two_targets()
    model = GaussianMixtureRegressor(2, covariance_type=covariance_type, random_state=0).fit(X, y)
    fit = model.model_.mixture_
    assert fit.covariance_type == covariance_type == model.covariance_type_
    expected = model.residual_factor_**2 * fit.condition(X, on=[0, 1, 2]).component_covariances
    assert_allclose(model.condition(X).component_covariances, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw", [waves, branches, lambda n, seed: two_targets(n, seed)], ids=["waves", "branches", "two"]
)
def test_intervals_cover_their_share_of_new_targets(draw):
    shares = []
    for seed in range(4):
        x, y = draw(200, seed)
        model = GaussianMixtureRegressor(4, covariance_type="full", random_state=0).fit(x, y)
        new, targets = draw(3_000, seed + 100)
        ends = model.predict_interval(new)
        shares.append(((ends[..., 0] <= targets) & (targets <= ends[..., 1])).mean())
    assert 0.87 < np.mean(shares) < 0.93


@pytest.mark.slow
def test_both_branches_are_found():
    model = GaussianMixtureRegressor(random_state=0).fit(*branches())
    grid = np.linspace(-4, 4, 801)
    density = model.log_density(np.full((801, 1), 2.0), grid)
    peaks = grid[1:-1][(density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])]
    assert_allclose(peaks, [-2, 2], atol=0.15)
    assert_allclose(model.predict_quantiles([[2.0]], [0.25, 0.75])[0], [-2, 2], atol=0.15)


@pytest.mark.slow
def test_useless_columns_do_not_raise_the_number_of_components():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 8))
    y = X[:, 0] + rng.standard_normal(200)
    model = GaussianMixtureRegressor(random_state=0).fit(X, y)
    assert model.n_components_ <= 2
    assert 1.0 < model.residual_factor_ < 1.3


@pytest.mark.parametrize("shape", ["(n,)", "(n, 1)", "(n, 2)"])
def test_shapes_follow_the_targets(shape):
    X, y = two_targets()
    y = {"(n,)": y[:, 0], "(n, 1)": y[:, :1], "(n, 2)": y}[shape]
    model = GaussianMixtureRegressor(1, covariance_type="full", random_state=0).fit(X, y)
    tail = y.shape[1:]
    assert model.predict(X).shape == y.shape
    assert [part.shape for part in model.predict(X, return_std=True)] == [y.shape] * 2
    assert model.predict_quantiles(X, 0.5).shape == y.shape
    assert model.predict_quantiles(X, [0.1, 0.5, 0.9]).shape == (*y.shape, 3)
    assert model.predict_interval(X).shape == (len(X), *tail, 2)
    assert model.sample_y(X, 5).shape == (len(X), *tail, 5)
    assert model.log_density(X, y).shape == (len(X),)
    assert 0.5 < model.score(X, y) < 1


def test_names_are_kept():
    X, y = two_targets()
    frame = pd.DataFrame(X, columns=["a", "b", "y"])
    model = GaussianMixtureRegressor(1, covariance_type="full", random_state=0)
    assert model.fit(frame, y[:, 0]).mixture_.names == ("a", "b", "y", "y_")
    assert model.fit(frame, pd.Series(y[:, 0], name="price")).mixture_.names == ("a", "b", "y", "price")
    assert model.fit(frame, pd.DataFrame(y, columns=["u", "v"])).target_names_ == ("u", "v")
    assert model.mixture_.conditional({"a": 0.0, "b": 0.0, "y": 1.0}).names == ("u", "v")
    assert model.condition(frame).names == ("u", "v")
    assert model.fit(X, y).mixture_.feature_names is None
    assert model.target_names_ == ("y0", "y1")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["width", "copy"], "copy is a linear function of width"),
        (["constant", "width"], "constant is constant"),
        (["width", "constant", "copy"], "constant is constant"),
        (["copy", "width", "other"], "is a linear function of"),
    ],
)
def test_warnings_name_columns(columns, message):
    rng = np.random.default_rng(0)
    width = rng.normal(size=60)
    table = pd.DataFrame({"width": width, "copy": 2 * width + 1, "constant": 3.0, "other": rng.normal(size=60)})
    model = GaussianMixtureRegressor(n_components=1, covariance_type="full")
    with pytest.warns(DegenerateDataWarning, match=message) as caught:
        model.fit(table[columns], pd.Series(width + rng.normal(size=60), name="price"))
    assert "x0" not in str(caught[0].message)


def test_missing_values_are_named():
    table = pd.DataFrame({"width": [1.0, 2.0, np.nan, 4.0], "height": [1.0, 3.0, 2.0, 5.0]})
    with pytest.raises(ValueError, match=r"X has NaN at row 2, column 0 \('width'\)"):
        GaussianMixtureRegressor().fit(table, [1.0, 2.0, 3.0, 4.0])


def test_weights_count_as_rows():
    X, y = two_targets(80)
    counts = np.random.default_rng(0).integers(0, 4, 80)
    weighted = GaussianMixtureRegressor(1, covariance_type="full", random_state=0).fit(X, y, sample_weight=counts)
    repeated = clone(weighted).fit(X.repeat(counts, axis=0), y.repeat(counts, axis=0))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-8, atol=1e-10)
    assert_allclose(weighted.residual_factor_, repeated.residual_factor_, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1e-8), (1e6, 1.0), (-1e9, 1e6)])
def test_units_and_offsets_do_not_matter(offset, scale):
    x, y = waves()
    model = GaussianMixtureRegressor(3, covariance_type="full", random_state=0)
    plain = model.fit(x, y).predict(x, return_std=True)
    moved = model.fit(scale * x + offset, scale * y - offset).predict(scale * x + offset, return_std=True)
    assert_allclose((moved[0] + offset) / scale, plain[0], atol=1e-4)
    assert_allclose(moved[1] / scale, plain[1], atol=1e-4)


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
def test_constant_and_collinear_columns_change_nothing():
    X, y = two_targets()
    model = GaussianMixtureRegressor(1, covariance_type="full", random_state=0)
    plain = model.fit(X, y[:, 0]).predict(X)
    more = np.column_stack([X, np.full(200, 3.0), X[:, 0] + X[:, 1]])
    assert_allclose(model.fit(more, y[:, 0]).predict(more), plain, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("covariance_type", ["auto", "full"])
def test_exact_functions_are_predicted_exactly(covariance_type):
    X = np.random.default_rng(0).standard_normal((60, 2))
    for y in (X @ [2.0, -1.0] + 5, np.full(60, 7.0)):
        model = GaussianMixtureRegressor(1, covariance_type=covariance_type, random_state=0).fit(X, y)
        assert_allclose(model.predict(X), y, rtol=1e-4, atol=1e-4)
        assert (model.predict(X, return_std=True)[1] < 1e-2).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_few_rows_are_enough(n_rows):
    x, y = waves(n_rows)
    mean, deviation = GaussianMixtureRegressor(random_state=0).fit(x, y).predict(x, return_std=True)
    assert np.isfinite(mean).all()
    assert (deviation >= 0).all()


def test_draws_have_the_predicted_distribution(fitted):
    x = np.full((1, 1), 1.2)
    drawn = fitted.sample_y(x, 4_000, random_state=0)[0]
    inside = fitted.condition(np.tile(x, (4_000, 1))).cumulative_probabilities(drawn)
    assert kstest(inside, "uniform").pvalue > 1e-3
    assert_array_equal(fitted.sample_y(x, 3), fitted.sample_y(x, 3))


@pytest.mark.slow
def test_copies_predict_the_same(fitted):
    x = waves(10, seed=3)[0]
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))
    assert_array_equal(clone(fitted).fit(*waves()).predict(x), fitted.predict(x))
    assert cross_val_score(clone(fitted), *waves(), cv=3).mean() > 0.5


WRONG = {
    "n_components must be a whole number": {"n_components": 0},
    "covariance_type must be one of": {"covariance_type": "banded"},
    "reg_covar must be a number": {"reg_covar": "strong"},
    "n_jobs must be a number of threads": {"n_jobs": 0},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_parameters_are_named(message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureRegressor(**WRONG[message]).fit(*waves(20))


def test_missing_values_are_refused_by_the_name_of_the_argument():
    x, y = waves(20)
    model = GaussianMixtureRegressor(1, covariance_type="full").fit(x, y)
    holes = np.where(np.arange(20)[:, None] == 3, np.nan, x)
    for call in (lambda: clone(model).fit(holes, y), lambda: model.predict(holes)):
        with pytest.raises(ValueError, match=r"X has NaN at row 3, column 0: .* GaussianMixtureImputer"):
            call()
    for wrong, message in ((np.nan, "y has NaN"), (-np.inf, "y has infinity"), (1e200, r"y has 1e\+200")):
        with pytest.raises(ValueError, match=f"{message} at row 3, column 0"):
            clone(model).fit(x, np.where(np.arange(20) == 3, wrong, y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(model).fit(x, y[:5])


@pytest.mark.slow
def test_wrong_rows_are_named(fitted):
    x, y = waves(20)
    model = clone(fitted)
    with pytest.raises(NotFittedError):
        model.predict(x)
    for wrong in (np.nan, np.inf, 1e200):
        with pytest.raises(ValueError, match=r"NaN|infinity|overflow"):
            model.fit(np.where(x == x[3], wrong, x), y)
        with pytest.raises(ValueError, match=r"NaN|infinity|overflow"):
            model.fit(x, np.where(y == y[3], wrong, y))
    with pytest.raises(ValueError, match="Y must have"):
        fitted.log_density(x, y[:5])
    with pytest.raises(ValueError, match="coverage"):
        fitted.predict_interval(x, 90)
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample_y(x, 0)
