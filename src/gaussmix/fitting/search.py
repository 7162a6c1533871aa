"""Search for the best optimum: several starts, moves from the best one, and a final run on all rows."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine, engine_for
from gaussmix.core.random_streams import random_state_at, random_streams
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.compiled_search import CompiledSearch
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.degeneracy import rows_needed
from gaussmix.fitting.ladder import Ladder, climb
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, Multistart, SearchSettings
from gaussmix.fitting.noise_search import NoiseMultistart
from gaussmix.fitting.noise_starts import draw_noise_starts
from gaussmix.fitting.recorded_fits import MixtureFormat
from gaussmix.fitting.recorded_runs import Explored, remember_runs
from gaussmix.fitting.runs import SAME, FittedRun, Run, ranked, with_fit
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search_result import SearchResult
from gaussmix.fitting.starts import draw_starts, start_from_labels, usual_starts
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.fitting.tail_search import OWN_STARTS, normal_update, race_of_tails
from gaussmix.fitting.tail_starts import draw_tail_starts
from gaussmix.fitting.wide_starts import draw_wide_starts

ALL_ROWS = 20_000
"""Maximum number of rows that are searched directly; for more rows, a sample is searched."""

FEW_PAIRS = 100_000
"""Rows times components up to which a search is short, so that it need not be economical."""

MOST_PAIRS = 1_000_000
"""Maximum number of rows times components that are searched in compiled code."""

_ENOUGH = 5  # times the rows that the parameters of a component need
_STREAMS_OF_SAMPLE = 2  # random streams that the sample takes
_NEAR = RemainingGain(1e-3)  # enough to tell optima apart
_NEAR_IN_SAMPLE = RemainingGain(0.1)  # the optimum of a sample differs from that of all rows by some nats
_PER_PARAMETER, _MOST_NATS = 0.01, 2.0  # nats, much less than those: tolerance of large mixtures in a sample
_MOST_OPERATIONS = 1e9  # of a pass, roughly: the callback hears of a compiled run when it is over
_FEW = 4  # ratio of the rows of a sample to those for the first iterations of a start


def find_optimum(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    update_for: Callable[[Sample, FloatArray], MaximumLikelihood],
    settings: SearchSettings,
    seed: int,
    first: Any = None,
    background: Background | None = None,
) -> SearchResult:
    """Search for the best optimum: compare several starts, and improve the best by split-and-merge moves.

    If there are many rows, a sample is searched, and EM on all rows starts from its two best optima. For incomplete
    rows, unless the starts agree, the search is repeated with rows that are completed by the optimum it has found.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    update_for : callable
        Function that returns the M-step for a `Sample` and the lower root (d, d) of the covariance within clusters.
    settings : SearchSettings
        Settings of all runs.
    seed : int
        Seed; start i draws from its own counter-based stream, keyed by the seed and i.
    first : tuple or dict, optional
        State of a RandomState from which the first start draws, in place of its stream.
    background : Background, optional
        Noise of any weight; by default the mixture has none.

    Returns
    -------
    SearchResult
        The result, with components in order of descending weight.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before there is a model. After that, the best model so far is returned.
    FloatingPointError
        If a row is so far from all components that its density is zero.
    """
    streams = random_streams(seed)
    rng = next(streams)
    data, largest, all_rows = draw_sample(engine, structure, n_components, rng, ALL_ROWS, with_larger=True)
    target_root = data.root_within(n_components, structure.form, next(streams))
    update = update_for(data, target_root)
    searched = engine if all_rows else settings.recorded(engine_for(data.as_observed), "sample")
    shared = (searched, data, update, target_root, settings, _NEAR if all_rows else _NEAR_IN_SAMPLE)
    reference = Multistart(*shared) if background is None else NoiseMultistart(*shared, background=background)
    if not all_rows and background is None and update.initial_degrees is None:
        reference = _economical(reference, structure, n_components)
    search = _compiled(reference, structure, n_components) or reference
    normal = _compiled_normal(reference, structure, n_components)
    last = reference
    if not all_rows:
        last = replace(reference, engine=engine, same=SAME, few=None, of_starts=None, splitter=None)
    ladder = Ladder(engine, data.as_observed, largest, seed)
    kind, checkpoint = MixtureFormat(structure, background), None if all_rows else settings.checkpoint
    runs: list[Run] = []
    found: Run | None = None

    def explore() -> Explored:
        return _explore_all(search, normal, structure, n_components, seed, first)

    try:
        runs, found = remember_runs(checkpoint, "search", search, explore, kind)
        best = search.finish(found) if all_rows else _finish_on_all_rows(last, found, runs, ladder)
    except KeyboardInterrupt:
        in_sample = search.best or search.early
        if in_sample is None and normal is not None:
            in_sample = normal.best or normal.early
        if in_sample is None:
            raise
        reached = last.best
        if reached is None:  # one pass over all rows
            reached = replace(last, settings=replace(settings, watch=None)).run(in_sample.mixture, 0)
        best = with_fit(reached, reached.fit.stopped_by(Stop.INTERRUPTED))
    best, found = _ordered(best), found or best
    highest = None if search.highest is None else (search.highest.fit, search.highest.soundness)
    optima = [run.log_likelihood for run in runs for _ in range(max(run.n_starts, 1))]
    return SearchResult.of(best.fit, update, best.soundness, optima, found.fit, highest)


def _economical(reference: Multistart, structure: type[AbstractCovariance], n_components: int) -> Multistart:
    """Return the search of a sample; a long one stops below its sampling error, with first iterations on some rows."""
    data, d = reference.data, reference.data.rows.n_features
    if data.incomplete is not None or data.rows.n_rows * n_components <= FEW_PAIRS:
        return reference
    n_parameters = n_components * (1 + d) + structure.count_parameters(n_components, d)
    nats = min(max(_NEAR_IN_SAMPLE.nats, _PER_PARAMETER * n_parameters), _MOST_NATS)
    limit = max(data.rows.n_rows // _FEW, _ENOUGH * n_components * rows_needed(structure.letters, d))
    economical = replace(reference, near=RemainingGain(nats), same=nats)
    if CompiledRows.can_hold(structure, d, reference.update):
        economical.splitter = CompiledRows.of(data, structure, n_components, reference.update, reference.target_root)
    if 2 * limit <= data.rows.n_rows:
        some = draw_rows(data.rows, limit, np.random.default_rng(0))
        economical.few = engine_for(replace(some, weights=some.explicit_weights * (data.rows.total / some.total)))
        economical.of_starts = Sample.of(some, structure.form)
    return economical


def _compiled(reference: Multistart, structure: type[AbstractCovariance], n_components: int) -> CompiledSearch | None:
    """Return the same search in compiled code if there is code for it, and the table is small."""
    data, update, settings = reference.data, reference.update, reference.settings
    n_pairs, n_features = data.rows.n_rows * n_components, data.rows.n_features
    is_small = n_pairs <= MOST_PAIRS and n_pairs * (n_features**2 + 16) <= _MOST_OPERATIONS
    is_simple = data.incomplete is None and settings.max_iter >= LAST and not isinstance(reference, NoiseMultistart)
    if not (is_small and is_simple and CompiledRows.can_hold(structure, n_features, update)):
        return None

    def compiled(some: Sample, engine: AbstractEngine) -> CompiledRows:
        share = engine.weight / some.rows.total  # the weights of a sample have mean one
        rows = some.rows if share == 1 else replace(some.rows, weights=share * some.rows.explicit_weights)
        return CompiledRows.of(replace(some, rows=rows), structure, n_components, update, reference.target_root)

    few, of_starts = reference.few, reference.of_starts
    return CompiledSearch(
        reference.engine,
        data,
        update,
        reference.target_root,
        settings,
        reference.near,
        reference.began,
        same=reference.same,
        few=few,
        of_starts=of_starts,
        splitter=reference.splitter,
        rows=compiled(data, reference.engine),
        few_rows=None if few is None or of_starts is None else compiled(of_starts, few),
    )


def _compiled_normal(
    reference: Multistart, structure: type[AbstractCovariance], n_components: int
) -> CompiledSearch | None:
    """Return the compiled search for a normal mixture on the rows of one for t distributions, if there is code."""
    if reference.update.initial_degrees is None or n_components == 1:
        return None
    settings = replace(reference.settings, watch=None)
    normal = _compiled(
        replace(reference, update=normal_update(reference.update), settings=settings), structure, n_components
    )
    if normal is not None:
        normal.before_tails = True
    return normal


def _explore_all(
    search: Multistart,
    normal: CompiledSearch | None,
    structure: type[AbstractCovariance],
    n_components: int,
    seed: int,
    first: Any,
) -> Explored:
    """Return the last runs and the best one; incomplete rows are searched again with the values that it expects."""
    if normal is None:
        runs, found = _explore(search, structure, n_components, seed, first)
    else:
        runs, found = _explore_tails(search, normal, structure, n_components, seed, first)
    data = search.data
    if data.incomplete is not None and n_components > 1 and not found.has_agreement:
        search.data = data.completed_by(found.mixture)
        runs, found = _better(runs, found, _explore(search, structure, n_components, seed, first))
    return runs, found


def _explore_tails(
    search: Multistart,
    normal: CompiledSearch,
    structure: type[AbstractCovariance],
    n_components: int,
    seed: int,
    first: Any,
) -> tuple[list[Run], Run]:
    """Return optima of t distributions, and the best one, from those of the normal mixture and from other starts."""
    runs, optimum = _explore(normal, structure, n_components, seed, first)
    settings = search.settings
    numbers = range(settings.n_starts if settings.all_starts else min(settings.n_starts, OWN_STARTS))
    streams = random_streams(seed, _STREAMS_OF_SAMPLE)
    starts = draw_tail_starts(search.data, structure, n_components, numbers, streams, _source(first))
    tails, needs_moves = race_of_tails(search, [optimum, *(run for run in runs if optimum.beats(run))], starts)
    rng = next(streams)
    best = search.refill(tails[0], rng)
    return tails, search.refine(best, rng) if needs_moves else best


def _explore(
    search: Multistart,
    structure: type[AbstractCovariance],
    n_components: int,
    seed: int,
    first: Any,
) -> tuple[list[Run], Run]:
    """Return the last runs of the race of all starts, and the best run after refinement.

    Starts race in rounds of the usual number, and the best of each round is refined, unless it is that of an earlier
    one: moves often gain more than the best of many starts. A round does not depend on later ones, so more starts never
    lead to a worse optimum.
    """
    data, settings = search.data, search.settings
    n_features = data.rows.n_features
    background = search.background if isinstance(search, NoiseMultistart) else None
    if n_components == 1 and background is None:
        one = start_from_labels(data, np.zeros(data.rows.n_rows, dtype=np.int64), structure, 1)
        runs = [search.run(one, settings.max_iter)]
        return runs, runs[0]
    streams = random_streams(seed, _STREAMS_OF_SAMPLE)
    rows_each, needed = data.rows.total / n_components, rows_needed(structure.letters, n_features)
    if n_features > MOST_FEATURES:
        if background is None:
            starts = draw_wide_starts(data, structure, n_components, settings.n_starts, streams)
        else:
            numbers = range(settings.n_starts)
            starts = draw_noise_starts(data, background, structure, n_components, numbers, streams)
        runs = search.race_in_order(starts, must_be_sound=rows_each >= needed)
        rng = next(streams)
        best = search.refill(runs[0], rng)
        if rows_each >= _ENOUGH * needed:  # moves in wide tables of fewer rows fit noise
            best = search.refine(best, rng)
        return runs, best
    numbers, size = range(settings.n_starts), usual_starts(n_components)
    runs, found = [], None
    begun: list[float] = []  # objectives from which moves have begun
    for at in numbers[::size]:
        some = numbers[at : at + size]
        if background is not None:
            starts = draw_noise_starts(data, background, structure, n_components, some, streams)
        elif search.update.initial_degrees is not None:
            starts = draw_tail_starts(data, structure, n_components, some, streams, _source(first))
        else:
            starts = draw_starts(search.of_starts or data, structure, n_components, some, streams, _source(first))
        raced = search.race(starts)
        rng = next(streams)
        if not any(abs(raced[0].objective - objective) <= SAME for objective in begun):
            begun.append(raced[0].objective)
            refined = search.refine(search.refill(raced[0], rng), rng)
            found = refined if found is None or refined.beats(found) else found
        runs += raced
        if time.perf_counter() > settings.deadline:
            break
    assert found is not None
    return ranked(runs), found


def _better(runs: list[Run], found: Run, again: tuple[list[Run], Run]) -> tuple[list[Run], Run]:
    """Return the last runs and the best run of two explorations; the first counts if they agree."""
    return ranked([*runs, *again[0]]), again[1] if again[1].beats(found) else found


def _source(state: Any) -> np.random.RandomState | None:
    """Return a new RandomState in a state, if there is one; a search may be repeated."""
    return None if state is None else random_state_at(state)


def _finish_on_all_rows(last: Multistart, found: Run, runs: list[Run], ladder: Ladder) -> Run:
    """Improve the best optimum of a sample on all rows, or the second one if it promises more."""
    return climb(last, ladder, found, next((run for run in runs if found.beats(run)), None))


def _ordered(run: Run) -> FittedRun:
    """Order the components by descending weight, so that the order does not depend on the start."""
    order = np.argsort(-run.mixture.weights, kind="stable")
    return FittedRun(run.soundness.reordered(order), run.fit.reordered(order))
