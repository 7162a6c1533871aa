"""Trimmed passes: which rows are left out, and that the sums are those of the rows that are kept."""

import numpy as np
import pytest
from helpers.datasets import TABLES

from gaussmix import GaussianMixture
from gaussmix.core.engines import ReferenceEngine, TrimmedEngine, Trimming, engine_for
from gaussmix.core.rows import WeightedRows

ROWS, K = TABLES["blobs"]
MIXTURE = GaussianMixture(K, random_state=0).fit(ROWS).mixture_
HOLES = ROWS.copy()
HOLES[np.random.default_rng(0).random(ROWS.shape) < 0.2] = np.nan
HOLES[np.isnan(HOLES).all(axis=1), 0] = 0.0


def trimmed(rows, share, weights=None):
    given = WeightedRows(rows, weights)
    return TrimmedEngine(given, engine_for(given), Trimming.of(share, given))


@pytest.mark.parametrize("share", [0.0, 0.03, 0.1, 0.5, 0.9])
def test_the_sums_are_those_of_the_rows_that_are_kept(share):
    whitened = MIXTURE.whitened()
    scores = ReferenceEngine(ROWS).score_rows(whitened, "scores")
    best = np.sort(scores.max(axis=1))[::-1]
    n_kept = int(np.floor(len(ROWS) * (1 - share) + 1e-9))
    moments = trimmed(ROWS, share).accumulate(whitened)
    assert moments.log_likelihood == pytest.approx(best[:n_kept].sum(), rel=1e-12)
    assert moments.weight == n_kept
    kept = scores.max(axis=1) >= best[n_kept - 1]
    hard = np.where(np.arange(K) == scores.argmax(axis=1)[:, None], 0.0, -np.inf)
    expected = ReferenceEngine(ROWS, kept.astype(float)).accumulate(whitened, hard)
    np.testing.assert_allclose(moments.counts, expected.counts)
    np.testing.assert_allclose(moments.shifts, expected.shifts, atol=1e-9)
    np.testing.assert_allclose(moments.scatter, expected.scatter, atol=1e-9)
    assert moments.entropy == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("n", "share", "n_kept"), [(271, 0.03, 262), (200, 0.1, 180), (10, 0.0, 10), (7, 0.5, 3)])
def test_whole_rows_are_left_out(n, share, n_kept):
    assert Trimming.of(share, WeightedRows(ROWS[:n])).weight_kept(np.ones(n)) == n_kept


def test_weights_count_rows():
    times = np.random.default_rng(0).integers(0, 4, len(ROWS)).astype(float)
    weighted = trimmed(ROWS, 0.15, times).accumulate(MIXTURE.whitened())
    repeated = trimmed(np.repeat(ROWS, times.astype(int), axis=0), 0.15).accumulate(MIXTURE.whitened())
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(weighted.counts, repeated.counts)
    np.testing.assert_allclose(weighted.scatter, repeated.scatter, atol=1e-8)


def test_other_weights_leave_out_a_part_of_one_row():
    weights = np.random.default_rng(0).uniform(0.5, 2, len(ROWS))
    moments = trimmed(ROWS, 0.15, weights).accumulate(MIXTURE.whitened())
    assert moments.weight == pytest.approx(0.85 * weights.sum(), rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_rows_with_missing_values_have_the_density_of_what_is_observed(share):
    whitened, rows = MIXTURE.whitened(), WeightedRows(HOLES)
    engine = trimmed(HOLES, share)
    labels, density = engine.judge(whitened)
    scores = engine_for(rows).score_rows(whitened, "scores")
    allowance = Trimming.of(share, rows).allowance(rows)
    np.testing.assert_allclose(density, scores.max(axis=1) + allowance)
    np.testing.assert_array_equal(labels, scores.argmax(axis=1))
    n_kept = int(np.floor(len(HOLES) * (1 - share) + 1e-9))
    moments = engine.accumulate(whitened)
    assert moments.log_likelihood == pytest.approx(np.sort(density)[::-1][:n_kept].sum(), rel=1e-12)
    assert moments.counts.sum() == pytest.approx(n_kept)


def test_units_do_not_change_which_incomplete_rows_are_left_out():
    factors = np.array([1e-3, 1.0, 1e4])
    moved = HOLES * factors
    mixture = type(MIXTURE).from_parameters(
        MIXTURE.weights, MIXTURE.means * factors, MIXTURE.covariance.dense() * np.outer(factors, factors)
    )
    one, other = trimmed(HOLES, 0.2), trimmed(moved, 0.2)
    kept = one.weights_kept(one.judge(MIXTURE.whitened())[1])
    np.testing.assert_array_equal(other.weights_kept(other.judge(mixture.whitened())[1]), kept)


def test_an_engine_with_other_weights_has_the_same_sums_as_a_new_one():
    weights = np.random.default_rng(3).uniform(0, 2, len(ROWS))
    for rows in (ROWS, HOLES):
        engine = engine_for(WeightedRows(rows))
        engine.accumulate(MIXTURE.whitened())  # groups are made once
        again = engine.reweighted(weights).accumulate(MIXTURE.whitened())
        expected = engine_for(WeightedRows(rows, weights)).accumulate(MIXTURE.whitened())
        np.testing.assert_array_equal(again.counts, expected.counts)
        np.testing.assert_array_equal(again.scatter, expected.scatter)
        assert again.weight == expected.weight
