"""Stability of clusters under resampling, with scikit-learn's indices as oracles."""

import numpy as np
import pytest
from helpers.datasets import TABLES
from sklearn.metrics import adjusted_rand_score, jaccard_score

from gaussmix import GaussianMixture, stability
from gaussmix.inference.cluster_stability import adjusted_rand, greatest_jaccard

ROWS, K = TABLES["blobs"]
FITTED = GaussianMixture(K, random_state=0).fit(ROWS)


def test_adjusted_rand_is_scikit_learns():
    rng = np.random.default_rng(0)
    for k in (1, 2, 5):
        first, second = rng.integers(0, k, 60), rng.integers(0, 3, 60)
        shared = np.zeros((k, 3))
        np.add.at(shared, (first, second), 1.0)
        assert adjusted_rand(shared) == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["search", "warm"])
def test_stability_is_that_of_the_labels(start):
    found = stability(FITTED, ROWS, n_draws=10, start=start, random_state=0)
    assert found.rand.shape == (10,)
    assert found.jaccard.shape == (10, K)
    assert (found.rand > 0.8).all()
    again = stability(FITTED, ROWS, n_draws=10, start=start, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(found.jaccard, again.jaccard)
    assert len(str(found).splitlines()) == 2 + K


def test_jaccard_is_scikit_learns():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, 80), rng.integers(0, 3, 80)
    shared = np.zeros((3, 3))
    np.add.at(shared, (first, second), 1.0)
    expected = [max(jaccard_score(first == i, second == j) for j in range(3)) for i in range(3)]
    np.testing.assert_allclose(greatest_jaccard(shared), expected)


@pytest.mark.slow
def test_stability_of_what_is_not_there_is_low():
    noise = np.random.default_rng(0).normal(size=(100, 2))
    gm = GaussianMixture(3, random_state=0).fit(noise)
    found = stability(gm, noise, n_draws=10, random_state=0)
    assert np.median(found.rand) < 0.6
    with pytest.raises(ValueError, match="start must be"):
        stability(gm, noise, start="hot")
