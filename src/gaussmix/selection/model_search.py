"""Search over models: a search on a sample of the rows, and final fits to all rows."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import distinct_rows, engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.settings import regularized_update
from gaussmix.selection.cells import Cell
from gaussmix.selection.compiled_cells import CompiledCells
from gaussmix.selection.compiled_sweep import CompiledSweep
from gaussmix.selection.final_fits import FinalFits
from gaussmix.selection.grid_sweep import GridSweep
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.optima import CellSearcher, LocalOptimum
from gaussmix.selection.partitions import SearchData
from gaussmix.selection.sequential_cells import SequentialCells

STEPS = 3
"""Number of progress steps for each model."""
SEARCHED_ROWS = 5_000
"""Number of rows above which a sample is searched."""


@underflow_to_zero
def search_models(
    rows: WeightedRows,
    models: set[ModelSpec],
    *,
    reg_covar: float | str = "auto",
    random_state: Any = None,
    known: Mapping[ModelSpec, Cell] | None = None,
    n_jobs: int | None = None,
    step: Callable[[ModelSpec], object] | None = None,
    done: Callable[[Cell], object] | None = None,
    deadline: float = math.inf,
) -> dict[ModelSpec, Cell]:
    """Find the best fit of each model.

    If there are more than 5,000 rows, a sample of them is searched. Incomplete rows are completed for the search
    (`gaussmix.fitting.completed_rows`). Final fits use all rows as they are.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64; NaN is a missing value.
    models : set of ModelSpec
        Models to search.
    reg_covar : float or str
        Regularization, as in `GaussianMixture`.
    random_state : int, RandomState instance or None
        Seed or generator for the starts.
    known : mapping, optional
        Cells of an earlier search, which are starts of other models and are not searched again.
    n_jobs : int, optional
        Number of threads; by default, and for -1, the number of processors.
    step : callable, optional
        Called with a model after each step, `STEPS` times for each model.
    done : callable, optional
        Called with each finished `Cell`.
    deadline : float
        Time of ``time.perf_counter()`` after which no fit begins.

    Returns
    -------
    dict
        A `Cell` for each model.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after the finished cells have been passed to ``done``.
    """
    if not models:
        return {}
    before = {spec: cell for spec, cell in (known or {}).items() if cell.fit}
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    distinct = distinct_rows(rows)
    engine = engine_for(rows if distinct is None else distinct)

    def update_for(spec: ModelSpec, sample: Sample, root_within: FloatArray) -> MaximumLikelihood:
        return regularized_update(reg_covar, spec.structure, spec.n_components, rows.total, sample, root_within)

    with _threads(n_jobs):
        sizes = {spec.n_components for spec in (*models, *before)}
        sample, _, is_all = draw_sample(engine, covariance_class("full"), max(sizes), rng, SEARCHED_ROWS)
        data = SearchData(sample, sizes, update_for, rng)
        is_narrow = data.rows.n_features <= MOST_FEATURES
        cells = CompiledCells(data) if is_narrow else None
        searcher: CellSearcher = cells or SequentialCells(data)
        optima = {spec: _optimum_of(cell, data, searcher) for spec, cell in before.items()}
        sweep: GridSweep
        if cells:
            sweep = CompiledSweep(cells, models, optima, deadline, step)
        else:
            sweep = GridSweep(searcher, models, optima, deadline, step)
        interrupted = False
        try:
            sweep.run()
        except KeyboardInterrupt:
            interrupted = True
        is_final = is_all and data.rows.weights is None and sample.incomplete is None
        final = FinalFits(engine, data, sweep, before, deadline, cells if is_final else None)
        selected = sweep.select_optima()
        final.refine({spec: optimum for spec, optimum in selected.items() if spec not in before})
        for spec in sweep.models:
            if spec in sweep.optima and spec not in before:
                final.fit(spec, selected.get(spec))
                if step:
                    step(spec)
    missing = "interrupted before it was fitted" if interrupted else "time_budget ended before it was fitted"
    fitted = {spec: _cell_of(spec, data, sweep, final, missing) for spec in sweep.models if spec not in before}
    for cell in fitted.values():
        if done:
            done(cell)
    if interrupted or final.interrupted:
        raise KeyboardInterrupt
    return fitted


def _cell_of(spec: ModelSpec, data: SearchData, sweep: GridSweep, final: FinalFits, missing: str) -> Cell:
    """Return the cell of a model: its final fit, or the reason why there is none."""
    if spec in final.fits:
        fitted, seconds = final.fits[spec], sweep.optima[spec].seconds + final.seconds[spec]
        return Cell(spec, fitted.fit, data.update(spec), fitted.soundness, fitted.origin, seconds)
    return Cell.failed(spec, "EM failed from every start" if spec in sweep.optima else missing)


def _optimum_of(cell: Cell, data: SearchData, searcher: CellSearcher) -> LocalOptimum:
    """Return the fit of a known cell as an optimum on the rows of the search."""
    assert cell.fit is not None
    assert cell.soundness is not None
    mixture = cell.fit.mixture
    log_likelihood = data.engine.accumulate(mixture.whitened()).log_likelihood
    return searcher.known(cell.spec, mixture, log_likelihood, is_sound=not cell.soundness.n_unsound)


@contextmanager
def _threads(n_jobs: int | None) -> Iterator[None]:
    if n_jobs is None:
        yield
        return
    with threadpool_limits(effective_n_jobs(n_jobs), user_api="openmp"):
        yield
