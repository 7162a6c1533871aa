"""Where covariances collapse, and where digits end: EM does not fall, and it ends."""

import warnings

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.core.covariance import MODELS, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.batch import BatchSettings, fit_em_batch
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.testing import random_mixture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NEARLY_ALL = [  # rows, columns, rows off the plane, how far
    (100, 3, 3, 1e-2),
    (100, 3, 30, 1e-3),
    (200, 4, 40, 1e-4),
    (60, 3, 10, 1e-2),
]


def nearly_collinear(n, d, n_off, step, seed=0):
    """(n, d) rows whose last column is the sum of the others, but for the first rows."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d - 1))
    rows = np.column_stack([rows, rows.sum(axis=1)])
    rows[:n_off, -1] += step
    return rows


def greatest_fall(gm):
    return -np.diff(gm.history_["log_likelihood"]).min(initial=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("case", NEARLY_ALL, ids=str)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", *sorted(set(MODELS) - {"EII", "VII", "EEI"})])
def test_columns_that_follow_in_all_rows_but_some_do_not_send_em_round(covariance_type, case):
    gm = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(nearly_collinear(*case))
    assert gm.converged_
    assert gm.n_iter_ < 300
    assert greatest_fall(gm) < 1e-9
    assert gm.weights_.min() > 0


@pytest.mark.parametrize("covariance_type", ["full", "VEV", "EVE"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_off_a_plane_are_a_component(covariance_type, seed):
    rows = nearly_collinear(100, 3, 10, 1e-2, seed)
    labels = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit_predict(rows)
    np.testing.assert_array_equal(labels, np.arange(100) < 10)


@pytest.mark.parametrize("letters", MODELS)
def test_no_step_of_plain_em_lowers_the_likelihood_of_collapsing_components(letters):
    rng = np.random.default_rng(0)
    for rows in (
        nearly_collinear(50, 3, 5, 1e-2),
        np.repeat(rng.normal(size=(4, 3)), 10, axis=0),
        np.column_stack([rng.integers(0, 2, (50, 2)).astype(float), rng.normal(size=50)]),
        np.r_[np.zeros((20, 3)), rng.normal(size=(30, 3))],
    ):
        start = random_mixture(covariance_class(letters), 3, 3, rng)
        fit = fit_em(NativeEngine(rows), MaximumLikelihood(), start, None, max_iter=40)
        steps = np.diff([record.log_likelihood for record in fit.history])
        assert steps.min() > -1e-9
        assert (fit.mixture.covariance.pivots() > 0).all()


@pytest.mark.parametrize(("n", "noise", "k"), [(200, 1e-9, 5), (150, 1e-10, 3), (150, 1e-11, 2), (200, 3e-8, 4)])
def test_columns_that_are_collinear_but_for_little_more_than_rounding_converge(n, noise, k):
    rng = np.random.default_rng(3)
    first = rng.normal(size=n)
    gm = GaussianMixture(k, random_state=0).fit(np.c_[first, first + noise * rng.normal(size=n)])
    assert gm.converged_
    assert gm.n_iter_ < 500
    assert greatest_fall(gm) < max(1e-6, np.finfo(np.float64).eps / noise), "rounding of a row's distance"


@pytest.mark.parametrize("offset", [1e13, 3e13, 1e14, -3e14])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_rows_far_from_zero_beside_their_spread_end_where_means_cannot_move(offset, covariance_type):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(7, 1, (60, 2))]) + offset
    gm = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    assert gm.converged_
    assert gm.n_iter_ < 100
    labels = gm.predict(rows)
    assert set(labels[:60]) != set(labels[60:])
    assert len({*labels[:60]}) == len({*labels[60:]}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("method", ["auto", "kmeans"])
def test_a_component_on_a_single_row_does_not_slow_down_the_others(seed, method):
    rows = np.random.default_rng(seed).standard_cauchy(size=(2000, 1))
    gm = GaussianMixture(20, init_params=method, random_state=0).fit(rows)
    assert gm.converged_
    assert gm.n_iter_ < 500


class ObjectiveOfNoise(NativeEngine):
    """Rows whose log-likelihood is rounded to whole nats."""

    def accumulate(self, mixture, log_prior=None, *, rough=False):
        moments = super().accumulate(mixture, log_prior, rough=rough)
        return type(moments)(**{**vars(moments), "log_likelihood": round(moments.log_likelihood)})


def test_a_run_whose_steps_are_lost_in_rounding_says_so():
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 1.5]
    start = random_mixture(covariance_class("full"), 2, 2, rng)
    fit = fit_em(ObjectiveOfNoise(rows), MaximumLikelihood(), start, RemainingGain(1e-9), max_iter=5000)
    assert fit.stop is Stop.ROUNDING
    assert fit.stop.is_converged
    assert "changes of the log-likelihood are rounding errors" in fit.reason
    assert np.diff([record.log_likelihood for record in fit.history]).min() >= 0


def test_the_compiled_loop_ends_there_too():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(7, 1, (60, 2))]) * 1e-9 + [1.0, 1e6]
    shares = np.eye(2)[np.repeat([0, 1], 60)][None]
    settings = BatchSettings(5000, 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = fit_em_batch(WeightedRows(rows), covariance_class("diag"), shares, MaximumLikelihood(), settings)
    assert np.isfinite(run.objectives[0])
    assert run.n_passes[0] < 100


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize("noise", [1e-7, 1e-8, 1e-9, 1e-10])
def test_a_thin_direction_has_the_likelihood_of_the_difference(noise, covariance_type):
    # the density of the differences times their scale, by the same fit in other columns
    rng = np.random.default_rng(1)
    first, difference = np.r_[rng.normal(size=150), rng.normal(size=150) + 8], rng.normal(size=300)
    rows = np.c_[first, first + noise * difference]
    exact = np.c_[first, (rows[:, 1] - first) / noise]
    gm = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    other = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(exact)
    assert gm.converged_
    assert gm.score(rows) == pytest.approx(other.score(exact) - np.log(noise), abs=1e-5)


def with_one_far_row(n, d, far, seed=3):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows[0] = far
    return rows


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "k", "covariance_type"), [
    (with_one_far_row(10, 2, 1e8), 10, "full"),
    (with_one_far_row(20, 2, 1e8), 19, "full"),
    (np.exp(3 * np.random.default_rng(3).normal(size=(50, 1))), 20, "full"),
    (np.random.default_rng(0).integers(0, 10, size=(200, 3)), 12, "diag"),
    (np.random.default_rng(0).standard_cauchy(size=(60, 1)), 15, "spherical"),
])  # fmt: skip
def test_components_that_lose_their_rows_cause_no_overflow(rows, k, covariance_type):
    gm = GaussianMixture(k, covariance_type=covariance_type, random_state=0).fit(rows)
    assert gm.converged_
    np.testing.assert_allclose(gm.predict_proba(rows).sum(axis=1), 1)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["EVE", "VVE", "VEE", "EEV", "VEV", "EVV"])
@pytest.mark.parametrize(("n", "d", "n_off", "step", "seed"), [
    (200, 2, 20, 1e-4, 1), (150, 4, 30, 1e-2, 1), (150, 4, 30, 1e-2, 2), (200, 2, 20, 1e-4, 0),
])  # fmt: skip
def test_structures_that_form_squares_do_not_fall(covariance_type, n, d, n_off, step, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d - 1))
    rows[: n // 2] += 5 * (seed % 2)
    rows = np.c_[rows, rows @ rng.normal(size=d - 1)]
    rows[rng.choice(n, n_off, replace=False), -1] += step * rng.normal(size=n_off)
    gm = GaussianMixture(
        2 + seed % 2, covariance_type=covariance_type, reg_covar=0.0, init_params="kmeans", random_state=seed
    )
    assert greatest_fall(gm.set_params(tol=1e-9, max_iter=100).fit(rows)) < 1e-8
