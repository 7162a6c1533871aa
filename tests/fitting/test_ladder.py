import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.ladder import GROWTH, LEAST_GROWTH, MOST_ROWS, Ladder


@pytest.mark.parametrize("n_rows", [20_001, 100_000, 160_000, 1_000_000, 100_000_000])
def test_sizes_grow_up_to_a_share_of_all_rows(n_rows):
    engine = NativeEngine(np.zeros((1, 1)))
    engine.n_rows = n_rows
    sizes = Ladder(engine, WeightedRows(np.zeros((20_000, 1))), None, 0).sizes()
    assert sizes == sorted(sizes)
    assert all(LEAST_GROWTH * 20_000 <= size <= min(n_rows // GROWTH, MOST_ROWS) for size in sizes)
    assert bool(sizes) == (n_rows >= GROWTH * LEAST_GROWTH * 20_000)


def test_samples_are_the_same_each_time_and_follow_the_odds():
    rows = np.arange(50_000.0)[:, None]
    odds = np.where(rows[:, 0] < 1000, 100.0, 1.0)
    ladder = Ladder(NativeEngine(rows), WeightedRows(rows[:5000]), odds, 3)
    first, second = ladder.sample(12_000), ladder.sample(12_000)
    assert_array_equal(first.values, second.values)
    assert (first.values < 1000).mean() > 0.5
    assert abs(first.weights[first.values[:, 0] < 1000].sum() / first.weights.sum() - 0.02) < 0.005


@pytest.mark.slow
def test_a_default_fit_of_many_rows_ends_at_the_optimum_in_few_passes():
    truth = Mixture.from_parameters(
        [0.6, 0.3, 0.1],
        [[0, 0, 0], [2.5, 1, 0], [1, 3, 2]],
        [np.eye(3), 0.5 * np.eye(3), [[1.5, -0.5, 0], [-0.5, 0.6, 0], [0, 0, 1]]],
    )
    rows, _ = truth.sample(200_000, 0)
    found = GaussianMixture(3, random_state=0).fit(rows)
    best = GaussianMixture(
        3,
        weights_init=truth.weights,
        means_init=truth.means,
        precisions_init=np.linalg.inv(truth.covariance.covariances),
    ).fit(rows)
    assert abs(found.score(rows) - best.score(rows)) * 200_000 < 2e-4
    assert found.fit_result_.fit.n_passes < 0.8 * best.fit_result_.fit.n_passes


@pytest.mark.parametrize(("n_rare", "distance"), [(40, 60.0), (100, -30.0), (400, 12.0)])
def test_a_rare_distant_cluster_survives(n_rare, distance):
    rng = np.random.default_rng(n_rare)
    rows = np.concatenate([rng.normal(0, 1, (170_000, 2)), rng.normal(distance, 0.7, (n_rare, 2))])
    fit = GaussianMixture(2, random_state=0).fit(rows)
    assert_array_equal(np.round(fit.weights_ * len(rows)), [170_000, n_rare])
