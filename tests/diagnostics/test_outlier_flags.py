"""Flags from p-values, conformal p-values, and explanations of flagged rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control

from gaussmix import Mixture
from gaussmix.diagnostics.outliers import CalibrationScores, explain_rows, flag_rows


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("n_small", [0, 1, 20, 200])
def test_false_discovery_control_is_that_of_scipy(alpha, n_small):
    rng = np.random.default_rng(n_small)
    p_values = np.concatenate([rng.uniform(size=200 - n_small), rng.uniform(size=n_small) ** 6])
    assert_array_equal(flag_rows(p_values, alpha, "fdr"), false_discovery_control(p_values) <= alpha)


def test_flags_of_each_row_and_of_no_rows():
    assert_array_equal(flag_rows(np.array([0.05, 0.051, 0.0]), 0.05, "each"), [True, False, True])
    for control in ("each", "fdr"):
        assert flag_rows(np.empty(0), 0.05, control).shape == (0,)


@pytest.mark.parametrize(
    ("alpha", "control", "message"),
    [(0.0, "each", "alpha"), (1.0, "fdr", "alpha"), (True, "each", "alpha"), (0.1, "family", "control must be one of")],
)
def test_wrong_bounds_are_refused(alpha, control, message):
    with pytest.raises(ValueError, match=message):
        flag_rows(np.array([0.5]), alpha, control)


def test_conformal_p_values_are_ranks():
    reference = CalibrationScores.of(np.array([3.0, 1.0, 2.0, 2.0]))
    assert_allclose(reference.cdf([0.0, 1.0, 1.5, 2.0, 9.0]), np.array([1, 2, 2, 4, 5]) / 5)
    weighted = CalibrationScores.of(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]))
    assert_allclose(weighted.cdf([0.0, 2.5]), reference.cdf([0.0, 2.5]))


@pytest.mark.parametrize("alpha", [0.04, 0.05, 0.2, 0.51])
def test_rows_below_the_quantile_are_those_of_small_p_values(alpha):
    rng = np.random.default_rng(0)
    reference = CalibrationScores.of(rng.integers(0, 9, 24).astype(float))
    scores = np.linspace(-1, 10, 1000)
    assert_array_equal(scores < reference.quantile(alpha), reference.cdf(scores) <= alpha)


def test_conformal_p_values_of_new_rows_are_at_most_alpha_with_probability_alpha():
    rng = np.random.default_rng(1)
    for alpha in (0.05, 0.1, 0.5):
        flagged = [CalibrationScores.of(rng.normal(size=99)).cdf(rng.normal()) <= alpha for _ in range(4000)]
        assert np.mean(flagged) == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 4000))


MODEL = Mixture.from_parameters(
    [0.5, 0.5],
    [[0.0, 0.0, 0.0], [20.0, 20.0, 5.0]],
    [[[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]]] * 2,
    feature_names=["height", "width", "age"],
)


def test_the_feature_that_is_off_is_named_with_what_would_be_expected():
    rows = np.array([[0.5, -2.0, 0.3], [20.0, 20.0, 11.0], [20.0, 20.0, -4.0]])
    found = explain_rows(MODEL, rows, np.array([7, 8, 9]), np.array([1e-3, 1e-9, 1e-5]))
    assert_array_equal(found.rows, [8, 9, 7])
    assert_array_equal(found.components, [1, 1, 0])
    assert_allclose(found.expected[2], [0.9 * -2.0, 0.9 * 0.5, 0.0])
    assert_allclose(found.deviations[2], [np.sqrt(0.19), np.sqrt(0.19), 1.0])
    assert_allclose(found.z_scores[0], [0, 0, 6], atol=1e-12)
    columns = found.to_dict()
    assert columns["feature"][:2] == ["age", "age"]
    assert_allclose(columns["expected"][:2], 5.0)
    assert found.reasons[0] == "age 11 (expected 5, +6.0 sd)"
    text = str(found)
    assert text.splitlines()[0].split() == [
        "row",
        "p-value",
        "component",
        "unusual",
        "given",
        "the",
        "other",
        "features",
    ]
    assert "age -4 (expected 5, -9.0 sd)" in text


def test_expectations_are_those_of_the_component_that_the_other_features_say():
    """The first feature alone is that of the other component."""
    found = explain_rows(MODEL, np.array([[20.0, 0.3, 0.2]]), np.array([0]), np.array([1e-20]))
    assert found.expected[0, 0] == pytest.approx(0.9 * 0.3)
    assert found.z_scores[0, 0] > 40


@pytest.mark.parametrize("far", [1e100, 1e149])
def test_rows_of_density_zero_are_explained_by_the_nearest_component(far):
    found = explain_rows(MODEL, np.array([[0.0, 0.0, far]]), np.array([0]), np.array([1e-300]))
    assert found.z_scores[0, 2] == pytest.approx(far)
    assert np.isfinite(found.expected[0, 2])


def test_nothing_flagged_is_said():
    nothing = explain_rows(MODEL, np.empty((0, 3)), np.empty(0, dtype=int), np.empty(0))
    assert str(nothing) == "No row is flagged."
    assert len(nothing) == 0
    assert nothing.to_dict()["row"] == []


def test_long_tables_and_many_features_are_cut():
    rows = np.full((25, 3), 50.0) * np.array([1.0, -1.0, 1.0])
    text = str(explain_rows(MODEL, rows, np.arange(25), np.full(25, 1e-9)))
    assert text.endswith("and 5 more rows")
    wide = Mixture.from_parameters([1.0], np.zeros((1, 9)), np.ones((1, 9)), covariance_type="diag")
    assert explain_rows(wide, np.full((1, 9), 5.0), np.array([0]), np.array([0.0])).reasons[0].endswith("and 5 more")
