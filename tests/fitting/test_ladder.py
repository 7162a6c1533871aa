import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.coreset import GROWTH, LEAST_GROWTH, MOST_ROWS, draw_sample, sizes_of_samples
from gaussmix.fitting.ladder import Ladder


@pytest.mark.parametrize("n_rows", [20_001, 100_000, 160_000, 1_000_000, 100_000_000])
def test_sizes_grow_up_to_a_share_of_all_rows(n_rows):
    sizes = sizes_of_samples(n_rows, 20_000)
    assert sizes == sorted(sizes)
    assert all(LEAST_GROWTH * 20_000 <= size <= min(n_rows // 2, MOST_ROWS) for size in sizes)
    assert len(sizes) == 1 or all(size <= n_rows // GROWTH for size in sizes)
    assert bool(sizes) == (n_rows >= 2 * LEAST_GROWTH * 20_000)


@pytest.mark.parametrize(("n_rows", "scale"), [(60_000, 1.0), (200_000, 1e-3), (200_000, 1e4)])
def test_samples_are_parts_of_the_largest_and_favor_distant_rows(n_rows, scale):
    rows = scale * np.random.default_rng(0).standard_t(3, (n_rows, 2))
    engine, full = NativeEngine(rows), covariance_class("full")
    data, largest, all_rows = draw_sample(engine, full, 2, np.random.default_rng(1), 20_000, with_larger=True)
    assert not all_rows
    ladder = Ladder(engine, data.as_observed, largest, 3)
    assert largest.n_rows == max([data.rows.n_rows, *ladder.sizes()])
    of_largest = set(largest.values[:, 0].tolist())
    for some in [data.rows, *map(ladder.sample, ladder.sizes())]:
        assert set(some.values[:, 0].tolist()) <= of_largest
        assert_array_equal(some.values, (some if some is data.rows else ladder.sample(some.n_rows)).values)
        far = (some.values**2).sum(axis=1) > 25 * scale**2
        share = ((rows**2).sum(axis=1) > 25 * scale**2).mean()
        assert far.mean() > 1.5 * share
        assert abs(some.weights[far].sum() / some.weights.sum() / share - 1) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("many_rows", "share"), [(100_000, 0.8), (1_000_000, 1.5)])
def test_a_default_fit_of_many_rows_ends_at_the_optimum_in_few_passes(many_rows, share, monkeypatch):
    monkeypatch.setattr("gaussmix.fitting.ladder.MANY_ROWS", many_rows)
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
    assert found.fit_result_.fit.n_passes < share * best.fit_result_.fit.n_passes


@pytest.mark.parametrize(("n_rare", "distance"), [(40, 60.0), (100, -30.0), (400, 12.0)])
def test_a_rare_distant_cluster_survives(n_rare, distance):
    rng = np.random.default_rng(n_rare)
    rows = np.concatenate([rng.normal(0, 1, (170_000, 2)), rng.normal(distance, 0.7, (n_rare, 2))])
    fit = GaussianMixture(2, random_state=0).fit(rows)
    assert_array_equal(np.round(fit.weights_ * len(rows)), [170_000, n_rare])


@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_common", "n_rare", "covariance_type"),
    [(60_000, 3, 3, 5, "diag"), (50_000, 5, 5, 5, "full"), (100_000, 6, 6, 6, "full"), (100_000, 6, 6, 6, "diag")],
)
def test_rare_clusters_are_found_that_the_first_sample_misses(n_rows, n_features, n_common, n_rare, covariance_type):
    rng = np.random.default_rng(n_rows)
    shares = np.concatenate([np.full(n_rare, 0.001), rng.dirichlet(np.full(n_common, 3.0))])
    k = n_common + n_rare
    means = rng.normal(0, 5, (k, n_features))
    truth = Mixture.from_parameters(shares / shares.sum(), means, np.tile(np.eye(n_features), (k, 1, 1)))
    rows, _ = truth.sample(n_rows, 0)
    found = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(rows)
    nearest = np.linalg.norm(found.means_ - means[:, None], axis=2).min(axis=1)
    assert nearest.max() < 1.0
