"""Units, offsets and, where the covariances allow it, axes do not matter: fits of ``X A + b`` map back to fits of X.

With x' = x A + b the maximum of the likelihood has means' = means A + b and covariance' = A' covariance A. Default fits
keep to that from the start to the last iteration, except that with five or more columns some starts depend on the axes.
"""

import warnings
from functools import cache

import numpy as np
import pytest
from helpers.datasets import blobs, read_only
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from gaussmix import GaussianMixture

# name -> (rows, components)
DATA = {
    "iris": (load_iris().data, 3),
    "wine": (load_wine().data, 3),
    "three clusters": (blobs(200, 2, 3, seed=11), 3),
    "four clusters": (blobs(500, 3, 4, seed=12), 4),
    "five clusters": (blobs(1000, 6, 5, seed=13), 5),
    "six clusters": (blobs(2000, 4, 6, seed=14), 6),
    "six clusters that overlap": (blobs(2000, 2, 6, separation=2.5, seed=15), 6),
    "one component too many": (blobs(300, 2, 3, seed=16), 4),
}
SEEDS = range(4)
names = pytest.mark.parametrize("name", DATA)
seeds = pytest.mark.parametrize("seed", SEEDS)


def _fit(rows, n_components, covariance_type):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(n_components, covariance_type=covariance_type, random_state=0).fit(read_only(rows))


@cache
def _plain_fit(name, covariance_type):
    return _fit(DATA[name][0], DATA[name][1], covariance_type)


def _fit_must_map_back(name, covariance_type, matrix, shift):
    """To 1e-8 of each component's own deviations: |W'(mean' - mean)| and W' covariance' W - 1 (W W' covariance = 1)."""
    rows, n_components = DATA[name]
    moved = rows @ matrix + shift
    plain, other = _plain_fit(name, covariance_type), _fit(moved, n_components, covariance_type)
    np.testing.assert_array_equal(other.predict(moved), plain.predict(rows))
    np.testing.assert_allclose(other.weights_, plain.weights_, rtol=0, atol=5e-8)
    back = np.linalg.inv(matrix)
    means = (other.means_ - shift) @ back
    covariances = back.T @ other.mixture_.covariance.dense() @ back
    for component, dense in enumerate(plain.mixture_.covariance.dense()):
        whiten = np.linalg.inv(np.linalg.cholesky(dense)).T
        np.testing.assert_allclose((means[component] - plain.means_[component]) @ whiten, 0, rtol=0, atol=2e-7)
        unit = whiten.T @ covariances[component] @ whiten
        np.testing.assert_allclose(unit, np.eye(len(unit)), rtol=0, atol=2e-7)
    volume = np.linalg.slogdet(matrix)[1]
    np.testing.assert_allclose(other.lower_bound_ + volume, plain.lower_bound_, rtol=0, atol=5e-8)


@pytest.mark.slow
@names
@seeds
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_units_and_offsets_of_columns(name, covariance_type, seed):
    rng = np.random.default_rng(seed)
    deviations = DATA[name][0].std(axis=0)
    units = 10.0 ** rng.uniform(-8, 8, len(deviations))
    _fit_must_map_back(
        name, covariance_type, np.diag(units), 100 * units * deviations * rng.standard_normal(len(units))
    )


@pytest.mark.slow
@names
@pytest.mark.parametrize("unit", [1e-8, 1e8])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_one_unit_for_all_columns(name, covariance_type, unit):
    n_features = DATA[name][0].shape[1]
    _fit_must_map_back(name, covariance_type, unit * np.eye(n_features), np.full(n_features, unit))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DATA if name != "wine"])  # 13 columns, many optima
@seeds
@pytest.mark.parametrize("covariance_type", ["full", "tied", "spherical"])
def test_axes(name, covariance_type, seed):
    n_features = DATA[name][0].shape[1]
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((n_features, n_features)))[0]
    _fit_must_map_back(name, covariance_type, rotation, np.zeros(n_features))
