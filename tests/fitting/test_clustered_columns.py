"""Columns with clusters are told from columns without, whatever their tails, units and rounding."""

import numpy as np
import pytest

from gaussmix.fitting.clustered_columns import find_clustered

N = 1000
CLUSTERED = {
    "two modes": lambda rng: np.where(rng.random(N) < 0.5, -3, 3) + rng.normal(size=N),
    "five modes": lambda rng: 8 * rng.integers(0, 5, N) + rng.normal(size=N),
    "one of 10 %": lambda rng: np.where(rng.random(N) < 0.1, 8, 0) + rng.normal(size=N),
    "a narrow one beside a wide one": lambda rng: (
        np.where(rng.random(N) < 0.5, 12, 0.3 * rng.normal(size=N)) + rng.normal(size=N)
    ),
}
PLAIN = {
    "normal": lambda rng: rng.normal(size=N),
    "uniform": lambda rng: rng.random(N),
    "Cauchy": lambda rng: rng.standard_cauchy(N),
    "t with 3 degrees of freedom": lambda rng: rng.standard_t(3, N),
    "skewed": lambda rng: rng.lognormal(size=N),
    "rounded": lambda rng: np.round(2 * rng.normal(size=N)),
    "zeros and ones": lambda rng: rng.integers(0, 2, N).astype(float),
    "same means, two spreads": lambda rng: np.where(rng.random(N) < 0.5, 1, 5) * rng.normal(size=N),
}


@pytest.mark.parametrize("name", CLUSTERED)
def test_columns_with_clusters_are_found(name):
    for seed in range(5):
        column = CLUSTERED[name](np.random.default_rng(seed))
        columns = np.stack([column, -1e6 * column, column + 1e3], axis=1)
        assert find_clustered(columns).all()


@pytest.mark.parametrize("name", PLAIN)
def test_columns_without_clusters_are_not(name):
    for seed in range(5):
        assert not find_clustered(PLAIN[name](np.random.default_rng(seed))[:, None]).any()


def test_many_columns_and_rows_are_told_apart():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, 40))
    rows[:, 7] += 6 * rng.integers(0, 3, len(rows))
    np.testing.assert_array_equal(np.flatnonzero(find_clustered(rows)), [7])


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_few_rows_have_no_clusters(n):
    rows = np.random.default_rng(0).normal(size=(n, 3))
    assert not find_clustered(rows).any()
    assert not find_clustered(np.ones((n, 2))).any()
