"""Steps of mixtures of t distributions: against exact arithmetic, and what every fit must do."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from gaussmix.core.covariance import MODELS, STRUCTURES
from gaussmix.core.engines import IncompleteEngine, NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import LEAST_DEGREES
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import RemainingGain
from gaussmix.testing.random_models import random_mixture


def problem(structure, k, d, degrees, n=120, seed=0):
    """Return rows of t distributions, and a start beside the truth."""
    rng = np.random.default_rng(seed)
    plain = random_mixture(STRUCTURES[structure], k, d, rng)
    truth = plain.with_components(plain.weights, plain.means, plain.covariance, np.resize(degrees, k))
    rows, _ = truth.sample(n, rng)
    means = plain.means + 0.3 * rng.standard_normal(plain.means.shape)
    return rows, truth.with_components(plain.weights, means, plain.covariance, np.full(k, 8.0))


def exact_step(mixture, rows, rule, *, shared_volume):
    """Return weights, means, scale matrices and degrees of freedom after a step, with 40 digits."""
    k, d = mixture.means.shape
    n = len(rows)
    with mpmath.workdps(40):
        matrices = [mpmath.matrix(matrix.tolist()) for matrix in mixture.covariance.dense()]
        nus = [mpmath.mpf(float(nu)) for nu in mixture.degrees_of_freedom]
        logs, us = [], []
        for row in rows:
            log, u = [], []
            for c in range(k):
                apart = mpmath.matrix([mpmath.mpf(row[j]) - mpmath.mpf(mixture.means[c, j]) for j in range(d)])
                square, nu = (apart.T * matrices[c] ** -1 * apart)[0], nus[c]
                constant = mpmath.loggamma((nu + d) / 2) - mpmath.loggamma(nu / 2) - d * mpmath.log(nu * mpmath.pi) / 2
                constant += mpmath.log(mixture.weights[c]) - mpmath.log(mpmath.det(matrices[c])) / 2
                log.append(constant - (nu + d) / 2 * mpmath.log1p(square / nu))
                u.append((nu + d) / (nu + square))
            total = mpmath.log(sum(mpmath.exp(value) for value in log))
            logs.append([mpmath.exp(value - total) for value in log])
            us.append(u)
        counts = [sum(r[c] for r in logs) for c in range(k)]
        scaled = [sum(r[c] * u[c] for r, u in zip(logs, us, strict=True)) for c in range(k)]
        alpha = [scaled[c] / counts[c] for c in range(k)]
        if shared_volume:
            common = sum(nus[c] * scaled[c] for c in range(k)) / sum(nus[c] * counts[c] for c in range(k))
            alpha = [common] * k
        means, scatters, excess = [], [], []
        for c in range(k):
            weighted = [(r[c] * u[c], mpmath.matrix(row.tolist())) for r, u, row in zip(logs, us, rows, strict=True)]
            center = sum((w * x for w, x in weighted), mpmath.zeros(d, 1)) / scaled[c]
            means.append(center)
            outer = sum((w * (x - center) * (x - center).T for w, x in weighted), mpmath.zeros(d, d))
            scatters.append(outer / alpha[c])
            known = mpmath.digamma((nus[c] + d) / 2) - mpmath.log((nus[c] + d) / 2)
            expected = sum(r[c] * (mpmath.log(u[c]) + known) for r, u in zip(logs, us, strict=True)) / counts[c]
            excess.append(scaled[c] / counts[c] / alpha[c] - 1 - expected + mpmath.log(alpha[c]))
        if rule == "shared":
            mean = sum(counts[c] * excess[c] for c in range(k)) / sum(counts)
            excess = [mean] * k
        found = [
            mpmath.findroot(lambda nu, c=c: mpmath.log(nu / 2) - mpmath.digamma(nu / 2) - excess[c], 1 / excess[c])
            for c in range(k)
        ]
        if shared_volume:
            pooled = sum(scatters, mpmath.zeros(d, d)) / sum(counts)
            new = [pooled] * k
        else:
            new = [scatters[c] / counts[c] for c in range(k)]
        floats = lambda matrix: np.array(matrix.tolist(), dtype=float)  # noqa: E731
        return (
            np.array([float(count / n) for count in counts]),
            np.stack([floats(mean)[:, 0] for mean in means]),
            np.stack([floats(matrix) for matrix in new]),
            np.array([float(nu) for nu in found]),
        )


@pytest.mark.parametrize("rule", ["each", "shared", "fixed"])
@pytest.mark.parametrize(("structure", "k", "d"), [("full", 2, 3), ("tied", 3, 2), ("full", 1, 1), ("full", 3, 2)])
def test_a_step_agrees_with_exact_arithmetic(structure, k, d, rule):
    rows, start = problem(structure, k, d, [4.0], n=40, seed=k + d)
    update = MaximumLikelihood(degrees=rule)
    step = update.maximize(start, NativeEngine(rows).accumulate(start.whitened())).mixture
    weights, means, matrices, degrees = exact_step(start, rows, rule, shared_volume=structure == "tied")
    scale = np.abs(rows).max()
    assert_allclose(step.weights, weights, rtol=0, atol=1e-13)
    assert_allclose(step.means, means, rtol=0, atol=1e-13 * scale)
    assert_allclose(step.covariance.dense(), matrices, rtol=0, atol=1e-12 * scale**2)
    assert_allclose(step.degrees_of_freedom, start.degrees_of_freedom if rule == "fixed" else degrees, rtol=1e-11)


FITS = [(name, rule) for name in sorted(MODELS) for rule in ("each", "shared", "fixed")]


@pytest.mark.parametrize(("structure", "rule"), FITS[:42])
def test_the_likelihood_never_falls(structure, rule):
    rows, start = problem(structure, 3, 3, [2.0, 5.0, 40.0], seed=len(structure) + len(rule))
    fit = fit_em(NativeEngine(rows), MaximumLikelihood(degrees=rule), start, None, max_iter=30)
    changes = np.diff([record.log_likelihood for record in fit.history]) * len(rows)
    assert changes.min() > -1e-9
    assert fit.mixture.covariance_type == start.covariance_type
    again = fit_em(NativeEngine(rows), MaximumLikelihood(degrees=rule), start, RemainingGain(1e-6), max_iter=500)
    assert again.stop.is_converged or again.objective >= fit.objective - 1e-6


@pytest.mark.parametrize("structure", ["full", "tied", "VEI", "EVE", "spherical"])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_gain_is_a_lower_bound_for_given_degrees(structure, share):
    rows, start = problem(structure, 2, 4, [3.0, 10.0], seed=5)
    rows = np.where(np.random.default_rng(1).random(rows.shape) < share, np.nan, rows)
    rows = rows[~np.isnan(rows).all(axis=1)]
    engine, update = IncompleteEngine(WeightedRows(rows)), MaximumLikelihood()
    fit = fit_em(engine, update, start, RemainingGain(1e-7), max_iter=60)
    objectives = np.array([record.log_likelihood for record in fit.history]) * len(rows)
    gains = np.array([record.gain for record in fit.history])[:-1]
    assert (np.diff(objectives) >= gains - 1e-9).all()
    assert (gains > -1e-9).all()


@pytest.mark.parametrize(
    "prior", [Prior.chen_tan(0.5, np.eye(3)), Prior.inverse_wishart("full", np.eye(3), np.zeros(3), 2)]
)
def test_the_objective_with_a_prior_never_falls(prior):
    rows, start = problem("full", 2, 3, [2.0, 6.0], n=60)
    update, objectives = MaximumLikelihood(prior=prior, degrees="each"), []
    mixture = start
    for _ in range(60):
        moments = NativeEngine(rows).accumulate(mixture.whitened())
        objectives.append(moments.log_likelihood + update.log_prior(mixture))
        mixture = update.maximize(mixture, moments).mixture
    assert np.diff(objectives).min() > -1e-9


@pytest.mark.parametrize("rule", ["each", "shared"])
@pytest.mark.parametrize("structure", ["full", "tied", "diag", "VEV"])
def test_an_accelerated_fit_ends_where_the_gradient_is_zero(structure, rule):
    rows, start = problem(structure, 2, 3, [3.0, 9.0], n=400, seed=3)
    update = MaximumLikelihood(degrees=rule)
    fit = fit_em(NativeEngine(rows), update, start, RemainingGain(1e-9), max_iter=2000, accelerator=Accelerator(update))
    moments, counts = fit.moments, fit.moments.counts
    slopes = moments.slopes if rule == "each" else np.array([moments.slopes.sum()])
    inside = np.isfinite(fit.mixture.degrees_of_freedom[: len(slopes)])
    assert np.abs(slopes[inside] / np.sqrt(counts.sum())).max(initial=0) < 1e-2
    assert np.abs(moments.shifts / np.sqrt(counts)[:, None]).max() < 1e-3
    plain = fit_em(NativeEngine(rows), update, start, RemainingGain(1e-9), max_iter=3000)
    assert fit.objective >= plain.objective - 1e-3


def test_light_tails_lead_to_infinite_degrees_of_freedom():
    rng = np.random.default_rng(2)
    update = MaximumLikelihood(degrees="each")
    light = rng.uniform(-1, 1, (300, 2))
    start = Mixture.from_parameters([1.0], [[0.1, 0.0]], np.eye(2)[None], degrees_of_freedom=5.0)
    fit = fit_em(NativeEngine(light), update, start, RemainingGain(), max_iter=500, accelerator=Accelerator(update))
    assert np.isinf(fit.mixture.degrees_of_freedom).all()
    assert fit.stop.is_converged
    center = light - light.mean(axis=0)
    assert_allclose(fit.mixture.covariance.covariances[0], center.T @ center / len(light), rtol=1e-6)


def test_infinite_degrees_are_left_where_the_tails_are_heavy():
    rng = np.random.default_rng(4)
    rows = rng.standard_t(4, (500, 1))
    update = MaximumLikelihood(degrees="each")
    start = Mixture.from_parameters([1.0], [[0.0]], [[[2.0]]], degrees_of_freedom=np.inf)
    fit = fit_em(NativeEngine(rows), update, start, RemainingGain(), max_iter=500, accelerator=Accelerator(update))
    assert 2 < fit.mixture.degrees_of_freedom[0] < 8


def test_degrees_of_freedom_have_a_lower_bound():
    rng = np.random.default_rng(6)
    rows = np.sign(rng.standard_normal(200))[:, None] * np.exp(rng.exponential(4, 200))[:, None]
    update = MaximumLikelihood(degrees="each")
    start = Mixture.from_parameters([1.0], [[0.0]], [[[2.0]]], degrees_of_freedom=5.0)
    fit = fit_em(NativeEngine(rows), update, start, RemainingGain(), max_iter=500, accelerator=Accelerator(update))
    assert fit.mixture.degrees_of_freedom[0] == LEAST_DEGREES


def test_the_normal_limit_is_the_normal_step():
    rows, start = problem("full", 3, 3, [np.inf])
    update = MaximumLikelihood()
    normal = Mixture(start.weights, start.means, start.covariance)
    step = update.maximize(normal, NativeEngine(rows).accumulate(normal.whitened())).mixture
    for degrees, tolerance in ((np.inf, 1e-13), (1e12, 1e-8)):
        near = start.with_components(start.weights, start.means, start.covariance, np.full(3, degrees))
        found = update.maximize(near, NativeEngine(rows).accumulate(near.whitened())).mixture
        assert_allclose(found.means, step.means, rtol=0, atol=tolerance * np.abs(rows).max())
        assert_allclose(found.covariance.dense(), step.covariance.dense(), rtol=tolerance)
