"""The search for the posterior with the greatest evidence lower bound: starts, merges, splits and births."""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine, engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior import MixturePrior
from gaussmix.core.random_streams import random_streams
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import draw_starts, start_from_labels, start_from_responsibilities
from gaussmix.fitting.stopping import ParameterDistance, RemainingGain, Stop, StoppingRule
from gaussmix.fitting.variational import VariationalUpdate
from gaussmix.fitting.variational_moves import merge_all, propose_moves

Item = TypeVar("Item")

OCCUPIED = 1.0
"""Expected number of rows from which on a component counts as occupied; others are removed by ``prune``."""

N_STARTS = 8
"""Number of starts of a search."""

ALL_ROWS = 20_000
"""Maximum number of rows that are searched directly; for more rows, a sample is searched."""

_SHORT, _LONGER, _LAST, _POLISHING = 4, 10, 500, 50  # iterations
_FINISHERS = 2  # starts that run to convergence
_SAME = 1e-3  # nats
_NEAR = RemainingGain(1e-3)
_NEAR_IN_SAMPLE = RemainingGain(0.1)
_PROPOSALS, _FAILURES, _MOST_FAILURES = 4, 2, 5  # moves per round; rounds without success that end the moves
_AGREED = 3  # starts with the same optimum, after which a better one is very rare
_EMPTY = 0.1  # expected rows below which a component is left out during the search
_MOST_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class VariationalResult:
    """Result of a search.

    Attributes
    ----------
    fit : Fit
        Last run; its log-likelihoods are evidence lower bounds.
    update : VariationalUpdate
        M-step of the run, which knows the posterior of a state.
    bounds : tuple of float
        Evidence lower bounds in nats that the starts reached, greatest first, on the rows that were searched.
    n_pruned : int
        Number of components without rows that were removed.
    """

    fit: Fit
    update: VariationalUpdate
    bounds: tuple[float, ...]
    n_pruned: int


@dataclass(eq=False)
class BoundSearch:
    """Runs of variational Bayes on the same rows.

    Attributes
    ----------
    engine : AbstractEngine
        Engine of the runs.
    data : Sample
        Rows for which moves are proposed: those of the engine, or some of them.
    update : VariationalUpdate
        The M-step.
    settings : SearchSettings
        Settings of all runs.
    near : RemainingGain
        Stopping rule of the runs.
    began : float
        Time at which the search began.
    best : Fit or None
        The best run so far, for interruptions.
    n_runs : int
        Number of runs so far.
    n_agreed : int
        Number of starts that reached the best optimum of the race.
    """

    engine: AbstractEngine
    data: Sample
    update: VariationalUpdate
    settings: SearchSettings
    near: RemainingGain
    began: float = field(default_factory=time.perf_counter)
    best: Fit | None = None
    n_runs: int = 0
    n_agreed: int = 0

    def race(self, starts: Iterable[Mixture]) -> list[Fit]:
        """Run all starts for a few iterations, merge and continue the best third, and run the best two to the end.

        The second half of the starts is left out as soon as three agree on the best optimum.

        Returns the last runs, best first.
        """
        short: list[Fit] = []
        for start in self._in_time(starts):
            short.append(self.run(start, _SHORT, None))
            best = max(fit.objective for fit in short)
            self.n_agreed = sum(fit.objective >= best - _SAME for fit in short)
            if self.n_agreed >= _AGREED and 2 * len(short) >= self.settings.n_starts:
                break
        fits = _ranked(short)
        fits = fits[: math.ceil(len(fits) / 3)]
        fits = _ranked(self.condense(self.go_on(fit, _LONGER, self.near)) for fit in self._in_time(fits))
        first = self.go_on(fits[0], _LAST, self.near)
        return _ranked([first, *(self.go_on(fit, _LAST, self._beating(first)) for fit in fits[1:_FINISHERS])])

    def compare_with(self, fits: list[Fit], starts: Iterable[Mixture]) -> list[Fit]:
        """Run more starts to the end, and return them and the last runs of a race, best first."""
        best = fits[0]
        more = [self.condense(self.run(start, _SHORT, None)) for start in self._in_time(starts)]
        fits = _ranked([*fits, *(self.go_on(fit, _LAST, self._beating(best)) for fit in more)])
        if fits[0].objective > best.objective + _SAME:
            self.n_agreed = 1
        return fits

    def condense(self, fit: Fit) -> Fit:
        """Merge pairs of components, all at once, as long as this raises the bound."""
        for _ in range(_MOST_ROUNDS):
            if fit.mixture.n_components == 1 or self.is_late:
                break
            shares = merge_all(self.update, fit.mixture, self.data)
            if shares is None:
                break
            start = start_from_responsibilities(self.data, shares, self.update.prior.structure)
            merged = self.run(start, _SHORT, None)
            if merged.objective <= fit.objective:
                break
            fit = merged
        return fit

    def improve(self, best: Fit) -> Fit:
        """Try moves from the best run, and from every better one, until some rounds have failed.

        If several starts reached the same optimum, no move is tried.
        """
        k, most = best.mixture.n_components, self.update.prior.n_components
        if self.n_agreed >= _AGREED or k == most <= 2:
            return best
        patience = max(_FAILURES, min(k // 4, _MOST_FAILURES))
        moves, failures = propose_moves(self.update, best.mixture, self.data), 0
        while failures < patience and not self.is_late:
            some = itertools.islice(moves, _PROPOSALS)
            starts = (move.start(self.data, self.update) for move in some)
            tried = _ranked(self.run(start, _SHORT, None) for start in self._in_time(starts))
            if not tried:
                break
            found = self.go_on(self.condense(tried[0]), _LAST, self._beating(best))
            if found.objective > best.objective + _SAME:
                best, failures = found, 0
                moves = propose_moves(self.update, best.mixture, self.data)
            else:
                failures += 1
        return best

    def finish(self, fit: Fit, update: VariationalUpdate, rule: StoppingRule) -> Fit:
        """Run to the end with a final prior, in the order of descending weight."""
        start = fit.mixture
        missing = update.prior.n_components - start.n_components
        if missing > 0:
            start = with_empty_components(start, update.prior, missing)
        search = replace(self, update=update, best=None)
        for _ in range(_MOST_ROUNDS):
            last = search.run(start, self.settings.max_iter, rule)
            if _is_ordered(last.mixture) or last.stop.is_cut_short:
                break
            start = last.mixture
        return search.polish(last)

    def polish(self, fit: Fit) -> Fit:
        """Continue a converged run for a few passes, until the posterior no longer depends on the start."""
        if fit.stop is not Stop.AT_OPTIMUM or not self.settings.accelerate:
            return fit
        polished = self._fit(fit.mixture, _POLISHING, ParameterDistance(), fit)
        if polished.stop in (Stop.LIMIT, Stop.ROUNDING):
            return polished.stopped_by(Stop.AT_OPTIMUM, fit.history[-1].gain)
        return polished

    def run(self, mixture: Mixture, max_iter: int, rule: StoppingRule | None) -> Fit:
        """Run from a state, whose components are put in the order of descending weight."""
        self.n_runs += 1
        order = np.argsort(-mixture.weights, kind="stable")
        return self._fit(mixture.take(order, mixture.weights[order]), max_iter, rule)

    def go_on(self, fit: Fit, max_iter: int, rule: StoppingRule | None) -> Fit:
        """Continue a run without its empty components."""
        if rule is not None and fit.stop in (Stop.AT_OPTIMUM, Stop.ROUNDING):
            return fit
        counts = self.update.total * fit.mixture.weights
        held = counts >= min(_EMPTY, counts.max())
        if held.all():
            return self._fit(fit.mixture, max_iter, rule, fit)
        return self.run(fit.mixture.take(np.flatnonzero(held)), max_iter, rule)

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.settings.deadline

    def _beating(self, best: Fit) -> RemainingGain:
        return replace(self.near, to_beat=best.objective)

    def _fit(self, mixture: Mixture, max_iter: int, rule: StoppingRule | None, earlier: Fit | None = None) -> Fit:
        accelerate = rule is not None and self.settings.accelerate
        fit = fit_em(
            self.engine,
            self.update,
            mixture,
            rule,
            max_iter=min(max_iter, self.settings.max_iter),
            accelerator=Accelerator(self.update) if accelerate else None,
            earlier=earlier,
            run=EMRun(max(self.n_runs - 1, 0), self.began, self.settings.deadline, self.settings.watch),
        )
        if self.best is None or fit.objective > self.best.objective:
            self.best = fit
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return fit

    def _in_time(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items until the deadline, and at least one."""
        for item in items:
            yield item
            if self.is_late:
                break


def find_posterior(
    engine: AbstractEngine,
    prior: MixturePrior,
    update_for: Callable[[MixturePrior, float], VariationalUpdate],
    total: float,
    settings: SearchSettings,
    *,
    prune: bool,
    seed: int,
) -> VariationalResult:
    """Search for the posterior with the greatest evidence lower bound.

    If there are many rows, a sample is searched, and the best result is continued and improved on all rows.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    prior : MixturePrior
        The prior.
    update_for : callable
        Function that returns the M-step for a prior and a total weight of rows.
    total : float
        Total weight of the rows.
    settings : SearchSettings
        Settings of all runs.
    prune : bool
        Whether to remove components without rows at the end.
    seed : int
        Seed; start i draws from its own stream, keyed by the seed and i.

    Returns
    -------
    VariationalResult
        The result, with components in order of descending weight.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before there is a result. After that, the best result so far is returned.
    """
    streams = random_streams(seed)
    k, structure = prior.n_components, prior.structure
    data, _, all_rows = draw_sample(engine, structure, k, next(streams), ALL_ROWS)
    size = total if all_rows else float(data.rows.n_rows)
    search_engine = engine if all_rows else settings.recorded(engine_for(data.as_observed), "sample")
    search = BoundSearch(search_engine, data, update_for(prior, size), settings, _NEAR if all_rows else _NEAR_IN_SAMPLE)
    last = search if all_rows else replace(search, engine=engine, update=update_for(prior, total))
    fits: list[Fit] = []
    try:
        if k == 1:
            one = start_from_labels(data, np.zeros(data.rows.n_rows, dtype=np.int64), structure, 1)
            fits = [search.run(one, settings.max_iter, search.near)]
        else:
            few = min(k, data.rows.n_rows)
            fits = search.race(draw_starts(data, structure, few, range(settings.n_starts), streams))
            fits = search.compare_with(fits, _draw_fewer(data, structure, few, streams))
        best = search.improve(fits[0])
        if not all_rows:
            best = last.run(best.mixture, settings.max_iter, last.near)
            best = last.improve(best)
        interrupted = False
    except KeyboardInterrupt:
        found = last.best or search.best
        if found is None:
            raise
        best, interrupted = found, True
    return _finished(last, best, fits, prune=prune, interrupted=interrupted, update_for=update_for)


def _draw_fewer(
    data: Sample, structure: type[AbstractCovariance], n_components: int, streams: Iterator[np.random.Generator]
) -> Iterator[Mixture]:
    """Yield starts of 1, 2, 4, ... components: merging many components may end with more than the rows need."""
    size = 1
    while size < n_components:
        if size == 1:
            yield start_from_labels(data, np.zeros(data.rows.n_rows, dtype=np.int64), structure, 1)
        else:
            yield from draw_starts(data, structure, size, range(1), streams)
        size *= 2


def _finished(
    search: BoundSearch,
    best: Fit,
    fits: list[Fit],
    *,
    prune: bool,
    interrupted: bool,
    update_for: Callable[[MixturePrior, float], VariationalUpdate],
) -> VariationalResult:
    prior, total, n_pruned = search.update.prior, search.update.total, 0
    if prune:
        held = total * best.mixture.weights >= min(OCCUPIED, total * best.mixture.weights.max())
        best = replace(best, mixture=best.mixture.take(np.flatnonzero(held)))
        n_pruned = prior.n_components - best.mixture.n_components
        prior = replace(prior, n_components=best.mixture.n_components)
    if interrupted:
        search = replace(search, settings=replace(search.settings, max_iter=0))
    last = search.finish(best, update_for(prior, total), search.settings.rule)
    if interrupted:
        last = last.stopped_by(Stop.INTERRUPTED)
    bounds = sorted((fit.objective for fit in fits), reverse=True)
    return VariationalResult(last, update_for(prior, total), tuple(bounds), n_pruned)


def with_empty_components(mixture: Mixture, prior: MixturePrior, n_empty: int) -> Mixture:
    """Return a state of the loop with components without rows, whose distributions are the prior."""
    empty = prior.components(n_empty)
    roots = np.concatenate([mixture.covariance.dense_roots(), empty.covariance.dense_roots()])
    return Mixture(
        np.concatenate([mixture.weights, np.zeros(n_empty)]),
        np.concatenate([mixture.means, empty.means]),
        prior.structure.from_dense_roots(roots),
        mixture.feature_names,
    )


def _is_ordered(mixture: Mixture) -> bool:
    return bool((np.diff(mixture.weights) <= 1e-12).all())


def _ranked(fits: Iterable[Fit]) -> list[Fit]:
    """Sort runs by their bound, best first, without repetitions of the same optimum."""
    kept: list[Fit] = []
    for fit in sorted(fits, key=lambda fit: -fit.objective):
        if not kept or kept[-1].objective - fit.objective > _SAME:
            kept.append(fit)
    return kept
