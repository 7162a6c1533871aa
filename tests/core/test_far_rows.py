"""Rows whose squared distance overflows belong to the nearest component."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.covariance import COVARIANCES
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.testing import random_mixture


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_the_nearest_component_takes_all(covariance_type):
    rng = np.random.default_rng(0)
    usual = random_mixture(COVARIANCES[covariance_type], 4, 3, rng)
    covariance = type(usual.covariance)(1e-50 * usual.covariance.roots, 4, 3)
    mixture = Mixture(usual.weights, 1e-50 * usual.means, covariance)
    rows = 1e-50 * rng.normal(size=(50, 3))
    far = np.concatenate([rows, rows * 1e160, rows * 1e180, rows * 1e196])
    distances = np.stack([(usual.covariance.whiten(1e50 * rows, k) ** 2).sum(axis=1) for k in range(4)], axis=1)
    shares, labels = mixture.responsibilities(far), mixture.labels(far)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(labels, shares.argmax(axis=1))
    if covariance_type != "tied":  # all distances of a shared covariance are one
        np.testing.assert_array_equal(labels[50:], np.tile(distances.argmin(axis=1), 3))
    np.testing.assert_array_equal(shares[:50], mixture.responsibilities(rows))


@pytest.mark.parametrize(("variance", "row", "nearest"), [
    (1e-310, 5.0, 1), (1e-310, -3.0, 0), (1e-308, 0.6, 1), (1e-300, 1e140, 1), (1e-250, -1e100, 0)
])  # fmt: skip
def test_tiny_variances(variance, row, nearest):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[[variance]]] * 2)
    shares = mixture.responsibilities([[row]])
    assert shares.sum() == 1.0
    if abs(row) < 1e10:  # farther away one is as near as the other
        assert shares[0, nearest] == 1.0


def test_components_without_weight_take_nothing():
    mixture = Mixture.from_parameters([1.0, 0.0], [[0.0], [1e140]], [[[1e-100]]] * 2)
    assert mixture.responsibilities([[1e140]]).tolist() == [[1.0, 0.0]]


def test_rows_at_usual_distances_are_scored_as_always():
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[[1.0]]] * 2)
    engine = NativeEngine(np.random.default_rng(0).normal(size=(100, 1)) * 1e3)
    for want in ("labels", "responsibilities"):
        expected = engine.score_rows(mixture.whitened(), want)
        np.testing.assert_array_equal(assign_rows(engine, mixture.whitened(), want), expected)
