import numpy as np
import pytest
from numpy.testing import assert_allclose

from gaussmix import Mixture
from gaussmix.core.covariance import STRUCTURES
from gaussmix.core.engines import NativeEngine, engine_for
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.fitting.surrogate import SurrogateAccelerator
from gaussmix.testing.random_models import random_mixture

RULE = RemainingGain(1e-6)


def overlapping(n_rows, seed=0):
    truth = Mixture.from_parameters(
        [0.5, 0.3, 0.2],
        [[0, 0], [2.5, 1], [1, 3]],
        [np.eye(2), [[1, 0.7], [0.7, 1]], [[1.5, -0.5], [-0.5, 0.6]]],
    )
    return truth.sample(n_rows, seed)[0], truth


def accelerator_by(update, rows, n_sample, weights=None):
    total = len(rows) if weights is None else weights.sum()
    own = np.ones(n_sample) if weights is None else weights[:n_sample]
    sample = NativeEngine(np.ascontiguousarray(rows[:n_sample]), own * (total / own.sum()))
    return SurrogateAccelerator(update, sample)


@pytest.mark.parametrize("seed", range(3))
def test_few_passes_over_all_rows_reach_the_optimum(seed):
    rows, truth = overlapping(40_000, seed)
    engine, update = NativeEngine(rows), MaximumLikelihood()
    usual = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=Accelerator(update))
    fast = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=accelerator_by(update, rows, 10_000))
    assert fast.stop.is_converged
    assert_allclose(fast.moments.log_likelihood, usual.moments.log_likelihood, atol=1e-4)
    assert fast.n_passes < 0.7 * usual.n_passes
    objectives = np.array([record.log_likelihood for record in fast.history])
    assert (np.diff(objectives) > -1e-12).all()


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_optimum_is_that_of_all_rows_for_every_structure(name):
    rng = np.random.default_rng(0)
    truth = random_mixture(STRUCTURES[name], 3, 3, rng)
    rows, _ = truth.sample(6000, rng)
    engine, update = NativeEngine(rows), MaximumLikelihood()
    usual = fit_em(engine, update, truth, RULE, max_iter=2000, accelerator=Accelerator(update))
    fast = fit_em(engine, update, truth, RULE, max_iter=2000, accelerator=accelerator_by(update, rows, 2000))
    assert_allclose(fast.objective, usual.objective, atol=1e-3)


def test_weights_and_a_prior_count():
    rows, truth = overlapping(20_000)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(rows))
    update = MaximumLikelihood(prior=Prior.chen_tan(50.0, np.eye(2)))
    engine = NativeEngine(rows, weights)
    usual = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=Accelerator(update))
    fast = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=accelerator_by(update, rows, 5000, weights))
    assert_allclose(fast.objective, usual.objective, atol=1e-4)


def test_missing_values_count():
    rows, truth = overlapping(6000)
    rows[np.random.default_rng(2).random(rows.shape) < 0.2] = np.nan
    whole = WeightedRows(rows).informative()
    engine, update = engine_for(whole), MaximumLikelihood()
    some = whole.take(slice(0, 2000))
    sample = engine_for(WeightedRows(some.values, np.full(2000, whole.total / 2000)))
    usual = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=Accelerator(update))
    fast = fit_em(engine, update, truth, RULE, max_iter=1000, accelerator=SurrogateAccelerator(update, sample))
    assert_allclose(fast.objective, usual.objective, atol=1e-4)


@pytest.mark.parametrize("kind", ["few rows", "other rows"])
def test_a_sample_that_misleads_costs_passes_only(kind):
    rows, truth = overlapping(20_000)
    engine, update = NativeEngine(rows), MaximumLikelihood()
    usual = fit_em(engine, update, truth, RULE, max_iter=2000, accelerator=Accelerator(update))
    wrong = rows[:60] if kind == "few rows" else np.random.default_rng(0).normal(3, 4, (500, 2))
    sample = NativeEngine(np.ascontiguousarray(wrong), np.full(len(wrong), len(rows) / len(wrong)))
    fast = fit_em(engine, update, truth, RULE, max_iter=2000, accelerator=SurrogateAccelerator(update, sample))
    assert_allclose(fast.moments.log_likelihood, usual.moments.log_likelihood, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_a_flat_likelihood_ends_with_the_usual_accelerator(seed):
    """Components that overlap so much that corrected sums of the sample stop being those of a mixture."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (37_000, 1)) + rng.normal(0, 0.6, (37_000, 1))
    start = Mixture.from_parameters([0.4, 0.3, 0.3], [[-0.2], [0.9], [2.2]], [[[0.4]], [[0.3]], [[0.3]]])
    engine, update = NativeEngine(rows), MaximumLikelihood()
    usual = fit_em(engine, update, start, RULE, max_iter=3000, accelerator=Accelerator(update))
    fast = fit_em(engine, update, start, RULE, max_iter=3000, accelerator=accelerator_by(update, rows, 2000))
    assert fast.stop.is_converged
    assert fast.n_passes < 2 * usual.n_passes
    assert fast.moments.log_likelihood > usual.moments.log_likelihood - 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_a_component_that_vanishes_on_the_sample_is_held(seed):
    rows, truth = overlapping(40_000, seed)
    engine, update = NativeEngine(rows), MaximumLikelihood()
    accelerator = accelerator_by(update, rows, 400)
    covariances = [*truth.covariance.dense(), 0.02 * np.eye(2)]
    start = Mixture.from_parameters([0.45, 0.28, 0.2, 0.07], [*truth.means, rows[seed]], covariances)
    moments = engine.accumulate(start.whitened())
    proposed = accelerator.propose(start, moments, moments.log_likelihood)
    step = update.maximize(start, moments).mixture
    of_step, of_proposal = (engine.accumulate(one.whitened()).log_likelihood for one in (step, proposed))
    assert of_proposal > of_step
    assert accelerator.step_length == np.inf  # the sample proposed it
