"""Moves of single rows: their gains are those of the likelihood of the partition, and default fits find such optima."""

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.row_moves import gains_of_row_moves, propose_row_moves
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_labels

FORMS = ("full", "tied", "diag", "spherical")
forms = pytest.mark.parametrize("form", FORMS)
seeds = pytest.mark.parametrize("seed", range(4))


def classification_likelihood(rows, labels, form, weights):
    """The weighted log-likelihood of rows and labels, with the covariances that maximize it, up to a constant."""
    k, d = labels.max() + 1, rows.shape[1]
    total, scatters, counts = 0.0, [], []
    for c in range(k):
        own, w = rows[labels == c], weights[labels == c]
        centered = own - np.average(own, axis=0, weights=w)
        scatters.append((w[:, None] * centered).T @ centered)
        counts.append(w.sum())
        total += counts[-1] * np.log(counts[-1])
    if form == "tied":
        return total - 0.5 * sum(counts) * np.linalg.slogdet(sum(scatters))[1]
    for count, scatter in zip(counts, scatters, strict=True):
        covariance = scatter / count
        if form == "diag":
            covariance = np.diag(np.diag(covariance))
        if form == "spherical":
            covariance = np.trace(covariance) / d * np.eye(d)
        total -= 0.5 * count * np.linalg.slogdet(covariance)[1]
    return total


@forms
@seeds
@pytest.mark.parametrize("weighted", [False, True])
def test_gains_are_those_of_the_likelihood_of_the_partition(form, seed, weighted):
    rng = np.random.default_rng(seed)
    rows, labels = rng.standard_t(2, size=(60, 3)) * [1, 10, 0.1] + 5, rng.integers(0, 3, 60)
    weights = rng.uniform(0.5, 2, 60) if weighted else np.ones(60)
    some = np.arange(0, 60, 7)
    gains = gains_of_row_moves(rows, weights, labels, 3, some, covariance_class(form))
    before = classification_likelihood(rows, labels, form, weights)
    for at, row in enumerate(some):
        for to in set(range(3)) - {labels[row]}:
            moved = labels.copy()
            moved[row] = to
            expected = classification_likelihood(rows, moved, form, weights) - before
            assert gains[at, to] == pytest.approx(expected, rel=1e-8, abs=1e-8)


@forms
def test_no_row_that_may_move_and_numbers_that_are_not_there(form):
    rows, weights, labels = np.eye(4), np.ones(4), np.array([0, 1, 0, 1])
    structure = covariance_class(form)
    assert gains_of_row_moves(rows, weights, labels, 2, np.zeros(0, dtype=np.int64), structure).shape == (0, 2)
    with pytest.raises(ValueError, match="labels must be from 0 to k - 1"):
        gains_of_row_moves(rows, weights, labels + 1, 2, np.arange(4), structure)
    with pytest.raises(ValueError, match="some must be numbers of rows"):
        gains_of_row_moves(rows, weights, labels, 2, np.array([4]), structure)


@pytest.mark.parametrize("form", ["full", "diag", "spherical"])
@seeds
def test_a_far_row_moves_to_the_component_with_fewer_rows(form, seed):
    # it stretches either component, which costs more where there are more rows; EM leaves it where it is
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [400, 100])
    rows = rng.normal(size=(500, 2)) + [[20.0, 0.0]] * labels[:, None]
    rows[0] = [0.0, 1000.0]
    structure = covariance_class(form)
    data = Sample.of(WeightedRows(rows), structure.form)
    start = start_from_labels(data, labels, structure, 2)
    assert start.labels(rows)[0] == start.labels(rows[1:2])[0]
    moved, *_ = propose_row_moves(data, start)
    assert moved.labels(rows)[0] == moved.labels(rows[-1:])[0] != moved.labels(rows[1:2])[0]


@seeds
def test_no_moves_between_clear_clusters(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(300) % 3
    rows = rng.normal(size=(300, 2)) + 20.0 * np.eye(3, 2)[labels]
    for form in FORMS:
        structure = covariance_class(form)
        data = Sample.of(WeightedRows(rows), structure.form)
        assert not list(propose_row_moves(data, start_from_labels(data, labels, structure, 3)))


@seeds
@pytest.mark.parametrize("form", ["full", "diag", "spherical"])
def test_small_clusters_beside_a_large_one_are_found(form, seed):
    rng = np.random.default_rng([7, seed])
    sizes = [900, 25, 25, 25, 25, 25]
    labels = np.repeat(np.arange(6), sizes)
    rows = rng.normal(size=(len(labels), 5)) + 10.0 * np.eye(6, 5, -1)[labels]
    found = GaussianMixture(6, covariance_type=form, random_state=seed).fit(rows)
    assert sorted(np.bincount(found.predict(rows)).tolist()) == sorted(sizes)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "EVI", "VEI"])
@seeds
def test_components_of_equal_rows_are_left_alone(covariance_type, seed):
    rows = np.random.default_rng(seed).normal(size=(60, 2))
    rows[0] += 100
    gm = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(np.round(rows))
    assert np.isfinite(gm.lower_bound_)
