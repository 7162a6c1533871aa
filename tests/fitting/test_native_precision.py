"""The compiled M-step forms covariances: what that costs in digits, beside the Python one, which does not.

Observed, over these tables and ten seeds each: a covariance differs from the Python one by at most 2 epsilon times its
condition number, in whitened units, or by 5e-10 where an inner iteration ends at a change of 1e-10. Condition numbers
are those of the correlation matrix. EVE and VVE are left out: their rotations go on in the next M-step.
"""

import numpy as np
import pytest

from gaussmix.core.covariance import MODELS
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import RemainingGain

EPSILON = np.finfo(np.float64).eps
STRUCTURES = ["VVV", "EEE", "VEE", "EVV", "EEV", "VEV"]
CONDITIONS = [1e4, 1e8, 1e12]


def ill_conditioned(condition, d, seed):
    """600 rows of two components with covariances of this condition number in random directions, and soft labels."""
    rng = np.random.default_rng(seed)
    parts = []
    for component in range(2):
        axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
        root = axes * np.sqrt(np.geomspace(1.0, 1 / condition, d))
        parts.append((rng.standard_normal((300, d)) + 1.5 * component * rng.standard_normal(d)) @ root.T)
    table = np.repeat([[0.8, 0.2], [0.2, 0.8]], 300, axis=0)
    return np.concatenate(parts), table[None]


@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("letters", STRUCTURES)
def test_the_error_of_a_step_is_epsilon_times_the_condition_number(letters, condition, with_prior):
    for seed, d in enumerate((2, 4, 8)):
        rows, table = ill_conditioned(condition, d, seed)
        prior = Prior.chen_tan(1e-10, np.linalg.cholesky(np.cov(rows.T))) if with_prior else None
        update = MaximumLikelihood(prior=prior)
        first, second = (
            fit_em_batch(WeightedRows(rows), MODELS[letters], table, update, BatchSettings(most, 1e-9)).mixture(0)
            for most in (1, 2)
        )
        expected = update.maximize(first, NativeEngine(rows).accumulate(first.whitened())).mixture
        bound = 4 * EPSILON * condition + 2e-9
        roots = np.broadcast_to(expected.covariance.roots, (2, d, d))
        turned = np.linalg.solve(roots, np.broadcast_to(second.covariance.roots, (2, d, d)))
        apart = np.linalg.norm(turned @ turned.transpose(0, 2, 1) - np.eye(d), ord=2, axis=(1, 2))
        assert apart.max() < bound
        moved = np.linalg.solve(roots, (second.means - expected.means)[:, :, None])
        assert np.abs(moved).max() < bound


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("letters", ["VVV", "EEE"])
def test_errors_do_not_accumulate(letters, condition):
    """A run ends where the Python loop finds nothing more to gain, and its likelihood is that of its parameters."""
    update = MaximumLikelihood()
    for seed, d in enumerate((2, 4, 8)):
        rows, table = ill_conditioned(condition, d, seed)
        found = fit_em_batch(WeightedRows(rows), MODELS[letters], table, update, BatchSettings(2000, 1e-6))
        engine, mixture = NativeEngine(rows), found.mixture(0)
        own = engine.accumulate(mixture.whitened()).log_likelihood
        assert found.log_likelihoods[0] == pytest.approx(own, rel=1e-12)
        further = fit_em(engine, update, mixture, RemainingGain(1e-8), max_iter=2000, accelerator=Accelerator(update))
        assert further.objective == pytest.approx(found.objectives[0], abs=1e-5)


@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI"])
def test_units_of_the_features_cost_no_bit_of_a_step(letters):
    rows, table = ill_conditioned(1e4, 4, 0)
    units = 2.0 ** np.array([0, 20, -20, 7])
    plain, scaled = (
        fit_em_batch(WeightedRows(data), MODELS[letters], table, MaximumLikelihood(), BatchSettings(1, 1.0)).roots[0]
        for data in (rows, rows * units)
    )
    np.testing.assert_array_equal(scaled, units[:, None] * plain)
