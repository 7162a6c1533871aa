"""The rows of a search: means of clusters, and roots within them."""

import numpy as np
import pytest

import gaussmix.core._native as _native
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.sample import Sample, means_of_clusters

SHARE = 1e-8
"""Share of the covariance of all rows that a root within clusters contains."""

weights_or_none = pytest.mark.parametrize("weighted", [False, True])


def partition(n, d, k, weighted, seed=0):
    """Return a sample of rows about distant means, and their labels."""
    rng = np.random.default_rng([seed, n, d, k])
    labels = rng.integers(k, size=n)
    labels[:k] = np.arange(k)
    rows = 1e3 + rng.normal(size=(k, d))[labels] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    weights = rng.exponential(size=n) if weighted else None
    return rows, weights, labels


@weights_or_none
@pytest.mark.parametrize(("n", "d", "k"), [(20, 1, 3), (100, 2, 2), (500, 7, 4), (60, 12, 5)])
def test_means_and_roots_within_clusters_are_those_of_the_definition(n, d, k, weighted):
    rows, weights, labels = partition(n, d, k, weighted)
    data = Sample.of(WeightedRows(rows, weights), "full")
    means, root = data.means_and_root(labels, "full")
    np.testing.assert_allclose(means, means_of_clusters(data, labels), rtol=1e-15)
    about, mean_one = rows - means[labels], data.rows.explicit_weights
    within = (about * mean_one[:, None]).T @ about / n
    all_rows = data.root @ data.root.T
    np.testing.assert_allclose(root @ root.T, within + SHARE * all_rows, rtol=1e-9, atol=1e-12 * within.max())
    np.testing.assert_array_equal(root, data.root_within_clusters(labels, "full"))


@weights_or_none
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diagonal_roots_within_clusters(weighted, dtype):
    rows, weights, labels = partition(300, 3, 4, weighted)
    data = Sample.of(WeightedRows((rows - 1e3).astype(dtype), weights), "diagonal")
    means, deviations = data.means_and_root(labels, "diagonal")
    about, mean_one = data.rows.values - means[labels], data.rows.explicit_weights
    variances = mean_one @ about**2 / len(rows) + SHARE * data.root**2
    np.testing.assert_allclose(deviations, np.sqrt(variances), rtol=1e-6)


def test_an_empty_cluster_has_the_mean_of_all_rows():
    rows, _, labels = partition(50, 2, 3, weighted=False)
    labels[labels == 1] = 2
    data = Sample.of(WeightedRows(rows), "full")
    means, root = data.means_and_root(labels, "full")
    np.testing.assert_array_equal(means[1], data.center)
    assert (dense_root(root).diagonal() > 0).all()


@pytest.mark.parametrize("bad", [-1, 3])
def test_labels_without_a_mean_are_refused(bad):
    rows, labels = np.zeros((4, 2)), np.array([0, 1, 2, bad])
    with pytest.raises(ValueError, match="labels must be from 0 to k - 1"):
        _native.cluster_means(rows, None, labels, np.zeros(2), 1.0, np.empty((3, 2)), np.empty((4, 2)))


@weights_or_none
def test_kurtosis_is_the_fourth_moment_of_standardized_columns(weighted):
    rows, weights, _ = partition(3_000, 4, 1, weighted)
    rows[:, 2] = 0.0
    data = Sample.of(WeightedRows(rows, weights), "full")
    moments = np.average(data.standardized**4, axis=0, weights=weights)
    np.testing.assert_allclose(data.kurtosis, moments, rtol=1e-12)
    assert data.kurtosis[2] == 0
