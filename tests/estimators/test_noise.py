"""Noise component of `GaussianMixture`: found without a guess, in every combination with the other options."""

import pickle
import warnings

import numpy as np
import pytest
from helpers.noisy import noisy_chevron, noisy_clusters
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture
from gaussmix.core.covariance import MODELS
from gaussmix.core.errors import RidgeWarning


def fitted(rows, k, **options):
    return GaussianMixture(k, noise="uniform", random_state=options.pop("random_state", 0), **options).fit(rows)


def total(estimator, rows):
    return estimator.score(rows) * len(rows)


@pytest.fixture(scope="module")
def table():
    return noisy_clusters(0)


@pytest.fixture(scope="module")
def estimator(table):
    return fitted(table[0], 3)


def test_labels_probabilities_and_attributes(estimator, table):
    rows, truth = table
    labels, shares = estimator.predict(rows), estimator.predict_proba(rows)
    assert set(labels) == {-1, 0, 1, 2}
    assert ((labels == -1) == (truth == -1)).mean() > 0.95
    assert adjusted_rand_score(truth, labels) > 0.9
    assert shares.shape == (len(rows), 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(np.append(np.arange(3), -1)[shares.argmax(axis=1)], labels)
    assert estimator.noise_weight_ == pytest.approx(0.2, abs=0.05)
    assert estimator.weights_.sum() + estimator.noise_weight_ == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(shares.mean(axis=0), [*estimator.weights_, estimator.noise_weight_], atol=1e-4)
    assert estimator.noise_volume_ == pytest.approx(np.ptp(rows, axis=0).prod())
    assert estimator.fit_predict(rows).tolist() == labels.tolist()
    assert estimator.get_feature_names_out().shape == (4,)
    assert (estimator.sample(500)[1] == -1).any()


def test_without_noise():
    plain = GaussianMixture(2, random_state=0).fit(noisy_clusters(1)[0])
    assert plain.noise_weight_ == 0
    assert np.isnan(plain.noise_volume_)


def test_criteria_count_the_weight_and_the_bounds(estimator, table):
    rows = table[0]
    n_parameters = 2 + 3 * 2 + 3 * 3 + 1 + 4 * 2
    expected = -2 * total(estimator, rows) + n_parameters * np.log(len(rows))
    assert estimator.bic(rows) == pytest.approx(expected)
    shares = estimator.predict_proba(rows)
    entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-300)))
    assert estimator.icl(rows) == pytest.approx(expected + 2 * entropy)


@pytest.mark.parametrize("seed", range(4))
def test_every_seed_finds_lines_in_much_noise(seed):
    rows, truth = noisy_chevron(seed)
    from_truth = fitted(rows, 2, init_params=truth)
    for random_state in range(5):
        found = fitted(rows, 2, random_state=random_state)
        assert total(found, rows) >= total(from_truth, rows) - 1e-3
    assert adjusted_rand_score(truth >= 0, found.predict(rows) >= 0) > 0.7


@pytest.mark.parametrize("structure", [*MODELS, "full", "tied", "diag", "spherical"])
def test_every_structure_is_at_least_as_high_as_from_the_truth(structure):
    rows, truth = noisy_clusters(3, n=240)
    from_truth = fitted(rows, 3, covariance_type=structure, init_params=truth)
    found = fitted(rows, 3, covariance_type=structure)
    assert total(found, rows) >= total(from_truth, rows) - 1e-3
    assert found.converged_


# 4 shares x 3 dimensions x 2 seeds = 24 tables
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("d", [1, 3, 6])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3, 0.6])
def test_shares_of_noise(noise, d, seed):
    rows, truth = noisy_clusters(seed, n=600, noise=noise, d=d, k=2)
    from_truth, found = fitted(rows, 2, init_params=truth), fitted(rows, 2)
    assert total(found, rows) >= total(from_truth, rows) - 1e-3
    assert found.noise_weight_ == pytest.approx(noise, abs=0.08)


def test_one_component():
    rows, truth = noisy_clusters(5, n=200, k=1, noise=0.4)
    found = fitted(rows, 1)
    assert found.noise_weight_ == pytest.approx(0.4, abs=0.07)
    np.testing.assert_allclose(found.means_[0], rows[truth == 0].mean(axis=0), atol=0.2)


def test_weights_count_rows():
    rows, _ = noisy_clusters(6, n=150)
    weights = np.random.default_rng(0).integers(1, 4, len(rows))
    weighted = GaussianMixture(3, noise="uniform", random_state=0).fit(rows, sample_weight=weights)
    repeated = fitted(np.repeat(rows, weights, axis=0), 3)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-6)
    assert weighted.noise_weight_ == pytest.approx(repeated.noise_weight_, abs=1e-4)
    assert weighted.noise_volume_ == pytest.approx(repeated.noise_volume_)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_missing_values(structure):
    rows, truth = noisy_clusters(7, n=500, d=3)
    rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    rows[0] = np.nan
    found = fitted(rows, 3, covariance_type=structure)
    assert found.noise_weight_ == pytest.approx(0.2, abs=0.06)
    labels = found.predict(rows)
    assert adjusted_rand_score(truth[1:], labels[1:]) > 0.8
    np.testing.assert_allclose(found.predict_proba(rows[:1]), [[*found.weights_, found.noise_weight_]], rtol=1e-9)


def test_measurement_errors():
    rows, _ = noisy_clusters(8, n=300)
    found = GaussianMixture(3, noise="uniform", random_state=0).fit(rows, noise_covariance=np.full(2, 0.1))
    plain = fitted(rows, 3)
    assert found.noise_weight_ == pytest.approx(plain.noise_weight_, abs=0.02)
    np.testing.assert_allclose(found.covariances_ + 0.1 * np.eye(2), plain.covariances_, atol=0.1)


@pytest.mark.parametrize("reg_covar", ["chen-tan", "inverse-wishart", 1e-3])
def test_penalties(reg_covar):
    rows, truth = noisy_clusters(9)
    assert adjusted_rand_score(truth, fitted(rows, 3, reg_covar=reg_covar).predict(rows)) > 0.85


def test_redundant_columns_change_no_probability():
    rows, _ = noisy_clusters(10)
    wide = np.column_stack([rows[:, 0], np.full(len(rows), 7.0), rows[:, 1], rows @ [1.0, -2.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fitted(wide, 3)
    np.testing.assert_allclose(found.predict_proba(wide), fitted(rows, 3).predict_proba(rows), atol=1e-6)


@pytest.mark.parametrize("change", ["shift", "scale", "columns", "order", "rotation"])
@pytest.mark.parametrize("volume", ["hypvol", "hull"])
def test_other_units_give_the_same_probabilities(change, volume):
    rows, _ = noisy_clusters(11)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    other = {
        "shift": rows + np.array([1e3, -50]), "scale": 1e-3 * rows, "columns": rows * [100, 0.1],
        "order": rows[:, ::-1].copy(), "rotation": rows @ turn,
    }[change]  # fmt: skip
    if volume == "hypvol" and change == "rotation":
        pytest.skip("a box along the columns is another one after a rotation")
    before, after = fitted(rows, 3, noise_volume=volume), fitted(other, 3, noise_volume=volume)
    np.testing.assert_allclose(after.predict_proba(other), before.predict_proba(rows), atol=1e-4)


def test_volumes(table):
    rows = table[0]
    box = np.ptp(rows, axis=0).prod()
    assert fitted(rows, 3, noise_volume=2 * box).noise_volume_ == pytest.approx(2 * box)
    assert fitted(rows, 3, noise_volume="hull").noise_volume_ < box


def test_starts_of_the_user(table):
    rows, truth = table
    best = total(fitted(rows, 3), rows)
    shares = np.eye(4)[truth]
    for given in (truth, truth.astype(float), shares):
        assert total(fitted(rows, 3, init_params=given), rows) == pytest.approx(best, abs=1e-3)
    for method in ("kmeans", "k-means++", "random", "random_from_data"):
        assert 0 < fitted(rows, 3, init_params=method, n_init=3).noise_weight_ < 1
    with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
        GaussianMixture(3, init_params=truth).fit(rows)


def test_warm_start_goes_on_from_the_noise(table):
    rows = table[0]
    plain = {"init_params": "kmeans", "tol": 0, "acceleration": "none", "random_state": 0}
    whole = GaussianMixture(3, noise="uniform", max_iter=6, **plain)
    parts = clone(whole).set_params(max_iter=3, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole.fit(rows)
        parts.fit(rows).fit(rows)
    assert parts.noise_weight_ == pytest.approx(whole.noise_weight_, rel=1e-9)
    with pytest.raises(ValueError, match="warm_start=False"):
        parts.set_params(noise=None).fit(rows)


def test_many_rows_are_searched_by_a_sample():
    rows, truth = noisy_clusters(12, n=25_000, d=3)
    found = fitted(rows, 3)
    assert adjusted_rand_score(truth, found.predict(rows)) > 0.95
    assert found.noise_weight_ == pytest.approx(0.2, abs=0.01)


def test_copies(estimator, table):
    rows = table[0]
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.predict_proba(rows), estimator.predict_proba(rows))
    assert clone(estimator).noise == "uniform"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "gaussian"}, 'noise must be "uniform" or None'),
        ({"noise": True}, 'noise must be "uniform" or None'),
        ({"noise_volume": "box"}, "noise_volume must be a positive number or one of"),
        ({"noise_volume": -1.0}, "noise_volume must be a finite number"),
        ({"noise_volume": 0}, "noise_volume must be positive"),
        ({"noise_volume": np.inf}, "noise_volume must be a finite number"),
        ({"noise_volume": None}, "noise_volume must be a finite number"),
    ],
)
def test_invalid_options(options, message):
    rows = noisy_clusters(0, n=60)[0]
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **({"noise": "uniform"} | options)).fit(rows)


def test_rows_without_a_volume():
    rows = np.random.default_rng(0).standard_normal((50, 2))
    with pytest.raises(ValueError, match=r"column x1 is constant: leave it out"):
        GaussianMixture(2, noise="uniform", reg_covar=1e-6).fit(rows * [1, 0])
    with pytest.warns(RidgeWarning):
        assert fitted(rows * [1, 0], 1, reg_covar=1e-6, noise_volume=3.0).noise_volume_ == pytest.approx(3)
    with pytest.raises(ValueError, match="takes too long with more than 6 features"):
        GaussianMixture(2, noise="uniform", noise_volume="hull").fit(np.random.default_rng(0).standard_normal((50, 7)))
    with pytest.raises(ValueError, match="needs more than 2 complete rows"):
        GaussianMixture(1, noise="uniform", noise_volume="hull").fit([[0.0, 1], [1, 0], [np.nan, 3], [2, np.nan]])


@pytest.mark.parametrize("equal_weights", [False, True])
@pytest.mark.parametrize(("n_rows", "seed"), [(21_000, 1), (21_000, 3), (25_000, 2), (30_000, 2)])
def test_many_rows_without_noise(n_rows, seed, equal_weights):
    rng = np.random.default_rng(seed)
    rows = np.vstack([rng.normal(0, 1, (n_rows * 6 // 10, 2)), rng.normal(5, 1, (n_rows * 4 // 10, 2))])
    rng.shuffle(rows)
    with_noise, plain = (
        GaussianMixture(2, noise=noise, equal_weights=equal_weights, random_state=0).fit(rows)
        for noise in ("uniform", None)
    )
    assert with_noise.noise_weight_ < 2e-3
    assert total(with_noise, rows) > total(plain, rows) - 0.01
