"""Refinement: what merging costs, and that bad optima and unsound components are left."""

import itertools

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES, read_only

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.merge_losses import merge_costs, merge_losses
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search import find_optimum
from gaussmix.fitting.split_merge import halves, propose_moves, side_of_mean
from gaussmix.fitting.starts import start_from_labels
from gaussmix.fitting.stopping import RemainingGain

types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@types
def test_merge_costs_are_those_of_the_definition(covariance_type):
    # Runnalls (2007), equation 16: 1/2 [(n_i + n_j) log|S_ij| - n_i log|S_i| - n_j log|S_j|]
    rows = TABLES["iris"][0]
    structure = covariance_class(covariance_type)
    labels = np.random.default_rng(0).integers(0, 4, len(rows))
    mixture = start_from_labels(Sample.of(WeightedRows(rows), structure.form), labels, structure, 4)
    counts = np.array([10.0, 75.5, 40.0, 24.5])
    costs = merge_costs(mixture, counts)
    dense = np.broadcast_to(mixture.covariance.dense(), (4, 4, 4))
    np.testing.assert_array_equal(costs, costs.T)
    for i, j in itertools.combinations(range(4), 2):
        share = counts[i] / (counts[i] + counts[j])
        shift = mixture.means[i] - mixture.means[j]
        between = share * (1 - share) * np.outer(shift, shift)
        both = share * dense[i] + (1 - share) * dense[j] + between
        if covariance_type == "tied":
            expected = 0.5 * (counts[i] + counts[j]) * np.trace(np.linalg.solve(dense[i], between))
        else:
            if covariance_type == "diag":
                both = np.diag(np.diagonal(both))
            if covariance_type == "spherical":
                both = np.trace(both) / 4 * np.eye(4)
            expected = 0.5 * (
                (counts[i] + counts[j]) * np.linalg.slogdet(both)[1]
                - counts[i] * np.linalg.slogdet(dense[i])[1]
                - counts[j] * np.linalg.slogdet(dense[j])[1]
            )
        assert costs[i, j] == pytest.approx(expected, rel=1e-9)
        assert costs[i, j] > 0


@pytest.mark.parametrize("empty", [0, 2])
def test_a_component_without_rows_costs_nothing_to_merge(empty):
    mixture = Mixture.from_parameters(
        np.full(3, 1 / 3), [[0.0], [4.0], [9.0]], [[1.0], [2.0], [3.0]], covariance_type="diag"
    )
    counts = np.full(3, 20.0)
    counts[empty] = 0
    costs = merge_costs(mixture, counts)
    assert np.delete(costs[empty], empty) == pytest.approx(0, abs=1e-12)


def test_halves_of_a_component_lie_on_both_sides_of_its_mean():
    mean, direction = np.array([1.0, 2.0]), np.array([2.0, -1.0])
    rows = mean + np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -3.0], [0.0, 0.0]])
    side = side_of_mean(rows - mean, direction)
    assert side.tolist() == [True, False, True, False]  # 2, -1, 1 and 0 along the direction
    own = np.array([0.5, 1.0, 0.25, 0.1])
    first, second = halves(own, side)
    np.testing.assert_array_equal(first, [0.5, 0.0, 0.25, 0.0])
    np.testing.assert_array_equal(second, [0.0, 1.0, 0.0, 0.1])
    first, second = halves(own, side, share=0.2)
    np.testing.assert_allclose(first, [0.3, 0.4, 0.15, 0.04], rtol=1e-15)
    np.testing.assert_allclose(first + second, own, rtol=1e-15)


def three_clusters(d=2, seed=0):
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 0.0], [20.0, 0.0], [26.0, 3.0]])
    return read_only((centers[np.arange(450) // 150] + rng.standard_normal((450, 2)))[:, :d])


@types
def test_the_first_move_leaves_two_components_on_one_cluster_and_one_on_two(covariance_type):
    rows = three_clusters()
    structure = covariance_class(covariance_type)
    data, engine, update = Sample.of(WeightedRows(rows), structure.form), NativeEngine(rows), MaximumLikelihood()
    truth = np.arange(450) // 150
    bad = np.where(truth == 0, (rows[:, 1] > 0).astype(int), 2)
    fits = [
        fit_em(engine, update, start_from_labels(data, labels, structure, 3), RemainingGain(1e-3), max_iter=3000)
        for labels in (truth, bad)
    ]
    assert fits[1].objective < fits[0].objective - 100, "the second must be a bad optimum"
    sound = np.zeros(3, dtype=bool)
    move = next(propose_moves(data, fits[1].mixture, fits[1].moments, update, sound))
    left = fit_em(engine, update, move, RemainingGain(1e-3), max_iter=3000)
    assert left.objective == pytest.approx(fits[0].objective, abs=0.1)


def test_unsound_components_are_the_first_to_be_merged():
    rows = three_clusters()
    structure = covariance_class("full")
    data = Sample.of(WeightedRows(rows), "full")
    labels = np.where(np.arange(450) < 150, 1, 0)  # the first component has two clusters, far from
    labels[:75] = 3
    labels[:4] = 2  # the others share one: these are the ones to merge, if all were sound
    mixture = start_from_labels(data, labels, structure, 4)
    moments = NativeEngine(rows).accumulate(mixture.whitened())
    shares = mixture.responsibilities(rows)
    for unsound in np.eye(4, dtype=bool)[[0, 2]]:
        for move in itertools.islice(propose_moves(data, mixture, moments, MaximumLikelihood(), unsound), 2):
            moved = move.responsibilities(rows)
            which = int(unsound.argmax())
            merged = [c for c in range(4) if not np.allclose(shares[:, c], moved[:, c])]
            assert which in merged


@pytest.mark.parametrize("seed", range(3))
def test_a_search_ends_without_components_that_chance_explains(seed):
    # the likelihood is greatest on few rows close together
    rng = np.random.default_rng(seed)
    rows = np.r_[three_clusters(seed=seed), 1e-3 * rng.standard_normal((3, 2)) + [1.0, 1.0]]
    found = find_optimum(
        NativeEngine(rows), covariance_class("full"), 3,
        lambda data, root: MaximumLikelihood(prior=Prior.chen_tan(1e-10, root)),
        SearchSettings(8, RemainingGain(), 5000), seed,
    )  # fmt: skip
    assert not found.soundness.unsound.any()
    counts = found.fit.moments.counts
    assert not examine(found.fit.mixture, counts, float(counts.sum())).unsound.any()
    assert counts.min() > 100


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("n_copies", "n_components"), [(4, 4), (4, 8), (8, 3), (12, 5)])
def test_losses_of_merges_in_many_rows_are_those_of_some_of_them(n_copies, n_components, is_weighted):
    rng = np.random.default_rng(n_copies)
    n = 420_000 // (n_components * n_copies)  # every second of all copies is used
    rows = rng.normal(size=(n, 2)) + rng.integers(n_components, size=n)[:, None]
    mixture = Mixture.from_parameters(
        np.full(n_components, 1 / n_components),
        np.repeat(np.arange(n_components)[:, None], 2, axis=1),
        np.ones((n_components, 2)),
        covariance_type="diag",
    )
    weights = rng.uniform(0.5, 2.0, n) if is_weighted else None
    few = merge_losses(mixture, mixture.responsibilities(rows), weights)
    copied = np.repeat(rows, n_copies, axis=0)
    many = merge_losses(
        mixture, mixture.responsibilities(copied), None if weights is None else np.repeat(weights, n_copies)
    )
    np.testing.assert_allclose(many, n_copies * few, rtol=1e-9, atol=1e-6)
