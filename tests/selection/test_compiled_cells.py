"""Compiled searches: their parts agree with the readable ones in Python."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix.core import _native
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.agglomeration import merge_tree
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.degeneracy import rounding_variances
from gaussmix.fitting.kmeans import tries_for
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample
from gaussmix.selection.compiled_cells import CompiledCells
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.optima import LocalOptima, Request
from gaussmix.selection.partitions import SearchData
from gaussmix.selection.warm_starts import merges, splits
from gaussmix.testing import random_mixture

IRIS = load_iris().data


def search_of(rows, sizes, weights=None):
    sample = Sample.of(WeightedRows(rows, weights), "full")
    data = SearchData(sample, sizes, lambda *_: MaximumLikelihood(), np.random.default_rng(0))
    return data, CompiledCells(data)


def optimum_of(cells, spec, **starts):
    request = Request(spec, LocalOptima(), **starts)
    assert cells.search([request], math.inf) == [True]
    return request.optima.preferred


@pytest.mark.parametrize("name", MODELS)
def test_the_optimum_is_the_best_of_runs_from_the_same_partitions(name):
    data, cells = search_of(IRIS, [3])
    spec = ModelSpec(3, name)
    found = optimum_of(cells, spec, uses_partitions=True)
    tables = np.stack([table for _, table in data.partitions(3)])
    runs = fit_em_batch(data.rows, MODELS[name], tables, MaximumLikelihood(), BatchSettings(300, 1e-3))
    assert found.log_likelihood >= np.sort(runs.log_likelihoods)[-3] - 1e-2
    assert data.engine.accumulate(found.mixture.whitened()).log_likelihood == pytest.approx(found.log_likelihood)


@pytest.mark.parametrize("name", ["EII", "VVI", "EEE", "VVE", "VVV"])
def test_moments_of_a_final_fit_are_those_of_a_pass(name):
    data, cells = search_of(IRIS, [3])
    spec = ModelSpec(3, name)
    fit, is_sound = cells.final_fit(spec, optimum_of(cells, spec, uses_partitions=True))
    assert is_sound
    passed = data.engine.accumulate(fit.mixture.whitened())
    assert fit.moments.log_likelihood == pytest.approx(passed.log_likelihood, abs=1e-8)
    assert fit.moments.entropy == pytest.approx(passed.entropy, abs=1e-8)
    np.testing.assert_allclose(fit.moments.counts, passed.counts, rtol=1e-9)
    np.testing.assert_allclose(fit.moments.shifts, passed.shifts, atol=1e-7)
    np.testing.assert_allclose(fit.moments.scatter, passed.scatter, atol=1e-6)


@pytest.mark.parametrize("weights", [None, np.random.default_rng(1).integers(1, 4, 150).astype(float)])
@pytest.mark.parametrize("name", ["VII", "EEE", "VVV"])
def test_splits_and_merges_are_those_of_tables(name, weights):
    data, cells = search_of(IRIS, [2, 3], weights)
    spec = ModelSpec(3, name)
    three = optimum_of(cells, spec, uses_partitions=True)
    table = data.responsibilities(three.mixture)
    found = optimum_of(cells, ModelSpec(2, name), more=three)
    tables = np.stack([table for _, table in merges(three.mixture, table, data.rows.total)])
    runs = fit_em_batch(data.rows, MODELS[name], tables, MaximumLikelihood(), BatchSettings(300, 1e-3))
    assert found.log_likelihood == pytest.approx(runs.log_likelihoods.max(), abs=1e-2)
    if name == "VVV":  # other models split along the covariance of their rows, not along that of the model
        two = optimum_of(cells, ModelSpec(2, name), uses_partitions=True)
        found = optimum_of(cells, spec, fewer=two)
        shares = data.responsibilities(two.mixture)
        tables = np.stack([table for _, table in splits(data.rows.values, two.mixture, shares)])
        runs = fit_em_batch(data.rows, MODELS[name], tables, MaximumLikelihood(), BatchSettings(300, 1e-3))
        assert found.log_likelihood >= runs.log_likelihoods.max() - 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_components_are_sound_as_in_python(name):
    """Random mixtures of few and of many rows per component, some of them thin, on rounded values."""
    structure = covariance_class(name)
    verdicts = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        mixture = random_mixture(structure, 3, 2, rng)
        rows = mixture.sample(int(rng.choice([12, 30, 60, 120])), seed)[0]
        rows = rows.round(int(rng.choice([1, 8])))
        data, cells = search_of(rows, [4])
        assert (data.rounding == rounding_variances(rows)).all()
        optima = Request(ModelSpec(4, name), LocalOptima(), uses_partitions=True)
        cells.search([optima], math.inf)
        for optimum in {optima.optima.highest, optima.optima.highest_sound} - {None}:
            mixture, total = optimum.mixture, data.rows.total
            assert optimum.is_sound == (not data.examine(mixture, mixture.weights * total, total).n_unsound)
            verdicts.append(optimum.is_sound)
    assert len(set(verdicts)) == 2 or name in ("EII", "EEI", "EEE", "VII")


def test_known_optima_are_starts():
    data, cells = search_of(IRIS, [2, 3])
    three = optimum_of(cells, ModelSpec(3, "VVV"), uses_partitions=True)
    known = cells.known(ModelSpec(3, "VVV"), three.mixture, three.log_likelihood, is_sound=True)
    assert data.engine.accumulate(known.mixture.whitened()).log_likelihood == pytest.approx(known.log_likelihood)
    found = optimum_of(cells, ModelSpec(3, "VVV"), same=[known])
    assert found.log_likelihood == pytest.approx(three.log_likelihood, abs=1e-2)
    assert found.origin == "3 components of full (VVV)"


@pytest.mark.parametrize("form", ["full", "tied"])
@pytest.mark.parametrize("seed", range(4))
def test_agglomeration_is_that_in_python(form, seed):
    rows = np.random.default_rng(seed).normal(size=(60, 2 + seed % 2))
    weights = None if seed % 2 else np.random.default_rng(seed).uniform(0.5, 1.5, 60)
    cells = np.arange(60) // (1 + seed % 2)
    sizes, labels = np.array([7, 3, 1], dtype=np.int64), np.empty((3, 60), dtype=np.int64)
    pseudo = 7 ** (-2 / rows.shape[1])
    _native.merge_tree_labels([rows], weights, [form], pseudo, [cells[None]], sizes, [labels], 2)
    expected = merge_tree(WeightedRows(rows, weights), form, cells, [1, 3, 7])
    for size, own in zip([7, 3, 1], labels, strict=True):
        same = own[:, None] == own
        np.testing.assert_array_equal(same, expected[size][:, None] == expected[size])


@pytest.mark.parametrize("seed", range(4))
def test_k_means_ends_at_a_fixed_point_with_all_clusters(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(80, 3)) + 4 * rng.integers(0, 2, (80, 3))
    labels = np.empty((2, 80), dtype=np.int64)
    _native.k_means_labels(rows, None, 5, tries_for(5), 100, rng.random((2, 1 + 4 * tries_for(5))), labels)
    for own in labels:
        assert set(own) == set(range(5))
        means = np.stack([rows[own == cluster].mean(axis=0) for cluster in range(5)])
        distances = ((rows[:, None] - means) ** 2).sum(axis=2)
        np.testing.assert_array_equal(distances.argmin(axis=1), own)
