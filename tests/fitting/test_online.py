import numpy as np
import pytest
from numpy.testing import assert_allclose

from gaussmix import Mixture, StoredMoments
from gaussmix.core.covariance import STRUCTURES
from gaussmix.core.engines import NativeEngine
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.online_update import OnlineUpdate
from gaussmix.fitting.spread import Spread
from gaussmix.testing.random_models import random_mixture


def rows_and_start(name):
    rng = np.random.default_rng(3)
    truth = random_mixture(STRUCTURES[name], 3, 3, rng)
    rows, _ = truth.sample(600, rng)
    return rows, random_mixture(STRUCTURES[name], 3, 3, rng)


@pytest.mark.parametrize("name", STRUCTURES)
def test_no_step_lowers_the_objective_and_the_gain_is_a_lower_bound(name):
    rows, mixture = rows_and_start(name)
    past = StoredMoments.of(mixture, rows[:400])
    engine, update = NativeEngine(rows[400:]), OnlineUpdate(MaximumLikelihood(), past)
    for _ in range(15):
        moments = engine.accumulate(mixture.whitened())
        before = moments.log_likelihood + update.log_prior(mixture)
        step = update.maximize(mixture, moments)
        gain = update.gain(mixture, moments, step)
        mixture = step.mixture
        after = engine.accumulate(mixture.whitened()).log_likelihood + update.log_prior(mixture)
        slack = 1e-10 * abs(before)
        assert after >= before - slack
        assert after - before >= gain - slack


def test_without_new_information_the_optimum_of_the_past_stays():
    rows, start = rows_and_start("full")
    engine = NativeEngine(rows)
    update = MaximumLikelihood()
    fit = fit_em(engine, update, start, None, max_iter=2000, accelerator=Accelerator(update))
    past = StoredMoments(fit.mixture, fit.moments)
    online = OnlineUpdate(update, past)
    step = online.maximize(fit.mixture, engine.accumulate(fit.mixture.whitened()))
    assert_allclose(step.mixture.means, fit.mixture.means, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_spread_is_that_of_many_draws(name):
    mixture = random_mixture(STRUCTURES[name], 3, 2, np.random.default_rng(0))
    spread = Spread.of(mixture)
    rows, _ = mixture.sample(200_000, 1)
    root = np.diag(spread.root) if spread.root.ndim == 1 else spread.root
    variances = np.full(2, rows.var(axis=0).mean()) if name == "spherical" else rows.var(axis=0)
    found = np.diag(variances) if spread.root.ndim == 1 else np.cov(rows.T)
    assert_allclose(spread.center, rows.mean(axis=0), atol=0.05)
    assert_allclose(root @ root.T, found, rtol=0.05, atol=0.05)


def test_spread_within_one_component_is_its_covariance():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    spread = Spread.of(Mixture.from_parameters([1.0], [[3.0, 4.0]], [covariance]))
    assert_allclose(spread.root @ spread.root.T, covariance, rtol=1e-14)
    assert_allclose(spread.root_within, spread.root)
