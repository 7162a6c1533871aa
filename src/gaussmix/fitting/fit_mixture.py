"""Fit a mixture to a table: redundant columns, repeated rows, the search or the user's starts."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.covariance import free_of
from gaussmix.core.engines import AbstractEngine, NativeEngine, distinct_rows
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine, find_lost
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import ALL_ROWS, SearchResult, find_optimum
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.settings import FitSettings
from gaussmix.fitting.split_merge import propose_refills
from gaussmix.fitting.stopping import Stop


@dataclass(frozen=True, eq=False)
class GivenStarts:
    """Starts that the caller provides, in place of a search.

    Attributes
    ----------
    draw : callable
        Returns a start for the rows (with a weight of at least one on average) and the M-step.
    previous_log_likelihood : float
        Mean log-likelihood one iteration before the start, where a fit continues (`EMRun`).
    after_each : callable
        Called with the `Fit` of each start.
    are_drawn : bool
        Whether a method draws the starts; others are all that is tried.
    """

    draw: Callable[[WeightedRows, MaximumLikelihood], Mixture]
    previous_log_likelihood: float
    after_each: Callable[[Fit], None]
    are_drawn: bool


def fit_mixture(
    rows: WeightedRows,
    settings: FitSettings,
    rng: np.random.RandomState,
    *,
    starts: GivenStarts | None = None,
    reduce_columns: bool = True,
) -> FitResult:
    """Fit a mixture to rows.

    Parameters
    ----------
    rows : WeightedRows
        All columns, with their names.
    settings : FitSettings
        What is fitted, and how.
    rng : RandomState
        A search draws one number from it.
    starts : GivenStarts, optional
        By default the fit is a search.
    reduce_columns : bool, default=True
        Whether constant and collinear columns are left out of the fit and lifted back.

    Returns
    -------
    FitResult
        Also when Ctrl-C interrupts: then ``fit.stop`` is ``Stop.INTERRUPTED``.
    """
    columns = ColumnReduction.of(rows, free_of(settings.structure).name) if reduce_columns else None
    kept = rows if columns is None else rows.with_values(columns.reduce(rows.values))
    if rows.weights is not None:
        kept = replace(kept, weights=rows.weights / min(1.0, rows.weights[rows.weights > 0].mean()))
    distinct = distinct_rows(kept)
    engine = NativeEngine.of(kept if distinct is None else distinct)
    with one_blas_thread(*rows.shape):
        if starts is None:
            search = _search(engine, kept.total, settings, int(rng.randint(2**31)))
        else:
            search = _fit_from_starts(engine, kept, settings, starts)
        return FitResult.of(search, rows, columns)


def _search(engine: AbstractEngine, weight: float, settings: FitSettings, seed: int) -> SearchResult:
    return find_optimum(
        engine,
        settings.structure,
        settings.n_components,
        lambda sample, root_within: settings.update_for(weight, sample, root_within),
        settings.search,
        seed,
    )


def _fit_from_starts(
    engine: AbstractEngine, rows: WeightedRows, settings: FitSettings, starts: GivenStarts
) -> SearchResult:
    """Run each start to its end, as scikit-learn does, and keep the best.

    A fit that has lost a component is not kept where another has all. Where all have lost one, starts that were drawn
    are followed by those of `propose_refills`.
    """
    form, search = settings.structure.form, settings.search
    sample: Sample | None = None
    if isinstance(settings.reg_covar, str):
        sample = Sample.of(engine.sample_rows(ALL_ROWS, np.random.default_rng(0)), form)
        root = sample.root_within(settings.n_components, form, np.random.default_rng(0))
        update = settings.update_for(rows.total, sample, root)
    else:
        root, update = None, MaximumLikelihood(ridge=float(settings.reg_covar))
    began = time.perf_counter()
    fits: list[Fit] = []

    def run_all(mixtures: Iterable[Mixture]) -> None:
        for mixture in mixtures:
            fit = fit_em(
                engine,
                update,
                mixture,
                search.rule,
                max_iter=search.max_iter,
                accelerator=Accelerator(update) if search.accelerate else None,
                run=EMRun(len(fits), began, search.deadline, search.watch, starts.previous_log_likelihood),
            )
            fits.append(fit)
            starts.after_each(fit)
            if is_over():
                break

    def is_over() -> bool:
        return fits[-1].stop.is_cut_short or time.perf_counter() > search.deadline

    run_all(starts.draw(rows, update) for _ in range(search.n_starts))
    best = min(fits, key=_rank)
    lost = find_lost(best.moments.counts)
    if lost.any() and starts.are_drawn and search.max_iter > 0 and not is_over():
        if sample is None:
            sample = Sample.of(engine.sample_rows(ALL_ROWS, np.random.default_rng(0)), form)
        run_all(propose_refills(sample, best.mixture, update, lost, np.random.default_rng(0)))
        best = min(fits, key=_rank)
    if fits[-1].stop is Stop.INTERRUPTED:
        best = best.stopped_by(Stop.INTERRUPTED)
    optima = sorted((fit.moments.log_likelihood for fit in fits), reverse=True)
    soundness = examine(best.mixture, best.moments.counts, best.moments.weight, root)
    return SearchResult(best, update, soundness, tuple(optima))


def _rank(fit: Fit) -> tuple[int, float]:
    """Sort key, best first: the number of components without rows, then the objective."""
    return int(find_lost(fit.moments.counts).sum()), -fit.objective
