"""Rows that are turned once give what one triangle per component gives."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine, ReferenceEngine, StackedEngine
from gaussmix.core.engines.native import turning_is_quicker
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange
from gaussmix.testing import random_mixture, random_with_common_basis

MOMENTS = ("counts", "shifts", "scatter", "log_likelihood", "entropy")
FORMS = ("diagonal", "spherical")

pytestmark = pytest.mark.usefixtures("rows_always_turned")


@pytest.mark.parametrize("form", FORMS)
def test_far_from_zero_nothing_is_lost(form):
    # rows, means and their differences are exact
    rng = np.random.default_rng(1)
    mixture, rows = random_with_common_basis(form, 4, 6, 500, rng)
    rows = np.round(rows * 2**18) / 2**18
    means = np.round(mixture.means * 2**18) / 2**18
    offset = 2.0**27 * np.arange(1, 7)
    near, far = replace(mixture, means=means), replace(mixture, means=means + offset)
    theirs, ours = ReferenceEngine(rows).accumulate(near), NativeEngine(rows + offset).accumulate(far)
    for name in MOMENTS:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-10 * len(rows))
    log_density = NativeEngine(rows + offset).score_rows(far, "log_density")
    np.testing.assert_allclose(log_density, ReferenceEngine(rows).score_rows(near, "log_density"), rtol=1e-11)


@pytest.mark.parametrize("form", FORMS)
def test_same_bits_for_any_number_of_threads_and_any_pieces(form, monkeypatch):
    rng = np.random.default_rng(2)
    mixture, rows = random_with_common_basis(form, 8, 17, 9_000, rng)
    engine = NativeEngine(rows, rng.random(len(rows)))
    results = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads, user_api="openmp"):
            results.append(engine.accumulate(mixture))
    monkeypatch.setattr("gaussmix.core.engines.native.FLOPS_PER_CALL", 1.0)
    results.append(engine.accumulate(mixture))
    for moments in results[1:]:
        for name in MOMENTS:
            np.testing.assert_array_equal(getattr(moments, name), getattr(results[0], name))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_features", [3, 17, 50])
def test_rough_sums_are_off_by_little(form, n_features):
    mixture, rows = random_with_common_basis(form, 5, n_features, 10_007, np.random.default_rng(3))
    engine = NativeEngine(rows.astype(np.float32))
    exact, rough = (engine.accumulate(mixture, rough=rough) for rough in (False, True))
    assert rough.log_likelihood != exact.log_likelihood
    for name in MOMENTS:
        expected = np.asarray(getattr(exact, name))
        scale = max(len(rows), abs(expected).max())
        np.testing.assert_allclose(getattr(rough, name), expected, rtol=0, atol=2e-5 * scale)


@pytest.mark.parametrize("form", FORMS)
def test_where_single_precision_would_lose_too_much_the_pass_is_exact(form):
    mixture, rows = random_with_common_basis(form, 3, 3, 10_007, np.random.default_rng(4))
    far = replace(mixture, means=mixture.means + 1e6)
    engine = NativeEngine((rows + 1e6).astype(np.float32))
    exact, rough = (engine.accumulate(far, rough=rough) for rough in (False, True))
    assert rough.log_likelihood == exact.log_likelihood


# (components, features, rows) -> whether labels, and whether sums come from turned rows
CHOICES = {
    (2, 64, 20_000): (False, False),
    (4, 8, 20_000): (True, False),
    (8, 16, 5_000): (True, True),
    (8, 16, 1_000): (True, False),
    (32, 4, 5_000): (False, False),
    (8, 97, 30_000): (True, False),
    (64, 96, 30_000): (True, False),
}


@pytest.mark.parametrize(("sizes", "expected"), CHOICES.items())
def test_rows_are_turned_where_that_is_quicker(sizes, expected):
    k, d, n = sizes
    assert tuple(turning_is_quicker(n, k, d, sums=sums) for sums in (False, True)) == expected


@pytest.mark.parametrize("form", FORMS)
def test_a_tight_component_far_from_the_others_loses_nothing(form):
    rng = np.random.default_rng(9)
    mixture, rows = random_with_common_basis(form, 4, 6, 500, rng)
    scales, factors = mixture.common.scales.copy(), mixture.factors.copy()
    scales[0], factors[0] = 1e6 * scales[0], 1e6 * factors[0]
    means = np.vstack([np.zeros(6), mixture.means[1:] + 1e6])
    tight = replace(mixture, means=means, factors=factors, common=replace(mixture.common, scales=scales))
    rows = np.vstack([1e-6 * rows, rows + 1e6])
    ours, theirs = (engine(rows).score_rows(tight, "log_density") for engine in (NativeEngine, ReferenceEngine))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", ["EVE", "VVE", "VEE"])
def test_structures_say_what_they_have_in_common_and_fits_end_alike(covariance_type):
    rng = np.random.default_rng(5)
    mixture = random_mixture(covariance_class(covariance_type), 3, 6, rng)
    assert mixture.whitened().common is not None
    rows = mixture.sample(900, rng)[0]
    start = Mixture(np.full(3, 1 / 3), mixture.means + 0.3, mixture.covariance)
    turned, plain = (
        fit_em(engine(rows), MaximumLikelihood(), start, MeanChange(1e-9), max_iter=500)
        for engine in (NativeEngine, ReferenceEngine)
    )
    assert turned.moments.log_likelihood == pytest.approx(plain.moments.log_likelihood, rel=1e-10)
    np.testing.assert_allclose(turned.mixture.means, plain.mixture.means, atol=1e-5)
    assert turned.mixture.whitened().common is not None


@pytest.mark.parametrize("covariance_type", ["EVE", "VVE", "VEE"])
def test_covariances_that_share_it_but_roughly_have_nothing_in_common(covariance_type):
    rng = np.random.default_rng(6)
    structure = covariance_class(covariance_type)
    covariance = random_mixture(structure, 3, 6, rng).covariance
    near = structure(covariance.roots * (1 + 1e-8 * rng.standard_normal(covariance.roots.shape)), 3, 6)
    assert near.common_basis() is None


@pytest.mark.parametrize("covariance_type", ["full", "EEV", "VEV", "EVV", "tied", "diag", "VEI"])
def test_other_structures_have_no_basis_in_common(covariance_type):
    assert random_mixture(covariance_class(covariance_type), 3, 6, np.random.default_rng(7)).whitened().common is None


def test_mixtures_with_common_axes_cannot_be_stacked():
    mixture, rows = random_with_common_basis("diagonal", 4, 3, 10, np.random.default_rng(8))
    with pytest.raises(ValueError, match="cannot be stacked"):
        StackedEngine(NativeEngine(rows), 2).accumulate(mixture)
