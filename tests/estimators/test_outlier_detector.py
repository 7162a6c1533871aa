"""`GaussianMixtureOutlierDetector`: valid p-values, false discoveries, contamination, scikit-learn's contract."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2, kstest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import GaussianMixtureOutlierDetector, Mixture

TWO = Mixture.from_parameters(
    [0.6, 0.4], [[0.0, 0.0], [4.0, 1.0]], [[[1.0, 0.7], [0.7, 1.0]], [[0.5, 0.0], [0.0, 2.0]]]
)


def detector(**parameters):
    return GaussianMixtureOutlierDetector(2, covariance_type="full", random_state=0, **parameters)


@pytest.fixture(scope="module")
def ordinary():
    return TWO.sample(1000, 0)[0]


@pytest.mark.slow
@pytest.mark.contract
@parametrize_with_checks(
    [GaussianMixtureOutlierDetector(random_state=0), GaussianMixtureOutlierDetector(1, covariance_type="full")],
    expected_failed_checks=lambda estimator: (
        {}
        if estimator.n_components == 1
        else {"check_sample_weight_equivalence_on_dense_data": "Starts are drawn, as in GaussianMixture."}
    ),
)
@pytest.mark.filterwarnings("ignore::gaussmix.DoubtfulModelWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_nominal_share_of_fresh_rows_is_flagged():
    """Rows of the model fitted to iris; PyOD 3.6.7's GMM flags 8.7 % at its nominal 10 %."""
    found = GaussianMixtureOutlierDetector(3, covariance_type="full", alpha=0.1, random_state=0).fit(load_iris().data)
    rows = found.mixture_.sample(20_000, 1)[0]
    assert np.mean(found.predict(rows) == -1) == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / 20_000))
    assert kstest(found.p_values(rows), "uniform").pvalue > 0.01


def test_p_values_are_those_of_the_chi_square_distribution_for_one_component(ordinary):
    found = GaussianMixtureOutlierDetector(1, covariance_type="full", random_state=0).fit(ordinary)
    far = np.array([[0.0, 0.0], [5.0, -5.0], [9.0, -9.0], [1e3, -1e3]])
    away = far - found.mixture_.means
    squares = np.einsum("nd,de,ne->n", away, np.linalg.inv(found.mixture_.covariance.dense()[0]), away)
    p_values, errors = found.p_values(far, return_error=True)
    assert_allclose(p_values[:3], chi2.sf(squares[:3], 2), rtol=1e-8)
    assert p_values[3] > 0
    assert_array_equal(errors, 0)


@pytest.mark.parametrize("calibration", [None, 0.3])
def test_flags_are_small_p_values_and_negative_decisions(ordinary, calibration):
    found = detector(calibration=calibration, alpha=0.08).fit(ordinary)
    rows = TWO.sample(500, 5)[0]
    flagged = found.predict(rows) == -1
    assert_array_equal(flagged, found.decision_function(rows) < 0)
    assert_array_equal(flagged, found.p_values(rows) <= 0.08)
    assert_allclose(found.decision_function(rows), found.score_samples(rows) - found.offset_)
    assert_array_equal(found.predict(rows, alpha=0.2) == -1, found.p_values(rows) <= 0.2)
    assert_array_equal(
        found.explain(rows, alpha=0.2).rows,
        np.flatnonzero(found.p_values(rows) <= 0.2)[
            np.argsort(found.p_values(rows)[found.p_values(rows) <= 0.2], kind="stable")
        ],
    )
    order = np.argsort(found.score_samples(rows))
    assert (np.diff(found.p_values(rows)[order]) >= 0).all()


def test_false_discoveries_are_controlled_for_all_rows_together(ordinary):
    found = detector(control="fdr").fit(ordinary)
    fresh = TWO.sample(400, 3)[0]
    assert (found.predict(fresh) == -1).sum() <= 2
    mixed = np.concatenate([fresh, np.full((20, 2), [9.0, -9.0])])
    flagged = found.predict(mixed) == -1
    assert flagged[400:].all()
    assert flagged[:400].sum() <= 4
    assert (found.predict(mixed, control="each") == -1).sum() > flagged.sum()


@pytest.mark.parametrize("contamination", [0.05, 0.1, 0.5])
def test_contamination_is_the_share_of_flagged_rows(ordinary, contamination):
    found = detector(contamination=contamination).fit(ordinary)
    assert np.mean(found.predict(ordinary) == -1) == pytest.approx(contamination)
    assert_array_equal(found.fit_predict(ordinary), found.predict(ordinary))
    repeated = detector(contamination=contamination).fit(ordinary, sample_weight=np.full(1000, 2.0))
    assert np.mean(repeated.predict(ordinary) == -1) == pytest.approx(contamination)


def test_a_known_contamination_keeps_outliers_from_the_fit():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(300, 2)), rng.uniform(-30, 30, (30, 2))])
    one = {"n_components": 1, "covariance_type": "full"}
    plain = GaussianMixtureOutlierDetector(**one).fit(rows).mixture_.covariance.dense()[0]
    trimmed = GaussianMixtureOutlierDetector(**one, contamination=0.1).fit(rows).mixture_.covariance.dense()[0]
    assert np.abs(trimmed - np.eye(2)).max() < 0.3 < 5 < np.abs(plain - np.eye(2)).max()


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_small_group_is_ordinary_unless_the_contamination_is_given(ordinary, share):
    n = round(share * 1000 / (1 - share))
    rows = np.concatenate([ordinary, np.random.default_rng(0).normal([12.0, -9.0], 0.3, (n, 2))])
    assert (GaussianMixtureOutlierDetector(random_state=0).fit(rows).predict(rows[1000:]) == 1).mean() > 0.9
    told = GaussianMixtureOutlierDetector(contamination=share, random_state=0).fit(rows)
    assert (told.predict(rows[1000:]) == -1).mean() > 0.9
    assert (told.p_values(rows[1000:]) < 1e-6).mean() > 0.9


def test_calibration_rows_make_p_values_of_a_wrong_mixture_valid(ordinary):
    wrong = {"n_components": 1, "covariance_type": "spherical", "random_state": 0}
    held_out, fresh = TWO.sample(4000, 1)[0], TWO.sample(2000, 2)[0]
    calibrated = GaussianMixtureOutlierDetector(**wrong, calibration=held_out).fit(ordinary)
    assert abs(np.mean(calibrated.predict(fresh) == -1) - 0.05) < 4 * np.sqrt(0.05 / 2000 + 0.05 / 4000)
    assert kstest(calibrated.p_values(fresh), "uniform").pvalue > 0.01
    assert kstest(GaussianMixtureOutlierDetector(**wrong).fit(ordinary).p_values(fresh), "uniform").pvalue < 0.01
    p_values, errors = calibrated.p_values(fresh, return_error=True)
    assert_allclose(errors, np.sqrt(p_values * (1 - p_values) / 4001))


def test_a_share_for_calibration_is_left_out_of_the_fit(ordinary):
    found = detector(calibration=0.25).fit(ordinary)
    assert found.reference_.counts[-1] == 250
    assert_array_equal(found.p_values(ordinary), clone(found).fit(ordinary).p_values(ordinary))
    whole = detector().fit(ordinary)
    assert not np.array_equal(found.mixture_.means, whole.mixture_.means)
    weighted = detector(calibration=0.25).fit(ordinary, sample_weight=np.full(1000, 3.0))
    assert weighted.reference_.counts[-1] == 750


def test_the_number_of_components_is_chosen():
    far = Mixture.from_parameters(
        np.full(3, 1 / 3), [[0, 0], [20, 0], [0, 20]], np.ones(3), covariance_type="spherical"
    )
    rows = far.sample(300, 0)[0]
    found = GaussianMixtureOutlierDetector(random_state=0).fit(rows)
    assert found.mixture_.n_components == 3
    assert (found.predict([[10.0, 10.0], [20.0, 20.0], [0.5, 0.5]]) == [-1, -1, 1]).all()


def test_columns_of_a_table_are_named_in_explanations(ordinary):
    table = pd.DataFrame(ordinary, columns=["length", "width"])
    found = detector().fit(table)
    assert found.mixture_.feature_names == ("length", "width")
    strange = pd.DataFrame([[0.0, 9.0]], columns=["length", "width"])
    explanation = found.explain(strange)
    assert pd.DataFrame(explanation.to_dict()).loc[0, "feature"] == "width"
    assert "width 9 (expected" in str(explanation)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 0}, "alpha must be above 0 and below 1"),
        ({"alpha": "0.05"}, "alpha must be above 0 and below 1"),
        ({"alpha": None}, "alpha must be above 0 and below 1"),
        ({"control": "fwer"}, "control must be one of"),
        ({"contamination": 0.6}, "contamination must be"),
        ({"contamination": "some"}, "contamination must be"),
        ({"contamination": True}, "contamination must be"),
        ({"calibration": 1.5}, "calibration must be"),
        ({"calibration": "rows"}, "calibration must be"),
        ({"calibration": 0.01}, r"calibration has 10 rows, so no p-value is below 0\.091.*at least 19 rows"),
        ({"calibration": 1e-9}, r"calibration has 0 rows, so no p-value is below 1 .* at least 19 rows"),
        ({"calibration": np.zeros((0, 2))}, r"calibration has 0 rows, so no p-value is below 1 .* at least 19 rows"),
        ({"calibration": np.zeros((1, 2))}, "calibration has 1 row, so"),
        ({"calibration": np.full((30, 2), np.nan)}, "calibration has NaN at row 0, column 0"),
        ({"calibration": np.zeros((30, 3))}, r"calibration must have the shape \(n, 2\)"),
        ({"n_components": 0}, "n_components"),
        ({"covariance_type": "round"}, "covariance"),
    ],
)
def test_wrong_parameters_are_refused(ordinary, parameters, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureOutlierDetector(**({"n_components": 2, "covariance_type": "full"} | parameters)).fit(ordinary)


def test_missing_values_are_refused(ordinary):
    rows = ordinary[:5].copy()
    rows[3, 1] = np.nan
    found = detector().fit(ordinary)
    for call in (found.predict, found.p_values, found.explain, found.fit):
        with pytest.raises(ValueError, match=r"NaN at row 3, column 1: .* GaussianMixtureImputer"):
            call(rows)


def test_wrong_calls_are_refused(ordinary):
    with pytest.raises(TypeError, match="did you mean 'alpha'"):
        GaussianMixtureOutlierDetector(alpah=0.1)
    with pytest.raises(NotFittedError):
        GaussianMixtureOutlierDetector().p_values(ordinary)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        detector().fit(ordinary).predict(ordinary, alpha=2)
