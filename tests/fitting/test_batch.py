"""Batched EM: steps are those of the Python loop, the objective never falls, and runs are independent."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.datasets import TABLES
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from threadpoolctl import threadpool_limits

from gaussmix.core.covariance import MODELS
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.refit import refit
from gaussmix.fitting.sequential_batch import batch_method, fit_em_one_by_one
from gaussmix.fitting.stopping import RemainingGain


def memberships(rows, n_components, n_starts=1, seed=0):
    """(m, n, k) responsibilities that fall off with the distance from k random rows."""
    rng = np.random.default_rng(seed)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    tables = []
    for _ in range(n_starts):
        centers = scaled[rng.choice(len(rows), n_components, replace=False)]
        scores = -0.5 * ((scaled[:, None, :] - centers) ** 2).sum(axis=2)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        tables.append(shares / shares.sum(axis=1, keepdims=True))
    return np.stack(tables)


def updates(rows):
    root = np.linalg.cholesky(np.atleast_2d(np.cov(rows.T)))
    return {
        "none": MaximumLikelihood(),
        "ridge": MaximumLikelihood(1e-3),
        "prior": MaximumLikelihood(1e-6, Prior.chen_tan(0.3, root)),
    }


def run(rows, letters, tables, update=None, row_weights=None, method=fit_em_batch, **options):
    settings = BatchSettings(**({"max_iter": 2000, "nats": 1e-6} | options))
    return method(WeightedRows(rows, row_weights), MODELS[letters], tables, update or MaximumLikelihood(), settings)


@pytest.mark.parametrize("penalty", ["none", "ridge", "prior"])
@pytest.mark.parametrize("letters", MODELS)
def test_a_step_is_that_of_the_python_loop(letters, penalty):
    for name in ("iris", "wide", "line"):
        rows, k = TABLES[name]
        update = updates(rows)[penalty]
        row_weights = np.random.default_rng(5).uniform(0.5, 2, len(rows))
        tables = memberships(rows, k)
        first, second = (run(rows, letters, tables, update, row_weights, max_iter=most) for most in (1, 2))
        engine, mixture = NativeEngine(rows, row_weights), first.mixture(0)
        moments = engine.accumulate(mixture.whitened())
        assert first.log_likelihoods[0] == pytest.approx(moments.log_likelihood, rel=1e-11)
        objective = moments.log_likelihood + update.log_prior(mixture)
        assert first.objectives[0] == pytest.approx(objective, rel=1e-11)
        step, found = update.maximize(mixture, moments), second.mixture(0)
        scale, expected = np.abs(rows).max(), step.mixture
        np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-9)
        np.testing.assert_allclose(found.means, expected.means, rtol=0, atol=1e-9 * scale)
        if letters in ("EVE", "VVE"):  # rotations to common axes go on in the next step
            gains = [update.gain(mixture, moments, replace(step, mixture=to)) for to in (found, expected)]
            assert gains[0] > 0.8 * gains[1]
        else:
            found, expected = found.covariance.dense(), expected.covariance.dense()
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale**2)


def test_the_first_parameters_are_the_table():
    rows, k = TABLES["blobs"]
    table = memberships(rows, k)
    found = run(rows, "VVV", table, max_iter=1)
    counts = table[0].sum(axis=0)
    np.testing.assert_allclose(found.weights[0], counts / len(rows), rtol=1e-12)
    np.testing.assert_allclose(found.means[0], table[0].T @ rows / counts[:, None], rtol=1e-12)
    for component in range(k):
        expected = np.cov(rows.T, aweights=table[0][:, component], ddof=0)
        np.testing.assert_allclose(found.mixture(0).covariance.dense()[component], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("letters", MODELS)
def test_the_objective_never_falls(letters, accelerate):
    rows, k = TABLES["overlapping"]
    tables = memberships(rows, k, 2, seed=3)
    update = updates(rows)["prior"]
    objectives = np.stack(
        [run(rows, letters, tables, update, max_iter=most, accelerate=accelerate).objectives for most in range(1, 30)]
    )
    assert (np.diff(objectives, axis=0) >= -1e-10 * np.abs(objectives[:-1])).all()


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("letters", MODELS)
def test_runs_end_where_fit_em_ends(letters, accelerate):
    rows, k = TABLES["iris"]
    update = updates(rows)["prior"]
    found = run(rows, letters, memberships(rows, k), update, accelerate=accelerate)
    further = fit_em(NativeEngine(rows), update, found.mixture(0), RemainingGain(1e-8), max_iter=2000)
    assert found.objectives[0] == pytest.approx(further.objective, abs=1e-5)
    start = run(rows, letters, memberships(rows, k), update, max_iter=1).mixture(0)
    other = fit_em(NativeEngine(rows), update, start, RemainingGain(1e-6), max_iter=2000)
    if not accelerate:
        assert found.objectives[0] == pytest.approx(other.objective, abs=1e-4)
        assert found.n_passes[0] == pytest.approx(other.n_passes, abs=2)


def narrow_groups():
    """Return rows of six groups, one of them with fewer rows than columns, in mixed units."""
    rng = np.random.default_rng(0)
    groups = [
        rng.standard_normal((n, 12)) @ (np.eye(12) + 0.3 * rng.standard_normal((12, 12))) + 2 * rng.standard_normal(12)
        for n in (60, 50, 40, 30, 20, 8)
    ]
    return np.vstack(groups) * 10 ** rng.uniform(-2, 2, 12)


@pytest.mark.parametrize("letters", ["EVE", "VVE"])
@pytest.mark.parametrize(
    ("rows", "k"),
    [
        (load_wine().data, 5),
        (load_breast_cancer().data[:150, :10], 4),
        (load_diabetes().data[:160], 4),
        (narrow_groups(), 8),
    ],
    ids=["wine", "cancer", "diabetes", "groups"],
)
def test_runs_with_common_axes_do_not_end_early_at_nearly_singular_covariances(rows, k, letters):
    update = MaximumLikelihood(0.0, Prior.chen_tan(1e-10, np.linalg.cholesky(np.cov(rows.T))))
    found = run(rows, letters, memberships(rows, k, 20), update, max_iter=15, nats=1e-7, accelerate=False)
    assert (found.n_passes == 15).all()


def test_acceleration_saves_passes_and_ends_at_the_same_optimum():
    rows, k = TABLES["overlapping"]
    for letters in ("VVV", "EEE", "VEV", "VVE"):
        tables = memberships(rows, k, 5)
        plain, faster = (run(rows, letters, tables, accelerate=accelerate) for accelerate in (False, True))
        assert faster.n_passes.sum() < 0.6 * plain.n_passes.sum()
        assert np.median(np.abs(faster.objectives - plain.objectives)) < 1e-4  # a few end at another optimum


@pytest.mark.parametrize("letters", ["VVV", "EEE", "VVI", "VII", "VEE", "EVE", "EEV"])
def test_weights_are_rows_that_repeat(letters):
    rows, k = TABLES["blobs"]
    rows = rows[:200]
    times = np.random.default_rng(0).integers(0, 4, len(rows))
    tables = memberships(rows, k, 2)
    weighted = run(rows, letters, tables, row_weights=times.astype(float))
    repeated = run(np.repeat(rows, times, axis=0), letters, np.repeat(tables, times, axis=1))
    np.testing.assert_allclose(weighted.objectives, repeated.objectives, rtol=1e-8)
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("letters", MODELS)
def test_same_bits_for_any_number_of_threads_and_of_runs(letters):
    rows, k = TABLES["wide"]
    tables = memberships(rows, k, 4)
    results = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="openmp"):
            results.append(run(rows, letters, tables, max_iter=40))
    alone = [run(rows, letters, tables[[i]], max_iter=40) for i in range(4)]
    for name in ("weights", "means", "roots", "objectives", "log_likelihoods", "n_passes"):
        one, two = (getattr(result, name) for result in results)
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, np.concatenate([getattr(result, name) for result in alone]))


def test_failed_runs_do_not_affect_the_others():
    rows, k = TABLES["iris"]
    good = memberships(rows, k, 2)
    empty, tiny = good[0].copy(), np.zeros_like(good[0])
    empty[:, 0] += empty[:, 1]
    empty[:, 1] = 0.0
    tiny[:, 0] = 1.0
    tiny[:2], tiny[2:4] = [0, 1, 0], [0, 0, 1]
    unknown = np.full_like(good[0], np.nan)
    found = run(rows, "VVV", np.stack([empty, good[0], tiny, unknown, good[1]]))
    np.testing.assert_array_equal(found.objectives == -np.inf, [True, False, True, True, False])
    np.testing.assert_array_equal(found.log_likelihoods == -np.inf, found.objectives == -np.inf)
    for name in ("weights", "means", "roots"):
        values = getattr(found, name)
        assert (values[[0, 2, 3]] == 0).all()
        np.testing.assert_array_equal(values[[1, 4]], getattr(run(rows, "VVV", good), name))
    assert found.objectives.argmax() in (1, 4)
    with pytest.raises(ValueError, match="run 0 failed on a singular covariance or an empty component"):
        found.mixture(0)


def test_a_run_that_collapses_has_failed():
    """On repeated rows a component shrinks to a point, if volumes vary."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.standard_normal((60, 2)), np.full((5, 2), 8.0)])
    table = np.zeros((1, 65, 2))
    table[0, :58, 0] = 1.0
    table[0, 58:, 1] = 1.0
    for letters in ("VVV", "VII", "VVI", "VEE", "VVE", "VEV"):
        assert run(rows, letters, table).objectives[0] == -np.inf
    for letters in ("EEE", "EII", "EEV", "EEI", "EVV"):
        assert np.isfinite(run(rows, letters, table).objectives[0])


@pytest.mark.parametrize("letters", MODELS)
def test_offset_and_units_do_not_matter(letters):
    rows, k = TABLES["blobs"]
    tables = memberships(rows, k)
    plain = run(rows, letters, tables)
    moved = run(rows + 1e8, letters, tables)
    assert moved.objectives[0] == pytest.approx(plain.objectives[0], abs=1e-3)
    np.testing.assert_allclose(moved.means - 1e8, plain.means, atol=1e-4)
    scaled = run(2.0**40 * rows, letters, tables)
    np.testing.assert_array_equal(scaled.n_passes, plain.n_passes)
    np.testing.assert_allclose(scaled.roots, 2.0**40 * plain.roots, rtol=1e-12)
    shift = rows.size * 40 * np.log(2.0)
    assert scaled.objectives[0] == pytest.approx(plain.objectives[0] - shift, rel=1e-12)


@pytest.mark.parametrize("accelerate", [False, True])
def test_one_component_has_its_closed_form(accelerate):
    rows, _ = TABLES["iris"]
    found = run(rows, "VVV", np.ones((1, len(rows), 1)), accelerate=accelerate)
    np.testing.assert_allclose(found.mixture(0).covariance.dense()[0], np.cov(rows.T, ddof=0), rtol=1e-12)
    assert found.n_passes[0] <= 3


def test_many_rows_are_summed_in_blocks():
    rows = np.random.default_rng(0).standard_normal((9000, 2))
    tables = memberships(rows, 2)
    for letters in ("VVV", "EEE", "VVI", "VII"):
        found = run(rows, letters, tables, max_iter=1)
        expected = NativeEngine(rows).accumulate(found.mixture(0).whitened()).log_likelihood
        assert found.log_likelihoods[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", [fit_em_batch, fit_em_one_by_one])
def test_unsupported_arguments_are_refused(method):
    rows, k = TABLES["iris"]
    prior = Prior.inverse_wishart("full", np.eye(4), rows.mean(axis=0), k)
    with pytest.raises(ValueError, match="does not support a prior on the means"):
        run(rows, "VVV", memberships(rows, k), MaximumLikelihood(prior=prior), method=method)
    with pytest.raises(ValueError, match=r"responsibilities must have the shape \(m, 150, k\)"):
        run(rows, "VVV", memberships(rows, k)[0], method=method)
    with pytest.raises(ValueError, match="max_iter must be at least 1"):
        BatchSettings(max_iter=0, nats=1e-6)


@pytest.mark.parametrize("letters", ["EII", "EEI", "EEE", "VEV", "VVV"])
def test_runs_one_by_one_end_where_the_batch_ends(letters):
    rows, k = TABLES["wide"]
    tables = memberships(rows, k, 3)
    compiled, sequential = (
        run(rows, letters, tables, method=method, max_iter=5, accelerate=False)
        for method in (fit_em_batch, fit_em_one_by_one)
    )
    for name in ("weights", "means", "roots", "objectives", "log_likelihoods", "n_passes"):
        np.testing.assert_allclose(getattr(sequential, name), getattr(compiled, name), rtol=1e-8, atol=1e-8)


def test_runs_one_by_one_fail_alone():
    rows, k = TABLES["iris"]
    good = memberships(rows, k, 1)[0]
    empty = good.copy()
    empty[:, 0] += empty[:, 1]
    empty[:, 1] = 0.0
    found = run(rows, "VVV", np.stack([empty, good]), method=fit_em_one_by_one)
    np.testing.assert_array_equal(found.objectives == -np.inf, [True, False])
    assert (found.weights[0] == 0).all()
    alone = run(rows, "VVV", empty[None], method=fit_em_one_by_one)
    assert alone.means.shape == (1, k, rows.shape[1])


def test_more_features_than_a_batch_takes_are_fitted_one_by_one():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 97)) + 5.0 * np.arange(60)[:, None] // 30
    tables = memberships(rows, 2)
    assert batch_method(MODELS["EII"], 96) is fit_em_batch
    assert batch_method(MODELS["EII"], 97) is fit_em_one_by_one
    assert np.isfinite(run(rows, "EII", tables, method=fit_em_one_by_one).objectives[0])
    with pytest.raises(ValueError, match="fit_em_batch takes at most 96 features, got 97: use fit_em_one_by_one"):
        run(rows, "EII", tables)
    start = run(rows, "EII", tables, method=fit_em_one_by_one, max_iter=1).mixture(0)
    assert refit(WeightedRows(rows), MaximumLikelihood(), start).mixture.n_features == 97
