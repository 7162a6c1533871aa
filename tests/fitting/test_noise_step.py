"""EM with uniform noise: exact steps, a likelihood that never falls, and the same optimum with acceleration."""

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.core.background import Background
from gaussmix.core.covariance import STRUCTURES, covariance_class
from gaussmix.core.engines import IncompleteEngine, NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.testing import random_mixture, with_noise

MODELS = [name for name in STRUCTURES if name.isupper()]


def rows_with_noise(seed, n=300, d=2):
    rng = np.random.default_rng(seed)
    clean = np.concatenate([rng.standard_normal((n, d)) * 0.7 + center for center in (-3, 2)])
    return np.concatenate([clean, rng.uniform(-8, 8, (n // 4, d))])


def start_for(rows, structure, update, k=2):
    membership = draw_membership(NativeEngine(rows), k, "kmeans", np.random.RandomState(0))
    components = mixture_from_membership(membership, covariance_class(structure), update)
    low, high = rows.min(axis=0), rows.max(axis=0)
    noise = Background(0.1, (low + high) / 2, np.diag(high - low))
    return replace(components, weights=0.9 * components.weights, background=noise)


def fitted(engine, update, start, **options):
    return fit_em(engine, update, start, RemainingGain(1e-9), max_iter=20_000, **options)


def assert_rises(fit):
    reached = np.array([record.log_likelihood for record in fit.history])
    assert (np.diff(reached) >= -1e-12 * np.abs(reached[1:])).all()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_step_by_hand(structure):
    rng = np.random.default_rng(0)
    mixture = with_noise(random_mixture(STRUCTURES[structure], 3, 2, rng))
    rows, weights = mixture.sample(500, 1)[0], rng.uniform(0.5, 2, 500)
    update = MaximumLikelihood()
    following = update.maximize(mixture, NativeEngine(rows, weights).accumulate(mixture.whitened())).mixture
    shares = weights[:, None] * mixture.responsibilities(rows)
    np.testing.assert_allclose(following.weights, shares[:, :3].sum(axis=0) / weights.sum(), rtol=1e-12)
    assert following.background.weight == pytest.approx(shares[:, 3].sum() / weights.sum(), rel=1e-12)
    assert following.background.volume == mixture.background.volume
    means = shares[:, :3].T @ rows / shares[:, :3].sum(axis=0)[:, None]
    np.testing.assert_allclose(following.means, means, rtol=1e-10, atol=1e-12)
    # A mixture without noise of the same responsibilities has the same covariances.
    plain = mixture.without_noise()
    own = NativeEngine(rows, weights).accumulate(mixture.whitened())
    again = update.maximize(plain, replace(own, background=None)).mixture
    np.testing.assert_array_equal(again.covariance.roots, following.covariance.roots)


# 14 structures x 3 tables = 42 fits
@pytest.mark.parametrize("structure", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_never_falls_and_acceleration_ends_at_the_same_optimum(structure, seed):
    rows = rows_with_noise(seed)
    update = MaximumLikelihood()
    start = start_for(rows, structure, update)
    plain = fitted(NativeEngine(rows), update, start)
    quick = fitted(NativeEngine(rows), update, start, accelerator=Accelerator(update))
    assert_rises(plain)
    assert_rises(quick)
    assert quick.objective == pytest.approx(plain.objective, abs=1e-6)
    assert quick.mixture.background.weight == pytest.approx(plain.mixture.background.weight, abs=1e-4)
    assert quick.n_passes <= plain.n_passes
    assert 0.05 < quick.mixture.background.weight < 0.2


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VII", "EVE"])
def test_incomplete_rows_and_priors(structure):
    rows = rows_with_noise(5, d=3)
    rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    for update in (MaximumLikelihood(), MaximumLikelihood(prior=Prior.chen_tan(1.0, np.eye(3)))):
        start = start_for(np.where(np.isnan(rows), 0, rows), structure, update)
        if update.prior is not None and start.covariance.form != "full":
            continue
        fit = fitted(IncompleteEngine(WeightedRows(rows)), update, start, accelerator=Accelerator(update))
        assert fit.stop.is_converged
        assert 0.05 < fit.mixture.background.weight < 0.2
        assert fit.mixture.weights.sum() + fit.mixture.background.weight == pytest.approx(1, abs=1e-12)


def test_the_guaranteed_gain_is_a_lower_bound():
    rows = rows_with_noise(7)
    for structure in MODELS:
        update = MaximumLikelihood()
        mixture, engine = start_for(rows, structure, update), NativeEngine(rows)
        for _ in range(5):
            moments = engine.accumulate(mixture.whitened())
            step = update.maximize(mixture, moments)
            gained = engine.accumulate(step.mixture.whitened()).log_likelihood - moments.log_likelihood
            assert 0 <= update.gain(mixture, moments, step) <= gained + 1e-9
            mixture = step.mixture


def test_noise_that_no_row_belongs_to_ends_with_weight_zero():
    rows = np.random.default_rng(0).standard_normal((200, 2))
    update = MaximumLikelihood()
    start = start_for(rows, "full", update, k=1)
    far = replace(start, background=Background(0.1, np.zeros(2), 1e160 * np.eye(2)))
    fit = fitted(NativeEngine(rows), update, far, accelerator=Accelerator(update))
    assert fit.mixture.background.weight == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(fit.mixture.means[0], rows.mean(axis=0), rtol=1e-9)
