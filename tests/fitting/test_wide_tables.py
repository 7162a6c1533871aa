"""Searches of tables with many columns: the clusters that lie apart in few of them, memory, and when a search ends."""

import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gaussmix import GaussianMixture
from gaussmix.core.covariance import Diagonal, Full, Spherical, structure_of
from gaussmix.core.covariance.deviations import color_by, dense_root, diagonal_of, lengths_of, whiten_by
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.wide_starts import draw_wide_starts, is_same_start

MEGABYTE = 1e6


def in_one_column(n, d, k, apart, seed=0):
    """Rows of k clusters that differ in the first column only, and their labels."""
    labels = np.arange(n) % k
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows[:, 0] += apart * labels
    return rows, labels


def on_a_line(n, d, k, apart, seed=0):
    """Rows of k clusters whose centers differ by the same amount in all columns, and their labels."""
    labels = np.arange(n) % k
    return np.random.default_rng(seed).normal(size=(n, d)) + apart * labels[:, None], labels


def fit(rows, k, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows for each parameter
        return GaussianMixture(k, random_state=0, **options).fit(rows)


def agrees(found, labels):
    pairs = set(zip(found.tolist(), labels.tolist(), strict=True))
    return len(pairs) == len(np.unique(labels)) == len(np.unique(found))


def peak_of(call):
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    ("table", "k"),
    [
        (in_one_column(1_000, 100, 2, 8.0), 2),
        (in_one_column(900, 110, 3, 10.0), 3),
        (on_a_line(600, 120, 3, 3.0), 3),
        (on_a_line(700, 100, 5, 5.0), 5),
    ],
)
def test_clusters_apart_in_few_directions_of_many_are_found(table, k, covariance_type):
    rows, labels = table
    assert agrees(fit(rows, k, covariance_type=covariance_type).predict(rows), labels)


@pytest.mark.parametrize(("n", "d", "k"), [(300, 120, 3), (240, 200, 3), (150, 130, 2), (200, 100, 4)])
def test_searches_without_enough_rows_end_after_the_starts_that_agree(n, d, k):
    rows, labels = on_a_line(n, d, k, 5.0)
    model = fit(rows, k)
    assert agrees(model.predict(rows), labels)
    assert model.converged_
    assert model.n_iter_ < 50
    assert len(model.start_log_likelihoods_) == 3


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
@pytest.mark.parametrize(("n", "d", "k"), [(30, 2_000, 2), (60, 1_500, 3), (400, 1_000, 4), (25, 4_000, 2)])
def test_memory_without_correlations_is_linear_in_the_columns(n, d, k, covariance_type):
    rows = np.random.default_rng(1).normal(size=(n, d))
    peak = peak_of(lambda: fit(rows, k, covariance_type=covariance_type))
    assert peak < 20 * rows.nbytes + 2 * MEGABYTE
    assert peak < 8 * d * d or n > 100


@pytest.mark.parametrize(("n", "d", "k"), [(500, 300, 3), (3_000, 200, 3), (3_000, 100, 10), (2_000, 60, 8)])
@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_memory_of_a_default_fit_is_bounded(n, d, k, covariance_type):
    rows, _ = on_a_line(n, d, k, 5.0)
    peak = peak_of(lambda: fit(rows, k, covariance_type=covariance_type))
    assert peak < 60 * MEGABYTE + 4 * rows.nbytes + 20 * 8 * k * d * d


@pytest.mark.parametrize("structure", [Diagonal, Spherical])
def test_a_diagonal_root_may_be_a_vector(structure):
    rng = np.random.default_rng(0)
    k, d = 3, 5
    deviations = rng.uniform(0.5, 2.0, d) if structure is Diagonal else np.full(d, 1.7)
    covariance = structure(rng.uniform(0.5, 2.0, structure.root_shape(k, d)), k, d)
    weights = rng.dirichlet(np.ones(k))
    matrix = np.diag(deviations)
    assert_allclose(covariance.rescale(deviations).roots, covariance.rescale(matrix).roots, rtol=1e-14)
    assert_allclose(covariance.whitened_scatter(deviations), covariance.whitened_scatter(matrix), rtol=1e-14)
    for one, other in zip(
        covariance.relative_variances(weights, deviations), covariance.relative_variances(weights, matrix), strict=True
    ):
        assert_allclose(one, other, rtol=1e-14)


def test_roots_as_vectors_and_as_matrices_are_the_same_maps():
    rng = np.random.default_rng(0)
    root, rows = rng.uniform(0.5, 2.0, 4), rng.normal(size=(7, 4))
    assert_allclose(dense_root(root), np.diag(root))
    assert_allclose(diagonal_of(dense_root(root)), root)
    for map_by in (color_by, whiten_by):
        assert_allclose(map_by(rows, root), map_by(rows, np.diag(root)), rtol=1e-14)
    lower = np.tril(rng.normal(size=(4, 4))) + 3 * np.eye(4)
    assert_allclose(lengths_of(lower) ** 2, (lower @ lower.T).diagonal(), rtol=1e-14)
    assert_allclose(whiten_by(color_by(rows, lower), lower), rows, rtol=1e-12)


@pytest.mark.parametrize("form", ["full", "diagonal", "spherical"])
@pytest.mark.parametrize("weighted", [False, True])
def test_starts_of_wide_tables_are_mixtures_of_the_rows(form, weighted):
    rows, _ = on_a_line(90, 150, 3, 1.0)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 90) if weighted else None
    data, structure = Sample.of(WeightedRows(rows, weights), form), structure_of(form)
    streams = (np.random.default_rng(seed) for seed in range(8))
    starts = list(draw_wide_starts(data, structure, 3, 8, streams))
    assert len(starts) == 8
    center = np.average(rows, axis=0, weights=weights)
    for start in starts:
        assert_allclose(start.weights.sum(), 1.0)
        assert_allclose(start.weights @ start.means, center, atol=0.5)
        assert np.isfinite(start.means).all()


def test_starts_are_the_same_in_any_order_of_components():
    rows, _ = on_a_line(120, 100, 3, 4.0)
    data = Sample.of(WeightedRows(rows), "full")
    first, second, *_ = draw_wide_starts(data, Full, 3, 2, (np.random.default_rng(seed) for seed in range(2)))
    assert is_same_start(first, second)
    assert is_same_start(first, second.reordered(np.array([2, 0, 1])))
    other = next(draw_wide_starts(data, Full, 2, 1, iter([np.random.default_rng(0)])))
    assert not is_same_start(first.take([0, 0, 1], np.full(3, 1 / 3)), second)
    assert other.n_components == 2
