"""What must not matter, does not: order, units, offsets, duplicated rows, the numbering of components."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, blobs
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange
from gaussmix.testing import random_mixture

ROWS = blobs(200, 2, 3, separation=2.0, seed=2)
types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
quick = settings(max_examples=15, deadline=None, derandomize=True, database=None)


def start_of(covariance_type):
    base = random_mixture(covariance_class(covariance_type), 3, 2, np.random.default_rng(0))
    return Mixture(base.weights, ROWS[[0, 80, 160]], base.covariance)


def fitted(rows, start, weights=None, n_iter=8):
    return fit_em(NativeEngine(rows, weights), MaximumLikelihood(), start, MeanChange(0.0), max_iter=n_iter).mixture


def same(ours, theirs, rtol=1e-9):
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=rtol)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=rtol, atol=rtol)
    expected = theirs.covariance.covariances
    np.testing.assert_allclose(ours.covariance.covariances, expected, rtol=rtol, atol=rtol * abs(expected).max())


@pytest.mark.slow
@types
@quick
@given(seed=st.integers(0, 1000))
def test_order_of_rows(covariance_type, seed):
    start = start_of(covariance_type)
    shuffled = np.random.default_rng(seed).permutation(ROWS)
    same(fitted(shuffled, start), fitted(ROWS, start))


@types
@quick
@given(order=st.permutations(range(3)))
def test_numbering_of_components(covariance_type, order):
    start = start_of(covariance_type)
    structure = covariance_class(covariance_type)
    roots = start.covariance.roots if covariance_type == "tied" else start.covariance.roots[order]
    other = Mixture(start.weights[order], start.means[order], structure(roots, 3, 2))
    plain, renumbered = fitted(ROWS, start), fitted(ROWS, other)
    np.testing.assert_allclose(renumbered.means, plain.means[order], rtol=1e-9)
    np.testing.assert_allclose(renumbered.log_density(ROWS), plain.log_density(ROWS), rtol=1e-9)


@types
@quick
@given(offset=st.floats(-1e6, 1e6), scale=st.floats(1e-6, 1e6))
def test_units_and_offsets(covariance_type, offset, scale):
    start = start_of(covariance_type)
    structure = covariance_class(covariance_type)
    moved = Mixture(start.weights, start.means * scale + offset, structure(start.covariance.roots * scale, 3, 2))
    plain, other = fitted(ROWS, start), fitted(ROWS * scale + offset, moved)
    # the moved rows themselves are rounded at the size of the offset
    rtol = 1e-9 + 1e-13 * abs(offset) / scale
    np.testing.assert_allclose((other.means - offset) / scale, plain.means, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(other.weights, plain.weights, rtol=rtol)
    if rtol < 1e-2:
        np.testing.assert_allclose(other.covariance.roots / scale, plain.covariance.roots, rtol=100 * rtol, atol=rtol)


@types
@quick
@given(counts=st.lists(st.integers(0, 3), min_size=200, max_size=200))
def test_repeated_row_is_a_weight(covariance_type, counts):
    counts = np.array(counts) + (np.arange(200) % 50 == 0)
    start = start_of(covariance_type)
    same(fitted(ROWS, start, counts.astype(float)), fitted(np.repeat(ROWS, counts, axis=0), start), rtol=1e-10)


@types
@quick
@given(cut=st.integers(1, 199))
def test_moments_of_disjoint_rows_add(covariance_type, cut):
    whitened = start_of(covariance_type).whitened()
    whole = NativeEngine(ROWS).accumulate(whitened)
    parts = NativeEngine(ROWS[:cut]).accumulate(whitened) + NativeEngine(ROWS[cut:]).accumulate(whitened)
    for name in ("counts", "shifts", "scatter", "log_likelihood", "entropy"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-11, atol=1e-11)
