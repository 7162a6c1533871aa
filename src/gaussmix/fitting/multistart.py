"""The search for the good optimum: starts that race, moves that refine the winner, and a finish on all rows."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine, NativeEngine, StackedEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import coreset_odds
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import Soundness, examine
from gaussmix.fitting.em import EMRun, Fit, Progress, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood, Step
from gaussmix.fitting.split_merge import propose_moves, propose_swaps
from gaussmix.fitting.starts import Sample, draw_starts, start_from_labels
from gaussmix.fitting.stopping import ParameterDistance, RemainingGain, Stop, StoppingRule

ALL_ROWS = 20_000
"""So many rows are searched as they are, of more a sample."""

LEAST_ROWS, _ROWS_PER_PARAMETER = 5_000, 20  # of a sample
_SHORT, _LONGER, _LAST = 4, 10, 500  # iterations in the three heats of a race, the last at most
_POLISHING = 50  # iterations at most, once at the top
_FINISHERS = 2  # starts that are run to the end
_SAME = 1e-3  # nats: optima nearer than this are one
_NEAR = RemainingGain(1e-3)  # enough to tell optima apart
_NEAR_IN_SAMPLE = RemainingGain(0.1)  # the optimum of a sample is some nats away from that of all rows
_PROPOSALS, _FAILURES = 4, 2  # moves tried at once, and such tries in vain until refinement ends
_SWAP_SHORT, _SWAP_FAILURES = 6, 2  # iterations of plain EM that show what a swap leads to, and tries in vain
_PATIENCE, _MOST_FAILURES = 4, 5  # so many components are worth one more try, but there is an end to it
_STACKED_PAIRS = 100_000  # of rows and components: beyond, the pass is most of the time
_AGREED = 3  # starts that end in the same optimum: it is hardly ever beaten


@dataclass(frozen=True, eq=False)
class Run:
    """Where a run of EM is, and whether the components are sound there.

    Attributes
    ----------
    fit : Fit
    soundness : Soundness
    n_starts : int
        How many starts led there.
    """

    fit: Fit
    soundness: Soundness
    n_starts: int = 1

    @property
    def rank(self) -> tuple[int, float]:
        """The less the better: unsound components count first, then the objective."""
        return self.soundness.n_unsound, -self.fit.objective

    def beats(self, other: "Run") -> bool:
        """Whether it is better by more than the distance at which two optima count as one."""
        n_unsound, objective = other.rank
        return self.rank < (n_unsound, objective - _SAME)


@dataclass(frozen=True, eq=False)
class Found:
    """What a search returns.

    Attributes
    ----------
    fit : Fit
        The best one.
    update : MaximumLikelihood
        Its M-step.
    soundness : Soundness
        What is wrong with its components.
    optima : tuple of float
        For each start that was not given up early, the log-likelihood of the rows that were searched where it ended, in
        nats, the greatest first.
    """

    fit: Fit
    update: MaximumLikelihood
    soundness: Soundness
    optima: tuple[float, ...]

    def reordered(self, order: IntArray) -> "Found":
        """The same with the components in another order.

        Parameters
        ----------
        order : (k,) array of int
            The component that comes first, second, ...

        Returns
        -------
        Found
            The components as asked.
        """
        return replace(self, fit=self.fit.reordered(order), soundness=self.soundness.reordered(order))


@dataclass(eq=False)
class Multistart:
    """What all runs of a search share, and the best of them so far.

    Attributes
    ----------
    engine : AbstractEngine
    data : Sample
        The rows of the engine.
    update : MaximumLikelihood
    target_root : (d, d) array
        What variances are measured against.
    accelerate : bool
    max_iter : int
    deadline : float
    watch : callable or None
    near : RemainingGain
        When a run of the search is near enough to its top.
    began : float
        What seconds are counted from.
    best : Run or None
        The best so far, for those who interrupt.
    n_runs : int
        Runs begun.
    """

    engine: AbstractEngine
    data: Sample
    update: MaximumLikelihood
    target_root: FloatArray
    accelerate: bool
    max_iter: int
    deadline: float
    watch: Callable[[Progress], object] | None
    near: RemainingGain
    began: float = field(default_factory=time.perf_counter)
    best: Run | None = None
    n_runs: int = 0

    def race(self, starts: Iterable[Mixture]) -> list[Run]:
        """Many short runs, the best third for longer, the best two of these to the end: what is left, best first."""
        runs = _ranked(self.short_runs(self._in_time(starts)))
        runs = runs[: math.ceil(len(runs) / 3)]
        longer = self.short_runs((run.fit.mixture for run in runs), _LONGER)
        runs = _ranked(replace(run, n_starts=before.n_starts) for run, before in zip(longer, runs, strict=True))
        first = self.go_on(runs[0], _LAST)
        return _ranked([first, *(self.go_on(run, _LAST, to_beat=first) for run in runs[1:_FINISHERS])])

    def refine(self, best: Run, rng: np.random.Generator) -> Run:
        """Merge and split from the best, as long as that leads higher; then put single components elsewhere.

        Unless several starts have ended there: then there is hardly ever a better optimum (benchmarks/optima.py).
        """
        agreed = best.n_starts >= _AGREED and not best.soundness.n_unsound
        if agreed or time.perf_counter() > self.deadline:
            return best
        k = best.fit.mixture.n_components
        more = min(k // _PATIENCE, _MOST_FAILURES)
        if k > 2:
            best = self._climb(best, self._moves, _SHORT, max(_FAILURES, more))

        def swaps(run: Run) -> Iterator[Mixture]:
            return propose_swaps(self.data, run.fit.mixture, rng)

        return self._climb(best, swaps, _SWAP_SHORT, max(_SWAP_FAILURES, more))

    def _climb(self, best: Run, moves_from: Callable[[Run], Iterator[Mixture]], n_iter: int, patience: int) -> Run:
        """Moves from the best, and from whatever is better, until so many rounds have led no higher."""
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
        """A run that has ended at the top goes on until its path is forgotten, as far as a few passes will do that."""
        if run.fit.stop is not Stop.AT_OPTIMUM or not self.accelerate:
            return run
        polished = self.go_on(run, _POLISHING, rule=ParameterDistance())
        if polished.fit.stop is Stop.LIMIT:
            remaining = run.fit.history[-1].gain
            polished = replace(polished, fit=polished.fit.stopped_by(Stop.AT_OPTIMUM, remaining))
        return polished

    def short_runs(self, starts: Iterable[Mixture], n_iter: int = _SHORT) -> list[Run]:
        """A few steps of plain EM from each start: they tell more of it than its own likelihood does."""
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
        return [self._noted(part) for part in _unstack(fit, engine.passes, self.update)]

    def run(self, mixture: Mixture, max_iter: int, *, rule: StoppingRule | None = None) -> Run:
        """A new run, until the rule is met; by default until near enough to its top."""
        self.n_runs += 1
        return self._run(mixture, max_iter, rule or self.near)

    def go_on(self, run: Run, max_iter: int, *, rule: StoppingRule | None = None, to_beat: Run | None = None) -> Run:
        """Continue a run; abandon it if its estimated optimum is below that of a sound run ``to_beat``."""
        left = self.max_iter - run.fit.n_iter
        if left <= 0 or (run.fit.stop is Stop.AT_OPTIMUM and rule is None):
            return run
        if rule is None:
            rule = self.near
            if to_beat is not None and not to_beat.soundness.n_unsound:
                rule = replace(self.near, to_beat=to_beat.fit.objective)
        longer = self._run(run.fit.mixture, min(max_iter, left), rule, run.fit)
        return replace(longer, n_starts=run.n_starts)

    def _run(self, mixture: Mixture, max_iter: int, rule: StoppingRule | None, earlier: Fit | None = None) -> Run:
        return self._noted(self._fit(self.engine, mixture, max_iter, rule, earlier))

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
            max_iter=min(max_iter, self.max_iter),
            accelerator=Accelerator(self.update) if rule and self.accelerate else None,
            earlier=earlier,
            run=EMRun(max(self.n_runs - 1, 0), self.began, self.deadline, self.watch),
        )

    def _noted(self, fit: Fit) -> Run:
        """The run, and whether it is the best; the end of the search when it was interrupted."""
        counts, weight = fit.moments.counts, fit.moments.weight
        run = Run(fit, examine(fit.mixture, counts, weight, self.target_root))
        if self.best is None or run.rank < self.best.rank:
            self.best = run
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return run

    def _moves(self, run: Run) -> Iterator[Mixture]:
        return propose_moves(self.data, run.fit.mixture, run.fit.moments, self.update, run.soundness.unsound)

    def _in_time(self, mixtures: Iterable[Mixture]) -> Iterator[Mixture]:
        """Those there is time for, and one at least."""
        for mixture in mixtures:
            yield mixture
            if time.perf_counter() > self.deadline:
                break


def find_optimum(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    update_for: Callable[[Sample, FloatArray], MaximumLikelihood],
    *,
    n_starts: int,
    seed: int,
    rule: StoppingRule,
    max_iter: int,
    accelerate: bool,
    deadline: float = math.inf,
    watch: Callable[[Progress], object] | None = None,
) -> Found:
    """The best optimum that a race of starts and moves from the winner lead to.

    Of many rows a sample is searched; the two best optima there are where EM on all rows starts.

    Parameters
    ----------
    engine : AbstractEngine
        The rows.
    structure : subclass of AbstractCovariance
        What the covariances are like.
    n_components : int
        How many components.
    update_for : callable
        From a `Sample` and the lower root of the covariance within clusters, (d, d), to the M-step.
    n_starts : int
        How many starts race.
    seed : int
        Start i draws from its own counter-based stream, keyed by the seed and i.
    rule : StoppingRule
        When the last run ends.
    max_iter : int
        Iterations of one run.
    accelerate : bool
        Whether runs are accelerated.
    deadline : float
        When to stop, as ``time.perf_counter()`` counts.
    watch : callable, optional
        Called with a `Progress` at every start and after every iteration of every run; the runs are numbered.

    Returns
    -------
    Found
        Its components by descending weight.

    Raises
    ------
    KeyboardInterrupt
        When interrupted before there is a model. Later, the best one so far is returned.
    FloatingPointError
        As `fit_em`.
    """
    streams = (
        np.random.Generator(np.random.Philox(key=np.array([seed, at], dtype=np.uint64))) for at in itertools.count()
    )
    data, all_rows = draw_sample(engine, structure, n_components, next(streams), ALL_ROWS)
    target_root = data.root_within(n_components, structure.form, next(streams))
    update = update_for(data, target_root)
    search_engine = engine if all_rows else NativeEngine.of(data.rows)
    near = _NEAR if all_rows else _NEAR_IN_SAMPLE
    search = Multistart(search_engine, data, update, target_root, accelerate, max_iter, deadline, watch, near)
    last = search
    runs: list[Run] = []
    try:
        if n_components == 1:
            one = start_from_labels(data, np.zeros(data.rows.n_rows, dtype=np.int64), structure, 1)
            runs = [search.run(one, max_iter)]
        else:
            runs = search.race(draw_starts(data, structure, n_components, n_starts, streams))
        best = search.refine(runs[0], next(streams)) if n_components > 1 else runs[0]
        if all_rows:
            best = search.polish(search.go_on(best, max_iter, rule=rule))
        else:
            last = replace(search, engine=engine, best=None)
            found = best
            best = last.run(found.fit.mixture, max_iter, rule=rule)
            second = next((run for run in runs if found.beats(run)), None)
            if second is not None:
                short = last.run(second.fit.mixture, _SHORT)
                if short.beats(best):
                    best = last.go_on(short, max_iter, rule=rule)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        if not all_rows and last is search:
            last = replace(search, engine=engine, best=None)
        if last.best is None:  # there is time for one more pass
            last.run(search.best.fit.mixture, 0)
        assert last.best is not None
        best = replace(last.best, fit=last.best.fit.stopped_by(Stop.INTERRUPTED))
    optima = [run.fit.moments.log_likelihood for run in runs for _ in range(run.n_starts)]
    best = _ordered(best)
    return Found(best.fit, update, best.soundness, tuple(sorted(optima, reverse=True)))


def _unstack(fit: Fit, passes: list[tuple[Moments, ...]], update: MaximumLikelihood) -> Iterator[Fit]:
    """The fits of the mixtures of a stack."""
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
    """With the components by descending weight: they come in the same order from any start."""
    order = np.argsort(-run.fit.mixture.weights, kind="stable")
    return replace(run, fit=run.fit.reordered(order), soundness=run.soundness.reordered(order))


def _ranked(runs: Iterable[Run]) -> list[Run]:
    """Best first; those that are where a better one is count as one."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: run.rank):
        same = [at for at, other in enumerate(kept) if abs(run.fit.objective - other.fit.objective) <= _SAME]
        if same:
            kept[same[0]] = replace(kept[same[0]], n_starts=kept[same[0]].n_starts + run.n_starts)
        else:
            kept.append(run)
    return kept


def draw_sample(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
    most_rows: int,
) -> tuple[Sample, bool]:
    """All rows or a lightweight coreset, and whether it is all rows. Distances are in units of the data."""
    if engine.n_rows <= most_rows:
        return Sample.of(engine.sample_rows(most_rows, rng), structure.form), True
    few = Sample.of(engine.sample_rows(LEAST_ROWS, rng), structure.form)
    one = start_from_labels(few, np.zeros(few.rows.n_rows, dtype=np.int64), structure, 1)
    log_density = engine.score_rows(one.whitened(), "log_density")
    odds = coreset_odds(log_density.max() - log_density)
    free = n_components * (1 + one.n_parameters)
    limit = min(max(LEAST_ROWS, _ROWS_PER_PARAMETER * free), most_rows)
    return Sample.of(engine.sample_rows(limit, rng, odds), structure.form), False
