"""The best fit of every cell: a search on some rows, and final fits to all of them."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.engines import NativeEngine, distinct_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import draw_sample
from gaussmix.fitting.settings import Settings
from gaussmix.fitting.starts import Sample
from gaussmix.selection.cells import Cell, Key
from gaussmix.selection.final_fits import FinalFits
from gaussmix.selection.grid_sweep import GridSweep, LocalOptimum
from gaussmix.selection.partitions import SearchData

STEPS = 3
"""Of a search, for each cell."""
SEARCHED_ROWS = 5_000


def search_models(
    rows: WeightedRows,
    cells: set[Key],
    *,
    reg_covar: float | str = "auto",
    random_state: Any = None,
    known: Mapping[Key, Cell] | None = None,
    n_jobs: int | None = None,
    step: Callable[[int, str], object] | None = None,
    done: Callable[[Cell], object] | None = None,
    deadline: float = math.inf,
) -> dict[Key, Cell]:
    """The best fit that is found for each cell.

    Up to 5,000 rows are searched as they are, of more a sample; the fits are to all rows.

    Parameters
    ----------
    rows : WeightedRows
        Of float64.
    cells : set of (number of components, covariance type)
    reg_covar : float or str
    random_state : int, RandomState instance or None
    known : mapping, optional
        Cells of an earlier search: what they found helps, and they are not searched again.
    n_jobs : int, optional
        Threads that work on the starts of a cell; by default, and for -1, as many as there are processors.
    step : callable, optional
        Called with a number of components and a covariance type when work on a cell has ended: `STEPS` times for each.
    done : callable, optional
        Called with each `Cell` that is there.
    deadline : float
        As ``time.perf_counter()`` counts.

    Returns
    -------
    dict
        A `Cell` for each of ``cells``.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after what has been found by then has been handed to ``done``.
    """
    if not cells:
        return {}
    names = {(size, covariance_class(name)): (size, name) for size, name in cells}
    before = {(size, covariance_class(name)): cell for (size, name), cell in (known or {}).items() if cell.fit}
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    distinct = distinct_rows(rows)
    engine = NativeEngine.of(rows if distinct is None else distinct)
    found: dict[Key, Cell] = {}

    def note(cell: Cell) -> None:
        found[cell.key] = cell
        if done:
            done(cell)

    with _threads(n_jobs):
        sizes = {size for size, _ in (*names, *before)}
        data, _ = draw_sample(engine, covariance_class("full"), max(sizes), rng, SEARCHED_ROWS)

        def update_for(
            structure: type[AbstractCovariance], size: int, data: Sample, root_within: FloatArray
        ) -> MaximumLikelihood:
            settings = Settings.of(
                structure,
                size,
                tol="auto",
                reg_covar=reg_covar,
                max_iter="auto",
                n_init="auto",
                search=True,
                acceleration="auto",
                time_budget=None,
                watch=None,
            )
            return settings.update_for(rows.total, data, root_within)

        search_data = SearchData(data, sizes, update_for, rng)
        optima = {place: _optimum_of(cell, search_data) for place, cell in before.items()}
        tell = None if step is None else lambda place: step(*names[place])
        sweep = GridSweep(search_data, names.keys(), optima, deadline, tell)
        interrupted = False
        try:
            sweep.run()
        except KeyboardInterrupt:
            interrupted = True
        final = FinalFits(engine, search_data, sweep, before, deadline)
        for place, optimum in sweep.select_optima().items():
            if place not in before:
                final.fit(place, optimum)
                if tell:
                    tell(place)
        for place in sweep.all_places:
            if place in before:
                continue
            key = names[place]
            if place in final.fits:
                fitted, seconds = final.fits[place], sweep.optima[place].seconds + final.seconds[place]
                note(Cell(*key, fitted.fit, search_data.update(*place), fitted.soundness, fitted.origin, seconds))
            elif place in sweep.optima:
                note(Cell.failed(*key, "no start led to a model"))
            else:
                why = "it was interrupted" if interrupted else "time_budget ended"
                note(Cell.failed(*key, f"{why} before its turn"))
        interrupted = interrupted or final.interrupted
    if interrupted:
        raise KeyboardInterrupt
    return found


def _optimum_of(cell: Cell, search_data: SearchData) -> LocalOptimum:
    """Of a cell that is known, on the rows that are searched."""
    assert cell.fit is not None
    assert cell.soundness is not None
    mixture = cell.fit.mixture
    log_likelihood = search_data.engine.accumulate(mixture.whitened()).log_likelihood
    table = search_data.responsibilities(mixture)
    return LocalOptimum(mixture, log_likelihood, log_likelihood, cell.soundness, cell.origin, table)


@contextmanager
def _threads(n_jobs: int | None) -> Iterator[None]:
    if n_jobs is None:
        yield
        return
    with threadpool_limits(effective_n_jobs(n_jobs), user_api="openmp"):
        yield
