"""Trimmed fits: published optima, which rows are left out, weights, missing values, units, and hard data."""

import numpy as np
import pytest
from helpers.datasets import blobs, read_only
from helpers.hard_data import CASES

from gaussmix import GaussianMixture
from gaussmix.datasets import load_old_faithful

ERUPTIONS = load_old_faithful()[0][:, 0]
GEYSER = read_only(np.c_[ERUPTIONS[:-1], ERUPTIONS[1:]])  # geyser2 of tclust: an eruption and the next one
GOOD = blobs(300, 2, 3, separation=8.0, seed=2)
FAR = np.random.default_rng(0).uniform(-60, 60, (30, 2))
ROWS = read_only(np.r_[GOOD, FAR])


def objective(fitted):
    return fitted.lower_bound_ * fitted.fit_result_.fit.moments.weight


@pytest.mark.parametrize(("ratio", "published"), [(12, -441.7624), (1, -461.6679)])
def test_the_optima_of_tclust_are_reached(ratio, published):
    """tclust 1.4-2, k = 3, alpha = 0.03, on rounded rows; its trimming leaves out 9 of 271 rows."""
    fitted = GaussianMixture(3, trim=0.03, max_variance_ratio=ratio, random_state=0).fit(GEYSER)
    assert objective(fitted) >= published
    assert objective(fitted) == pytest.approx(published, abs=0.01)
    labels = fitted.predict(GEYSER)
    assert (labels == -1).sum() == 9
    if ratio == 12:
        assert sorted(np.bincount(labels[labels >= 0])) == [86, 87, 89]
        order = np.argsort(fitted.means_[:, 0] - 2 * fitted.means_[:, 1])
        np.testing.assert_allclose(
            fitted.means_[order], [[2.0209, 4.5017], [4.1992, 4.0939], [4.3406, 2.0266]], atol=1e-3
        )


def test_the_objective_is_the_classification_likelihood_of_the_rows_kept():
    fitted = GaussianMixture(3, trim=0.1, max_variance_ratio=20, random_state=0).fit(ROWS)
    labels = fitted.predict(ROWS)
    scores = fitted.mixture_.take(np.arange(3))  # unchanged weights
    logs = np.stack(
        [np.log(fitted.weights_[at]) + scores.take([at]).log_density(ROWS) for at in range(3)],
        axis=1,
    ).max(axis=1)
    assert (labels == -1).sum() == 33
    assert fitted.trim_threshold_ == pytest.approx(np.sort(logs)[33])
    np.testing.assert_array_equal(labels == -1, logs < fitted.trim_threshold_ - 1e-12)
    assert objective(fitted) == pytest.approx(logs[labels >= 0].sum(), rel=1e-12)
    np.testing.assert_allclose(fitted.weights_, np.bincount(labels[labels >= 0]) / (labels >= 0).sum())
    for at in range(3):
        np.testing.assert_allclose(fitted.means_[at], ROWS[labels == at].mean(axis=0), rtol=0, atol=1e-8)


def test_far_rows_are_left_out_and_do_not_move_the_components():
    fitted = GaussianMixture(3, trim=30 / 330, random_state=0).fit(ROWS)
    clean = GaussianMixture(3, random_state=0).fit(GOOD)
    assert (fitted.predict(FAR) == -1).mean() > 0.9
    np.testing.assert_allclose(np.sort(fitted.means_, axis=0), np.sort(clean.means_, axis=0), atol=0.15)


def test_other_rows_are_labeled_by_the_threshold():
    fitted = GaussianMixture(3, trim=0.1, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(fitted.predict(ROWS[:5]), fitted.predict(ROWS)[:5])
    assert fitted.predict([[1e3, -1e3]]) == [-1]
    assert fitted.predict(fitted.means_[:1]) == [0]
    np.testing.assert_array_equal(fitted.predict(ROWS), GaussianMixture(3, trim=0.1, random_state=0).fit_predict(ROWS))
    np.testing.assert_allclose(fitted.predict_proba(ROWS).sum(axis=1), 1)


def test_criteria_count_the_rows_that_are_kept():
    fitted = GaussianMixture(3, trim=0.1, random_state=0).fit(ROWS)
    kept = ROWS[fitted.predict(ROWS) >= 0]
    log_likelihood, p = fitted.mixture_.log_density(kept).sum(), fitted.mixture_.n_parameters
    assert fitted.bic(ROWS) == pytest.approx(-2 * log_likelihood + p * np.log(len(kept)))
    with pytest.raises(ValueError, match="all rows of X are below the threshold"):
        fitted.bic([[1e3, 1e3]])


def test_no_trimming_is_classification():
    fitted = GaussianMixture(3, trim=0, random_state=0).fit(GOOD)
    labels = fitted.predict(GOOD)
    assert (labels >= 0).all()
    for at in range(3):
        np.testing.assert_allclose(fitted.covariances_[at], np.cov(GOOD[labels == at].T, bias=True), rtol=1e-6)
    assert GaussianMixture(3, random_state=0).fit(GOOD).trim_threshold_ == -np.inf


def test_weights_count_rows():
    times = np.random.default_rng(1).integers(1, 4, len(ROWS))
    weighted = GaussianMixture(3, trim=0.1, max_variance_ratio=20, random_state=0).fit(ROWS, sample_weight=times)
    repeated = GaussianMixture(3, trim=0.1, max_variance_ratio=20, random_state=0).fit(np.repeat(ROWS, times, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-8)
    np.testing.assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-10)
    np.testing.assert_array_equal(weighted.predict(ROWS), repeated.predict(ROWS))


def test_rows_with_missing_values_take_part():
    holes = ROWS.copy()
    holes[np.arange(0, len(ROWS), 7), 0] = np.nan
    holes[np.arange(3, len(ROWS), 11), 1] = np.nan
    holes[np.isnan(holes).all(axis=1)] = ROWS[np.isnan(holes).all(axis=1)]
    fitted = GaussianMixture(3, trim=0.1, random_state=0).fit(holes)
    clean = GaussianMixture(3, random_state=0).fit(GOOD)
    np.testing.assert_allclose(np.sort(fitted.means_, axis=0), np.sort(clean.means_, axis=0), atol=0.3)
    assert abs((fitted.predict(holes) == -1).sum() - 33) <= 1
    units = GaussianMixture(3, trim=0.1, random_state=0).fit(holes * [1e-3, 1e5])
    np.testing.assert_array_equal(units.predict(holes * [1e-3, 1e5]), fitted.predict(holes))


@pytest.mark.parametrize(
    ("covariance_type", "matrix"),
    [
        ("full", [[2.0, 0.3], [-1e3, 5.0]]),
        ("tied", [[1e-4, 3.0], [1.0, 1.0]]),
        ("diag", [[1e-6, 0.0], [0.0, 1e5]]),
        ("spherical", [[30.0, 0.0], [0.0, 30.0]]),
    ],
)
def test_units_and_axes_do_not_matter(covariance_type, matrix):
    matrix = np.array(matrix)
    one = GaussianMixture(3, covariance_type=covariance_type, trim=0.1, random_state=0).fit(ROWS)
    other = GaussianMixture(3, covariance_type=covariance_type, trim=0.1, random_state=0).fit(ROWS @ matrix + 7)
    np.testing.assert_array_equal(other.predict(ROWS @ matrix + 7), one.predict(ROWS))
    np.testing.assert_allclose(other.weights_, one.weights_, rtol=0, atol=1e-12)
    np.testing.assert_allclose((other.means_ - 7) @ np.linalg.inv(matrix), one.means_, rtol=0, atol=1e-8)


def test_rotations_do_not_matter_under_a_bound():
    angle = 0.7
    turn = 100 * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    one = GaussianMixture(3, trim=0.1, max_variance_ratio=3, random_state=0).fit(ROWS)
    other = GaussianMixture(3, trim=0.1, max_variance_ratio=3, random_state=0).fit(ROWS @ turn - 5)
    np.testing.assert_array_equal(other.predict(ROWS @ turn - 5), one.predict(ROWS))
    np.testing.assert_allclose((other.means_ + 5) @ np.linalg.inv(turn), one.means_, rtol=0, atol=1e-8)


def test_trimming_combines_with_what_is_known():
    fitted = GaussianMixture(
        3,
        trim=0.1,
        max_variance_ratio=10,
        fixed={"means": [0], "weights": True},
        means_init=[[-3.0, -20.0], [1.0, 1.0], [14.0, 9.0]],
        weights_init=[0.2, 0.3, 0.5],
        random_state=0,
    ).fit(ROWS)
    np.testing.assert_array_equal(fitted.means_[0], [-3, -20])
    np.testing.assert_array_equal(fitted.weights_, [0.2, 0.3, 0.5])
    equal = GaussianMixture(3, covariance_type="EEV", trim=0.1, equal_weights=True, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(equal.weights_, 1 / 3)


def test_trimming_and_noise_exclude_each_other():
    with pytest.raises(ValueError, match="two answers to the same question"):
        GaussianMixture(3, trim=0.1, noise="uniform").fit(ROWS)


def test_the_report_says_how_many_rows_were_left_out():
    fitted = GaussianMixture(3, trim=0.1, max_variance_ratio=1.5, random_state=0).fit(ROWS)
    report = fitted.report(ROWS)
    assert report.facts["fit"]["trimmed"]["n_below"] == 33
    assert report.facts["fit"]["bounds"]["variance_ratio"]["is_reached"]
    assert "33 of 330 rows" in str(report)
    assert "the bound 1.5 is reached" in str(report)
    assert "0.1 of the weight of the rows, 33, was left out" in " ".join(str(fitted.report()).split())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.error is None][1::4])
@pytest.mark.parametrize("ratio", [None, 20])
def test_hard_data_give_a_valid_model(name, ratio):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, trim=0.1, max_variance_ratio=ratio, n_init=2, random_state=0)
    if len(case.rows) * 0.9 < case.n_components:
        with pytest.raises(ValueError, match="leaves fewer than n_components"):
            gm.fit(case.rows)
        return
    gm.fit(case.rows, sample_weight=case.weights)
    for values in (gm.weights_, gm.means_, gm.covariances_, gm.precisions_, gm.lower_bound_):
        assert np.isfinite(values).all()
    assert (gm.mixture_.covariance.pivots() > 0).all()
    assert gm.predict(case.rows).max() >= 0
