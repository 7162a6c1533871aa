"""Runs of a search, and their order."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from gaussmix.fitting.degeneracy import Soundness, find_lost
from gaussmix.fitting.em import Fit

SAME = 1e-3
"""Difference in nats below which optima count as the same."""
AGREED = 3
"""Number of starts with the same optimum, after which a better one is very rare."""


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
        return self.rank < (*troubles, objective - SAME)


def have_agreed(run: Run) -> bool:
    """Return whether several starts have reached the optimum of a run, and it is sound."""
    return run.n_starts >= AGREED and not run.soundness.n_unsound


def including(run: Run, others: list[Run]) -> tuple[list[Run], int]:
    """Return runs that include a given one, or one with the same objective, and the position of that."""
    for at, other in enumerate(others):
        if abs(run.fit.objective - other.fit.objective) <= SAME:
            return others, at
    return [*others, run], len(others)


def rank_runs(runs: Iterable[Run]) -> list[Run]:
    """Sort runs, best first, and merge those with the same optimum."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: run.rank):
        same = [at for at, other in enumerate(kept) if abs(run.fit.objective - other.fit.objective) <= SAME]
        if same:
            kept[same[0]] = replace(kept[same[0]], n_starts=kept[same[0]].n_starts + run.n_starts)
        else:
            kept.append(run)
    return kept
