"""Search of models of factor analyzers: each has starts of its own, and none is a special case of another."""

import math
import time
from collections.abc import Callable, Collection

import numpy as np
from sklearn.utils import check_random_state

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import distinct_rows, engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.factor_search import find_factor_optimum
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.settings import MAX_ITER
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec

_STARTS = 4


def is_factor(spec: ModelSpec) -> bool:
    """Return whether a model has factor covariances."""
    return issubclass(spec.structure, Factor)


@underflow_to_zero
def search_factor_cells(
    rows: WeightedRows,
    models: Collection[ModelSpec],
    done: Callable[[Cell], object],
    *,
    reg_covar: float | str = "auto",
    random_state: int | np.random.RandomState | None = None,
    deadline: float = math.inf,
) -> None:
    """Find the best fit of each model of factor analyzers.

    Parameters
    ----------
    rows : WeightedRows
        Complete rows.
    models : collection of ModelSpec
        The models.
    done : callable
        Called with each finished `Cell`.
    reg_covar : float or "auto"
        Regularization, as in `GaussianMixture`.
    random_state : int, RandomState instance or None
        Seed or generator for the starts.
    deadline : float
        Time of ``time.perf_counter()`` after which no fit begins.
    """
    seed = int(check_random_state(random_state).randint(2**31))
    distinct = distinct_rows(rows)
    engine = engine_for(rows if distinct is None else distinct)
    for spec in sorted(models):
        began = time.perf_counter()
        if began > deadline:
            done(Cell.failed(spec, "time_budget ended before it was fitted"))
            continue
        settings = SearchSettings(_STARTS, RemainingGain(), MAX_ITER, deadline=deadline)
        found = find_factor_optimum(
            engine,
            spec.structure,
            spec.n_components,
            lambda _, deviations: FactorUpdate.of(reg_covar, deviations**2),
            settings,
            seed,
        )
        if found.fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        seconds = time.perf_counter() - began
        done(Cell(spec, found.fit, found.update, found.soundness, "clusters and principal axes", seconds))
