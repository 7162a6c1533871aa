"""Starts with noise: which rows are noise by their neighbors, and reproducible starts."""

import itertools

import numpy as np
import pytest
from helpers.noisy import noisy_chevron, noisy_clusters

from gaussmix.core.covariance import covariance_class
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.noise_region import region_of
from gaussmix.fitting.noise_starts import (
    dense_rows,
    draw_noise_starts,
    neighbor_distances,
    noise_by_neighbors,
    proposals_beside_noise,
    with_weight_of_noise,
)
from gaussmix.fitting.sample import Sample

FULL = covariance_class("full")


def prepared(rows, weights=None):
    table = WeightedRows(rows, weights)
    return Sample.of(table, "full"), region_of(table, "hypvol")


def streams(seed=0):
    return (np.random.default_rng([seed, at]) for at in itertools.count())


@pytest.mark.parametrize("d", [1, 2, 4])
def test_distances_to_the_tenth_neighbor(d):
    rows = np.random.default_rng(d).uniform(0, 3, (120, d))
    data, region = prepared(rows)
    cube = (rows - region.center) @ np.linalg.inv(region.edges).T
    every = np.sort(np.linalg.norm(cube[:, None] - cube, axis=2), axis=1)
    np.testing.assert_allclose(neighbor_distances(data, region, np.random.default_rng(0)), every[:, 10], rtol=1e-6)


@pytest.mark.parametrize(("noise", "d"), [(0.2, 2), (0.5, 2), (0.3, 3), (0.6, 3)])
def test_rows_far_from_their_neighbors_are_noise(noise, d):
    rows, truth = noisy_clusters(3, n=800, noise=noise, d=d)
    data, region = prepared(rows)
    found = noise_by_neighbors(neighbor_distances(data, region, np.random.default_rng(0)), np.ones(800), d)
    assert ((found == (truth == -1)).mean()) > 0.9


def test_the_first_share_is_near_the_truth_and_the_last_is_of_all_rows():
    rows, truth = noisy_chevron(0)
    data, region = prepared(rows)
    levels = dense_rows(data, region, FULL, 2, np.random.default_rng(0))
    assert levels[0].noise == pytest.approx((truth == -1).mean(), abs=0.15)
    assert levels[-1].data is data
    assert all(0 < level.noise < 1 for level in levels)


def test_many_rows_have_some_references():
    rows, truth = noisy_clusters(4, n=6000)
    data, region = prepared(rows)
    found = noise_by_neighbors(neighbor_distances(data, region, np.random.default_rng(0)), np.ones(6000), 2)
    assert ((found == (truth == -1)).mean()) > 0.9


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical", "EVE"])
def test_starts_are_mixtures_with_noise_and_reproducible(structure):
    data, region = prepared(noisy_clusters(5)[0])
    kind = covariance_class(structure)
    data = Sample.of(data.rows, kind.form)
    one, other = (list(draw_noise_starts(data, region, kind, 3, range(4), streams())) for _ in range(2))
    for start, again in zip(one, other, strict=True):
        assert start.weights.sum() + start.background.weight == pytest.approx(1)
        assert start.background.volume == pytest.approx(region.volume)
        np.testing.assert_array_equal(start.means, again.means)


def test_proposals_see_the_rows_that_are_not_noise():
    data, region = prepared(noisy_clusters(6)[0])
    start = next(draw_noise_starts(data, region, FULL, 3, range(1), streams()))
    seen = []

    def propose(some, alone):
        seen.append((some.rows.total, alone))
        yield alone

    (proposal,) = proposals_beside_noise(data, start, propose)
    (total, alone), share = seen[0], start.responsibilities(data.rows.values)[:, :3].sum()
    assert total == pytest.approx(share, rel=1e-2)
    assert alone.background is None
    assert proposal.background.weight == start.background.weight
    np.testing.assert_allclose(proposal.weights, start.weights)
    plain = with_weight_of_noise(alone, region, 0.0).without_noise()
    assert list(proposals_beside_noise(data, plain, propose)) == [plain]
