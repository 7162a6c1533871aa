"""Cross-validated log-likelihood of a fitted model."""

import math

import numpy as np
import pytest
from helpers.datasets import TABLES, read_only
from scipy import stats
from sklearn.model_selection import LeaveOneOut

from gaussmix import (
    GaussianMixture,
    Mixture,
    bootstrap,
    cross_validated_log_likelihood,
    stability,
    standard_errors,
)
from gaussmix.fitting.refit import FitFailedError
from gaussmix.selection.cross_validation import HeldOut

ROWS, K = TABLES["blobs"]
FITTED = GaussianMixture(K, random_state=0).fit(ROWS)
NORMAL = read_only(np.random.default_rng(5).normal(3.0, 2.0, (400, 1)))
ONE = GaussianMixture(1).fit(NORMAL)


@pytest.mark.parametrize("start", ["warm", "cold"])
def test_leaving_one_out_of_one_normal_is_the_textbook(start):
    rows = NORMAL[:40]
    held_out = cross_validated_log_likelihood(GaussianMixture(1).fit(rows), rows, n_folds=40, start=start)
    expected = np.empty(40)
    for seen, (left,) in LeaveOneOut().split(rows):
        expected[left] = stats.norm(rows[seen].mean(), rows[seen].std()).logpdf(rows[left, 0])
    np.testing.assert_allclose(held_out.log_density, expected, rtol=1e-6)
    assert held_out.mean == pytest.approx(expected.mean())
    assert held_out.standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(40))
    assert held_out.criterion == pytest.approx(-2 * expected.sum())


def test_folds_are_even_and_the_same_for_every_model():
    one, two = (cross_validated_log_likelihood(GaussianMixture(k).fit(NORMAL), NORMAL, n_folds=7) for k in (1, 2))
    np.testing.assert_array_equal(one.folds, two.folds)
    assert np.ptp(np.bincount(one.folds)) <= 1
    assert len(np.unique(one.folds)) == 7
    assert (cross_validated_log_likelihood(ONE, NORMAL, n_folds=7, random_state=1).folds != one.folds).any()


def test_held_out_rows_are_less_dense_than_seen_ones_and_the_right_size_wins():
    fits = [GaussianMixture(k, random_state=0).fit(ROWS) for k in (1, 2, 3, 5)]
    held_out = [cross_validated_log_likelihood(gm, ROWS, n_folds=5) for gm in fits]
    assert all(part.mean < gm.score(ROWS) for part, gm in zip(held_out, fits, strict=True))
    assert np.argmin([part.criterion for part in held_out]) == 2


def test_cold_and_warm_agree_where_there_is_one_basin():
    warm, cold = (cross_validated_log_likelihood(FITTED, ROWS, n_folds=4, start=start) for start in ("warm", "cold"))
    np.testing.assert_allclose(warm.log_density, cold.log_density, rtol=1e-2, atol=0.02)


def test_weights_of_held_out_rows_count_rows():
    weights = np.random.default_rng(1).integers(0, 3, len(ROWS)).astype(float)
    held_out = cross_validated_log_likelihood(FITTED, ROWS, n_folds=4, sample_weight=weights)
    repeated = HeldOut(np.repeat(held_out.log_density, weights.astype(int)), np.zeros(int(weights.sum()), int), None)
    for name in ("n", "mean", "criterion", "standard_error"):
        assert getattr(held_out, name) == pytest.approx(getattr(repeated, name), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_folds": 1}, "n_folds must be from 2"),
        ({"n_folds": 401}, "n_folds must be from 2 to the number of rows, 400"),
        ({"start": "hot"}, 'start must be "warm" or "cold"'),
    ],
)
def test_folds_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        cross_validated_log_likelihood(ONE, NORMAL, **change)


@pytest.mark.parametrize("start", ["warm", "cold"])
def test_a_fold_without_which_a_component_collapses_is_named(start):
    fitted = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [6.0, 1.0]], [np.eye(2)] * 2)
    with pytest.raises(FitFailedError, match=r"without fold 0 a component collapsed .*: use fewer components"):
        cross_validated_log_likelihood(fitted, np.full((20, 2), 7.0), n_folds=4, start=start)


@pytest.mark.parametrize("take", [bootstrap, stability, standard_errors, cross_validated_log_likelihood])
def test_no_rows_are_refused(take):
    with pytest.raises(ValueError, match="X has no rows"):
        take(FITTED, np.empty((0, FITTED.n_features_in_)))
