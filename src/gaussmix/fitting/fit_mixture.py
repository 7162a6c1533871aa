"""Fitting of a mixture to a table: redundant columns, repeated rows, search or given starts."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance, Factor, structure_of
from gaussmix.core.covariance.deviations import whiten_by
from gaussmix.core.engines import (
    AbstractEngine,
    AnyRows,
    NativeEngine,
    TrimmedEngine,
    Trimming,
    distinct_rows,
    engine_for,
)
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form
from gaussmix.fitting.acceleration import AbstractAccelerator, Accelerator
from gaussmix.fitting.checkpoint import ALL
from gaussmix.fitting.continued_fit import log_likelihood_to_continue, mixture_to_continue, root_to_continue
from gaussmix.fitting.degeneracy import examine, examine_factors, find_lost
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.factor_acceleration import FactorAccelerator
from gaussmix.fitting.factor_search import find_factor_optimum
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.flat_start import flat_start, rows_of_starts, typical_distance
from gaussmix.fitting.incomplete_columns import find_redundant, reduce_rows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import POLISHING
from gaussmix.fitting.noise_region import region_of
from gaussmix.fitting.noise_starts import proposals_beside_noise, with_weight_of_noise
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search import ALL_ROWS, find_optimum
from gaussmix.fitting.search_result import SearchResult
from gaussmix.fitting.settings import FitSettings
from gaussmix.fitting.split_merge import propose_refills
from gaussmix.fitting.stopping import ParameterDistance, Stop
from gaussmix.fitting.trimmed_search import find_trimmed_optimum
from gaussmix.fitting.truncated_fit import TruncatedFit, candidates_of

NOISE_OF_STARTS = 0.1
"""Weight of the noise of starts that a caller provides without noise."""

_MEASURED = 2_000  # rows
_HUGE_WEIGHT = 1e150  # weights of such a mean are divided by it: their products with squares overflow


@dataclass(frozen=True, eq=False)
class GivenStarts:
    """Starts that the caller provides instead of a search.

    Attributes
    ----------
    draw : callable
        Function that returns a start, given the rows (with a mean weight of at least one) and the M-step.
    after_each : callable
        Callback that receives the `Fit` of each start.
    are_drawn : bool
        Whether a method draws the starts. Starts that the caller provides are the only ones that are tried.
    previous : FitResult, optional
        The fit that a warm start continues.
    previous_log_likelihood : float
        Mean log-likelihood one iteration before the start, if a fit is continued (`EMRun`).
    root_within : (d, d) or (d,) array, optional
        Root within clusters of the fit that is continued; by default that of clusters of the rows.
    """

    draw: Callable[[AnyRows, MaximumLikelihood], Mixture]
    after_each: Callable[[Fit], None]
    are_drawn: bool
    previous: FitResult | None = None
    previous_log_likelihood: float = -math.inf
    root_within: FloatArray | None = None

    def for_columns(self, columns: ColumnReduction | None, structure: type[AbstractCovariance]) -> "GivenStarts":
        """Return the starts in the columns that a fit uses; only a warm start has others."""
        previous = self.previous
        if previous is None:
            return self
        is_same = columns is None and previous.columns is None
        return replace(
            self,
            draw=self.draw if is_same else lambda rows, update: mixture_to_continue(previous, columns, structure),
            previous_log_likelihood=log_likelihood_to_continue(previous, columns),
            root_within=root_to_continue(previous, columns),
        )


def reduced_type(structure: type[AbstractCovariance]) -> str:
    """Return the type of covariances for which redundant columns are looked for; factors leave out constant ones."""
    return structure.name if issubclass(structure, Factor) else structure_of(structure.form).name


@underflow_to_zero
def fit_mixture(
    rows: AnyRows,
    settings: FitSettings,
    rng: np.random.RandomState,
    *,
    starts: GivenStarts | None = None,
    reduce_columns: bool = True,
) -> FitResult:
    """Fit a mixture to rows.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows with all columns and their names. Distant rows are fitted without trimming and noise.
    settings : FitSettings
        Settings of the fit.
    rng : RandomState
        Source of random numbers; a search draws one.
    starts : GivenStarts, optional
        Starts; by default the fit is a search.
    reduce_columns : bool, default=True
        Whether to leave constant and collinear columns out of the fit and add them to the fitted mixture.

    Returns
    -------
    FitResult
        The result; after Ctrl-C, ``fit.stop`` is ``Stop.INTERRUPTED``.
    """
    columns = find_redundant(rows, reduced_type(settings.structure)) if reduce_columns else None
    kept = rows if columns is None else reduce_rows(columns, rows)
    if issubclass(settings.structure, Factor) and kept.n_features <= settings.structure.n_factors:
        raise ValueError(
            f"n_factors must be less than the number of columns that vary, {kept.n_features}; got "
            f"{settings.structure.n_factors}"
        )
    if starts is not None:
        starts = starts.for_columns(columns, settings.structure)
    kept = _with_moderate_weights(kept)
    distinct = distinct_rows(kept) if isinstance(kept, WeightedRows) else None
    passed = kept if distinct is None else distinct
    engine, background = engine_for(passed), None
    if settings.noise_volume is not None:
        background = region_of(require_in_memory(kept, "noise"), settings.noise_volume)
    n_candidates = candidates_of(settings.truncation, settings.n_components)
    with one_blas_thread():
        if n_candidates is not None:
            complete = require_in_memory(passed, "truncation")
            search = _fit_truncated(complete, kept.total, settings, rng, starts, n_candidates)
        elif settings.trim is not None:
            trimming = Trimming.of(settings.trim, require_in_memory(kept, "trim"))
            search = _fit_trimmed(require_in_memory(passed, "trim"), kept, trimming, settings, rng, starts)
        elif starts is not None:
            search = _fit_from_starts(settings.search.recorded(engine, ALL), kept, settings, starts, background)
        else:
            search = _search(settings.search.recorded(engine, ALL), kept.total, settings, rng, background)
        return FitResult.of(search, rows, columns, trim=settings.trim)


def _with_moderate_weights(rows: AnyRows) -> AnyRows:
    """Return the rows with a mean weight of at least one, and without huge weights."""
    if rows.weights is None:
        return rows
    mean = float(rows.weights[rows.weights > 0].mean())
    weights = rows.weights / (mean if mean > _HUGE_WEIGHT else min(1.0, mean))
    return replace(rows, weights=weights) if isinstance(rows, WeightedRows) else rows.with_weights(weights)


def _fit_trimmed(
    passed: WeightedRows,
    kept: AnyRows,
    trimming: Trimming,
    settings: FitSettings,
    rng: np.random.RandomState,
    starts: GivenStarts | None,
) -> SearchResult:
    """Fit to the rows that a rule keeps; passes go over ``passed``, the rows or the distinct ones among them."""
    engine = engine_for(passed)
    if starts is not None:
        used = TrimmedEngine(passed, engine, trimming)
        return _fit_from_starts(settings.search.recorded(used, ALL), kept, settings, starts, None)
    return find_trimmed_optimum(
        passed,
        engine,
        trimming,
        settings.structure,
        settings.n_components,
        lambda sample, root_within: settings.update_for(kept.total, sample, root_within),
        settings.search,
        int(rng.randint(2**31)),
    )


def _fit_truncated(
    rows: WeightedRows,
    weight: float,
    settings: FitSettings,
    rng: np.random.RandomState,
    starts: GivenStarts | None,
    n_candidates: int,
) -> SearchResult:
    k, form = settings.n_components, settings.structure.form
    engine, random = NativeEngine.of(rows), np.random.default_rng(int(rng.randint(2**31)))
    sample = Sample.of(engine.sample_rows(rows_of_starts(k), random), form)
    first = flat_start(sample, settings.structure, k, random)
    root = None if starts is None else starts.root_within
    if root is None:
        centers = whiten_by(first.means - sample.center, sample.root)
        root = typical_distance(sample.whitened[:_MEASURED], centers) * sample.root
    update = settings.update_for(weight, sample, root)
    pending = [first]

    def draw() -> Mixture:
        if starts is not None:
            return starts.draw(rows, update)
        return pending.pop() if pending else flat_start(sample, settings.structure, k, random)

    fit = TruncatedFit(rows, engine, update, settings.search, n_candidates, isinstance(settings.truncation, str))
    return fit.run(draw, root, -math.inf if starts is None else starts.previous_log_likelihood)


def _search(
    engine: AbstractEngine,
    weight: float,
    settings: FitSettings,
    rng: np.random.RandomState,
    background: Background | None,
) -> SearchResult:
    if issubclass(settings.structure, Factor):
        return find_factor_optimum(
            engine,
            settings.structure,
            settings.n_components,
            lambda sample, root_within: settings.update_for(weight, sample, root_within),
            settings.search,
            int(rng.randint(2**31)),
        )
    first = rng.get_state(legacy=False)  # the first start is that of scikit-learn for the same random_state
    return find_optimum(
        engine,
        settings.structure,
        settings.n_components,
        lambda sample, root_within: settings.update_for(weight, sample, root_within),
        settings.search,
        int(rng.randint(2**31)),
        first,
        background,
    )


def _fit_from_starts(
    engine: AbstractEngine,
    rows: AnyRows,
    settings: FitSettings,
    starts: GivenStarts,
    background: Background | None,
) -> SearchResult:
    """Run EM to the end from each start, as scikit-learn does, and keep the best.

    A fit in which all components have rows is preferred. If there is none and starts are drawn, EM also runs from the
    starts of `propose_refills`.
    """
    is_factor = issubclass(settings.structure, Factor)
    form: Form = "diagonal" if is_factor else settings.structure.form
    search = settings.search
    sample: Sample | None = None
    root, update = None, settings.given_update
    if update is None:
        sample = Sample.of(engine.sample_rows(ALL_ROWS, np.random.default_rng(0)), form)
        root = starts.root_within
        if root is None:
            root = sample.root_within(settings.n_components, form, np.random.default_rng(0))
        update = settings.update_for(rows.total, sample, root)
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
                accelerator=_accelerator_for(update) if search.accelerate else None,
                run=EMRun(len(fits), began, search.deadline, search.watch, starts.previous_log_likelihood),
            )
            fits.append(fit)
            starts.after_each(fit)
            if is_over():
                break

    def is_over() -> bool:
        return fits[-1].stop.is_cut_short or time.perf_counter() > search.deadline

    run_all(_with_noise(starts.draw(rows, update), background) for _ in range(search.n_starts))
    best = min(fits, key=_rank)
    lost = find_lost(best.mixture, best.moments.counts)
    if lost.any() and starts.are_drawn and not is_factor and search.max_iter > 0 and not is_over():
        if sample is None:
            sample = Sample.of(engine.sample_rows(ALL_ROWS, np.random.default_rng(0)), form)
        refills = partial(propose_refills, update=update.of_parts, lost=lost, rng=np.random.default_rng(0))
        run_all(proposals_beside_noise(sample, best.mixture, refills))
        best = min(fits, key=_rank)
    if not update.is_plain and search.accelerate and best.stop is Stop.AT_OPTIMUM and not is_over():
        best = _polished(engine, update, best)
    if fits[-1].stop is Stop.INTERRUPTED:
        best = best.stopped_by(Stop.INTERRUPTED)
    optima = sorted((fit.moments.log_likelihood for fit in fits), reverse=True)
    counts = best.moments.counts
    if is_factor:
        return SearchResult(best, update, examine_factors(best.mixture, counts), tuple(optima))
    soundness = examine(best.mixture, counts, best.moments.weight, root)
    return SearchResult(best, update, soundness, tuple(optima))


def _accelerator_for(update: MaximumLikelihood) -> AbstractAccelerator:
    return FactorAccelerator(update) if isinstance(update, FactorUpdate) else Accelerator(update)


def _polished(engine: AbstractEngine, update: MaximumLikelihood, fit: Fit) -> Fit:
    """Continue a converged run until values that are not held no longer depend on the start."""
    rule, accelerator = ParameterDistance(), Accelerator(update, memory=0)
    polished = fit_em(engine, update, fit.mixture, rule, max_iter=POLISHING, accelerator=accelerator, earlier=fit)
    if polished.stop in (Stop.LIMIT, Stop.ROUNDING):
        return polished.stopped_by(Stop.AT_OPTIMUM, fit.history[-1].gain)
    return polished


def _with_noise(start: Mixture, background: Background | None) -> Mixture:
    """Return a start with the noise of a fit, whose weight is that of the start if it has noise."""
    if background is None:
        return start
    weight = NOISE_OF_STARTS if start.background is None else start.background.weight
    return with_weight_of_noise(start.without_noise(), background, weight)


def _rank(fit: Fit) -> tuple[int, float]:
    """Return the sort key, best first: the number of components without rows, then the objective."""
    return int(find_lost(fit.mixture, fit.moments.counts).sum()), -fit.objective
