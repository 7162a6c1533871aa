"""The search for the good optimum: starts that race, then moves that refine the winner."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gaussmix.acceleration import Accelerator
from gaussmix.degeneracy import Soundness, examine
from gaussmix.em import Ahead, Fit, fit_em
from gaussmix.engines import AbstractEngine
from gaussmix.mixture import Mixture
from gaussmix.refine import propose_moves
from gaussmix.starts import Sample
from gaussmix.typing import FloatArray
from gaussmix.updates import MaximumLikelihood

N_STARTS = 12
_SHORT, _LONGER, _LAST = 4, 12, 500  # iterations in the three heats of a race
_FINISHERS = 2
_SAME = 1e-3  # nats: optima nearer than this are one
_NEAR = Ahead(1e-3)
_PROPOSALS, _FAILURES = 4, 2


@dataclass(frozen=True, eq=False)
class Run:
    """A run of EM, and whether the components it led to are sound."""

    fit: Fit
    soundness: Soundness

    @property
    def rank(self) -> tuple[int, float]:
        """The less the better: unsound components count first, then the objective."""
        return self.soundness.n_unsound, -self.fit.objective

    def beats(self, other: "Run") -> bool:
        n_unsound, objective = other.rank
        return self.rank < (n_unsound, objective - _SAME)


@dataclass(frozen=True, eq=False)
class Search:
    """What all runs of a search have in common."""

    engine: AbstractEngine
    data: Sample
    update: MaximumLikelihood
    target_root: FloatArray
    accelerate: bool
    deadline: float

    def race(self, starts: Iterable[Mixture]) -> list[Run]:
        """Many short runs, the best third for longer, the best two of these to the end: where they ended, best first."""
        runs = _ranked(self._run(start, _SHORT, accelerate=False) for start in starts)
        runs = _ranked(self._run(run.fit.mixture, _LONGER) for run in runs[: math.ceil(len(runs) / 3)])
        return _ranked(self._run(run.fit.mixture, _LAST) for run in runs[:_FINISHERS])

    def refine(self, best: Run) -> Run:
        """Moves from the best, as long as one leads higher."""
        failures = 0
        moves = self._moves(best)
        while failures < _FAILURES and not best.fit.stop.is_cut_short:
            tried = [self._run(start, _SHORT, accelerate=False) for start, _ in zip(moves, range(_PROPOSALS))]
            if not tried:
                break
            run = self._run(_ranked(tried)[0].fit.mixture, _LAST)
            if run.beats(best):
                best, failures, moves = run, 0, self._moves(run)
            else:
                failures += 1
        return best

    def _moves(self, run: Run):
        return propose_moves(self.data, run.fit.mixture, run.fit.moments, self.update, run.soundness.unsound)

    def _run(self, mixture: Mixture, max_iter: int, accelerate: bool = True) -> Run:
        accelerator = Accelerator(self.update) if accelerate and self.accelerate else None
        fit = fit_em(
            self.engine, self.update, mixture, _NEAR, max_iter=max_iter, accelerator=accelerator, deadline=self.deadline
        )
        return Run(fit, examine(fit.mixture, fit.moments.counts, fit.moments.weight, self.target_root))


def _ranked(runs: Iterable[Run]) -> list[Run]:
    """Best first, without those that are where a better one is."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: run.rank):
        if all(abs(run.fit.objective - other.fit.objective) > _SAME for other in kept):
            kept.append(run)
    return kept
