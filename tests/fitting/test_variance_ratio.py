"""The bound on the variance ratio: the truncation is the best one, and fits under it are stationary."""

import numpy as np
import pytest
from helpers.datasets import TABLES
from scipy.optimize import minimize_scalar

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.fitting.variance_ratio import BOUNDED, least_variance, variance_ratio, with_bounded_ratio


def loss(values, counts, least, ratio):
    cut = np.clip(values, least, ratio * least)
    return float((counts[:, None] * (np.log(cut) + values / cut)).sum())


@pytest.mark.parametrize("seed", range(40))
def test_the_truncation_has_the_least_loss(seed):
    rng = np.random.default_rng(seed)
    k, d = rng.integers(1, 7), rng.integers(1, 7)
    values = np.exp(rng.normal(0, 2, (k, d)))
    counts = rng.uniform(0.5, 50, k)
    ratio = float(np.exp(rng.uniform(0, 4)))
    least = least_variance(values, counts, ratio)
    if least is None:
        assert values.max() <= ratio * values.min()
        return
    found = loss(values, counts, least, ratio)
    low, high = np.log(values.min() / ratio), np.log(values.max())
    best = minimize_scalar(
        lambda t: loss(values, counts, np.exp(t), ratio), bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    assert found <= best.fun + 1e-9 * abs(best.fun)
    for other in np.concatenate([values.ravel(), values.ravel() / ratio]):  # the candidates of tclust
        assert found <= loss(values, counts, other, ratio) + 1e-9 * abs(found)


def test_a_ratio_of_one_gives_the_mean_variance():
    values, counts = np.array([[1.0, 3.0], [5.0, 7.0]]), np.array([1.0, 3.0])
    assert least_variance(values, counts, 1.0) == pytest.approx((1 + 3 + 3 * (5 + 7)) / 8)


def test_singular_covariances_become_regular():
    values = np.array([[0.0, 2.0], [1.0, 1.0]])
    least = least_variance(values, np.array([5.0, 5.0]), 4.0)
    assert least > 0
    assert np.clip(values, least, 4 * least).max() <= 4 * least


def test_empty_components_do_not_count():
    values = np.array([[1.0, 2.0], [100.0, 100.0]])
    assert least_variance(values, np.array([5.0, 0.0]), 4.0) is None


@pytest.mark.slow
@pytest.mark.parametrize("letters", BOUNDED)
@pytest.mark.parametrize("ratio", [1.0, 3.0, 30.0])
def test_fits_obey_the_bound_and_keep_the_structure(letters, ratio):
    rows, k = TABLES["blobs"]
    fitted = GaussianMixture(k, covariance_type=letters, max_variance_ratio=ratio, random_state=0).fit(rows)
    assert fitted.converged_
    assert variance_ratio(fitted.mixture_.covariance) <= ratio * (1 + 1e-12)
    dense = fitted.mixture_.covariance.dense()
    covariance = fitted.mixture_.covariance
    again = type(covariance).from_covariances(covariance.covariances, *fitted.means_.shape)  # checks the structure
    np.testing.assert_allclose(again.dense(), dense, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("letters", BOUNDED)
def test_a_wide_bound_changes_nothing(letters):
    rows, k = TABLES["blobs"]
    plain = GaussianMixture(k, covariance_type=letters, random_state=0).fit(rows)
    bounded = GaussianMixture(k, covariance_type=letters, max_variance_ratio=1e12, random_state=0).fit(rows)
    np.testing.assert_allclose(bounded.means_, plain.means_, atol=1e-7)
    np.testing.assert_allclose(bounded.lower_bound_, plain.lower_bound_, rtol=1e-12)


def test_a_ratio_of_one_is_one_variance():
    rows, k = TABLES["iris"]
    bounded = GaussianMixture(k, max_variance_ratio=1, random_state=0).fit(rows)
    equal = GaussianMixture(k, covariance_type="EII", random_state=0).fit(rows)
    assert bounded.lower_bound_ == pytest.approx(equal.lower_bound_, abs=1e-9)
    np.testing.assert_allclose(bounded.means_, equal.means_, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "blobs", "wide"])
def test_bounded_covariances_are_stationary(name):
    """At the end, truncating the covariance of each component's rows gives the covariance of the component."""
    rows, k = TABLES[name]
    fitted = GaussianMixture(k, max_variance_ratio=5, random_state=0).fit(rows)
    shares = fitted.predict_proba(rows)
    counts = shares.sum(axis=0)
    means = shares.T @ rows / counts[:, None]
    np.testing.assert_allclose(fitted.means_, means, rtol=0, atol=1e-8)
    free = np.stack(
        [(s[:, None] * (rows - m)).T @ (rows - m) / c for s, m, c in zip(shares.T, means, counts, strict=True)]
    )
    structure = covariance_class("full")
    cut = with_bounded_ratio(structure.from_covariances(free, *means.shape), counts, 5.0)
    np.testing.assert_allclose(fitted.covariances_, cut.dense(), rtol=0, atol=1e-8)


def test_held_covariances_bound_the_others():
    structure = covariance_class("diag")
    covariance = structure.from_covariances(np.array([[1.0, 2.0], [0.1, 50.0]]), 2, 2)
    cut = with_bounded_ratio(covariance, np.array([10.0, 1e6]), 4.0, np.array([True, False]))
    np.testing.assert_array_equal(cut.covariances[0], covariance.covariances[0])
    assert cut.covariances.max() <= 4 * cut.covariances.min() * (1 + 1e-12)
