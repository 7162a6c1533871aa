"""Accelerated EM: the same place in fewer passes, an objective that never falls, exact sums in other units."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.fitting.acceleration import Accelerator, in_units_of
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import RemainingGain

LONG = np.longdouble


def start_for(rows, k, structure, update, row_weights=None, seed=0):
    membership = draw_membership(NativeEngine(rows, row_weights), k, "kmeans", np.random.RandomState(seed))
    return mixture_from_membership(membership, covariance_class(structure), update)


def fitted(rows, update, start, accelerator=None, row_weights=None):
    engine = NativeEngine(rows, row_weights)
    return fit_em(engine, update, start, RemainingGain(1e-9), max_iter=20_000, accelerator=accelerator)


def assert_rises(fit):
    reached = np.array([record.log_likelihood for record in fit.history])
    assert (np.diff(reached) >= -1e-12 * np.abs(reached[1:])).all()


@pytest.mark.slow
@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
@pytest.mark.parametrize("table", ["iris", "wine", "blobs", "wide", "line"])
def test_ends_at_the_top_that_plain_em_does_and_never_falls(table, structure):
    rows, k = TABLES[table]
    update = MaximumLikelihood()
    start = start_for(rows, k, structure, update)
    plain, quick = (fitted(rows, update, start, accelerator) for accelerator in (None, Accelerator(update)))
    assert plain.stop.is_converged
    assert quick.stop.is_converged
    assert_rises(quick)
    assert quick.n_passes <= 1.15 * plain.n_passes
    assert fitted(rows, update, quick.mixture).objective == pytest.approx(quick.objective, abs=1e-6)
    assert quick.objective == pytest.approx(plain.objective, abs=1e-6)
    np.testing.assert_allclose(quick.mixture.means, plain.mixture.means, atol=1e-3 * rows.std())
    np.testing.assert_allclose(quick.mixture.weights, plain.mixture.weights, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
@pytest.mark.parametrize("options", [{}, {"memory": 0}, {"squared": False}], ids=["both", "squared", "newton"])
def test_takes_far_fewer_passes_where_em_is_slow(structure, options):
    rows, k = TABLES["overlapping"]
    update = MaximumLikelihood(1e-6)
    start = start_for(rows, k, structure, update)
    plain, quick = fitted(rows, update, start), fitted(rows, update, start, Accelerator(update, **options))
    assert_rises(quick)
    assert quick.objective > plain.objective - 1e-6
    assert 2 * quick.n_passes < plain.n_passes


@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
@pytest.mark.parametrize("kind", ["chen_tan", "inverse_wishart", "ridge", "row_weights"])
def test_works_with_priors_ridges_and_row_weights(structure, kind):
    rows, k = TABLES["iris"]
    root = np.linalg.cholesky(np.cov(rows.T))
    form = covariance_class(structure).form
    update = {
        "chen_tan": MaximumLikelihood(prior=Prior.chen_tan(1.0, root)),
        "inverse_wishart": MaximumLikelihood(prior=Prior.inverse_wishart(form, root, rows.mean(axis=0), k)),
        "ridge": MaximumLikelihood(1e-3),
        "row_weights": MaximumLikelihood(),
    }[kind]
    row_weights = np.random.default_rng(0).uniform(0.5, 3.0, len(rows)) if kind == "row_weights" else None
    start = start_for(rows, k, structure, update, row_weights)
    plain = fitted(rows, update, start, None, row_weights)
    quick = fitted(rows, update, start, Accelerator(update), row_weights)
    assert quick.stop.is_converged
    assert quick.objective >= plain.objective - 1e-6
    assert quick.objective == pytest.approx(quick.moments.log_likelihood + update.log_prior(quick.mixture), rel=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
def test_an_empty_component_stays_empty(structure):
    rows, k = TABLES["overlapping"]
    update = MaximumLikelihood(1e-6)
    start = start_for(rows, k + 1, structure, update)
    weights = np.array([*start.weights[:-1] / start.weights[:-1].sum(), 0.0])
    fit = fitted(rows, update, Mixture(weights, start.means, start.covariance), Accelerator(update))
    assert fit.mixture.weights[-1] == 0
    assert np.isfinite(fit.objective)
    assert_rises(fit)
    without = Mixture(weights[:-1], start.means[:-1], start.covariance.take(range(k)))
    plain = fitted(rows, update, without)
    assert fit.objective >= plain.objective - 1e-6


def direct_sums(rows, shares, mixture):
    """Counts, shifts and scatter in extended precision, from the rows themselves."""
    rows, shares = rows.astype(LONG), shares.astype(LONG)
    factors = mixture.covariance.factors().astype(LONG)
    k = mixture.n_components
    counts, shifts, scatter = [], [], []
    for component in range(k):
        away = rows - mixture.means[component].astype(LONG)
        match mixture.covariance.form:
            case "full":
                white = away @ factors[component]
            case "tied":
                white = away @ factors
            case _:
                white = away * factors[component]
        weighted = shares[:, component, None] * white
        counts.append(shares[:, component].sum())
        shifts.append(weighted.sum(axis=0))
        match mixture.covariance.form:
            case "full" | "tied":
                scatter.append(weighted.T @ white)
            case "diagonal":
                scatter.append((weighted * white).sum(axis=0))
            case "spherical":
                scatter.append((weighted * white).sum())
    total = np.sum(scatter, axis=0) if mixture.covariance.form == "tied" else np.stack(scatter)
    return np.array(counts), np.stack(shifts), total


def two_mixtures(structure):
    """Rows, a mixture, and one some steps of EM away, to take sums of its in the first one's units."""
    rows, k = TABLES["overlapping"]
    update = MaximumLikelihood()
    anchor = start_for(rows, k, structure, update)
    engine, mixture = NativeEngine(rows), anchor
    for _ in range(5):
        mixture = update.maximize(mixture, engine.accumulate(mixture.whitened())).mixture
    return rows, anchor, mixture, engine.accumulate(mixture.whitened())


@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
def test_sums_move_exactly_between_anchors(structure):
    rows, anchor, mixture, moments = two_mixtures(structure)
    moved = in_units_of(anchor, moments, mixture)
    expected = direct_sums(rows, mixture.responsibilities(rows), anchor)
    for found, wanted in zip((moved.counts, moved.shifts, moved.scatter), expected, strict=True):
        np.testing.assert_allclose(found, wanted.astype(float), rtol=1e-11, atol=1e-10)
    back = in_units_of(mixture, moved, anchor)
    for name in ("counts", "shifts", "scatter"):
        np.testing.assert_allclose(getattr(back, name), getattr(moments, name), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
def test_a_proposal_is_the_m_step_of_the_same_combination_of_raw_sums(structure):
    """Combining in the units of an anchor, and then maximizing, equals combining raw sums of the rows."""
    rows, anchor, mixture, moments = two_mixtures(structure)
    update = MaximumLikelihood()
    first = NativeEngine(rows).accumulate(anchor.whitened())
    share = 1.3  # an extrapolation
    vector = share * in_units_of(anchor, moments, mixture).flat()
    vector = vector + (1 - share) * first.flat()
    ours = update.maximize(anchor, Moments.from_flat(vector, anchor.covariance.form, *anchor.means.shape)).mixture

    shares = (share * mixture.responsibilities(rows) + (1 - share) * anchor.responsibilities(rows)).astype(LONG)
    counts = shares.sum(axis=0)
    means = shares.T @ rows.astype(LONG) / counts[:, None]
    away = [rows - mean for mean in means]
    scatter = np.stack([(shares[:, j, None] * away[j]).T @ away[j] for j in range(len(means))])
    expected = {
        "full": scatter / counts[:, None, None],
        "tied": scatter.sum(axis=0) / counts.sum(),
        "diag": np.einsum("kii->ki", scatter) / counts[:, None],
        "spherical": np.einsum("kii->k", scatter) / (rows.shape[1] * counts),
    }[structure]
    np.testing.assert_allclose(ours.weights, (counts / counts.sum()).astype(float), rtol=1e-11)
    np.testing.assert_allclose(ours.means, means.astype(float), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(ours.covariance.covariances, expected.astype(float), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("structure", COVARIANCE_TYPES)
def test_the_gain_of_a_step_is_half_its_squared_length(structure):
    """The metric is Fisher's: near the top, to second order."""
    rows, k = TABLES["overlapping"]
    update, engine = MaximumLikelihood(), NativeEngine(rows)
    mixture = start_for(rows, k, structure, update)
    for _ in range(30):
        before, moments = mixture, engine.accumulate(mixture.whitened())
        mixture = update.maximize(mixture, moments).mixture
    following = engine.accumulate(mixture.whitened())
    gain = update.gain(mixture, following, update.maximize(mixture, following))
    sums = in_units_of(mixture, moments, before).flat()
    residual = (following.flat() - sums) * following.fisher_scales()
    assert 1e-6 < gain < 1
    assert 0.5 * residual @ residual == pytest.approx(gain, rel=0.02)
