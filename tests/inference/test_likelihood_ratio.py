"""Likelihood ratio tests of the number of components."""

import numpy as np
import pytest
from helpers.datasets import blobs, read_only
from scipy import stats

from gaussmix import GaussianMixture, choose_n_components, likelihood_ratio_test
from gaussmix.inference import LikelihoodRatioTest

NORMAL = read_only(np.random.default_rng(5).normal(3.0, 2.0, (400, 1)))
ONE = GaussianMixture(1).fit(NORMAL)
# two of three clusters hardly differ: resampling makes components wander
CLOSE = blobs(300, 2, 3, separation=1.0, seed=1)


@pytest.mark.slow
def test_one_cluster_is_not_two_and_two_are():
    assert likelihood_ratio_test(NORMAL[:80], 1, n_draws=19, random_state=0).p_value > 0.05
    both = np.concatenate([NORMAL[:80], NORMAL[:80] + 15])
    found = likelihood_ratio_test(both, 1, n_draws=19, random_state=0)
    assert found.p_value == 1 / 20
    gain = GaussianMixture(2).fit(both).score(both) - GaussianMixture(1).fit(both).score(both)
    assert found.statistic == pytest.approx(2 * len(both) * gain, rel=1e-4)
    assert "1 against 2 components" in str(found)


def test_a_prior_on_the_means_is_refused():
    gm = GaussianMixture(2, reg_covar="inverse-wishart", random_state=0).fit(CLOSE)
    with pytest.raises(ValueError, match="reg_covar must not put a prior on the means"):
        likelihood_ratio_test(CLOSE, gm, n_draws=3)


@pytest.mark.slow
def test_p_values_of_true_nulls_are_uniform():
    p_values = [
        likelihood_ratio_test(np.random.default_rng(seed).normal(size=(40, 1)), 1, n_draws=4, random_state=seed).p_value
        for seed in range(40)
    ]
    counts = np.bincount(np.round(np.array(p_values) * 5).astype(int), minlength=6)[1:]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_likelihood_ratio_is_the_same_from_any_number_of_threads():
    one, two = (likelihood_ratio_test(CLOSE, 2, n_draws=5, random_state=1, n_jobs=n) for n in (1, 2))
    assert one.statistic == two.statistic
    np.testing.assert_array_equal(one.draws, two.draws)
    assert (one.draws >= 0).all()


def test_p_value_counts_draws_as_great():
    mixture = ONE.mixture_
    test = LikelihoodRatioTest(mixture, mixture, 5.0, np.array([1.0, 5.0, 6.0, 2.0]), 1)
    assert test.p_value == 3 / 5
    assert "1 failed" in str(test)


def test_given_fits_are_taken_as_they_are():
    two, three = (GaussianMixture(k, random_state=0).fit(CLOSE) for k in (2, 3))
    found = likelihood_ratio_test(CLOSE, two, three, n_draws=3, random_state=0)
    assert found.statistic == pytest.approx(2 * len(CLOSE) * (three.score(CLOSE) - two.score(CLOSE)), rel=1e-9)
    assert found.null is two.mixture_
    with pytest.raises(ValueError, match="alternative must have 3 components"):
        likelihood_ratio_test(CLOSE, two, two, n_draws=3)


@pytest.mark.slow
def test_tests_go_on_until_one_does_not_reject():
    rows = np.concatenate([NORMAL[:40], NORMAL[40:100] + 20])
    found = choose_n_components(rows, up_to=5, n_draws=19, random_state=0)
    assert [test.null.n_components for test in found.tests] == [1, 2]
    assert found.n_components == 2
    assert str(found).splitlines()[-1] == "2 components at the level 0.05"
    cut_short = choose_n_components(rows, up_to=2, n_draws=19, random_state=0)
    assert cut_short.n_components == 2
    assert "or more" in str(cut_short)
    with pytest.raises(ValueError, match="up_to must be"):
        choose_n_components(rows, up_to=1)
    with pytest.raises(ValueError, match="level must be"):
        choose_n_components(rows, level=5)
