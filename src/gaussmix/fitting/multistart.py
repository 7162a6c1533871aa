"""Multistart search: several starts, split-and-merge moves from the best one, and a final run on all rows."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine, NativeEngine, StackedEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.degeneracy import Soundness, examine, find_lost, rows_needed
from gaussmix.fitting.em import EMRun, Fit, Progress, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood, Step
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search_result import SearchResult
from gaussmix.fitting.split_merge import propose_moves, propose_refills, propose_swaps
from gaussmix.fitting.starts import draw_starts, start_from_labels
from gaussmix.fitting.stopping import ParameterDistance, RemainingGain, Stop, StoppingRule
from gaussmix.fitting.wide_starts import draw_wide_starts, is_same_start

ALL_ROWS = 20_000
"""Maximum number of rows that are searched directly; for more rows, a sample is searched."""

_SHORT, _LONGER, _LAST = 4, 10, 500  # iterations in the three rounds of a race, the last at most
_POLISHING = 50  # iterations at most, after convergence
_FINISHERS, _MORE_FINISHERS = 2, 4  # starts that run to convergence, and more if no result is sound
_SAME = 1e-3  # nats: closer optima count as the same
_NEAR = RemainingGain(1e-3)  # enough to tell optima apart
_NEAR_IN_SAMPLE = RemainingGain(0.1)  # the optimum of a sample differs from that of all rows by some nats
_PROPOSALS, _FAILURES = 4, 2  # moves per round, and rounds without success that end the moves
_SWAP_SHORT, _SWAP_FAILURES = 6, 2  # iterations of plain EM after a swap, and rounds without success
_COMPONENTS_PER_ROUND, _MOST_FAILURES = 4, 5  # one more round for so many components, up to a limit
_STACKED_PAIRS = 100_000  # rows times components: with more, a pass takes most of the time
_ENOUGH = 5  # times the rows that the parameters of a component need
_AGREED = 3  # starts with the same optimum, after which a better one is very rare


@dataclass(frozen=True, eq=False)
class Run:
    """A run of EM and the soundness of its components.

    Attributes
    ----------
    fit : Fit
        Result of the run.
    soundness : Soundness
        Degenerate components of the result.
    n_starts : int
        Number of starts that reached this optimum.
    """

    fit: Fit
    soundness: Soundness
    n_starts: int = 1

    @cached_property
    def rank(self) -> tuple[int, bool, float]:
        """The sort key, best first: the number of lost components, whether chance explains one, and the objective.

        The surplus of unsound components is subtracted from the objective: their rows gain nothing by being equal.
        """
        lost = find_lost(self.fit.mixture, self.fit.moments.counts)
        fair = self.fit.objective - float(self.soundness.surplus.sum())
        return int(lost.sum()), self.soundness.is_doubtful, -fair

    def beats(self, other: "Run") -> bool:
        """Return whether this run has fewer lost or unsound components, or an objective more than 0.001 higher."""
        *troubles, objective = other.rank
        return self.rank < (*troubles, objective - _SAME)


@dataclass(frozen=True, eq=False)
class SearchSettings:
    """Settings of the runs of a fit.

    Attributes
    ----------
    n_starts : int
        Number of starts.
    rule : StoppingRule
        Stopping rule of the last run.
    max_iter : int
        Maximum number of iterations of one run.
    accelerate : bool
        Whether runs are accelerated.
    deadline : float
        Time at which to stop, by ``time.perf_counter()``.
    watch : callable, optional
        Callback that receives a `Progress` at every start and after every iteration of every run.
    """

    n_starts: int
    rule: StoppingRule
    max_iter: int
    accelerate: bool = True
    deadline: float = math.inf
    watch: Callable[[Progress], object] | None = None


@dataclass(eq=False)
class Multistart:
    """State that all runs of a search share.

    Attributes
    ----------
    engine : AbstractEngine
        Engine with the rows that are searched.
    data : Sample
        The rows of the engine.
    update : MaximumLikelihood
        The M-step of all runs.
    target_root : (d, d) or (d,) array
        Root of the reference covariance for collapsed components.
    settings : SearchSettings
        Settings of all runs.
    near : RemainingGain
        Stopping rule of the runs of the search.
    began : float
        Time at which the search began.
    best : Run or None
        The best run so far, for interruptions.
    highest : Run or None
        The unsound run with the highest objective so far.
    n_runs : int
        Number of runs so far.
    """

    engine: AbstractEngine
    data: Sample
    update: MaximumLikelihood
    target_root: FloatArray
    settings: SearchSettings
    near: RemainingGain
    began: float = field(default_factory=time.perf_counter)
    best: Run | None = None
    highest: Run | None = None
    n_runs: int = 0

    def race(self, starts: Iterable[Mixture]) -> list[Run]:
        """Run all starts for a few iterations, the best third for more, and the best two to convergence.

        If no result is sound, up to four more starts run to convergence: a component is sound until it has collapsed.
        Returns the optima, best first.
        """
        runs = _ranked(self.short_runs(self._in_time(starts)))
        n_longer = math.ceil(len(runs) / 3)
        longer = self.short_runs((run.fit.mixture for run in runs[:n_longer]), _LONGER)
        longer = _ranked(replace(run, n_starts=before.n_starts) for run, before in zip(longer, runs, strict=False))
        first = self.go_on(longer[0], _LAST)
        finished = [first, *(self.go_on(run, _LAST, to_beat=first) for run in longer[1:_FINISHERS])]
        for run in [*longer[_FINISHERS:], *runs[n_longer:]][:_MORE_FINISHERS]:
            is_sound = any(not one.soundness.n_unsound for one in finished)
            if is_sound or time.perf_counter() > self.settings.deadline:
                break
            finished.append(self.go_on(run, _LAST))
        return _ranked(finished)

    def race_in_order(self, starts: Iterable[Mixture], *, must_be_sound: bool) -> list[Run]:
        """Run one start after the other for a few iterations until some agree, and the best two to convergence.

        Starts from the same partition run once. Starts need to agree on a sound fit if ``must_be_sound``.
        """
        runs: list[Run] = []
        tried: list[tuple[Mixture, Run]] = []
        for start in self._in_time(starts):
            same = [run for other, run in tried if is_same_start(start, other)]
            tried.append((start, same[0] if same else self.run(start, _SHORT, rule=self.near)))
            runs = _ranked([run for _, run in tried])
            if runs[0].n_starts >= _AGREED and not (must_be_sound and runs[0].soundness.n_unsound):
                break
        first = self.go_on(runs[0], _LAST)
        return _ranked([first, *(self.go_on(run, _LAST, to_beat=first) for run in runs[1:_FINISHERS])])

    def refill(self, best: Run, rng: np.random.Generator) -> Run:
        """Try new starts if the best run has components without rows; return the best run."""
        lost = find_lost(best.fit.mixture, best.fit.moments.counts)
        if not lost.any():
            return best
        proposals = propose_refills(self.data, best.fit.mixture, self.update, lost, rng)
        return _ranked([best, *(self.run(mixture, _LAST) for mixture in self._in_time(proposals))])[0]

    def refine(self, best: Run, rng: np.random.Generator) -> Run:
        """Apply split-and-merge moves and then random swaps to the best run, as long as they improve it.

        If several starts reached the same sound optimum, no move is tried (benchmarks/optima.py).
        """
        agreed = best.n_starts >= _AGREED and not best.soundness.n_unsound
        if agreed or time.perf_counter() > self.settings.deadline:
            return best

        k = best.fit.mixture.n_components
        more = min(k // _COMPONENTS_PER_ROUND, _MOST_FAILURES)
        if self.engine.n_features > MOST_FEATURES:  # moves take long, and hardly any row is near a random one
            return self._improve(best, self._moves, _SHORT, 1) if k > 2 else best
        if k > 2:
            best = self._improve(best, self._moves, _SHORT, max(_FAILURES, more))

        def swaps(run: Run) -> Iterator[Mixture]:
            return propose_swaps(self.data, run.fit.mixture, rng)

        return self._improve(best, swaps, _SWAP_SHORT, max(_SWAP_FAILURES, more))

    def _improve(self, best: Run, moves_from: Callable[[Run], Iterator[Mixture]], n_iter: int, patience: int) -> Run:
        """Try moves from the best run, and from any better one they find, until ``patience`` rounds have failed."""
        failures = 0
        moves = self._in_time(moves_from(best))
        while failures < patience:
            tried = _ranked(self.short_runs(itertools.islice(moves, _PROPOSALS), n_iter))
            if not tried:
                break
            run = self.go_on(tried[0], _LAST, to_beat=best)
            if run.beats(best):
                best, failures, moves = run, 0, self._in_time(moves_from(run))
            else:
                failures += 1
        return best

    def polish(self, run: Run) -> Run:
        """Continue a converged run for a few passes, until the parameters no longer depend on the start."""
        if run.fit.stop is not Stop.AT_OPTIMUM or not self.settings.accelerate:
            return run
        if self.engine.n_features > MOST_FEATURES and run.soundness.n_unsound:
            return run  # the variances of a collapsed component shrink for a long time
        polished = self.go_on(run, _POLISHING, rule=ParameterDistance())
        if polished.fit.stop in (Stop.LIMIT, Stop.ROUNDING):
            remaining = run.fit.history[-1].gain
            polished = replace(polished, fit=polished.fit.stopped_by(Stop.AT_OPTIMUM, remaining))
        return polished

    def short_runs(self, starts: Iterable[Mixture], n_iter: int = _SHORT) -> list[Run]:
        """Run a few iterations of plain EM from each start; their likelihoods rank starts better than those before."""
        mixtures = list(starts)
        n_pairs = self.engine.n_rows * sum(mixture.n_components for mixture in mixtures)
        if len(mixtures) < 2 or n_pairs > _STACKED_PAIRS or "E" in mixtures[0].covariance.letters:
            runs = []
            for mixture in mixtures:
                self.n_runs += 1
                runs.append(self._run(mixture, n_iter, None))
            return runs
        engine = StackedEngine(self.engine, len(mixtures))
        fit = self._fit(engine, Mixture.concatenate(mixtures), n_iter, None)
        self.n_runs += len(mixtures)
        return [self._record(part) for part in _unstack(fit, engine.passes, self.update)]

    def run(self, mixture: Mixture, max_iter: int, *, rule: StoppingRule | None = None) -> Run:
        """Run EM from a mixture until a stopping rule is met, by default ``near``."""
        self.n_runs += 1
        return self._run(mixture, max_iter, rule or self.near)

    def go_on(self, run: Run, max_iter: int, *, rule: StoppingRule | None = None, to_beat: Run | None = None) -> Run:
        """Continue a run; abandon it if its estimated optimum is clearly below that of a sound run ``to_beat``."""
        left = self.settings.max_iter - run.fit.n_iter
        if left <= 0 or (run.fit.stop in (Stop.AT_OPTIMUM, Stop.ROUNDING) and rule is None):
            return run
        if rule is None:
            rule = self.near
            if to_beat is not None and not to_beat.soundness.n_unsound:
                rule = replace(self.near, to_beat=to_beat.fit.objective)
        longer = self._run(run.fit.mixture, min(max_iter, left), rule, run.fit)
        return replace(longer, n_starts=run.n_starts)

    def _run(self, mixture: Mixture, max_iter: int, rule: StoppingRule | None, earlier: Fit | None = None) -> Run:
        return self._record(self._fit(self.engine, mixture, max_iter, rule, earlier))

    def _fit(
        self,
        engine: AbstractEngine,
        mixture: Mixture,
        max_iter: int,
        rule: StoppingRule | None,
        earlier: Fit | None = None,
    ) -> Fit:
        return fit_em(
            engine,
            self.update,
            mixture,
            rule,
            max_iter=min(max_iter, self.settings.max_iter),
            accelerator=Accelerator(self.update) if rule and self.settings.accelerate else None,
            earlier=earlier,
            run=EMRun(max(self.n_runs - 1, 0), self.began, self.settings.deadline, self.settings.watch),
        )

    def _record(self, fit: Fit) -> Run:
        """Keep the run if it is the best or highest; raise KeyboardInterrupt if it was interrupted."""
        counts, weight = fit.moments.counts, fit.moments.weight
        run = Run(fit, examine(fit.mixture, counts, weight, self.target_root))
        self.keep(run)
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return run

    def keep(self, run: Run) -> None:
        """Keep the run if it is the best, or unsound and the highest."""
        if self.best is None or run.rank < self.best.rank:
            self.best = run
        if run.soundness.n_unsound and (self.highest is None or run.fit.objective > self.highest.fit.objective):
            self.highest = run

    def _moves(self, run: Run) -> Iterator[Mixture]:
        return propose_moves(self.data, run.fit.mixture, run.fit.moments, self.update, run.soundness.unsound)

    def _in_time(self, mixtures: Iterable[Mixture]) -> Iterator[Mixture]:
        """Yield mixtures until the deadline, and at least one."""
        for mixture in mixtures:
            yield mixture
            if time.perf_counter() > self.settings.deadline:
                break


def find_optimum(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    update_for: Callable[[Sample, FloatArray], MaximumLikelihood],
    settings: SearchSettings,
    seed: int,
) -> SearchResult:
    """Search for the best optimum: compare several starts, and improve the best by split-and-merge moves.

    If there are many rows, a sample is searched, and EM on all rows starts from its two best optima.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    update_for : callable
        Function that returns the M-step for a `Sample` and the lower root of the covariance within clusters.
    settings : SearchSettings
        Settings of all runs.
    seed : int
        Seed; start i draws from its own counter-based stream, keyed by the seed and i.

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
    streams = (
        np.random.Generator(np.random.Philox(key=np.array([seed, at], dtype=np.uint64))) for at in itertools.count()
    )
    is_wide = engine.n_features > MOST_FEATURES
    data, all_rows = draw_sample(engine, structure, n_components, next(streams), ALL_ROWS)
    rows_each, needed = data.rows.total / n_components, rows_needed(structure.letters, engine.n_features)
    target_root = data.root_within(n_components, structure.form, next(streams))
    update = update_for(data, target_root)
    search_engine = engine if all_rows else NativeEngine.of(data.rows)
    near = _NEAR if all_rows else _NEAR_IN_SAMPLE
    search = Multistart(search_engine, data, update, target_root, settings, near)
    last = search
    runs: list[Run] = []
    found: Run | None = None
    try:
        if n_components == 1:
            one = start_from_labels(data, np.zeros(data.rows.n_rows, dtype=np.int64), structure, 1)
            runs = [search.run(one, settings.max_iter)]
        else:
            draw = draw_wide_starts if is_wide else draw_starts
            starts = draw(data, structure, n_components, settings.n_starts, streams)
            runs = search.race_in_order(starts, must_be_sound=rows_each >= needed) if is_wide else search.race(starts)
        best = runs[0]
        if n_components > 1:
            rng = next(streams)
            best = search.refill(best, rng)
            if not is_wide or rows_each >= _ENOUGH * needed:  # moves in wide tables of fewer rows fit noise
                best = search.refine(best, rng)
        found = best
        if all_rows:
            best = search.polish(search.go_on(best, settings.max_iter, rule=settings.rule))
        else:
            last = replace(search, engine=engine, best=None)
            best = last.run(found.fit.mixture, settings.max_iter, rule=settings.rule)
            second = next((run for run in runs if found.beats(run)), None)
            if second is not None:
                short = last.run(second.fit.mixture, _SHORT)
                if short.beats(best):
                    best = last.go_on(short, settings.max_iter, rule=settings.rule)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        if not all_rows and last is search:
            last = replace(search, engine=engine, best=None)
        if last.best is None:  # one pass over all rows
            last.run(search.best.fit.mixture, 0)
        assert last.best is not None
        best = replace(last.best, fit=last.best.fit.stopped_by(Stop.INTERRUPTED))
    best, found = _ordered(best), found or best
    highest = None if search.highest is None else (search.highest.fit, search.highest.soundness)
    reached = [run.fit.moments.log_likelihood for run in runs for _ in range(run.n_starts)]
    return SearchResult.of(best.fit, update, best.soundness, reached, found.fit, highest)


def _unstack(fit: Fit, passes: list[tuple[Moments, ...]], update: MaximumLikelihood) -> Iterator[Fit]:
    """Split the fit of concatenated mixtures, which ran at the same time, into the fit of each mixture."""
    n_mixtures = len(passes[0])
    k = fit.mixture.n_components // n_mixtures
    for at in range(n_mixtures):
        part = slice(at * k, (at + 1) * k)
        mixture = fit.mixture.take(range(at * k, (at + 1) * k), n_mixtures * fit.mixture.weights[part])
        step = fit.last_step
        moments = passes[fit.n_iter][at]
        yield replace(
            fit,
            mixture=mixture,
            moments=moments,
            objective=moments.log_likelihood + update.log_prior(mixture),
            history=tuple(
                replace(record, log_likelihood=each[at].mean_log_likelihood)
                for record, each in zip(fit.history, passes, strict=False)
            ),
            last_step=step and Step(mixture, step.empty[part], step.collapsed[part], step.ridge),
        )


def _ordered(run: Run) -> Run:
    """Order the components by descending weight, so that the order does not depend on the start."""
    order = np.argsort(-run.fit.mixture.weights, kind="stable")
    return replace(run, fit=run.fit.reordered(order), soundness=run.soundness.reordered(order))


def _ranked(runs: Iterable[Run]) -> list[Run]:
    """Sort runs, best first, and merge those with the same optimum."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: run.rank):
        same = [at for at, other in enumerate(kept) if abs(run.fit.objective - other.fit.objective) <= _SAME]
        if same:
            kept[same[0]] = replace(kept[same[0]], n_starts=kept[same[0]].n_starts + run.n_starts)
        else:
            kept.append(run)
    return kept
