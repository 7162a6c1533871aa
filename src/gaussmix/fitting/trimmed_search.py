"""Search for the best trimmed fit: many small random starts with concentration steps, beside the usual kinds.

Partitions of all rows, such as those of k-means, follow outliers. A few random rows for each component often have none
(Garcia-Escudero et al., Annals of Statistics 36 (2008), section 3). A concentration step is an iteration of `fit_em`
whose pass trims rows and assigns each other row to one component.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import IncompleteEngine, NativeEngine, TrimmedEngine, Trimming, engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.random_streams import random_streams
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.checkpoint import ALL
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, Multistart, SearchSettings, Start
from gaussmix.fitting.recorded_fits import MixtureFormat
from gaussmix.fitting.recorded_runs import Explored, remember_runs
from gaussmix.fitting.runs import Run, ranked, with_fit
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search_result import SearchResult
from gaussmix.fitting.split_merge import propose_moves
from gaussmix.fitting.starts import draw_starts, start_from_labels
from gaussmix.fitting.stopping import RemainingGain, Stop

ALL_ROWS = 20_000
"""Maximum number of rows that are searched directly; for more rows, a sample is searched."""

CONCENTRATED = 2_000
"""Maximum number of rows on which the starts are compared."""

RANDOM_STARTS = 25
"""Number of random starts beside each of the usual ones."""

_STEPS = 3  # concentration steps of each start
_FINISHED = 8  # starts that run to the end
_NEAR = RemainingGain(1e-3)
_OTHER_SHARES = (0.5, 0.8, 0.9, 1.1, 1.25, 1.5)  # of the share, from whose optimum the fit goes back


@dataclass(eq=False)
class TrimmedSearch(Multistart):
    """Runs of a trimmed search; moves divide the components of the rows that are kept.

    Attributes
    ----------
    trimmed : TrimmedEngine
        The engine, whose passes may be recorded.
    """

    trimmed: TrimmedEngine | None = None

    def steps(self, start: Start) -> Run:
        """Make a few concentration steps from a start."""
        assert isinstance(start, Mixture)
        return self.run(start, _STEPS)

    def moves(self, run: Run) -> Iterator[Start]:
        engine, data = self.trimmed, self.data
        assert engine is not None
        kept = engine.weights_kept(engine.judge(run.mixture.whitened())[1]) > 0
        inliers = Sample(data.rows.take(kept), data.center, data.root)
        update = self.update.of_parts
        return propose_moves(inliers, run.mixture, run.fit.moments, update, run.soundness.unsound)


def find_trimmed_optimum(
    rows: WeightedRows,
    engine: NativeEngine | IncompleteEngine,
    trimming: Trimming,
    structure: type[AbstractCovariance],
    n_components: int,
    update_for: Callable[[Sample, FloatArray], MaximumLikelihood],
    settings: SearchSettings,
    seed: int,
) -> SearchResult:
    """Search for the best fit to the rows that are kept.

    Parameters
    ----------
    rows : WeightedRows
        The rows.
    engine : NativeEngine or IncompleteEngine
        Engine with these rows.
    trimming : Trimming
        Share of the rows that is left out.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    update_for : callable
        Function that returns the M-step for a `Sample` and the lower root (d, d) of the covariance within clusters.
    settings : SearchSettings
        Settings of all runs, without acceleration.
    seed : int
        Seed of the random streams.

    Returns
    -------
    SearchResult
        The result, with components in order of descending weight.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before there is a model. After that, the best model so far is returned.
    """
    rngs = random_streams(seed)
    rng = next(rngs)
    positive = rows.positive()
    if positive is not rows:
        rows, engine = positive, engine_for(positive)
    data = Sample.of(engine.sample_rows(ALL_ROWS, rng), structure.form)
    target_root = data.root_within(n_components, structure.form, next(rngs))
    update = update_for(data, target_root)

    is_all = engine.n_rows <= ALL_ROWS
    searched = (rows, engine) if is_all else (data.as_observed, engine_for(data.as_observed))

    def runs_of(some: WeightedRows, its_engine: NativeEngine | IncompleteEngine, label: str) -> TrimmedSearch:
        trimmed = TrimmedEngine(some, its_engine, trimming)
        recorded = settings.recorded(trimmed, label)
        return TrimmedSearch(recorded, data, update, target_root, settings, _NEAR, trimmed=trimmed)

    last = runs_of(rows, engine, ALL)
    search = last if is_all else runs_of(*searched, "sample")
    few = engine.sample_rows(CONCENTRATED, rng)
    short = search if few.n_rows == data.rows.n_rows else runs_of(few, engine_for(few), "few rows")

    def explore() -> Explored:
        starts = itertools.chain(
            draw_starts(data, structure, n_components, range(settings.n_starts), rngs),
            _random_starts(data, structure, n_components, RANDOM_STARTS * settings.n_starts, next(rngs)),
        )
        compared = ranked(short.steps(start) for start in short.in_time(starts))
        best_compared = compared[:_FINISHED]
        if short is search:
            raced = ranked(search.go_on(run, LAST) for run in best_compared)
        else:
            raced = ranked(search.run(run.mixture, LAST) for run in best_compared)
        best = search.refine(raced[0], next(rngs))
        for factor in _OTHER_SHARES:
            other = replace(trimming, share=min(factor * trimming.share, 0.5 * (1 + trimming.share)))
            aside_engine = settings.recorded(TrimmedEngine(*searched, other), f"share {other.share!r}")
            aside = replace(search, engine=aside_engine, best=None, highest=None)
            returned = search.run(aside.run(best.mixture, LAST).mixture, LAST)
            best = min(best, returned, key=lambda run: run.rank)
        return raced, best

    checkpoint = None if is_all else settings.checkpoint
    runs: list[Run] = []
    found: Run | None = None
    try:
        runs, found = remember_runs(checkpoint, "search", search, explore, MixtureFormat(structure, None))
        best = search.finish(found) if is_all else last.run(found.mixture, settings.max_iter, rule=settings.rule)
    except KeyboardInterrupt:
        reached = last.best or search.best or short.best
        if reached is None:
            raise
        again = replace(last, settings=replace(settings, watch=None)).run(reached.mixture, 0)
        best = with_fit(again, again.fit.stopped_by(Stop.INTERRUPTED))
    order = np.argsort(-best.mixture.weights, kind="stable")
    ordered = replace(with_fit(best, best.fit.reordered(order)), soundness=best.soundness.reordered(order))
    highest = None if search.highest is None else (search.highest.fit, search.highest.soundness)
    optima = [run.fit.moments.log_likelihood for run in runs for _ in range(max(run.n_starts, 1))]
    compared_with = (found or best).fit
    return SearchResult.of(ordered.fit, update, ordered.soundness, optima, compared_with, highest)


def _random_starts(
    data: Sample, structure: type[AbstractCovariance], n_components: int, n_starts: int, rng: np.random.Generator
) -> Iterator[Mixture]:
    """Yield starts from a few random rows for each component: as many as its covariance needs, if there are enough."""
    n, d = data.rows.shape
    each = max(1, min(d + 1, n // n_components))
    labels = np.repeat(np.arange(n_components), each)[:n]
    shares = None if data.rows.weights is None else data.rows.weights / data.rows.weights.sum()
    if shares is not None and np.count_nonzero(shares) < len(labels):
        shares = None
    for _ in range(n_starts):
        drawn = rng.choice(n, size=len(labels), replace=False, p=shares)
        some = data.rows.take(drawn)
        yield start_from_labels(
            Sample(WeightedRows(some.values), data.center, data.root), labels, structure, n_components
        )
