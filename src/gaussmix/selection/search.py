"""The search for the best fit of every cell."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from sklearn.utils import check_random_state

from gaussmix.covariance import covariance_class
from gaussmix.engines import NativeEngine
from gaussmix.estimators.fitting import Settings, fit_by_search
from gaussmix.selection.cells import Cell, Key
from gaussmix.typing import FloatArray


def search_models(
    rows: FloatArray,
    row_weights: FloatArray | None,
    cells: set[Key],
    *,
    reg_covar: float | str = "auto",
    random_state: Any = None,
    known: Mapping[Key, Cell] | None = None,
    n_jobs: int | None = None,
    progress: Callable[[Cell], object] | None = None,
    deadline: float = math.inf,
) -> dict[Key, Cell]:
    """The best fit that is found for each cell.

    Parameters
    ----------
    rows : (n, d) array of float64
    row_weights : (n,) array, optional
    cells : set of (number of components, covariance type)
    reg_covar : float or str
    random_state : int, RandomState instance or None
    known : mapping, optional
        Cells of an earlier search: what they found helps, and they are not searched again.
    n_jobs : int, optional
    progress : callable, optional
        Called with each `Cell` when it is there.
    deadline : float
        As ``time.perf_counter()`` counts.

    Returns
    -------
    dict
        A `Cell` for each of ``cells``.
    """
    rng = check_random_state(random_state)
    engine = NativeEngine(rows, row_weights)
    weight = len(rows) if row_weights is None else float(row_weights.sum())
    found: dict[Key, Cell] = {}
    for key in sorted(cells - set(known or ())):
        began = time.perf_counter()
        if began > deadline:
            cell = Cell.failed(*key, "time_budget ended before its turn")
        else:
            cell = _searched(engine, weight, key, reg_covar, rng, began, deadline)
        found[key] = cell
        if progress:
            progress(cell)
    return found


def _searched(
    engine: NativeEngine, weight: float, key: Key, reg_covar: float | str, rng: Any, began: float, deadline: float
) -> Cell:
    k, covariance_type = key
    settings = Settings.of(
        covariance_class(covariance_type),
        k,
        tol="auto",
        reg_covar=reg_covar,
        max_iter="auto",
        n_init="auto",
        search=True,
        acceleration="auto",
        time_budget=None if deadline == math.inf else max(deadline - began, 0.0),
        watch=None,
    )
    try:
        found = fit_by_search(engine, weight, settings, rng)
    except FloatingPointError as error:
        return Cell.failed(k, covariance_type, str(error), time.perf_counter() - began)
    return Cell(
        k, covariance_type, found.fit, found.update, found.soundness, "a search of its own", time.perf_counter() - began
    )
