"""Conditional means, covariances and draws of rows that are not observed completely, against their definition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gaussmix import Mixture

RNG = np.random.default_rng(3)
ROOTS = RNG.normal(size=(3, 4, 4))
COVARIANCES = ROOTS @ ROOTS.transpose(0, 2, 1) + 0.1 * np.eye(4)
MIXTURE = Mixture.from_parameters([0.2, 0.3, 0.5], 2 * RNG.normal(size=(3, 4)), COVARIANCES)
TRUE, _ = MIXTURE.sample(50, 0)
HOLED = np.where(RNG.random(TRUE.shape) < 0.4, np.nan, TRUE)
HOLED[7] = np.nan


def expected(row: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the covariance of the true row by the textbook formula, with explicit inverses."""
    seen = np.flatnonzero(~np.isnan(row))
    shares = MIXTURE.responsibilities(row[None], noise)[0]
    means, covariances = [], []
    for mean, covariance in zip(MIXTURE.means, COVARIANCES, strict=True):
        gain = covariance[:, seen] @ np.linalg.inv((covariance + noise)[np.ix_(seen, seen)])
        means.append(mean + gain @ (row[seen] - mean[seen]))
        covariances.append(covariance - gain @ covariance[seen])
    center = shares @ np.array(means)
    apart = np.array(means) - center
    return center, np.einsum("k,kij->ij", shares, covariances) + np.einsum("k,ki,kj->ij", shares, apart, apart)


def test_conditional_means() -> None:
    filled = MIXTURE.impute(HOLED)
    for row, result in zip(HOLED, filled, strict=True):
        assert_allclose(result, expected(row, np.zeros((4, 4)))[0], rtol=1e-10, atol=1e-12)
    assert_array_equal(filled[~np.isnan(HOLED)], HOLED[~np.isnan(HOLED)])
    assert_allclose(filled[7], MIXTURE.weights @ MIXTURE.means)


def test_complete_rows_stay_as_they_are() -> None:
    assert_array_equal(MIXTURE.impute(TRUE), TRUE)
    assert_array_equal(MIXTURE.impute(TRUE, "draw", random_state=0), TRUE)


def test_draws_have_the_conditional_distribution() -> None:
    draws = MIXTURE.impute(HOLED[:10], "draw", n_draws=20_000, random_state=0)
    for at, row in enumerate(HOLED[:10]):
        center, covariance = expected(row, np.zeros((4, 4)))
        error = np.sqrt(np.abs(covariance.diagonal()) / 20_000)
        assert np.all(np.abs(draws[:, at].mean(axis=0) - center) <= 5 * error + 1e-10)
        assert_allclose(np.cov(draws[:, at].T), covariance, atol=0.06 * covariance.diagonal().max() + 1e-12)


def test_draws_do_not_depend_on_other_rows() -> None:
    some = HOLED.copy()
    some[30:] = TRUE[30:]
    first = MIXTURE.impute(HOLED, "draw", n_draws=2, random_state=4)
    again = MIXTURE.impute(some, "draw", n_draws=2, random_state=4)
    assert_allclose(again[:, :30], first[:, :30], rtol=1e-12, atol=1e-12)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("shape", [(4,), (4, 4), (50, 4), (50, 4, 4)])
def test_true_rows_of_rows_with_errors(shape: tuple[int, ...]) -> None:
    roots = np.random.default_rng(1).normal(size=(50, 4, 4))
    each = roots @ roots.transpose(0, 2, 1)
    noise = {1: each[0].diagonal(), 2: each[0]}.get(len(shape), each)
    if shape == (50, 4):
        noise = np.diagonal(each, axis1=1, axis2=2)
    means, covariances = MIXTURE.denoise(HOLED, noise)
    for at, row in enumerate(HOLED):
        own = noise[at] if len(noise) == 50 else noise
        center, covariance = expected(row, np.diag(own) if own.ndim == 1 else own)
        assert_allclose(means[at], center, rtol=1e-9, atol=1e-10)
        assert_allclose(covariances[at], covariance, rtol=1e-8, atol=1e-9)


def test_exact_values_have_no_covariance() -> None:
    means, covariances = MIXTURE.denoise(TRUE, [0.0, 1.0, 0.0, 1.0])
    assert_array_equal(means[:, 0], TRUE[:, 0])
    assert not covariances[:, [0, 2]].any()
    assert (covariances[:, 1, 1] > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "median"}, "kind must be 'mean' or 'draw'"),
        ({"n_draws": 3}, "n_draws needs kind='draw'"),
        ({"kind": "draw", "n_draws": 0}, "n_draws must be an int of at least 1"),
    ],
)
def test_options_are_checked(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MIXTURE.impute(HOLED, **options)


@pytest.mark.parametrize("shape", [None, (4,), (4, 4)])
def test_many_rows_observed_in_the_same_way_give_what_each_gives_alone(shape: tuple[int, ...] | None) -> None:
    noise = None if shape is None else 0.1 * np.eye(4) if len(shape) == 2 else np.full(shape, 0.1)
    rows = np.concatenate([HOLED, np.where(np.isnan(HOLED[3]), np.nan, MIXTURE.sample(40, 1)[0])])
    if noise is None:
        assert_allclose(MIXTURE.impute(rows), np.concatenate([MIXTURE.impute(row[None]) for row in rows]), rtol=1e-12)
        return
    means, covariances = MIXTURE.denoise(rows, noise)
    for at, row in enumerate(rows):
        mean, covariance = MIXTURE.denoise(row[None], noise)
        assert_allclose(means[at], mean[0], rtol=1e-11, atol=1e-12)
        assert_allclose(covariances[at], covariance[0], rtol=1e-11, atol=1e-12)
