"""The tree of `agglomerate`: SciPy's for Ward's criterion, cuts in a fixed order, no dependence on units."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture, Mixture, agglomerate
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.agglomeration_tree import LEAST_CELLS, MOST_CELLS
from gaussmix.fitting.sample import Sample

TYPES = ["full", "tied", "diag", "spherical"]
IRIS = load_iris().data
BLOBS = Mixture.from_parameters(
    [0.5, 0.3, 0.2], [[0.0, 0.0], [20.0, 0.0], [0.0, 30.0]], [1.0, 2.0, 3.0], covariance_type="spherical"
)


def same(labels, others):
    return adjusted_rand_score(labels, others) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_tied_covariances_give_wards_tree(seed):
    rows = np.random.default_rng(seed).normal(size=(80, 3)) @ np.diag([1.0, 10.0, 0.1])
    tree = agglomerate(rows, covariance_type="tied")
    expected = linkage(Sample.of(WeightedRows(rows), "tied").whitened, "ward")
    assert_allclose(tree.losses, 0.5 * expected[:, 2] ** 2, rtol=1e-9)
    assert_array_equal(np.sort(tree.merges, axis=1), np.sort(expected[:, :2], axis=1))
    for size in (2, 5, 20):
        assert same(tree.labels(size), fcluster(expected, size, "maxclust"))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_clusters_far_apart_are_found(covariance_type):
    rows, labels = BLOBS.sample(300, 0)
    tree = agglomerate(rows, covariance_type=covariance_type)
    assert same(tree.labels(3), labels)
    assert_array_equal(tree.labels(1), 0)
    assert_array_equal(tree.labels(300), np.arange(300))
    assert same(fcluster(tree.linkage, 3, "maxclust"), labels)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_units_do_not_matter(covariance_type):
    scale = 1e-3 if covariance_type == "spherical" else np.array([1e-5, 3.0, 1e4, 1.0])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    given = IRIS + np.random.default_rng(1).uniform(-0.05, 0.05, IRIS.shape)  # without ties
    moved = given * scale if covariance_type == "diag" else given @ turn * scale
    tree, other = (agglomerate(rows, covariance_type=covariance_type) for rows in (given, moved + 100))
    assert same(tree.labels(5), other.labels(5))


@pytest.mark.slow
def test_each_level_splits_a_cluster_and_clusters_are_in_the_order_of_their_rows():
    tree = agglomerate(IRIS)
    for size in range(1, 20):
        labels = tree.labels(size)
        first = [int(np.flatnonzero(labels == cluster)[0]) for cluster in range(size)]
        assert first == sorted(first)
        pairs = set(zip(tree.labels(size + 1).tolist(), labels.tolist(), strict=True))
        assert len(pairs) == size + 1


def test_whole_weights_count_rows():
    counts = np.random.default_rng(0).integers(1, 4, 60)
    weighted = agglomerate(IRIS[:60], covariance_type="tied", sample_weight=counts).labels(4)
    repeated = agglomerate(IRIS[:60].repeat(counts, axis=0), covariance_type="tied").labels(4)
    assert same(weighted.repeat(counts), repeated)


@pytest.mark.slow
def test_many_rows_are_merged_from_cells():
    rows, labels = BLOBS.sample(5000, 0)
    tree = agglomerate(pd.DataFrame(rows))
    assert tree.n_cells <= MOST_CELLS
    assert same(tree.labels(3), labels)
    assert_array_equal(tree.labels(3), agglomerate(rows).labels(3))
    assert agglomerate(rows, n_cells=12).n_cells <= 12
    assert agglomerate(np.random.default_rng(0).normal(size=(200, 60)), covariance_type="diag").n_cells == LEAST_CELLS


def test_clusters_start_a_fit():
    tree = agglomerate(IRIS, covariance_type="spherical")
    gm = GaussianMixture(3, init_params=tree.labels(3)).fit(IRIS)
    assert gm.score(IRIS) > GaussianMixture(2, random_state=0).fit(IRIS).score(IRIS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance_type": "EEE"}, "covariance_type must be one of 'full', 'tied', 'diag', 'spherical'; got 'EEE'"),
        ({"n_cells": 151}, "n_cells must be from 1 to 150, the number of rows; got 151"),
        (
            {"sample_weight": np.arange(150)},
            "sample_weight must be positive, because each row gets a label; row 0 has 0",
        ),
        ({"random_state": -1}, "random_state must not be negative"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        agglomerate(IRIS, **options)


def test_wrong_rows_and_numbers_are_named():
    with pytest.raises(ValueError, match="X must have the shape"):
        agglomerate(IRIS[:, 0])
    with pytest.raises(ValueError, match="X has NaN at row 1, column 0"):
        agglomerate([[0.0], [np.nan]])
    with pytest.raises(ValueError, match="n_clusters must be from 1 to 150, the number of cells; got 0"):
        agglomerate(IRIS).labels(0)
    assert agglomerate(IRIS[:1], covariance_type="diag").labels(1).tolist() == [0]
