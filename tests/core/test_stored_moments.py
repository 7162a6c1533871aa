import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gaussmix import Mixture, ModelFileError, StoredMoments
from gaussmix.core.covariance import COVARIANCES
from gaussmix.testing.random_models import random_mixture

NAMES = ("counts", "shifts", "scatter", "log_likelihood", "entropy", "weight")


def two_mixtures(name, seed=0):
    rng = np.random.default_rng(seed)
    first, second = (random_mixture(COVARIANCES[name], 3, 4, rng) for _ in range(2))
    return first, second, first.sample(200, rng)[0]


@pytest.mark.parametrize("name", COVARIANCES)
def test_sums_under_another_mixture_are_those_of_the_same_responsibilities(name):
    first, second, rows = two_mixtures(name)
    shares = first.responsibilities(rows)
    moved = StoredMoments.of(first, rows).under(second)
    factors = second.covariance.dense_factors()
    whitened = np.einsum("nkd,kde->nke", rows[:, None] - second.means, factors)
    assert_allclose(moved.counts, shares.sum(axis=0), rtol=1e-12)
    assert_allclose(moved.shifts, np.einsum("nk,nkd->kd", shares, whitened), rtol=1e-9, atol=1e-9)
    assert_allclose(moved.scatter_trace, np.einsum("nk,nkd->", shares, whitened**2), rtol=1e-10)


@pytest.mark.parametrize("name", COVARIANCES)
def test_expected_log_density_is_the_sum_over_rows(name):
    first, second, rows = two_mixtures(name, 1)
    each = [second.take([k], np.ones(1)).log_density(rows) + np.log(second.weights[k]) for k in range(3)]
    expected = (first.responsibilities(rows) * np.stack(each, axis=1)).sum()
    assert_allclose(StoredMoments.of(first, rows).expected_log_density(second), expected, rtol=1e-11)


def test_a_component_of_weight_zero_adds_nothing():
    rows = np.array([[0.0], [1.0]])
    mixture = Mixture.from_parameters([1.0, 0.0], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    assert_allclose(
        StoredMoments.of(mixture, rows).expected_log_density(mixture), mixture.log_density(rows).sum(), rtol=1e-14
    )


def test_sums_of_parts_are_those_of_all_rows():
    mixture, _, rows = two_mixtures("full")
    total = StoredMoments.total([StoredMoments.of(mixture, part) for part in np.array_split(rows, 3)], mixture)
    whole = StoredMoments.of(mixture, rows)
    for name in NAMES:
        assert_allclose(getattr(total.moments, name), getattr(whole.moments, name), rtol=1e-12, atol=1e-12)


def test_weights_and_missing_values_count_as_in_a_pass():
    mixture, _, rows = two_mixtures("full")
    rows[3:50, 1] = np.nan
    rows[7] = np.nan
    stored = StoredMoments.of(mixture, rows, np.full(200, 2.0))
    assert stored.weight == 2 * 199
    assert_allclose(stored.log_likelihood, 2 * mixture.log_density(rows).sum(), rtol=1e-12)


def test_faded_sums_are_a_share():
    mixture, _, rows = two_mixtures("diag")
    stored = StoredMoments.of(mixture, rows)
    for name in NAMES:
        assert_array_equal(getattr(stored.faded(0.5).moments, name), 0.5 * np.asarray(getattr(stored.moments, name)))


@pytest.mark.parametrize("name", COVARIANCES)
def test_a_file_keeps_every_bit(name, tmp_path):
    mixture, _, rows = two_mixtures(name, 2)
    stored = StoredMoments.of(mixture, rows)
    stored.save(tmp_path / "sums.json")
    read = StoredMoments.load(tmp_path / "sums.json")
    for entry in NAMES:
        assert_array_equal(getattr(read.moments, entry), getattr(stored.moments, entry))
    assert_array_equal(read.mixture.covariance.roots, mixture.covariance.roots)
    assert_array_equal(Mixture.load(tmp_path / "sums.json").means, mixture.means)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sums: sums["counts"].__setitem__(0, -1.0), "counts of its moments is negative"),
        (lambda sums: sums.__setitem__("weight", -2.0), "weight of its moments is negative"),
        (lambda sums: sums.pop("scatter"), "scatter does not have the shape"),
        (lambda sums: sums["shifts"].pop(), "shifts does not have the shape"),
        (lambda sums: sums.__setitem__("entropy", "much"), "a number belongs"),
    ],
)
def test_a_damaged_file_is_refused(change, said, tmp_path):
    mixture, _, rows = two_mixtures("full")
    path = tmp_path / "sums.json"
    StoredMoments.of(mixture, rows).save(path)
    document = json.loads(path.read_text())
    change(document["moments"])
    path.write_text(json.dumps(document))
    with pytest.raises(ModelFileError, match=said):
        StoredMoments.load(path)


def test_a_model_file_has_no_sums(tmp_path):
    mixture, _, _ = two_mixtures("full")
    mixture.save(tmp_path / "model.json")
    with pytest.raises(ModelFileError, match="it has no moments"):
        StoredMoments.load(tmp_path / "model.json")
