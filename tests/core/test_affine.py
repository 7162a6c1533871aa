"""Mixtures in other units: densities change by the determinant, labels do not, and structures stay where they can."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.affine import mapped
from gaussmix.core.covariance import MODELS, AbstractConstrained
from gaussmix.testing import random_mixture

SIZES = ((3, 4), (2, 1), (1, 3))

AFTER_SCALES = {"EII": "EEI", "VII": "VEI", "EVE": "EVV", "VVE": "VVV", "EEV": "EVV", "VEV": "VVV"}
"""Structures that unequal scales change; the others stay."""

AFTER_ROTATION = {"EEI": "EEE", "VEI": "VEE", "EVI": "EVE", "VVI": "VVE"}

AFTER_ANY_MAP = {
    "EII": "EEE",
    "VII": "VEE",
    "EEI": "EEE",
    "VEI": "VEE",
    "EVI": "EVV",
    "VVI": "VVV",
    "EVE": "EVV",
    "VVE": "VVV",
    "EEV": "EVV",
    "VEV": "VVV",
}


def check(before, after, rows, moved, log_determinant):
    np.testing.assert_allclose(after.log_density(moved), before.log_density(rows) - log_determinant, rtol=1e-9)
    np.testing.assert_array_equal(after.labels(moved), before.labels(rows))
    covariance = after.covariance
    assert not isinstance(covariance, AbstractConstrained) or covariance.is_kept()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MODELS)
def test_rescaled_is_the_density_of_the_scaled_rows(name, size):
    rng = np.random.default_rng(0)
    mixture = random_mixture(MODELS[name], *size, rng)
    rows, _ = mixture.sample(100, rng)
    center, scale = 1e3 * rng.standard_normal(size[1]), rng.uniform(0.01, 100.0, size[1])
    after = mixture.rescaled(center, scale)
    check(mixture, after, rows, center + scale * rows, np.log(scale).sum())
    expected = name if size[1] == 1 else AFTER_SCALES.get(name, name)
    assert type(after.covariance) is MODELS[expected]


@pytest.mark.parametrize("name", MODELS)
def test_equal_scales_keep_every_structure(name):
    mixture = random_mixture(MODELS[name], 3, 4, np.random.default_rng(1))
    after = mixture.rescaled(scale=2.0)
    assert type(after.covariance) is MODELS[name]
    np.testing.assert_array_equal(after.means, 2 * mixture.means)
    np.testing.assert_array_equal(after.covariance.roots, 2 * mixture.covariance.roots)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["rotation", "enlarged rotation", "any"])
def test_a_linear_map_keeps_what_it_can(name, kind):
    rng = np.random.default_rng(2)
    mixture = random_mixture(MODELS[name], 3, 4, rng)
    rows, _ = mixture.sample(100, rng)
    matrix = rng.standard_normal((4, 4))
    if kind != "any":
        matrix = np.linalg.qr(matrix)[0] * (-3.0 if kind == "enlarged rotation" else 1.0)
    shift = rng.standard_normal(4)
    after = mapped(mixture, matrix, shift)
    check(mixture, after, rows, rows @ matrix + shift, np.linalg.slogdet(matrix)[1])
    expected = (AFTER_ANY_MAP if kind == "any" else AFTER_ROTATION).get(name, name)
    assert type(after.covariance) is MODELS[expected]


def test_rescaled_keeps_names_and_weights():
    mixture = Mixture.from_parameters([0.25, 0.75], [[0.0, 1.0], [2.0, 3.0]], [np.eye(2)] * 2, feature_names=["a", "b"])
    after = mixture.rescaled([1.0, 2.0], [10.0, 100.0])
    assert after.feature_names == ("a", "b")
    np.testing.assert_array_equal(after.weights, mixture.weights)
    np.testing.assert_array_equal(after.means, [[1.0, 102.0], [21.0, 302.0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0, 2.0],), "center must be a number or one for each of 2 features"),
        ((0.0, [1.0, 0.0]), "scale must be positive, got 0 for feature 'x1'"),
        ((0.0, -1.0), "scale must be positive, got -1 for feature 'x0'"),
        (([np.nan, 1.0],), "center must be finite, got nan for feature 'x0'"),
        ((0.0, [1.0, np.inf]), "scale must be finite, got inf for feature 'x1'"),
    ],
)
def test_impossible_units_are_refused(arguments, message):
    mixture = Mixture.from_parameters([1.0], [[0.0, 1.0]], [np.eye(2)])
    with pytest.raises(ValueError, match=message):
        mixture.rescaled(*arguments)
