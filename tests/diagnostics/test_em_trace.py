"""The trace of EM: bound and divergence add up to the log-likelihood, whatever the structure."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn.mixture
from helpers.datasets import COVARIANCE_TYPES, TABLES
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from gaussmix import DegenerateComponentWarning, Mixture, trace_em
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood

STRUCTURES = ("tied", *MODELS)


def start_for(rows, n_components, covariance_type):
    membership = draw_membership(NativeEngine(rows), n_components, "k-means++", np.random.RandomState(0))
    return mixture_from_membership(membership, covariance_class(covariance_type), MaximumLikelihood(1e-6))


def weighted_mean(values, weights):
    return float(np.average(values, weights=weights))


def joint(mixture, rows):
    """(n, k) log w_k N(x given k), by SciPy."""
    parts = zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    return np.stack([np.log(w) + multivariate_normal.logpdf(rows, m, c) for w, m, c in parts], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_bound_and_divergence_add_up_to_the_log_likelihood(table, covariance_type):
    rows, n_components = TABLES[table]
    trace = trace_em(rows, start_for(rows, n_components, covariance_type), 15)
    now = np.stack([trace.log_likelihood[:-1], trace.log_likelihood[:-1], trace.log_likelihood[1:]], axis=1)
    np.testing.assert_allclose(trace.bound + trace.divergence, now, rtol=0, atol=1e-10)
    assert (trace.divergence >= -1e-12).all()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_e_step_closes_the_gap_and_no_step_lowers_the_bound(table, covariance_type):
    rows, n_components = TABLES[table]
    trace = trace_em(rows, start_for(rows, n_components, covariance_type), 15)
    np.testing.assert_allclose(trace.divergence[:, 1], 0.0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.bound[:, 1], trace.log_likelihood[:-1], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(trace.bound[1:, 0], trace.bound[:-1, 2])
    np.testing.assert_array_equal(trace.divergence[1:, 0], trace.divergence[:-1, 2])
    assert (np.diff(trace.bound.ravel()) >= -1e-10).all()
    assert (np.diff(trace.log_likelihood) >= np.diff(trace.bound[:, 1:], axis=1)[:, 0] - 1e-10).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_numbers_are_those_of_the_formulas(covariance_type, weighted):
    rows, n_components = TABLES["overlapping"]
    weights = np.random.default_rng(0).uniform(0.2, 3.0, len(rows)) if weighted else None
    start = start_for(rows, n_components, covariance_type)
    trace = trace_em(rows, start, 4, sample_weight=weights)
    q = np.tile(start.weights, (len(rows), 1))
    for at in range(trace.n_iter):
        before, after = (joint(mixture, rows) for mixture in trace.mixtures[at : at + 2])
        posterior = np.exp(before) / np.exp(before).sum(axis=1, keepdims=True)
        for point, (responsibilities, scores) in enumerate(((q, before), (posterior, before), (posterior, after))):
            density = np.exp(scores).sum(axis=1)
            conditional = np.exp(scores) / density[:, None]
            bound = weighted_mean((responsibilities * (scores - np.log(responsibilities))).sum(axis=1), weights)
            divergence = weighted_mean((responsibilities * np.log(responsibilities / conditional)).sum(axis=1), weights)
            np.testing.assert_allclose(trace.bound[at, point], bound, rtol=1e-10)
            np.testing.assert_allclose(trace.divergence[at, point], divergence, rtol=1e-9, atol=1e-12)
            assert trace.log_likelihood[at + (point == 2)] == pytest.approx(weighted_mean(np.log(density), weights))
        q = posterior


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_passes_are_those_of_the_package(covariance_type):
    rows, n_components = TABLES["blobs"]
    start = start_for(rows, n_components, covariance_type)
    trace = trace_em(rows, start, 10)
    fit = fit_em(NativeEngine(rows), MaximumLikelihood(), start, None, max_iter=10)
    np.testing.assert_array_equal(trace.log_likelihood, [record.log_likelihood for record in fit.history])
    np.testing.assert_array_equal(trace.mixtures[-1].means, fit.mixture.means)
    assert trace.mixtures[0] is start
    assert {type(mixture.covariance) for mixture in trace.mixtures} == {type(start.covariance)}


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_log_likelihoods_are_those_of_scikit_learn(table, covariance_type):
    rows, n_components = TABLES[table]
    start = start_for(rows, n_components, covariance_type)
    theirs = sklearn.mixture.GaussianMixture(
        n_components,
        covariance_type=covariance_type,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.covariance.precisions,
        reg_covar=0.0,
        tol=0.0,
        max_iter=12,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(rows)
    trace = trace_em(rows, start, 12)
    np.testing.assert_allclose(trace.log_likelihood[:-1], theirs.lower_bounds_, rtol=1e-10)
    np.testing.assert_allclose(trace.mixtures[-1].means, theirs.means_, rtol=1e-8, atol=1e-9)


def test_a_weight_counts_equal_rows():
    rows, n_components = TABLES["iris"]
    counts = np.random.default_rng(0).integers(0, 4, len(rows))
    start = start_for(rows, n_components, "full")
    once, often = trace_em(rows, start, 5, sample_weight=counts), trace_em(np.repeat(rows, counts, axis=0), start, 5)
    for name in ("log_likelihood", "bound", "divergence"):
        np.testing.assert_allclose(getattr(once, name), getattr(often, name), rtol=1e-10, atol=1e-12)


def test_a_weight_of_zero_leaves_even_an_impossible_row_out():
    start = Mixture.from_parameters([1.0], [[0.0, 0.0]], [np.eye(2) * 1e-30])
    rows, far = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[1e145, 0.0]])
    trace = trace_em(np.vstack([rows, far]), start, 3, sample_weight=[1, 1, 1, 0])
    np.testing.assert_array_equal(trace.bound, trace_em(rows, start, 3).bound)
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError):
        trace_em(np.vstack([rows, far]), start, 3)


def test_many_rows_in_pieces_have_the_sums_of_all():
    rows, n_components = TABLES["overlapping"]
    start = start_for(rows, n_components, "full")
    few, many = trace_em(rows, start, 2), trace_em(np.tile(rows, (70, 1)), start, 2)  # 35,000 rows
    for name in ("log_likelihood", "bound", "divergence"):
        np.testing.assert_allclose(getattr(many, name), getattr(few, name), rtol=1e-10, atol=1e-12)


def test_single_precision_rows_are_passed_over_exactly():
    rows = np.random.default_rng(0).normal(size=(12_000, 2)).astype(np.float32)
    start = start_for(rows, 2, "full")
    np.testing.assert_array_equal(trace_em(rows, start, 3).bound, trace_em(rows.astype(float), start, 3).bound)


def test_components_without_weight_have_no_part():
    rows, _ = TABLES["line"]
    start = start_for(rows, 2, "full")
    shares, means = [*start.weights, 0.0], np.vstack([start.means, [[99.0]]])
    with_third = Mixture.from_parameters(shares, means, np.vstack([start.covariance.dense(), np.ones((1, 1, 1))]))
    trace, without = trace_em(rows, with_third, 4), trace_em(rows, start, 4)
    np.testing.assert_allclose(trace.bound, without.bound, rtol=1e-12)
    np.testing.assert_allclose(trace.divergence, without.divergence, rtol=1e-9, atol=1e-14)


def test_a_component_that_loses_its_rows_is_named_and_the_sums_hold():
    rows = np.random.default_rng(0).normal(size=(200, 2))
    start = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [60.0, 60.0]], np.tile(np.eye(2), (2, 1, 1)))
    with pytest.warns(DegenerateComponentWarning, match="Component 1 left without rows in pass 1") as caught:
        trace = trace_em(rows, start, 3)
    assert len(caught) == 1
    assert trace.mixtures[-1].weights[1] == 0
    np.testing.assert_allclose((trace.bound + trace.divergence)[:, 2], trace.log_likelihood[1:], rtol=0, atol=1e-10)


def test_a_component_that_collapses_is_named_and_the_sums_hold():
    rows = np.vstack([np.random.default_rng(0).normal(size=(50, 2)), np.full((3, 2), 7.0)])
    start = Mixture.from_parameters([0.9, 0.1], [[0.0, 0.0], [7.0, 7.0]], np.stack([np.eye(2), 0.01 * np.eye(2)]))
    with pytest.warns(DegenerateComponentWarning, match="Component 1 collapsed in pass 1") as caught:
        trace = trace_em(rows, start, 3)
    assert len(caught) == 1
    assert caught[0].message.components == (1,)
    np.testing.assert_allclose((trace.bound + trace.divergence)[:, 2], trace.log_likelihood[1:], rtol=0, atol=1e-10)


def test_a_trace_is_read_only_and_can_be_copied():
    rows, n_components = TABLES["iris"]
    trace = trace_em(rows, start_for(rows, n_components, "full"), np.int64(2))
    for copy in (trace, pickle.loads(pickle.dumps(trace))):
        assert (copy.n_iter, len(copy.mixtures)) == (2, 3)
        for name in ("log_likelihood", "bound", "divergence"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(copy, name)[0] = 0.0


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"start": "kmeans"}, TypeError, "start must be a Mixture, got str"),
        ({"n_iter": 0}, ValueError, "n_iter must be a whole number, at least 1; got 0"),
        ({"n_iter": 2.5}, ValueError, "n_iter must be a whole number"),
        ({"X": np.zeros((3, 5))}, ValueError, "X must have the shape"),
        ({"X": np.zeros((0, 2))}, ValueError, "X has no rows"),
        ({"sample_weight": [1.0, -1.0, 1.0]}, ValueError, "row 1 has -1.0"),
        ({"X": [[0.0, 0.0], [1e140, 0.0], [1.0, 1.0]]}, FloatingPointError, "so far from every component"),
    ],
)
def test_what_cannot_be_traced_is_refused(changed, error, message):
    start = Mixture.from_parameters([1.0], [[0.0, 0.0]], [np.eye(2) * 1e-60])
    arguments = {"X": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "start": start} | changed
    with np.errstate(over="ignore"), pytest.raises(error, match=message):
        trace_em(**arguments)
