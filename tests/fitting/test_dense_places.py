"""Dense places: balls that hold more rows than a mixture expects, and fits that find small clusters in wide ones."""

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.dense_places import find_dense_places, propose_dense_places
from gaussmix.fitting.sample import Sample

seeds = pytest.mark.parametrize("seed", range(4))


def table(d, seed, size=40, width=0.05, away=0.0):
    """Rows of a wide cluster and of a small one of ``size`` rows, in random order, and their labels."""
    rng = np.random.default_rng([d, seed])
    labels = rng.permutation(np.repeat([0, 1], [1500, size]))
    rows = rng.normal(size=(len(labels), d)) * np.where(labels == 1, width, 1.0)[:, None]
    return 10 * rows + away * labels[:, None], labels


def one_component(rows, weights=None):
    covariance = np.atleast_2d(np.cov(rows.T, aweights=weights))
    return Mixture.from_parameters([1.0], [np.average(rows, axis=0, weights=weights)], [covariance])


@seeds
@pytest.mark.parametrize("d", [2, 3, 6])
@pytest.mark.parametrize("away", [0.0, 4.0])
def test_a_place_is_the_small_cluster(d, away, seed):
    rows, labels = table(d, seed, away=away)
    places = find_dense_places(Sample.of(WeightedRows(rows), "full"), one_component(rows), d + 1)
    assert labels[places[0]].mean() > 0.6
    assert labels[places[0]].sum() > 20


@seeds
@pytest.mark.parametrize("d", [2, 5, 10])
def test_weights_count_as_rows(d, seed):
    rows, labels = table(d, seed, size=4)
    weights = np.where(labels == 1, 10.0, 1.0)
    data = Sample.of(WeightedRows(rows, weights / weights.mean()), "full")
    assert not find_dense_places(data, one_component(rows, weights), 1000.0)


@seeds
@pytest.mark.parametrize("d", [1, 2, 5, 10, 20])
def test_normal_rows_have_no_dense_place(d, seed):
    rows = np.random.default_rng([d, seed]).normal(size=(1200, d))
    assert not find_dense_places(Sample.of(WeightedRows(rows), "full"), one_component(rows), d + 1)


@seeds
@pytest.mark.parametrize("d", [1, 2, 3])
def test_outliers_hide_no_dense_place(d, seed):
    rows, labels = table(d, seed, width=0.01)
    rows[np.flatnonzero(labels == 0)[::5][:40]] *= 1e6
    data = Sample.of(WeightedRows(rows), "full")
    wide = Mixture.from_parameters([0.9, 0.1], np.zeros((2, d)), np.stack([100 * np.eye(d), 1e12 * np.eye(d)]))
    assert not np.isnan(data.whitened).any()
    for place in find_dense_places(data, wide, d + 1):
        assert len(place) < len(rows) / 4


@seeds
def test_equal_rows_are_no_dense_place(seed):
    rows = np.round(np.random.default_rng(seed).normal(size=(500, 2)) * 2)
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    data = Sample.of(WeightedRows(distinct, counts / counts.mean()), "full")
    assert not find_dense_places(data, one_component(rows), 3)


@seeds
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical", "VVI"])
@pytest.mark.parametrize(("d", "away"), [(2, 0.0), (3, 0.0), (3, 5.0), (6, 0.0)])
def test_a_default_fit_finds_a_small_cluster_in_a_wide_one(covariance_type, d, away, seed):
    rows, labels = table(d, seed, away=away)
    found = GaussianMixture(2, covariance_type=covariance_type, random_state=seed).fit(rows)
    assert found.mixture_.covariance.variances()[1].max() < 1.0
    assert abs(found.weights_[1] * len(rows) - labels.sum()) < 10


@pytest.mark.parametrize("covariance_type", ["tied", "EEE", "factor"])
def test_structures_without_a_covariance_for_each_component_have_no_proposals(covariance_type):
    rows, _ = table(3, 0)
    options = {"n_factors": 1} if covariance_type == "factor" else {}
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0, **options).fit(rows).mixture_
    form = type(mixture.covariance).form
    assert not list(propose_dense_places(Sample.of(WeightedRows(rows), form), mixture))


@seeds
@pytest.mark.parametrize("d", [1, 2, 3])
def test_values_that_were_cut_off_are_no_place(d, seed):
    rows = np.random.default_rng(seed).normal(size=(1500, d)).clip(-2, None)
    rows[rows[:, 0] == -2] = -2
    assert (rows == -2).all(axis=1).sum() > 20
    assert find_dense_places(Sample.of(WeightedRows(rows), "full"), one_component(rows), d + 1) == []
