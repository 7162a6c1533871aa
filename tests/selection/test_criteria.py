"""Criteria: lower is better, weights count rows, and the numbers are those of others."""

import math

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES
from scipy import stats
from sklearn.mixture import GaussianMixture as Theirs

from gaussmix import GaussianMixture, Mixture
from gaussmix.selection import criteria

CRITERIA = ("bic", "icl", "aic", "aicc")


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_bic_and_aic_are_scikit_learns(covariance_type):
    rows, k = TABLES["iris"]
    gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(rows)
    theirs = Theirs(k, covariance_type=covariance_type)
    theirs.weights_, theirs.means_ = gm.weights_, gm.means_
    theirs.covariances_, theirs.precisions_cholesky_ = gm.covariances_, gm.precisions_cholesky_
    assert gm.bic(rows) == pytest.approx(theirs.bic(rows), rel=1e-12)
    assert gm.aic(rows) == pytest.approx(theirs.aic(rows), rel=1e-12)


def test_icl_adds_twice_the_entropy_of_the_responsibilities():
    rows, k = TABLES["overlapping"]
    gm = GaussianMixture(k, random_state=0).fit(rows)
    unsure = stats.entropy(gm.predict_proba(rows), axis=1).sum()
    assert gm.entropy(rows) == pytest.approx(unsure, rel=1e-10)
    assert criteria.entropy(gm.predict_proba(rows)) == pytest.approx(unsure, rel=1e-10)
    assert gm.icl(rows) == pytest.approx(gm.bic(rows) + 2 * unsure, rel=1e-12)


def test_icl_is_above_the_one_with_the_most_probable_labels():
    rows, k = TABLES["overlapping"]
    gm = GaussianMixture(k, random_state=0).fit(rows)
    by_labels = gm.bic(rows) - 2 * np.log(gm.predict_proba(rows).max(axis=1)).sum()
    assert gm.bic(rows) < by_labels < gm.icl(rows)


def test_aicc_is_that_of_the_paper_and_infinite_without_rows_to_spare():
    assert criteria.aicc(-10.0, 3, 20) == pytest.approx(26 + 2 * 3 * 4 / 16)
    np.testing.assert_array_equal(criteria.aicc(-10.0, [18, 19, 25], 20) == math.inf, [False, True, True])


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CRITERIA, "entropy"])
def test_weights_count_rows(name):
    rows, k = TABLES["overlapping"]
    weights = np.random.default_rng(0).integers(0, 4, len(rows))
    gm = GaussianMixture(k, random_state=0).fit(rows)
    weighted, repeated = getattr(gm, name)(rows, weights), getattr(gm, name)(np.repeat(rows, weights, axis=0))
    assert weighted == pytest.approx(repeated, rel=1e-12)
    if name == "entropy":
        assert criteria.entropy(gm.predict_proba(rows), weights) == pytest.approx(weighted, rel=1e-10)


@pytest.mark.parametrize("name", CRITERIA)
def test_functions_take_arrays(name):
    log_likelihood, n_parameters, entropy = np.array([-900.0, -850.0, -849.0]), np.array([5, 11, 17]), np.arange(3.0)
    values = criteria.CRITERIA[name](log_likelihood, n_parameters, 200, entropy)
    one_by_one = [
        criteria.CRITERIA[name](*numbers, 200, unsure)
        for *numbers, unsure in zip(log_likelihood, n_parameters, entropy, strict=True)
    ]
    np.testing.assert_array_equal(values, one_by_one)
    assert values.argmin() == 1


@pytest.mark.parametrize(
    ("difference", "word"),
    [(0, "weak"), (1.99, "weak"), (2, "positive"), (5.9, "positive"), (6, "strong"), (10, "strong"), (10.1, "decisive"),
     (math.inf, "decisive")],
)  # fmt: skip
def test_differences_in_words(difference, word):
    assert criteria.differences_in_words(difference) == word
    np.testing.assert_array_equal(criteria.differences_in_words([[difference, 0.0]]), [[word, "weak"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: criteria.differences_in_words([1.0, -0.5]), "number 1 is -0.5"),
        (lambda: criteria.differences_in_words(math.nan), "must be at least 0"),
        (lambda: criteria.bic(-1.0, 2, 0), "n must be positive"),
        (lambda: criteria.aicc(-1.0, 2, [3, -1]), "n must be positive"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_component_has_no_entropy():
    mixture = Mixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
    assert criteria.entropy(mixture.responsibilities([[0.0], [3.0]])) == 0.0
