"""Fits of tables with constant or collinear columns, or with more columns than rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, read_only
from sklearn.exceptions import ConvergenceWarning

from gaussmix import DegenerateDataWarning, GaussianMixture, GaussianMixtureIC

types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
BASE = TABLES["blobs"][0]
DEGENERATE = {
    "constant": (np.c_[BASE[:, :2], np.full(len(BASE), 7.0), BASE[:, 2]], "x2 is constant", {"full", "tied", "diag"}),
    "repeated": (np.c_[BASE, BASE[:, 0]], "x3 repeats x0", {"full", "tied"}),
    "scaled": (np.c_[BASE, 3 - 1e6 * BASE[:, 1]], "x3 is a linear function of x1", {"full", "tied"}),
    "sum": (np.c_[BASE, BASE.sum(axis=1)], "is a linear function of", {"full", "tied"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEGENERATE)
@types
@pytest.mark.parametrize("init_params", ["auto", "kmeans"])
def test_columns_without_a_spread_of_their_own_are_left_out_and_named(name, covariance_type, init_params):
    rows, named, warned = DEGENERATE[name]
    gm = GaussianMixture(3, covariance_type=covariance_type, init_params=init_params, random_state=0)
    if covariance_type in warned:
        with pytest.warns(DegenerateDataWarning, match=named):
            gm.fit(read_only(rows))
    else:
        gm.fit(rows)
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-12)
    assert gm.history_["log_likelihood"][-1] == pytest.approx(gm.lower_bound_, rel=1e-12)
    assert gm.means_.shape == (3, rows.shape[1])
    np.testing.assert_array_equal(gm.predict(rows), gm.predict_proba(rows).argmax(axis=1))
    drawn = gm.sample(500, random_state=0)[0]
    assert drawn.shape == (500, rows.shape[1])
    if name == "constant" and covariance_type in warned:
        np.testing.assert_allclose(drawn[:, 2], 7.0, rtol=1e-4)
    if name == "sum" and covariance_type in warned:
        np.testing.assert_allclose(drawn[:, 3], drawn[:, :3].sum(axis=1), atol=1e-3)
    if covariance_type in warned:
        kept = {"constant": [0, 1, 3]}.get(name, [0, 1, 2])
        alone = GaussianMixture(3, covariance_type=covariance_type, random_state=0, init_params=init_params)
        np.testing.assert_array_equal(gm.predict(rows), alone.fit(rows[:, kept]).predict(rows[:, kept]))


@types
@pytest.mark.parametrize("shape", [(20, 30), (3, 8)])
def test_more_columns_than_rows_are_fitted_in_the_range_of_the_rows(covariance_type, shape):
    rows = np.random.default_rng(0).standard_normal(shape)
    gm = GaussianMixture(1, covariance_type=covariance_type, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm.fit(rows)
    assert np.isfinite(gm.score_samples(rows)).all()
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-12)
    assert any(w.category is DegenerateDataWarning for w in caught) == (covariance_type in ("full", "tied"))
    assert not any(w.category is ConvergenceWarning for w in caught)


@types
@pytest.mark.parametrize(("position", "scale"), [(2, 1e-160), (0, 1e-200), (1, 1e-310)])
def test_columns_whose_squares_underflow_are_left_out_and_the_warning_says_multiply(covariance_type, position, scale):
    rows = BASE * np.where(np.arange(3) == position, scale, 1.0)
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    if covariance_type == "spherical":  # one variance for all columns: nothing underflows
        gm.fit(rows)
    else:
        said = rf"^The spread of x{position} is so small that its square underflows: multiply this column of X\.$"
        with pytest.warns(DegenerateDataWarning, match=said):
            gm.fit(rows)
        others = np.delete(rows, position, axis=1)
        alone = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(others)
        np.testing.assert_array_equal(gm.predict(rows), alone.predict(others))
    assert np.isfinite(gm.score_samples(rows)).all()


@types
@pytest.mark.parametrize("n_columns", [1, 2])
@pytest.mark.parametrize("scale", [1e-160, 1e-200, 1e-310])
def test_rows_whose_squares_all_underflow_are_refused(covariance_type, n_columns, scale):
    for estimator in (GaussianMixture(2, covariance_type=covariance_type), GaussianMixtureIC([1])):
        with pytest.raises(ValueError, match=r"spreads? of x0.* so small that .* underflows?: multiply th"):
            estimator.fit(BASE[:, :n_columns] * scale)


def test_a_warning_names_both_redundant_columns_and_those_that_underflow():
    rows = pd.DataFrame(np.c_[BASE, BASE[:, 0], BASE[:, 1] * 1e-170, BASE[:, 2] * 1e-180], columns=list("abcdef"))
    said = "d repeats a. Remove them from X. The spreads of e and f are .* their squares underflow: multiply"
    for estimator in (GaussianMixture(2, random_state=0), GaussianMixtureIC([2], covariance_types=["EEE"])):
        with pytest.warns(DegenerateDataWarning, match=said) as caught:
            estimator.fit(rows)
        assert caught[0].message.columns == (3, 4, 5)
