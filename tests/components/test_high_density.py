"""Clusters that high-density regions connect: the modes of the whole density, and mclust's number of them."""

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.components.merging.high_density import climb
from gaussmix.datasets import load_old_faithful


def line(weights, means, variances):
    return Mixture.from_parameters(weights, np.reshape(means, (-1, 1)), variances, covariance_type="spherical")


GRID = np.linspace(-30, 60, 200_001)


@pytest.mark.parametrize("seed", range(20))
def test_clusters_on_a_line_are_the_modes_of_the_whole_density(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 8))
    mixture = line(rng.dirichlet(np.full(k, 3.0)), rng.uniform(0, 25, k), rng.uniform(0.5, 6, k))
    values = mixture.log_density(GRID[:, None])
    places = np.searchsorted(GRID, climb(mixture, mixture.means)[:, 0])
    for at in places:  # a mode
        assert values[at - 3 : at + 4].max() > max(values[at - 3], values[at + 3])
    tree = merge_components(mixture, method="high-density")
    for step, (first, second) in enumerate(tree.merges):
        if max(first, second) < k:  # two components: the valley between their modes
            low, high = sorted(places[[first, second]])
            expected = np.exp(values[low : high + 1].min() - min(values[low], values[high]))
            assert tree.affinities[step] == pytest.approx(expected, abs=0.02)
    n_modes = len(np.unique(places.round(-2) // 100))
    assert tree.cut().n_clusters <= n_modes


def test_a_chain_connects_what_no_pair_does():
    means = [[0.0, 0.0], [6.0, 0.0], [3.0, 0.2], [1.5, 0.1], [4.5, 0.1]]
    bridge = Mixture.from_parameters([0.2] * 5, means, [[1.0, 1.0]] * 5, covariance_type="diag")
    assert merge_components(bridge.take([0, 1]), method="high-density").cut().n_clusters == 2
    assert merge_components(bridge, method="high-density").cut().n_clusters == 1


def test_old_faithful_has_the_two_clusters_of_mclust():
    eruptions, _ = load_old_faithful()
    gm = GaussianMixture(3, covariance_type="EEE", random_state=0).fit(eruptions)
    merged = merge_components(gm.mixture_, method="high-density").cut()
    assert merged.n_clusters == 2  # gmmhd(Mclust(faithful)) of mclust 6.0.0
    np.testing.assert_array_equal(merged.predict(eruptions) == merged.predict([[2.0, 54.0]]), eruptions[:, 0] < 3)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_units_and_order_do_not_matter(scale):
    rng = np.random.default_rng(2)
    roots = rng.normal(size=(5, 3, 3))
    means, covariances = rng.normal(0, 2, (5, 3)), roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    mixture = Mixture.from_parameters(np.full(5, 0.2), means, covariances)
    moved = Mixture.from_parameters(np.full(5, 0.2), scale * means + 3 * scale, scale**2 * covariances)
    tree, other = (merge_components(one, method="high-density") for one in (mixture, moved))
    np.testing.assert_allclose(tree.affinities, other.affinities, rtol=1e-6)
    turned = merge_components(mixture.reordered([4, 3, 2, 1, 0]), method="high-density")
    np.testing.assert_allclose(np.sort(tree.affinities), np.sort(turned.affinities), rtol=1e-6)


def test_modes_are_stationary_points():
    rng = np.random.default_rng(0)
    means = rng.normal(0, 2, (6, 4))
    mixture = Mixture.from_parameters(np.full(6, 1 / 6), means, np.exp(rng.normal(size=(6, 4))), covariance_type="diag")
    modes = climb(mixture, mixture.means)
    height = mixture.log_density(modes)
    assert (height >= mixture.log_density(mixture.means)).all()
    for _ in range(20):
        assert (mixture.log_density(modes + rng.normal(0, 1e-3, modes.shape)) < height).all()
