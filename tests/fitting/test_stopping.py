"""When a fit stops: near the optimum, whatever the units and the number of rows."""

import numpy as np
import pytest
from helpers.datasets import COVARIANCE_TYPES, TABLES

from gaussmix import GaussianMixture
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
    return next(draw_starts(Sample.of(WeightedRows(rows), structure.form), structure, k, range(1), stream))


@pytest.mark.slow
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
@pytest.mark.slow
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


@pytest.mark.slow
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
    assert gm.stop_reason_.startswith(f"Converged after {gm.n_iter_} iterations: ")
    assert gm.n_iter_ < most
