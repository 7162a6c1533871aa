"""What a pass for factor covariances knows of an earlier one saves scores, and changes no bit."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.factor_lengths import FactorLengths, are_worth_keeping
from gaussmix.core.engines.factor_pass import accumulate_factors
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.factor_acceleration import FactorAccelerator
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.testing.random_models import random_factors

D, K, Q = 70, 3, 2


def random_model(seed, apart=1.0, like=None):
    rng = np.random.default_rng(seed)
    covariance = random_factors(covariance_class(f"factor({Q})"), K, D, rng)
    means, weights = apart * rng.standard_normal((K, D)), rng.dirichlet(np.full(K, 5.0))
    if like is None:
        return Mixture(weights, means, covariance)
    share = 0.1  # of the way from another mixture
    noise = like.covariance.noise_variances ** (1 - share) * covariance.noise_variances**share
    loadings = like.covariance.loadings + share * covariance.loadings
    covariance = type(covariance).from_parts(noise, loadings)
    return Mixture(weights, like.means + share * means, covariance)


def lengths_of(rows, mixture):
    """Return the lengths (n, k) of whitened rows, by dense matrices."""
    lengths = []
    for mean, dense in zip(mixture.means, mixture.covariance.dense(), strict=True):
        about = rows - mean
        lengths.append(np.sqrt((about * np.linalg.solve(dense, about.T).T).sum(axis=1)))
    return np.stack(lengths, axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_bounds_are_below_the_lengths(seed):
    before = random_model(seed)
    rows = WeightedRows(before.sample(500, seed)[0])
    for after in (before, random_model(seed + 10, like=before), random_model(seed + 20)):
        _, known = accumulate_factors(rows, before.whitened(), None, None)
        moves, scales = known.changes(after.whitened())
        bounds = np.maximum(known.least - moves, 0) * scales
        assert (bounds <= lengths_of(rows.values, after)).all()
        _, later = accumulate_factors(rows, after.whitened(), None, known)
        assert (later.least <= lengths_of(rows.values, after)).all()
        if after is before:
            assert (later.least > 0.999 * lengths_of(rows.values, before)).all()


@pytest.mark.parametrize("kind", [np.float64, np.float32, "weights", "one row"])
def test_sums_have_the_bits_of_a_pass_that_knows_nothing(kind):
    mixtures = [random_model(0)]
    for seed in range(1, 5):
        mixtures.append(random_model(seed, like=mixtures[-1]))
    mixtures.append(random_model(9))
    rows, weights = mixtures[0].sample(1500, 0)[0], None
    if kind == "weights":
        weights = np.random.default_rng(1).integers(0, 3, len(rows)).astype(float)
    elif kind == "one row":
        rows = rows[:1]
    else:
        rows = rows.astype(kind)
    engine = NativeEngine(rows, weights)
    for mixture in mixtures:
        found, expected = (one.accumulate(mixture.whitened()) for one in (engine, NativeEngine(rows, weights)))
        for name in ("counts", "shifts", "scatter", "log_likelihood", "entropy"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_a_run_of_em_has_the_bits_of_passes_that_know_nothing():
    rows = random_model(0, apart=0.3).sample(1200, 0)[0]

    class Forgetful(NativeEngine):
        def accumulate(self, mixture, log_prior=None, *, rough=False):
            return NativeEngine(rows).accumulate(mixture, log_prior, rough=rough)

    update, start = FactorUpdate.of("auto", rows.var(axis=0)), random_model(1, apart=0.3)
    fits = [
        fit_em(engine, update, start, None, max_iter=25, accelerator=FactorAccelerator(update))
        for engine in (NativeEngine(rows), Forgetful(rows))
    ]
    assert fits[0].objective == fits[1].objective
    assert (fits[0].mixture.covariance.roots == fits[1].mixture.covariance.roots).all()


def test_bounds_of_a_singular_change_are_zero():
    before, after = random_model(0), random_model(1)
    factors = after.whitened().factors.copy()
    factors[0, 0, 0] = 1e-320  # a variance that overflows
    lengths = FactorLengths.empty(before.whitened(), 3)
    with np.errstate(all="ignore"):
        moves, scales = lengths.changes(
            type(before.whitened())("factor", after.whitened().offsets, after.means, factors)
        )
    assert (scales == 0).all()
    assert (moves == 0).all()


@pytest.mark.parametrize(("shape", "k", "expected"), [((9, 784), 10, True), ((9, 20), 2, False), ((9, 64), 40, False)])
def test_bounds_take_little_memory(shape, k, expected):
    assert are_worth_keeping(np.zeros(shape), k) is expected
