"""Agglomeration of cells: the clusters of a direct computation, and bounded memory."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gaussmix.core.forms import FORMS
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.agglomeration import merge_cells, merge_tree

MEGABYTE = 1e6


def same_partition(labels, others):
    """Return whether two vectors of labels divide the rows into the same groups."""
    n_pairs = len(set(zip(labels.tolist(), others.tolist(), strict=True)))
    return n_pairs == len(np.unique(labels)) == len(np.unique(others))


def merged_directly(rows, weights, form, cells, size):
    """Merge the pair of cells with the least loss until ``size`` are left, each loss from the rows themselves."""
    d = rows.shape[1]
    groups = [np.flatnonzero(cells == cell) for cell in np.unique(cells)]

    def energy(group):
        w, own = weights[group], rows[group]
        own = own - w @ own / w.sum()
        squares = (w[:, None] * FORMS[form].squares(own)).sum(axis=0)
        return FORMS[form].classification_loss(w.sum(), squares, size ** (-2 / d), d)

    while len(groups) > size:
        losses = {
            (i, j): energy(np.concatenate([groups[i], groups[j]])) - energy(groups[i]) - energy(groups[j])
            for i in range(len(groups))
            for j in range(i + 1, len(groups))
        }
        i, j = min(losses, key=losses.__getitem__)
        groups[i] = np.concatenate([groups[i], groups.pop(j)])
    labels = np.empty(len(rows), dtype=np.int64)
    for label, group in enumerate(groups):
        labels[group] = label
    return labels


@pytest.mark.parametrize("form", ["full", "tied", "diagonal", "spherical"])
@pytest.mark.parametrize(("n", "d", "n_cells", "size"), [(60, 1, 9, 2), (90, 3, 12, 3), (80, 6, 10, 4), (70, 12, 8, 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_are_those_of_a_direct_computation(form, n, d, n_cells, size, weighted):
    rng = np.random.default_rng(n + d)
    rows = rng.normal(size=(n, d)) + 2 * rng.integers(size, size=(n, 1))
    weights = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    cells = rng.permutation(np.arange(n) % n_cells)
    found = merge_tree(WeightedRows(rows, weights if weighted else None), form, cells, [size])[size]
    assert same_partition(found, merged_directly(rows, weights, form, cells, size))


@pytest.mark.parametrize(("n", "d", "k"), [(500, 300, 3), (2_000, 150, 5), (3_000, 100, 20), (400, 60, 30)])
def test_memory_does_not_grow_with_pairs_or_squares_of_rows(n, d, k):
    rows = WeightedRows(np.random.default_rng(0).normal(size=(n, d)))
    tracemalloc.start()
    merge_cells(rows, "full", k, np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * MEGABYTE + 4 * rows.values.nbytes


@pytest.mark.parametrize(("n", "d", "k"), [(300, 90, 10), (600, 40, 30), (1_000, 60, 12)])
def test_full_trees_need_bounded_memory(n, d, k):
    rng = np.random.default_rng(0)
    rows = WeightedRows(rng.normal(size=(n, d)))
    cells = rng.integers(100, size=n)
    tracemalloc.start()
    merge_tree(rows, "full", cells, [k])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * MEGABYTE + 8 * 100 * d * d  # the pairs alone would take 8 * 4950 * d * d bytes


def test_cells_with_fewer_rows_than_features_merge_by_wards_criterion():
    rng = np.random.default_rng(5)
    truth = np.arange(120) % 3
    rows = WeightedRows(rng.normal(size=(120, 50)) + 4 * rng.normal(size=(3, 50))[truth])
    full, tied = (merge_cells(rows, form, 3, np.random.default_rng(0)) for form in ("full", "tied"))
    assert_array_equal(full, tied)
    assert same_partition(full, truth)
