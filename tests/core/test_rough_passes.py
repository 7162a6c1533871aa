"""Rough passes: single precision inside a pass, double outside, and only where it does no harm."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES

from gaussmix import GaussianMixture
from gaussmix.core import _native
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange
from gaussmix.testing import random_mixture

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")


def draw(covariance_type, n_components, n_features, n_rows, seed):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(covariance_class(covariance_type), n_components, n_features, rng)
    return mixture, mixture.sample(n_rows, rng)[0].astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("any_instruction_set", _native.instruction_sets(), indirect=True)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("n_features", [1, 3, 5, 17, 50, 97])
def test_rough_sums_are_off_by_little(any_instruction_set, covariance_type, n_features):
    mixture, rows = draw(covariance_type, 5, n_features, 10_007, n_features)
    engine = NativeEngine(rows)
    exact, rough = (engine.accumulate(mixture.whitened(), rough=rough) for rough in (False, True))
    assert rough.log_likelihood != exact.log_likelihood
    for name in MOMENTS:
        expected = np.asarray(getattr(exact, name))
        np.testing.assert_allclose(
            getattr(rough, name), expected, rtol=0, atol=2e-5 * max(len(rows), abs(expected).max())
        )


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize(("stretch", "offset"), [(1.0, 1e6), (1e6, 0.0)])
def test_where_single_precision_would_lose_too_much_the_pass_is_exact(covariance_type, stretch, offset):
    # rows far from zero, and components far from each other, in units of their own spread
    mixture, rows = draw(covariance_type, 3, 3, 10_007, 1)
    far = type(mixture)(mixture.weights, stretch * mixture.means + offset, mixture.covariance)
    engine = NativeEngine((rows + offset).astype(np.float32))
    assert engine.rough_helps
    exact, rough = (engine.accumulate(far.whitened(), rough=rough) for rough in (False, True))
    for name in MOMENTS:
        np.testing.assert_array_equal(getattr(rough, name), getattr(exact, name))


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_fit_of_float32_rows_ends_where_the_exact_fit_ends(covariance_type):
    mixture, rows = draw(covariance_type, 3, 4, 20_000, 2)
    start = type(mixture)(np.full(3, 1 / 3), mixture.means + 0.3, mixture.covariance)
    rough, exact = (
        fit_em(NativeEngine(rows.astype(dtype)), MaximumLikelihood(), start, MeanChange(1e-7), max_iter=500)
        for dtype in (np.float32, np.float64)
    )
    assert rough.trace[0] != exact.trace[0]  # it was rough
    assert abs(rough.n_iter - exact.n_iter) <= 3
    assert rough.moments.mean_log_likelihood == pytest.approx(exact.moments.mean_log_likelihood, abs=1e-6)
    np.testing.assert_allclose(rough.mixture.means, exact.mixture.means, atol=1e-3)


@pytest.mark.parametrize("max_iter", [0, 1, 2, 3])
def test_what_is_returned_comes_from_exact_passes(max_iter):
    mixture, rows = draw("full", 3, 4, 20_000, 3)
    engine = NativeEngine(rows)
    fit = fit_em(engine, MaximumLikelihood(), mixture, MeanChange(0.0), max_iter=max_iter)
    assert fit.moments.log_likelihood == engine.accumulate(fit.mixture.whitened()).log_likelihood
    assert fit.n_iter == max_iter


def test_rough_passes_are_for_many_small_numbers_without_weights():
    rows = np.zeros((10_000, 2), dtype=np.float32)
    assert NativeEngine(rows).rough_helps
    assert NativeEngine(rows.astype(np.uint16)).rough_helps
    assert not NativeEngine(rows.astype(np.float64)).rough_helps
    assert not NativeEngine(rows.astype(np.int32)).rough_helps
    assert not NativeEngine(rows[1:]).rough_helps
    assert not NativeEngine(rows, np.ones(len(rows))).rough_helps


def test_same_bits_from_rough_passes_for_any_number_of_threads():
    from threadpoolctl import threadpool_limits

    mixture, rows = draw("full", 4, 6, 30_011, 4)
    results = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads, user_api="openmp"):
            results.append(NativeEngine(rows).accumulate(mixture.whitened(), rough=True))
    for moments in results[1:]:
        for name in MOMENTS:
            np.testing.assert_array_equal(getattr(moments, name), getattr(results[0], name))


@pytest.mark.slow
def test_score_of_a_fit_is_its_lower_bound_for_float32_rows():
    _, rows = draw("full", 3, 4, 20_000, 5)
    model = GaussianMixture(3, random_state=0).fit(rows)
    assert model.lower_bound_ == pytest.approx(model.score(rows), rel=1e-14)
