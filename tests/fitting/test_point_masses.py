"""Equal rows, such as zeros or saturated values: a group of their own if they are far from all others."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from gaussmix import DegenerateComponentWarning, GaussianMixture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def beside_clusters(n_equal, n, d, value=-2.0, seed=0):
    """Equal rows and two clusters of n rows at 5 and 12, with the true labels."""
    rng = np.random.default_rng(seed)
    rows = np.r_[np.full((n_equal, d), value), rng.normal(5, 1, (n, d)), rng.normal(12, 1, (n, d))]
    labels = np.repeat([0, 1, 2], [n_equal, n, n])
    order = rng.permutation(len(rows))
    return rows[order], labels[order]


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
@pytest.mark.parametrize(("n_equal", "n", "d", "scale", "offset"), [
    (600, 700, 1, 1, 0), (30, 150, 1, 1e-8, 0), (30, 150, 2, 1e8, 1e8), (20, 400, 3, 1, 1e4), (300, 150, 6, 1e-3, 0),
])  # fmt: skip
def test_equal_rows_far_from_the_clusters_are_a_component(n_equal, n, d, scale, offset, covariance_type):
    rows, labels = beside_clusters(n_equal, n, d)
    for seed in range(2):
        gm = GaussianMixture(3, covariance_type=covariance_type, random_state=seed).fit(rows * scale + offset)
        assert adjusted_rand_score(labels, gm.predict(rows * scale + offset)) > 0.97
        assert gm.start_log_likelihoods_.max() == pytest.approx(len(rows) * gm.score(rows * scale + offset), rel=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64])
def test_two_groups_of_equal_rows_are_two_components(dtype):
    rng = np.random.default_rng(0)
    rows = np.r_[np.zeros((200, 2)), rng.normal(9, 1, (300, 2)), np.full((100, 2), 20)].astype(dtype)
    with pytest.warns(DegenerateComponentWarning, match="collapsed: the rows do not vary"):
        gm = GaussianMixture(3, random_state=0).fit(rows)
    assert adjusted_rand_score(np.repeat([0, 1, 2], [200, 300, 100]), gm.predict(rows)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_block_of_equal_rows_is_found_beside_a_band(seed):
    rng = np.random.default_rng(2)
    band = np.where(rng.random(1000) < 0.3, 170, 60) + rng.normal(0, 15, 1000)
    rows = np.stack(
        [band * (1 + 0.1 * at) + rng.normal(0, 5, 1000) for at in range(5)] + [np.ones(1000)], axis=1
    ).round()
    rows[:250] = 0
    for covariance_type in ("full", "diag", "VEV"):
        gm = GaussianMixture(2, covariance_type=covariance_type, random_state=seed).fit(rows)
        assert np.sort(gm.weights_) == pytest.approx([0.25, 0.75], abs=1e-6)


def test_distinct_values_are_components():
    values = np.random.default_rng(0).choice(4, 300, p=[0.1, 0.2, 0.3, 0.4])[:, None] * 2.5
    gm = GaussianMixture(4, order_by=0, random_state=0).fit(values)
    np.testing.assert_allclose(gm.means_.ravel(), [0, 2.5, 5, 7.5], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_equal_values_within_a_cluster_or_in_one_column_take_no_component(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 300)
    clusters = rng.normal(0, 1, (600, 2)) + 6 * labels[:, None]
    for rows in (
        np.clip(clusters, -0.5, None),
        clusters.round(),
        np.c_[clusters, rng.random(600) < 0.1],
    ):
        gm = GaussianMixture(2, random_state=seed).fit(rows)
        assert adjusted_rand_score(labels, gm.predict(rows)) > 0.97
