"""Runs of EM that a search compares, and their order."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gaussmix.core.cached_values import cached_property
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.degeneracy import Soundness, find_lost
from gaussmix.fitting.em import Fit, Record
from gaussmix.fitting.m_step import MaximumLikelihood, Step
from gaussmix.fitting.stopping import Stop

SAME = 1e-3
"""Nats: closer optima count as the same."""

AGREED = 3
"""Starts with the same optimum, after which a better one is very rare."""


@dataclass(frozen=True, eq=False)
class Run(ABC):
    """A run of EM and the soundness of its components.

    Attributes
    ----------
    soundness : Soundness
        Degenerate components of the result.
    n_starts : int
        Number of starts that reached this optimum.
    """

    soundness: Soundness
    n_starts: int = field(default=1, kw_only=True)

    @property
    @abstractmethod
    def fit(self) -> Fit:
        """The result of the run."""

    @property
    def objective(self) -> float:
        """The log-likelihood plus log prior, in nats."""
        return self.fit.objective

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood in nats."""
        return self.fit.moments.log_likelihood

    @property
    def mixture(self) -> Mixture:
        """The final mixture."""
        return self.fit.mixture

    @property
    def counts(self) -> FloatArray:
        """The sums (k,) of the weighted responsibilities."""
        return self.fit.moments.counts

    @property
    def history(self) -> tuple[Record, ...]:
        """What was recorded of each iteration."""
        return self.fit.history

    @property
    def n_passes(self) -> int:
        """The number of passes."""
        return self.fit.n_passes

    @property
    def n_iter(self) -> int:
        """The number of iterations."""
        return self.fit.n_iter

    @property
    def stop(self) -> Stop:
        """The reason for the end of the run."""
        return self.fit.stop

    @cached_property
    def n_lost(self) -> int:
        """The number of components without rows, or that repeat another one."""
        return int(find_lost(self.mixture, self.counts).sum())

    @cached_property
    def rank(self) -> tuple[int, bool, float]:
        """The sort key, best first: the number of lost components, whether chance explains one, and the objective.

        The surplus of unsound components is subtracted from the objective: their rows gain nothing by being equal.
        """
        fair = self.objective - self.soundness.total_surplus
        return self.n_lost, self.soundness.is_doubtful, -fair

    @property
    def least_rank(self) -> tuple[int, bool, float]:
        """A lower bound of the rank, for which no component is examined: no surplus is negative."""
        return 0, False, -self.objective

    @property
    def has_agreement(self) -> bool:
        """Whether so many starts reached this sound optimum that a better one is very rare."""
        return self.n_starts >= AGREED and not self.soundness.n_unsound

    def beats(self, other: "Run", same: float = SAME) -> bool:
        """Return whether this run has fewer lost or unsound components, or an objective higher by over ``same``."""
        *troubles, objective = other.rank
        limit = *troubles, objective - same
        return self.least_rank < limit and self.rank < limit


@dataclass(frozen=True, eq=False)
class FittedRun(Run):
    """A run of `fit_em`.

    Attributes
    ----------
    result : Fit
        Result of the run.
    """

    result: Fit

    @property
    def fit(self) -> Fit:
        return self.result


def with_fit(run: Run, fit: Fit) -> FittedRun:
    """Return a run with another result, of the same soundness."""
    return FittedRun(run.soundness, fit, n_starts=run.n_starts)


def better_ranked(best: Run | None, run: Run) -> Run:
    """Return the run of better rank, the first one if they are equal."""
    return run if best is None or run.rank < best.rank else best


def ranked(runs: Iterable[Run]) -> list[Run]:
    """Sort runs, best first, and merge those with the same optimum."""
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: run.rank):
        alike = [at for at, other in enumerate(kept) if abs(run.objective - other.objective) <= SAME]
        if alike:
            kept[alike[0]] = replace(kept[alike[0]], n_starts=kept[alike[0]].n_starts + run.n_starts)
        else:
            kept.append(run)
    return kept


def first_ranked(runs: Iterable[Run], number: int = 1) -> list[Run]:
    """Return the first ``number`` of `ranked`; if it is one, runs that cannot be the first are not examined."""
    runs = list(runs)
    if number > 1 or not runs:
        return ranked(runs)[:number]
    best: Run | None = None
    for run in sorted(runs, key=lambda run: run.least_rank):
        if best is not None and best.rank < run.least_rank:
            break
        if best is None or (run.rank, runs.index(run)) < (best.rank, runs.index(best)):
            best = run
    assert best is not None
    return [replace(best, n_starts=sum(run.n_starts for run in runs if abs(run.objective - best.objective) <= SAME))]


def unstacked(fit: Fit, passes: list[tuple[Moments, ...]], update: MaximumLikelihood) -> Iterator[Fit]:
    """Yield the fit of each mixture from that of concatenated mixtures, which ran at the same time.

    Parameters
    ----------
    fit : Fit
        Result for all of them.
    passes : list of tuple of Moments
        Sums of each pass and mixture.
    update : MaximumLikelihood
        The M-step.

    Yields
    ------
    Fit
    """
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
