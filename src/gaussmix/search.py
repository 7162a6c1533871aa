"""The search for the good optimum: starts that race, moves that refine the winner, and a finish on all rows."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.acceleration import Accelerator
from gaussmix.covariance import AbstractCovariance
from gaussmix.degeneracy import Soundness, examine
from gaussmix.em import Ahead, Fit, Progress, Rule, fit_em
from gaussmix.engines import AbstractEngine, NativeEngine
from gaussmix.mixture import Mixture
from gaussmix.refine import Move, propose_moves
from gaussmix.starts import Sample, draw_starts
from gaussmix.typing import FloatArray
from gaussmix.updates import MaximumLikelihood

SEARCH_ROWS = 20_000
N_STARTS = 12
SHORT, LONGER, LAST = 4, 12, 500
SAME = 1e-3
ROUNDS = 2
PROPOSALS = 4
FINISHERS = 2


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where a run ended, and whether it is sound."""

    fit: Fit
    soundness: Soundness

    @property
    def rank(self) -> tuple[int, float]:
        """The less the better: first unsound components, then the objective."""
        return self.soundness.n_unsound, -self.fit.objective


@dataclass(frozen=True, eq=False)
class Search:
    engine: AbstractEngine
    data: Sample
    structure: type[AbstractCovariance]
    n_components: int
    update: MaximumLikelihood
    target_root: FloatArray
    accelerate: bool
    deadline: float

    def run(self, mixture: Mixture, max_iter: int, rule: Rule, accelerate: bool = True) -> Optimum:
        accelerator = Accelerator(self.update) if accelerate and self.accelerate else None
        fit = fit_em(
            self.engine, self.update, mixture, rule, max_iter=max_iter, accelerator=accelerator, deadline=self.deadline
        )
        return Optimum(fit, examine(fit.mixture, fit.moments.counts, fit.moments.weight, self.target_root))

    def race(self, starts: Iterator[Mixture]) -> list[Optimum]:
        """The optima that the best starts reached, best first."""
        runs = sorted((self.run(start, SHORT, Ahead(), False) for start in starts), key=lambda run: run.rank)
        runs = runs[: math.ceil(len(runs) / 3)]
        runs = sorted((self.run(run.fit.mixture, LONGER, Ahead()) for run in runs), key=lambda run: run.rank)
        runs = different(runs)[:FINISHERS]
        return different(sorted((self.run(run.fit.mixture, LAST, Ahead(1e-3)) for run in runs), key=lambda run: run.rank))

    def refine(self, best: Optimum) -> Optimum:
        failures = 0
        tried: set[Move] = set()
        while failures < ROUNDS and self.n_components > 2:
            moves = propose_moves(self.data, best.fit.mixture, best.fit.moments, self.update, best.soundness.unsound)
            short = []
            for move, start in moves:
                if move not in tried:
                    tried.add(move)
                    short.append(self.run(start, SHORT, Ahead(), False))
                if len(short) == PROPOSALS:
                    break
            if not short:
                break
            run = self.run(min(short, key=lambda run: run.rank).fit.mixture, LAST, Ahead(1e-3))
            if run.rank < (best.soundness.n_unsound, -best.fit.objective - SAME):
                best = run
                tried.clear()
                failures = 0
            else:
                failures += 1
        return best


def different(runs: list[Optimum]) -> list[Optimum]:
    """Without those that ended where one before them did."""
    kept: list[Optimum] = []
    for run in runs:
        if all(abs(run.fit.objective - other.fit.objective) > SAME for other in kept):
            kept.append(run)
    return kept
