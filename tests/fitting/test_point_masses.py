"""Equal rows, such as zeros or saturated values: a group of their own if they are far from all others."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from gaussmix import DegenerateComponentWarning, DegenerateDataWarning, GaussianMixture

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


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
@pytest.mark.parametrize(("n_equal", "n", "d", "value"), [
    (30, 300, 2, 2.0), (100, 200, 1, 1.5), (300, 200, 1, 3.0), (300, 200, 2, 3.0), (500, 150, 2, 8.0),
])  # fmt: skip
def test_equal_rows_near_a_cluster_do_not_join_the_clusters(n_equal, n, d, value, covariance_type):
    rows, labels = beside_clusters(n_equal, n, d, value)
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    shares = np.bincount(gm.predict(rows), labels == 2, 3) / np.bincount(gm.predict(rows), minlength=3)
    assert np.minimum(shares, 1 - shares).max() < 0.03


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("value", [0.3, 8.0])
def test_a_cluster_that_is_constant_in_one_column_is_a_component(value, d, covariance_type):
    labels = np.arange(600) % 3
    rows = np.random.default_rng(0).normal(size=(600, d))
    rows[:, 0] += 6 * labels
    rows[labels == 1, -1] = value
    with pytest.warns(DegenerateComponentWarning, match="collapsed"):
        gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    assert adjusted_rand_score(labels, gm.predict(rows)) > 0.97


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [2, 3, 5])
def test_zeros_in_other_columns_do_not_hide_the_clusters(d, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(600) % 2
    clusters = rng.normal(size=(600, d)) + 6 * labels[:, None]
    amounts = np.where(rng.random((600, 2)) < [0.3, 0.1], 0.0, rng.lognormal(0, 0.5, (600, 2)))
    for covariance_type in ("full", "diag"):
        gm = GaussianMixture(2, covariance_type=covariance_type, random_state=seed).fit(np.c_[clusters, amounts])
        assert adjusted_rand_score(labels, gm.predict(np.c_[clusters, amounts])) > 0.97


@pytest.mark.parametrize(("n", "d", "k"), [(60, 25, 3), (40, 25, 2), (150, 60, 3), (100, 40, 3)])
def test_clusters_of_fewer_rows_than_columns_are_found(n, d, k):
    labels = np.arange(n) % k
    rows = np.random.default_rng(0).normal(size=(n, d))
    rows[:, 0] += 10 * labels
    for seed in range(2):
        with pytest.warns(DegenerateComponentWarning):
            gm = GaussianMixture(k, random_state=seed).fit(rows)
        assert adjusted_rand_score(labels, gm.predict(rows)) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [2, 3, 4])
def test_as_many_values_as_components_are_one_component_each(k, seed):
    values = np.random.default_rng(seed).integers(0, k, 200)
    for rows in (values[:, None] * 1.0, np.c_[values, values**2 % 3]):
        gm = GaussianMixture(k, order_by=0, random_state=seed).fit(rows)
        np.testing.assert_allclose(gm.weights_, np.bincount(values) / 200, atol=1e-6)


@pytest.mark.parametrize(("n_equal", "d", "value"), [(600, 1, 0.0), (200, 2, -2.5), (100, 3, 1e4)])
def test_the_warning_names_the_value_and_the_component(n_equal, d, value):
    rows, _ = beside_clusters(n_equal, 300, d, value)
    with pytest.warns(DegenerateComponentWarning, match=rf"Component \d collapsed: .*\(x0 = {value:.6g}") as caught:
        gm = GaussianMixture(3, random_state=0).fit(rows)
    (component,) = caught[0].message.components
    np.testing.assert_allclose(gm.means_[component], value, atol=1e-9)
    assert gm.start_log_likelihoods_[0] == pytest.approx(len(rows) * gm.score(rows), abs=1)


@pytest.mark.parametrize(("n_equal", "n", "d", "value"), [(100, 300, 1, 3.0), (100, 400, 1, 3.0), (60, 300, 1, 3.0)])
def test_a_higher_optimum_on_equal_rows_that_is_passed_over_is_said(n_equal, n, d, value):
    rows, _ = beside_clusters(n_equal, n, d, value)
    labels = np.where(rows[:, 0] == value, 2, rows[:, 0] > 8.5)
    found = GaussianMixture(3, random_state=0).fit(rows)
    other = GaussianMixture(3, init_params=labels).fit(rows)
    passed_over = found.report().facts["fit"]["passed_over"]
    if passed_over is None:
        assert found.score(rows) >= other.score(rows) - 0.5
    else:
        assert passed_over["excess"] == pytest.approx(len(rows) * (other.score(rows) - found.score(rows)), rel=0.1)
        assert {"x0": value} in [component["values"] for component in passed_over["components"]]
    assert found.start_log_likelihoods_[0] <= len(rows) * found.score(rows) + 1e-2


def beside_a_flag(n, distance, share, seed):
    """Three clusters in a row, with a third column that is 1 in a share of the rows and 0 in the others."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    rows = rng.normal(size=(n, 2))
    rows[:, 0] += distance * labels
    return np.c_[rows, rng.random(n) < share], labels


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
@pytest.mark.parametrize(("n", "distance", "share"), [(600, 4, 0.3), (1200, 4, 0.3), (900, 4, 0.5), (600, 5, 0.2)])
def test_a_flag_takes_no_component_and_a_warning_says_so(n, distance, share, covariance_type):
    rows, labels = beside_a_flag(n, distance, share, seed=n + distance)
    best = GaussianMixture(3, covariance_type=covariance_type, init_params=labels).fit(rows)
    for seed in range(2):
        with pytest.warns(DegenerateDataWarning, match=r"rows have x2 = [01].* higher, but was passed over") as caught:
            gm = GaussianMixture(3, covariance_type=covariance_type, random_state=seed).fit(rows)
        assert gm.score(rows) >= best.score(rows) - 1e-5
        assert gm.weights_.min() > 0.25
        passed_over = gm.report().facts["fit"]["passed_over"]
        assert f"{passed_over['excess']:.3g} nats higher" in str(caught[-1].message)


@pytest.mark.parametrize(("distance", "share"), [(4, 0.15), (4, 0.3), (6, 0.2)])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_values_cut_at_the_top_leave_the_clusters(distance, share, covariance_type):
    rng = np.random.default_rng(distance)
    labels = np.arange(600) % 2
    rows = rng.normal(size=(600, 2))
    rows[:, 0] += distance * labels
    rows[:, 0] = np.minimum(rows[:, 0], np.quantile(rows[:, 0], 1 - share))
    best = GaussianMixture(2, covariance_type=covariance_type, init_params=labels).fit(rows)
    for seed in range(2):
        gm = GaussianMixture(2, covariance_type=covariance_type, random_state=seed).fit(rows)
        assert gm.score(rows) >= best.score(rows) - 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [
    {"n_components": 3}, {"n_components": 5, "truncation": 1}, {"n_components": 3, "trim": 0.1},
    {"n_components": 3, "noise": "uniform"}, {"n_components": 4, "covariance_type": "diag"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("values", [(0.0, 1.0), (0.0, 3.0, 255.0)])
def test_many_rows_may_have_fewer_values_than_components(parameters, values):
    rows = np.random.default_rng(0).choice(values, (30_000, 1))
    gm = GaussianMixture(random_state=0, **parameters).fit(rows)
    assert np.isfinite(gm.lower_bound_)
    assert gm.weights_.sum() == pytest.approx(1.0)
