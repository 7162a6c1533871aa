import gc
import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gaussmix import GaussianMixture, Mixture, StoredMoments

TRUTH = Mixture.from_parameters(
    [0.5, 0.3, 0.2],
    [[0, 0], [5, 1], [1, 6]],
    [np.eye(2), [[1, 0.7], [0.7, 1]], [[1.5, -0.5], [-0.5, 0.6]]],
)
ROWS, _ = TRUTH.sample(4000, 1)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEV", "EVE"])
def test_blocks_lead_nearly_to_the_fit_of_all_rows(covariance_type):
    online = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    for block in np.array_split(ROWS, 20):
        online.partial_fit(block)
    whole = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(ROWS)
    assert online.moments_.weight == 4000
    assert whole.score(ROWS) - online.score(ROWS) < 2e-3


def test_single_rows_may_follow():
    online = GaussianMixture(3, random_state=0).partial_fit(ROWS[:300])
    for row in ROWS[300:500]:
        online.partial_fit(row[None])
    assert online.moments_.weight == 500
    whole = GaussianMixture(3, random_state=0).fit(ROWS[:500])
    assert whole.score(ROWS[:500]) - online.score(ROWS[:500]) < 5e-3


def test_it_continues_a_fit_and_a_new_fit_begins_anew():
    online = GaussianMixture(3, random_state=0).fit(ROWS[:1000]).partial_fit(ROWS[1000:])
    assert online.moments_.weight == 4000
    assert online.fit(ROWS[:500]).moments_.weight == 500


def test_what_is_kept_does_not_grow():
    online = GaussianMixture(3, random_state=0)
    sizes = []
    for block in np.array_split(ROWS, 50):
        online.partial_fit(block)
        sizes.append(len(pickle.dumps(online.moments_)))
    assert max(sizes[1:]) <= sizes[0] + 100


@pytest.mark.slow
def test_memory_is_flat_over_a_thousand_calls():
    online = GaussianMixture(3, random_state=0).partial_fit(ROWS)
    blocks, sizes = np.array_split(ROWS, 160), []  # caches of constants fill at first
    tracemalloc.start()
    try:
        for at in range(1000):
            online.partial_fit(blocks[at % 160])
            if at in (299, 999):
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 100_000  # one number for each of the 25 rows of 700 blocks is more
    assert online.moments_.weight == 4000 + 1000 * 25


def test_a_copy_of_the_estimator_goes_on_in_the_same_way():
    online = GaussianMixture(3, random_state=0).partial_fit(ROWS[:2000])
    copy = pickle.loads(pickle.dumps(online))
    for model in (online, copy):
        model.partial_fit(ROWS[2000:])
    assert_array_equal(online.means_, copy.means_)
    assert_array_equal(online.moments_.moments.scatter, copy.moments_.moments.scatter)


def test_forgetting_follows_a_drift():
    rng = np.random.default_rng(0)
    faithful, forgetful = GaussianMixture(2, random_state=0), GaussianMixture(2, random_state=0)
    for shift in np.linspace(0, 8, 60):
        block = np.concatenate([rng.normal(shift, 1, (50, 2)), rng.normal(20, 1, (50, 2))])
        faithful.partial_fit(block)
        forgetful.partial_fit(block, forgetting=0.3)
    moved = [min(model.means_[:, 0]) for model in (faithful, forgetful)]
    assert moved[0] < 5.5
    assert moved[1] > 7.0
    assert_allclose(forgetful.moments_.weight, 100 / 0.3, rtol=1e-6)


def test_weights_names_and_missing_values():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(ROWS, columns=["a", "b"])
    table.loc[1500:1600, "a"] = np.nan
    online = GaussianMixture(3, random_state=0).partial_fit(table[:1000])
    online.partial_fit(table[1000:][["a", "b"]], sample_weight=np.full(3000, 2.0))
    assert online.moments_.weight == 7000
    assert online.mixture_.feature_names == ("a", "b")
    assert np.isfinite(online.means_).all()


def test_an_empty_block_changes_nothing():
    online = GaussianMixture(3, random_state=0).partial_fit(ROWS[:1000])
    before = online.means_.copy()
    online.partial_fit(np.full((2, 2), np.nan))
    assert_array_equal(online.means_, before)


@pytest.mark.parametrize("forgetting", [-0.1, 1.0, 2, np.nan, "half", True])
def test_forgetting_is_checked(forgetting):
    with pytest.raises(ValueError, match="forgetting must be a number from 0"):
        GaussianMixture(2).partial_fit(ROWS, forgetting=forgetting)


def test_wrong_blocks_are_refused_and_the_model_stays():
    online = GaussianMixture(3, random_state=0).partial_fit(ROWS[:1000])
    before = online.mixture_
    for block, said in (
        (ROWS[:, :1], "features"),
        (ROWS * np.inf, "infinity|inf"),
        ([["a", "b"]], "could not convert|numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            online.partial_fit(block)
        assert online.mixture_ is before
    with pytest.raises(ValueError, match=r"n_components|samples"):
        GaussianMixture(3).partial_fit(ROWS[:2])


@pytest.mark.filterwarnings("ignore:.*constant")
def test_columns_that_a_fit_left_out_cannot_come_back():
    rows = np.column_stack([ROWS, np.ones(4000)])
    with pytest.raises(ValueError, match="left out x2"):
        GaussianMixture(3, random_state=0).partial_fit(rows)
    fitted = GaussianMixture(3, random_state=0).fit(rows)
    with pytest.raises(ValueError, match="left out x2"):
        fitted.partial_fit(rows)
    assert fitted.means_.shape == (3, 3)


def test_steps_from_the_sums_of_sites_are_em_on_all_rows():
    sites = np.array_split(ROWS, 4)
    shared = GaussianMixture(3, random_state=0).fit(sites[0]).mixture_
    start = shared
    merged = GaussianMixture(3)
    for _ in range(40):
        merged.merge(StoredMoments.of(shared, site) for site in sites)
        shared = merged.mixture_
    plain = GaussianMixture(
        3,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariance.covariances),
        max_iter=40,
        tol=0.0,
        acceleration="none",
    )
    with pytest.warns(UserWarning, match="max_iter"):
        plain.fit(ROWS)
    assert_allclose(merged.means_, plain.means_, rtol=1e-9, atol=1e-9)
    assert_allclose(merged.covariances_, plain.covariances_, rtol=1e-8)
    assert merged.moments_.weight == 4000
    assert merged.n_features_in_ == 2


@pytest.mark.parametrize("reg_covar", ["auto", 1e-3, "chen-tan", "inverse-wishart"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_a_merge_regularizes(reg_covar, covariance_type):
    first = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(ROWS[:2000])
    second = StoredMoments.of(first.mixture_, ROWS[2000:])
    merged = GaussianMixture(3, covariance_type=covariance_type, reg_covar=reg_covar)
    merged.merge([first.moments_, second])
    assert_allclose(merged.means_, first.means_, atol=0.3)
    assert merged.moments_.weight == 4000


def test_sums_that_do_not_belong_together_are_refused():
    sums = StoredMoments.of(TRUTH, ROWS)
    for model, moments, said in (
        (GaussianMixture(3), [], "moments is empty"),
        (GaussianMixture(2), sums, r"\(covariance_type, n_components, n_features\)"),
        (GaussianMixture(3, covariance_type="tied"), [sums], "with one shared mixture"),
        (GaussianMixture(3), [sums, ROWS], r"moments\[1\] must be StoredMoments"),
    ):
        with pytest.raises(ValueError, match=said):
            model.merge(moments)
        assert not hasattr(model, "fit_result_")


def test_noise_counts_in_streams_and_sums(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.concatenate([ROWS[:2000], rng.uniform(-10, 15, (200, 2))])[rng.permutation(2200)]
    online = GaussianMixture(3, noise="uniform", random_state=0)
    for block in np.array_split(rows, 4):
        online.partial_fit(block)
    whole = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    assert_allclose(online.noise_weight_, whole.noise_weight_, atol=0.02)
    assert online.moments_.weight == 2200
    online.moments_.save(tmp_path / "sums.json")
    read = StoredMoments.load(tmp_path / "sums.json")
    assert read.moments.background == online.moments_.moments.background
    assert read.mixture.background.weight == online.noise_weight_
    merged = GaussianMixture(3, noise="uniform").merge([read, StoredMoments.of(read.mixture, rows[:100])])
    assert_allclose(merged.weights_.sum() + merged.noise_weight_, 1.0)
