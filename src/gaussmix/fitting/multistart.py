"""Runs of a search: the race of several starts, and split-and-merge moves from the best one."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.engines import AbstractEngine, StackedEngine
from gaussmix.core.engines.recorded import RecordedEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.acceleration import AbstractAccelerator, Accelerator
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.checkpoint import Checkpoint
from gaussmix.fitting.compiled_rows import CompiledRows
from gaussmix.fitting.degeneracy import examine, find_lost, rows_needed
from gaussmix.fitting.dense_places import propose_dense_places
from gaussmix.fitting.em import EMRun, Fit, Progress, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.merge_losses import losses_in
from gaussmix.fitting.row_moves import propose_row_moves
from gaussmix.fitting.runs import AGREED, SAME, FittedRun, Run, better_ranked, first_ranked, ranked, unstacked, with_fit
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.split_merge import promising_moves, propose_moves, propose_refills, propose_swaps
from gaussmix.fitting.stopping import ParameterDistance, RemainingGain, Stop, StoppingRule
from gaussmix.fitting.wide_starts import is_same_start

Start = Mixture | FloatArray
"""A mixture, or a state of compiled code (`CompiledRows`)."""

SHORT, LONGER, LAST = 4, 10, 500
"""Iterations in the three rounds of a race, the last at most."""
_PLAIN, _MORE_PLAIN, _SLOW = 30, 3, 1e-3  # iterations of plain EM; as many more, until scikit-learn would stop
POLISHING = 50
"""Maximum number of iterations after convergence."""
_FIRST = 4  # starts after which a race ends if they agree
_FINISHERS, _MORE_FINISHERS = 2, 4  # starts that run to convergence, and more if no result is sound
_PROPOSALS, _SWAP_SHORT = 4, 6  # moves per round; iterations of plain EM after a swap
_FAILURES, _MORE_SWAPS, _MOST_SWAPS = 2, 4, 8  # rounds without success that end moves, and swaps in smaller tables
_MOST_MOVES, _SWAPS_OF_TAILS = 4, 3  # rounds of moves, and times as many swaps, where tails are heavy
_WORTH = 0.1  # nats that an unsound run must gain so that moves go on
_COMPONENTS_PER_ROUND, _MOST_FAILURES = 4, 5  # one more round for so many components, up to a limit
_FEW_PAIRS, _FEWEST_PAIRS = 100_000, 20_000  # rows times components: with more, a pass takes most of the time
_MANY = 5  # times the rows that the parameters of a component need


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
    all_starts : bool
        Whether all starts run, even if the first ones agree.
    checkpoint : Checkpoint, optional
        File in which results are kept, so that the fit goes on after it was killed.
    """

    n_starts: int
    rule: StoppingRule
    max_iter: int
    accelerate: bool = True
    deadline: float = math.inf
    watch: Callable[[Progress], object] | None = None
    all_starts: bool = False
    checkpoint: Checkpoint | None = None

    def recorded(self, engine: AbstractEngine, label: str) -> AbstractEngine:
        """Return an engine whose passes are recorded, if there is a checkpoint.

        Parameters
        ----------
        engine : AbstractEngine
            An engine.
        label : str
            Name of its rows, different for different rows of a fit.

        Returns
        -------
        AbstractEngine
            The engine itself if there is no checkpoint.
        """
        return engine if self.checkpoint is None else RecordedEngine(engine, self.checkpoint, label)


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
    same : float
        Nats by which moves must raise the objective.
    few : AbstractEngine or None
        Engine with some of the rows, whose weights sum to those of all of them, for the first iterations of a start.
    early : Run or None
        The best run on these rows so far, for interruptions before there is a run on all rows of the engine.
    of_starts : Sample or None
        These rows, from which starts are made; by default ``data``.
    splitter : CompiledRows or None
        The rows of ``data``, for splits in compiled code.
    before_tails : bool
        Whether t distributions start from the optimum. Then components need not be made for tails and dense places.
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
    same: float = SAME
    few: AbstractEngine | None = None
    early: Run | None = None
    of_starts: Sample | None = None
    splitter: CompiledRows | None = None
    before_tails: bool = False

    def race(self, starts: Iterable[Start]) -> list[Run]:
        """Run all starts for a few iterations, the best third for more, and the best two to convergence.

        If three of the first four starts reach the same sound optimum, the others need not run. If no result is sound,
        up to four more starts run to convergence: a component is sound until it has collapsed. The first start always
        runs to convergence, because it is that of scikit-learn. Returns the optima, best first.
        """
        starts = self.in_time(starts)
        short = self.short_runs(itertools.islice(starts, _FIRST))
        kept, some = short[0], ranked(short)[:AGREED]
        longer = dict(zip(map(id, some), self.longer_runs(some, LONGER), strict=True))
        early = ranked(longer.values())
        if early[0].has_agreement and not self.settings.all_starts:
            first = self.go_on(early[0], LAST)
            return ranked([first, *self._carry(kept, early[:1], first)])
        runs = ranked([*short, *self.short_runs(starts)])
        n_longer = math.ceil(len(runs) / 3)
        del short, runs[max(n_longer, _FINISHERS + _MORE_FINISHERS) :]  # the others would only need memory
        others = [run for run in runs[:n_longer] if id(run) not in longer]
        longer |= zip(map(id, others), self.longer_runs(others, LONGER), strict=True)
        best = ranked(longer[id(run)] for run in runs[:n_longer])
        first = self.go_on(best[0], LAST)
        finished = [first, *(self.go_on(run, LAST, to_beat=first) for run in best[1:_FINISHERS])]
        for run in [*best[_FINISHERS:], *runs[n_longer:]][:_MORE_FINISHERS]:
            is_sound = any(not one.soundness.n_unsound for one in finished)
            if is_sound or time.perf_counter() > self.settings.deadline:
                break
            finished.append(self.go_on(run, LAST))
        return ranked([*finished, *self._carry(kept, [*best[:_FINISHERS], *finished], ranked(finished)[0])])

    def _carry(self, run: Run, others: list[Run], best: Run) -> list[Run]:
        """Run a start to convergence if no other run has its objective; it does not count as a sign of agreement.

        The iterations that scikit-learn makes are those of plain EM: accelerated ones could lead to another optimum. If
        they are made on some of the rows, the run is abandoned when it is clearly below the best one.
        """
        (plain,) = self.longer_runs([run], _PLAIN)
        for _ in range(_MORE_PLAIN):
            if abs(plain.fit.change) >= _SLOW:
                (plain,) = self.longer_runs([plain], _PLAIN)
        if self.few is not None:
            return [replace(self.go_on(plain, LAST, to_beat=best), n_starts=0)]
        if any(abs(plain.objective - other.objective) <= SAME for other in others):
            return []
        return [replace(self.go_on(plain, LAST), n_starts=0)]

    def race_in_order(self, starts: Iterable[Mixture], *, must_be_sound: bool) -> list[Run]:
        """Run one start after the other for a few iterations until some agree, and the best two to convergence.

        Starts from the same partition run once. Starts need to agree on a sound fit if ``must_be_sound``.
        """
        runs: list[Run] = []
        tried: list[tuple[Mixture, Run]] = []
        for start in self.in_time(starts):
            assert isinstance(start, Mixture)
            same = [run for other, run in tried if is_same_start(start, other)]
            tried.append((start, same[0] if same else self.run(start, SHORT, rule=self.near)))
            runs = ranked([run for _, run in tried])
            if runs[0].n_starts >= AGREED and not (must_be_sound and runs[0].soundness.n_unsound):
                break
        first = self.go_on(runs[0], LAST)
        return ranked([first, *(self.go_on(run, LAST, to_beat=first) for run in runs[1:_FINISHERS])])

    def refill(self, best: Run, rng: np.random.Generator) -> Run:
        """Try new starts if the best run has components without rows; return the best run."""
        if best.n_lost == 0:
            return best
        proposals = self.refills(best, find_lost(best.mixture, best.counts), rng)
        return ranked([best, *(self.run(mixture, LAST) for mixture in proposals)])[0]

    def refine(self, best: Run, rng: np.random.Generator) -> Run:
        """Apply split-and-merge moves and then random swaps to the best run, as long as they improve it.

        Small tables have more rounds, and some even if starts agree (benchmarks/optima.py). Heavy tails and equal rows
        have most: the likelihood has many optima, and starts agree on bad ones. Where components have few rows per
        parameter, moves fit noise: there are none if two starts agree. Components move to dense places first, then rows
        move; with heavy tails, they move again at the end.
        """
        k, d = best.mixture.n_components, self.engine.n_features
        n, is_wide = self.engine.n_rows, d > MOST_FEATURES
        has_few = self.engine.weight < _MANY * k * rows_needed(best.mixture.covariance.letters, d)
        is_quick, is_small = (n * k <= most and not is_wide and not has_few for most in (_FEW_PAIRS, _FEWEST_PAIRS))
        heavy = is_quick and self.data.has_heavy_tails  # each start finds its own optimum
        many = heavy or (is_quick and bool(best.soundness.groups.any()))
        is_normal = not self.before_tails and self.update.initial_degrees is None
        agree = (best.has_agreement and not heavy) or (has_few and best.n_starts > 1 and not best.soundness.n_unsound)
        if time.perf_counter() > self.settings.deadline or (agree and not is_quick):
            return best
        if is_wide:  # moves take long, and hardly any row is near a random one
            return self._improve(best, self.moves, SHORT, 1) if k > 2 else best
        if is_quick and is_normal:
            best = self._improve(best, lambda run: propose_dense_places(self.data, run.mixture), SHORT, 1)
        if is_quick and not agree:
            best = self._improve(best, self.row_moves, SHORT, 1)
        more = min(k // _COMPONENTS_PER_ROUND, _MOST_FAILURES)
        if k > 2:
            rounds = 1 if agree else _MOST_MOVES if many else max(_FAILURES, more)
            best = self._improve(best, self.moves, SHORT, rounds, _PROPOSALS if many and is_normal else 1)
        swaps = _MOST_SWAPS if is_small else _MORE_SWAPS if is_quick else _FAILURES
        patience = is_small * _FAILURES if agree else max(swaps * (_SWAPS_OF_TAILS if many else 1), more)
        best = self._improve(best, lambda run: self.swaps(run, rng), _SWAP_SHORT, patience)
        return self._improve(best, self.row_moves, SHORT, 1) if heavy and is_normal else best

    def repair(self, run: Run) -> Run:
        """Apply split-and-merge moves to a run with unsound components, as long as they improve it."""
        return self._improve(run, self.moves, SHORT, 1)

    def _improve(
        self, best: Run, moves_from: Callable[[Run], Iterator[Start]], n_iter: int, patience: int, n_longer: int = 1
    ) -> Run:
        """Try moves from the best run, and from any better one they find, until ``patience`` rounds have failed.

        Of the moves of a round, the best ``n_longer`` after a few iterations run to convergence, until one is better,
        but not those that have lost a component. Unsound runs converge slowly, so a small gain does not count for them.
        """
        failures = 0
        moves = self.in_time(moves_from(best))
        while failures < patience:
            tried = first_ranked(self.short_runs(itertools.islice(moves, _PROPOSALS), n_iter), n_longer)
            if not tried:
                break
            tried = [run for run in tried if run.n_lost <= best.n_lost]
            longer = (self.go_on(run, LAST, to_beat=best if n_longer == 1 else None) for run in tried)
            better = next((run for run in longer if run.beats(best, self.same)), None)
            if better is None or (better.soundness.n_unsound and not better.beats(best, _WORTH)):
                failures += 1
            else:
                failures = 0
            if better is not None:
                best, moves = better, self.in_time(moves_from(better))
        return best

    def finish(self, run: Run) -> Run:
        """Continue the best run by the rule of the settings, and then until the parameters are those of the optimum."""
        return self.polish(self.go_on(run, self.settings.max_iter, rule=self.settings.rule))

    def polish(self, run: Run) -> Run:
        """Continue a converged run for a few passes, until the parameters no longer depend on the start."""
        shrinks = self.engine.n_features > MOST_FEATURES and run.soundness.n_unsound  # a collapsed component, for long
        if run.stop is not Stop.AT_OPTIMUM or not self.settings.accelerate or shrinks:
            return run
        polished = self.go_on(run, POLISHING, rule=ParameterDistance())
        if polished.stop in (Stop.LIMIT, Stop.ROUNDING):
            remaining = run.fit.history[-1].gain
            polished = with_fit(polished, polished.fit.stopped_by(Stop.AT_OPTIMUM, remaining))
        return polished

    def short_runs(self, starts: Iterable[Start], n_iter: int = SHORT) -> list[Run]:
        """Run a few iterations of plain EM from each start; their likelihoods rank starts better than those before."""
        mixtures = [self.update.prepared(start) for start in starts if isinstance(start, Mixture)]
        return self._runs_of(mixtures, n_iter)

    def _run_of_few(self, few: AbstractEngine, mixture: Mixture, n_iter: int) -> Run:
        self.n_runs += 1
        run = self._examined(self._fit(few, mixture, n_iter, None))
        self.early = better_ranked(self.early, run)
        if run.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return run

    def _runs_of(self, mixtures: list[Mixture], n_iter: int) -> list[Run]:
        if self.few is not None:
            return [self._run_of_few(self.few, mixture, n_iter) for mixture in mixtures]
        n_pairs = self.engine.n_rows * sum(mixture.n_components for mixture in mixtures)
        if len(mixtures) < 2 or n_pairs > _FEW_PAIRS or not self.update.may_stack(mixtures[0]):
            runs = []
            for mixture in mixtures:
                self.n_runs += 1
                runs.append(self._run(mixture, n_iter, None))
            return runs
        engine = StackedEngine(self.engine, len(mixtures))
        fit = self._fit(engine, Mixture.concatenate(mixtures), n_iter, None)
        self.n_runs += len(mixtures)
        return [self._record(part) for part in unstacked(fit, engine.passes, self.update)]

    def longer_runs(self, runs: list[Run], n_iter: int) -> list[Run]:
        """Run more iterations of plain EM from the results of short runs."""
        longer = self._runs_of([run.mixture for run in runs], n_iter)
        return [replace(after, n_starts=run.n_starts) for run, after in zip(runs, longer, strict=True)]

    def run(
        self,
        mixture: Mixture,
        max_iter: int,
        *,
        rule: StoppingRule | None = None,
        accelerator: AbstractAccelerator | None = None,
    ) -> Run:
        """Run EM from a mixture until a stopping rule is met, by default ``near``."""
        self.n_runs += 1
        return self._record(self._fit(self.engine, mixture, max_iter, rule or self.near, accelerator=accelerator))

    def fit(
        self,
        engine: AbstractEngine,
        mixture: Mixture,
        max_iter: int,
        rule: StoppingRule | None,
        accelerator: AbstractAccelerator | None = None,
    ) -> Fit:
        """Run EM on other rows, with the same M-step and settings; raise KeyboardInterrupt if it is interrupted."""
        self.n_runs += 1
        fit = self._fit(engine, mixture, max_iter, rule, accelerator=accelerator)
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return fit

    def go_on(self, run: Run, max_iter: int, *, rule: StoppingRule | None = None, to_beat: Run | None = None) -> Run:
        """Continue a run; abandon it if its estimated optimum is clearly below that of a sound run ``to_beat``."""
        left = self.settings.max_iter - run.n_iter
        if left <= 0 or (run.stop in (Stop.AT_OPTIMUM, Stop.ROUNDING) and rule is None):
            return run
        if rule is None:
            rule = self.near
            if to_beat is not None and not to_beat.soundness.n_unsound:
                rule = replace(self.near, to_beat=to_beat.objective)
        longer = self._run(run.mixture, min(max_iter, left), rule, run.fit)
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
        accelerator: AbstractAccelerator | None = None,
    ) -> Fit:
        if accelerator is None and rule and self.settings.accelerate:
            accelerator = Accelerator(self.update)
        return fit_em(
            engine,
            self.update,
            mixture,
            rule,
            max_iter=min(max_iter, self.settings.max_iter),
            accelerator=accelerator,
            earlier=earlier,
            run=EMRun(max(self.n_runs - 1, 0), self.began, self.settings.deadline, self.settings.watch),
        )

    def _record(self, fit: Fit) -> Run:
        """Keep the run if it is the best or highest; raise KeyboardInterrupt if it was interrupted."""
        run = self._examined(fit)
        self.keep(run)
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return run

    def _examined(self, fit: Fit) -> FittedRun:
        counts, weight = fit.moments.counts, fit.moments.weight
        return FittedRun(examine(fit.mixture, counts, weight, self.target_root), fit)

    def keep(self, run: Run) -> None:
        """Keep the run if it is the best, or unsound and the highest; one below a sound best run is neither."""
        if self.best is not None and self.best.rank <= run.least_rank:
            return
        if self.best is None or run.rank < self.best.rank:
            self.best = run
        if run.soundness.n_unsound and (self.highest is None or run.objective > self.highest.objective):
            self.highest = run

    def moves(self, run: Run) -> Iterator[Start]:
        """Yield starts after split-and-merge moves from a run; compiled ones are those that promise a gain."""
        if self.splitter is not None:
            state, losses = self.splitter.state_of(run.mixture, run.counts), losses_in(self.data, run.mixture)
            states = promising_moves(self.splitter, state, losses, run.soundness.unsound, self.near.nats)
            return map(self.splitter.mixture_of, states)
        return propose_moves(self.data, run.mixture, run.fit.moments, self.update.of_parts, run.soundness.unsound)

    def swaps(self, run: Run, rng: np.random.Generator) -> Iterator[Start]:
        """Yield starts after random swaps from a run."""
        return propose_swaps(self.data, run.mixture, rng)

    def row_moves(self, run: Run) -> Iterator[Start]:
        """Yield a start after moves of single rows from a run, if they gain."""
        has_tails = self.update.initial_degrees is not None
        return iter(()) if has_tails else propose_row_moves(self.data, run.mixture, of_tails=not self.before_tails)

    def refills(self, run: Run, lost: BoolArray, rng: np.random.Generator) -> Iterator[Mixture]:
        """Yield new starts for a run some of whose components (k,) have no rows."""
        return propose_refills(self.data, run.mixture, self.update.of_parts, lost, rng)

    def in_time(self, starts: Iterable[Start]) -> Iterator[Start]:
        """Yield starts until the deadline, and at least one."""
        for start in starts:
            yield start
            if time.perf_counter() > self.settings.deadline:
                break
