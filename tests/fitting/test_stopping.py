"""When a fit ends: near the top, whatever the units and the number of rows; and what `ColumnReduction` does to it."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from tables import COVARIANCE_TYPES, TABLES, read_only

from gaussmix import DegenerateDataWarning, GaussianMixture
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import draw_starts
from gaussmix.fitting.stopping import MeanChange, ParameterDistance, RemainingGain, Stop

types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
tables = pytest.mark.parametrize("table", ["iris", "wine", "blobs", "line", "overlapping"])


def started(rows, k, covariance_type):
    structure = covariance_class(covariance_type)
    stream = (np.random.default_rng([3, at]) for at in range(100))
    return next(draw_starts(Sample.of(WeightedRows(rows), structure.form), structure, k, 1, stream))


@tables
@types
@pytest.mark.parametrize("accelerate", [False, True])
def test_when_the_top_is_said_to_be_near_plain_em_gains_nothing_more(table, covariance_type, accelerate):
    rows, k = TABLES[table]
    engine, update = NativeEngine(rows), MaximumLikelihood()
    accelerator = Accelerator(update) if accelerate else None
    fit = fit_em(
        engine, update, started(rows, k, covariance_type), RemainingGain(), max_iter=20_000, accelerator=accelerator
    )
    assert fit.stop is Stop.AT_OPTIMUM
    assert fit.n_iter > 2
    longer = fit_em(engine, update, fit.mixture, None, max_iter=3000)
    assert longer.objective - fit.objective < 1e-3
    assert fit.history[-1].gain < 1e-4


# not "line": its components become one with a single covariance, and EM slows down without end
@pytest.mark.parametrize("table", ["iris", "wine", "blobs", "overlapping"])
@types
def test_exact_ends_where_the_parameters_no_longer_move(table, covariance_type):
    rows, k = TABLES[table]
    engine, update = NativeEngine(rows), MaximumLikelihood()
    near = fit_em(engine, update, started(rows, k, covariance_type), RemainingGain(), max_iter=20_000,
                  accelerator=Accelerator(update))  # fmt: skip
    fit = fit_em(
        engine,
        update,
        near.mixture,
        ParameterDistance(1e-8),
        max_iter=300,
        accelerator=Accelerator(update),
        earlier=near,
    )
    assert fit.stop is Stop.AT_OPTIMUM
    assert fit.history[: near.n_iter] == near.history[:-1]
    longer = fit_em(engine, update, fit.mixture, None, max_iter=3000).mixture
    deviations = np.sqrt(np.diagonal(fit.mixture.covariance.dense(), axis1=1, axis2=2))
    assert (np.abs(longer.means - fit.mixture.means) / deviations).max() < 1e-6
    assert np.abs(longer.weights - fit.mixture.weights).max() < 1e-6


@types
def test_the_estimate_of_what_is_ahead_is_in_nats_of_all_rows(covariance_type):
    # a thousand times the weight: the same fit is as many times farther from its top
    rows, k = TABLES["overlapping"]
    update, start = MaximumLikelihood(), started(rows, k, covariance_type)
    ends = [
        fit_em(NativeEngine(rows, np.full(len(rows), weight)), update, start, RemainingGain(), max_iter=20_000).n_iter
        for weight in (1.0, 1e3, 1e6)
    ]
    assert ends[0] < ends[1] < ends[2]


@types
def test_units_do_not_change_when_a_fit_ends(covariance_type):
    rows, k = TABLES["overlapping"]
    ends = []
    for unit in (1.0, 2.0**-30, 2.0**30):
        start = started(rows * unit, k, covariance_type)
        ends.append(
            fit_em(NativeEngine(rows * unit), MaximumLikelihood(), start, RemainingGain(), max_iter=20_000).n_iter
        )
    assert max(ends) - min(ends) <= 1


def test_mean_change_would_have_stopped_far_below():
    rows, k = TABLES["overlapping"]
    start = started(rows, k, "full")
    ends = [
        fit_em(NativeEngine(rows), MaximumLikelihood(), start, rule, max_iter=20_000)
        for rule in (MeanChange(1e-3), RemainingGain())
    ]
    assert ends[1].objective - ends[0].objective > 0.1


@pytest.mark.parametrize(("acceleration", "most"), [("auto", 40), ("none", 3000)])
def test_a_fit_says_in_its_reason_what_is_left(acceleration, most):
    rows, k = TABLES["iris"]
    gm = GaussianMixture(k, random_state=0, acceleration=acceleration).fit(rows)
    assert gm.converged_
    assert gm.stop_reason_.startswith(f"Converged after {gm.n_iter_} iterations, ")
    assert gm.n_iter_ < most


# columns that are constant or follow from others

BASE = TABLES["blobs"][0]
DEGENERATE = {
    "constant": (np.c_[BASE[:, :2], np.full(len(BASE), 7.0), BASE[:, 2]], "x2 is constant", {"full", "tied", "diag"}),
    "repeated": (np.c_[BASE, BASE[:, 0]], "x3 repeats x0", {"full", "tied"}),
    "scaled": (np.c_[BASE, 3 - 1e6 * BASE[:, 1]], "x3 is a linear function of x1", {"full", "tied"}),
    "sum": (np.c_[BASE, BASE.sum(axis=1)], "is a linear function of", {"full", "tied"}),
}


@pytest.mark.parametrize("name", DEGENERATE)
@types
@pytest.mark.parametrize("init_params", ["auto", "kmeans"])
def test_columns_without_a_spread_of_their_own_are_left_out_and_named(name, covariance_type, init_params):
    rows, named, warned = DEGENERATE[name]
    gm = GaussianMixture(3, covariance_type=covariance_type, init_params=init_params, random_state=0)
    if covariance_type in warned:
        with pytest.warns(DegenerateDataWarning, match=named):
            gm.fit(read_only(rows))
    else:
        gm.fit(rows)
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-12)
    assert gm.history_["log_likelihood"][-1] == pytest.approx(gm.lower_bound_, rel=1e-12)
    assert gm.means_.shape == (3, rows.shape[1])
    np.testing.assert_array_equal(gm.predict(rows), gm.predict_proba(rows).argmax(axis=1))
    drawn = gm.sample(500, random_state=0)[0]
    assert drawn.shape == (500, rows.shape[1])
    if name == "constant" and covariance_type in warned:
        np.testing.assert_allclose(drawn[:, 2], 7.0, rtol=1e-4)
    if name == "sum" and covariance_type in warned:
        np.testing.assert_allclose(drawn[:, 3], drawn[:, :3].sum(axis=1), atol=1e-3)
    if covariance_type in warned:
        kept = {"constant": [0, 1, 3]}.get(name, [0, 1, 2])
        alone = GaussianMixture(3, covariance_type=covariance_type, random_state=0, init_params=init_params)
        np.testing.assert_array_equal(gm.predict(rows), alone.fit(rows[:, kept]).predict(rows[:, kept]))


@types
@pytest.mark.parametrize("shape", [(20, 30), (3, 8)])
def test_more_columns_than_rows_are_fitted_in_the_range_of_the_rows(covariance_type, shape):
    rows = np.random.default_rng(0).standard_normal(shape)
    gm = GaussianMixture(1, covariance_type=covariance_type, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm.fit(rows)
    assert np.isfinite(gm.score_samples(rows)).all()
    assert gm.lower_bound_ == pytest.approx(gm.score(rows), rel=1e-12)
    assert any(w.category is DegenerateDataWarning for w in caught) == (covariance_type in ("full", "tied"))
    assert not any(w.category is ConvergenceWarning for w in caught)
