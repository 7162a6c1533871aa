"""k-means on an engine: scikit-learn's seeds and centers."""

import numpy as np
import pytest
from helpers.datasets import TABLES, blobs
from sklearn.cluster import KMeans

from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.kmeans import draw_seeds, k_means, nearest


def weights_of(rows, weighted):
    return np.random.default_rng(1).random(len(rows)) + 0.01 if weighted else None


def test_seeds_go_on_with_the_stream_of_a_generator():
    rows, k = next(iter(TABLES.values()))
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    seeds = draw_seeds(WeightedRows(rows), k, first)
    np.testing.assert_array_equal(seeds, draw_seeds(WeightedRows(rows), k, second))
    assert len(set(seeds)) == k
    assert first.random() != np.random.default_rng(0).random()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("weighted", [False, True])
def test_centers_are_those_of_scikit_learn_from_the_same_seeds(table, weighted):
    rows, k = TABLES[table]
    rows, weights = rows - rows.mean(axis=0), weights_of(rows, weighted)
    for seed in range(5):
        theirs = KMeans(k, n_init=1, init=rows[draw_seeds(WeightedRows(rows, weights), k, np.random.RandomState(seed))])
        theirs.fit(rows, sample_weight=weights)
        ours = k_means(WeightedRows(rows, weights), k, np.random.RandomState(seed), max_iter=300)
        np.testing.assert_array_equal(nearest(rows, ours), theirs.labels_)
        labels, means = theirs.labels_, np.empty_like(ours)
        for component in range(k):
            mine = labels == component
            means[component] = np.average(rows[mine], axis=0, weights=None if weights is None else weights[mine])
        scale = np.sqrt(rows.var(axis=0).mean())
        np.testing.assert_allclose(ours, means, rtol=0, atol=0.02 * scale)  # both stop when the centers hardly move
        np.testing.assert_allclose(ours, theirs.cluster_centers_, rtol=0, atol=0.02 * scale)


def test_a_center_without_rows_finds_some():
    # all seeds but two must fall on equal rows
    rows = np.r_[np.zeros((50, 2)), [[0.5, 0.0], [0.0, 1.0]]]
    for seed in range(10):
        centers = k_means(WeightedRows(rows), 3, np.random.RandomState(seed), max_iter=20)
        assert len(np.unique(nearest(rows, centers))) == 3


def test_fewer_different_rows_than_centers_are_no_trouble():
    rows = np.repeat([[0.0, 0.0], [1.0, 0.0]], 10, axis=0)
    centers = k_means(WeightedRows(rows), 4, np.random.RandomState(0), max_iter=20)
    assert np.isfinite(centers).all()
    assert len(np.unique(nearest(rows, centers))) == 2


def test_cells_are_sharp_beside_an_outlier():
    # the spread of the clusters is a millionth of that of the rows
    rows = np.r_[1e-6 * blobs(300), [[1.0, 1.0, 1.0]]]
    theirs = KMeans(4, n_init=1, random_state=0, tol=0).fit(rows)
    ours = k_means(WeightedRows(rows), 4, np.random.RandomState(0), max_iter=300)
    distances = ((rows[:, None] - ours) ** 2).sum(axis=2)
    np.testing.assert_array_equal(nearest(rows, ours), distances.argmin(axis=1))
    assert distances.min(axis=1).sum() <= 3 * theirs.inertia_


def test_the_best_of_several_tries_is_kept():
    rows, k = blobs(400, 2, 12), 12

    def inertia(tries):
        centers = k_means(WeightedRows(rows), k, np.random.RandomState(3), max_iter=50, tries=tries)
        return ((rows[:, None] - centers) ** 2).sum(axis=2).min(axis=1).sum()

    found = [inertia(tries) for tries in range(1, 8)]
    assert found[-1] < 0.999 * max(found), "the tries must differ"
    assert (np.diff(found) <= 1e-3 * found[0]).all()
