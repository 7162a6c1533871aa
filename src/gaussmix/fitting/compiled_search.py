"""The search in compiled code: the runs of `Multistart` by `CompiledRows`, for small tables.

A compiled run fails at a singular covariance or an empty component. Then `Multistart` repeats this run, with repairs,
and makes the moves and swaps from its result. The callback hears of the iterations of a compiled run when it is over.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import AbstractAccelerator
from gaussmix.fitting.compiled_rows import CompiledRows, Limits, Outcome
from gaussmix.fitting.degeneracy import Soundness, examine
from gaussmix.fitting.em import Fit, Progress, Record
from gaussmix.fitting.merge_losses import losses_of
from gaussmix.fitting.multistart import POLISHING, SHORT, Multistart, Start
from gaussmix.fitting.runs import FittedRun, Run, better_ranked
from gaussmix.fitting.split_merge import compiled_moves, draw_swaps, promising_moves
from gaussmix.fitting.stopping import MARGIN, ParameterDistance, RemainingGain, Stop, StoppingRule

_MOST_FAILED = 20  # singular swaps, one after the other, as where one row has nearly all the weight
_STOPS = {
    "limit": Stop.LIMIT,
    "optimum": Stop.AT_OPTIMUM,
    "rounding": Stop.ROUNDING,
    "abandoned": Stop.ABANDONED,
    "stopped": Stop.TIME,
}


@dataclass(frozen=True, eq=False)
class CompiledRun(Run):
    """A compiled run, whose components are examined when its soundness is needed.

    Attributes
    ----------
    rows : CompiledRows
        The rows of the search.
    target_root : (d, d) or (d,) array
        Root of the reference covariance for collapsed components.
    outcome : Outcome
        End of the run.
    seconds : float
        Time at the end of the run, since the search began.
    before : Run or None
        The run that was continued.
    """

    soundness: Soundness = field(init=False)
    rows: CompiledRows
    target_root: FloatArray
    outcome: Outcome
    seconds: float
    before: Run | None

    def __getattr__(self, name: str) -> Soundness:
        if name != "soundness":
            raise AttributeError(name)
        rows, soundness = self.rows, Soundness.of_sound(self.rows.n_components)
        if not self.outcome.is_clearly_sound:
            soundness = examine(self.mixture, self.counts, rows.weight, self.target_root)
        object.__setattr__(self, name, soundness)
        return soundness

    @cached_property
    def objective(self) -> float:
        return self.rows.objective_of(self.outcome.state)

    @cached_property
    def fit(self) -> Fit:
        history, stop = self.history, self.stop
        change = history[-1].log_likelihood - history[-2].log_likelihood if len(history) > 1 else math.inf
        return Fit(
            self.mixture,
            self.rows.moments_of(self.outcome.state),
            self.objective,
            history,
            self.n_passes,
            change,
            stop,
            stop.sentence(len(history) - 1, change=change, remaining=history[-1].gain),
            None,
        )

    @property
    def log_likelihood(self) -> float:
        return self.rows.log_likelihood_of(self.outcome.state)

    @cached_property
    def history(self) -> tuple[Record, ...]:
        means = self.rows.mean_log_likelihoods(self.outcome.trace[:, 0]).tolist()
        gains = self.outcome.trace[:, 1].tolist()
        own = [Record(mean, gain, self.seconds) for mean, gain in zip(means, gains, strict=True)]
        return (*self.before.history[:-1], *own) if self.before else tuple(own)

    @property
    def n_passes(self) -> int:
        return self.outcome.n_passes + (self.before.n_passes if self.before else 0)

    @cached_property
    def counts(self) -> FloatArray:
        return self.rows.counts_of(self.outcome.state)

    @cached_property
    def n_lost(self) -> int:
        outcome = self.outcome
        return 0 if outcome.is_clearly_sound and not outcome.may_repeat else int(super().n_lost)

    @property
    def n_iter(self) -> int:
        return len(self.outcome.trace) - 1 + (self.before.n_iter if self.before else 0)

    @property
    def stop(self) -> Stop:
        return _STOPS[self.outcome.end]

    @cached_property
    def mixture(self) -> Mixture:
        return self.rows.mixture_of(self.outcome.state)


@dataclass(eq=False)
class CompiledSearch(Multistart):
    """A search whose runs, splits, moves and swaps are compiled.

    Attributes
    ----------
    rows : CompiledRows
        The rows of ``data``.
    few_rows : CompiledRows or None
        Those of ``few``.
    """

    rows: CompiledRows = field(kw_only=True)
    few_rows: CompiledRows | None = field(default=None, kw_only=True)
    _overlapping: tuple[Run, tuple[FloatArray, FloatArray]] | None = field(default=None, kw_only=True, repr=False)

    def short_runs(self, starts: Iterable[Start], n_iter: int = SHORT) -> list[Run]:
        rows, repeat = self.few_rows or self.rows, super().short_runs
        states = [
            rows.state_of(start) if isinstance(start, Mixture) else self._moved_to(rows, start) for start in starts
        ]
        limits = self._limits(n_iter)
        return self._runs(states, limits, lambda at: repeat([rows.mixture_of(states[at])], n_iter)[0], rows=rows)

    def longer_runs(self, runs: list[Run], n_iter: int) -> list[Run]:
        rows, repeat = self.few_rows or self.rows, super().longer_runs
        states = [self._state(run, rows) for run in runs]
        return self._runs(states, self._limits(n_iter), lambda at: repeat([runs[at]], n_iter)[0], runs, rows)

    def run(
        self,
        mixture: Mixture,
        max_iter: int,
        *,
        rule: StoppingRule | None = None,
        accelerator: AbstractAccelerator | None = None,
    ) -> Run:
        if rule is not None:
            return super().run(mixture, max_iter, rule=rule, accelerator=accelerator)
        repeat = super().run
        limits = self._near(min(max_iter, self.settings.max_iter), self.near)
        return self._runs([self.rows.state_of(mixture)], limits, lambda _: repeat(mixture, max_iter))[0]

    def go_on(self, run: Run, max_iter: int, *, rule: StoppingRule | None = None, to_beat: Run | None = None) -> Run:
        if rule is not None:
            return super().go_on(run, max_iter, rule=rule, to_beat=to_beat)
        left = self.settings.max_iter - run.n_iter
        if left <= 0 or run.stop in (Stop.AT_OPTIMUM, Stop.ROUNDING):
            return run
        limits = self._near(min(max_iter, left), self.near)
        if to_beat is not None and not to_beat.soundness.n_unsound:
            limits = replace(limits, target=to_beat.objective - MARGIN, hope=MARGIN)
        repeat = super().go_on
        return self._runs([self._state(run)], limits, lambda _: repeat(run, max_iter, to_beat=to_beat), [run])[0]

    def finish(self, run: Run) -> Run:
        """Continue the best run until its parameters do not depend on the start, and then by `fit_em`."""
        rule, left = self.settings.rule, self.settings.max_iter - run.n_iter
        if not (isinstance(rule, RemainingGain) and self.settings.accelerate and left > POLISHING):
            return super().finish(run)
        repeat = super().finish
        near = self._runs([self._state(run)], self._near(left - POLISHING, rule), lambda _: repeat(run), [run])[0]
        if not isinstance(near, CompiledRun):
            return near
        if near.stop is Stop.AT_OPTIMUM:
            distance = ParameterDistance().deviations * math.sqrt(self.rows.weight)
            limits = Limits(POLISHING, 0.0, True, distance=distance, seconds=self._seconds_left())
            near = self._runs([self._state(near)], limits, lambda _: repeat(near), [near])[0]
        return super().go_on(near, self.settings.max_iter, rule=rule)

    def _examined(self, fit: Fit) -> FittedRun:
        if self.rows.is_clearly_sound(fit.mixture, fit.moments.counts):
            return FittedRun(Soundness.of_sound(self.rows.n_components), fit)
        return super()._examined(fit)

    def moves(self, run: Run) -> Iterator[Start]:
        if not isinstance(run, CompiledRun):
            return super().moves(run)
        state, losses, unsound = run.outcome.state, self._overlap(run)[0], run.soundness.unsound
        if self.splitter is None:
            return compiled_moves(self.rows, state, losses, unsound)
        return promising_moves(self.rows, state, losses, unsound, self.near.nats)

    def swaps(self, run: Run, rng: np.random.Generator) -> Iterator[Start]:
        if not isinstance(run, CompiledRun):
            yield from super().swaps(run, rng)
            return
        state, n_failed = run.outcome.state, 0
        for gone, row in draw_swaps(self.rows.n_rows, run.mixture.weights, lambda: self._overlap(run), rng):
            swapped = self.rows.swapped(state, gone, row)
            if swapped is not None:
                yield swapped
                n_failed = 0
            elif (n_failed := n_failed + 1) == _MOST_FAILED:
                return

    def _overlap(self, run: CompiledRun) -> tuple[FloatArray, FloatArray]:
        """Return `merge_losses` of a run, and the log density of its rows; moves and swaps from it share them."""
        if self._overlapping is None or self._overlapping[0] is not run:
            counts, unknown, log_density = self.rows.overlap(run.outcome.state)
            self._overlapping = run, (losses_of(run.mixture, counts, unknown), log_density)
        return self._overlapping[1]

    def _state(self, run: Run, rows: CompiledRows | None = None) -> FloatArray:
        """Return the state of a run for rows, by default all of them."""
        rows = rows or self.rows
        if isinstance(run, CompiledRun) and run.rows is rows:
            return run.outcome.state
        return rows.state_of(run.mixture)

    def _moved_to(self, rows: CompiledRows, state: FloatArray) -> FloatArray:
        """Return a state of all rows for others."""
        return state if rows is self.rows else rows.state_of(self.rows.mixture_of(state))

    def _limits(self, max_iter: int) -> Limits:
        return Limits(min(max_iter, self.settings.max_iter), seconds=self._seconds_left())

    def _near(self, max_iter: int, rule: RemainingGain) -> Limits:
        return Limits(max_iter, rule.nats, self.settings.accelerate, seconds=self._seconds_left())

    def _seconds_left(self) -> float:
        deadline = self.settings.deadline
        return math.inf if deadline == math.inf else deadline - time.perf_counter()

    def _runs(
        self,
        states: list[FloatArray],
        limits: Limits,
        repeat: Callable[[int], Run],
        before: list[Run] | None = None,
        rows: CompiledRows | None = None,
    ) -> list[Run]:
        """Run EM from states, the results of earlier runs if there are any; ``repeat`` makes a run that fails."""
        if not states:
            return []
        rows = rows or self.rows
        runs: list[Run] = []
        for at, outcome in enumerate(rows.run(states, limits)):
            if outcome.end == "failed":
                runs.append(repeat(at))
                continue
            self.n_runs += before is None
            run = self._run_of(rows, outcome, before[at] if before else None)
            progress = self._progress(run)
            self._report(progress[:1])
            if rows is self.rows:
                self.keep(run)
            else:
                self.early = better_ranked(self.early, run)
            self._report(progress[1:])
            runs.append(run)
        return runs

    def _progress(self, run: CompiledRun) -> list[Progress]:
        """Return the progress of a run that is over, at its start and after each iteration, if there is a callback."""
        if self.settings.watch is None:
            return []
        means = run.rows.mean_log_likelihoods(run.outcome.trace[:, 0]).tolist()
        changes = [math.inf, *np.diff(means).tolist()]
        start, first = max(self.n_runs - 1, 0), run.before.n_iter if run.before else 0
        return [Progress(start, first + at, *values) for at, values in enumerate(zip(means, changes, strict=True))]

    def _report(self, progress: list[Progress]) -> None:
        for one in progress:
            assert self.settings.watch is not None
            self.settings.watch(one)

    def _run_of(self, rows: CompiledRows, outcome: Outcome, before: Run | None) -> CompiledRun:
        n_starts, now = 1 if before is None else before.n_starts, time.perf_counter() - self.began
        return CompiledRun(rows, self.target_root, outcome, now, before, n_starts=n_starts)
