"""Fits with thousands of components: truncated EM from one or a few starts, and exact numbers at its end."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from gaussmix.core.engines import AbstractEngine, NativeEngine, TruncatedEngine, Truncation
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, Record, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.search_result import SearchResult, TruncationReport
from gaussmix.fitting.stopping import RemainingGain, StoppingRule

MOST_LOST = 1e-4
"""Mean probability of components that are not candidates, up to which "auto" keeps the number of candidates."""

EXACT_ITERATIONS = 3
"""Number of exact iterations at the start of a fit."""

_FIRST_CANDIDATES = 5
_LEAST_NEIGHBORS = 12
_NEIGHBORS_PER_CANDIDATE = 2
_MORE_NEIGHBORS = 4
_EXACT_SHARE = 0.25
_ROUNDS = 6
_REMAINING = 1e-4  # nats per row, where the default rule of an exact fit has 1e-4 nats over all rows


def candidates_of(truncation: int | str | None, n_components: int) -> int | None:
    """Return with how many candidates a fit begins, or None if it is exact.

    Parameters
    ----------
    truncation : int, "auto" or None
        Number of candidates of each row; None for an exact fit.
    n_components : int
        Number of components.

    Returns
    -------
    int or None
        "auto" is exact if rows would look at half of the components or more.
    """
    if truncation is None:
        return None
    if isinstance(truncation, str):
        is_exact = _looks_at_most(_FIRST_CANDIDATES, neighbors_for(_FIRST_CANDIDATES), n_components)
        return None if is_exact else _FIRST_CANDIDATES
    return None if truncation >= n_components else int(truncation)


def neighbors_for(n_candidates: int) -> int:
    """Return the number of neighbors that go with a number of candidates."""
    return max(_LEAST_NEIGHBORS, _NEIGHBORS_PER_CANDIDATE * n_candidates)


def _looks_at_most(n_candidates: int, n_neighbors: int, n_components: int) -> bool:
    """Return whether a truncated pass would take about as long as an exact one."""
    return n_candidates + n_neighbors >= _EXACT_SHARE * n_components


@dataclass(frozen=True, eq=False)
class TruncatedFit:
    """A fit with a few candidates for each row.

    Attributes
    ----------
    rows : WeightedRows
        Complete rows.
    engine : NativeEngine
        Engine with these rows, for exact passes.
    update : MaximumLikelihood
        The M-step.
    settings : SearchSettings
        Settings of the runs. They are not accelerated.
    n_candidates : int
        Number of candidates of each row at first.
    is_adaptive : bool
        Whether it grows until at most `MOST_LOST` of the probability is lost.
    """

    rows: WeightedRows
    engine: NativeEngine
    update: MaximumLikelihood
    settings: SearchSettings
    n_candidates: int
    is_adaptive: bool

    def run(self, draw: Callable[[], Mixture], root: FloatArray | None, previous: float = -math.inf) -> SearchResult:
        """Fit from each start, and keep the one with the greatest objective.

        Parameters
        ----------
        draw : callable
            Function that returns the next start.
        root : array, optional
            Root of the reference covariance for collapsed components.
        previous : float
            Mean log-likelihood one iteration before the start, if a fit is continued.

        Returns
        -------
        SearchResult
            The best fit. Its moments and its log-likelihood are those of an exact pass.
        """
        began = time.perf_counter()
        results = []
        for number in range(self.settings.n_starts):
            run = EMRun(number, began, self.settings.deadline, self.settings.watch, previous)
            results.append(self._fit(draw(), run))
            if results[-1][0].stop.is_cut_short or run.is_late:
                break
        fit, report = max(results, key=lambda result: result[0].objective)
        if results[-1][0].stop.is_cut_short:
            fit = fit.stopped_by(results[-1][0].stop)
        soundness = examine(fit.mixture, fit.moments.counts, fit.moments.weight, root)
        optima = sorted((one.moments.log_likelihood for one, _ in results), reverse=True)
        return SearchResult(fit, self.update, soundness, tuple(optima), truncation=report)

    def _fit(self, start: Mixture, run: EMRun) -> tuple[Fit, TruncationReport]:
        kept, most_lost = self.n_candidates, MOST_LOST if self.is_adaptive else math.inf
        engine = TruncatedEngine(self.rows, Truncation(kept, neighbors_for(kept)))
        first = self._step_exactly(start, run)
        fit = self._run_em(engine, start if first is None else first.mixture, run, first)
        fit = self._run_from_exact_candidates(engine, fit, run)
        audit = engine.audit(fit.mixture.whitened(), MOST_LOST / 2)
        for _ in range(_ROUNDS):
            if not self.is_adaptive or audit.lost <= MOST_LOST or self._is_over(fit):
                break
            kept = max(audit.n_needed, kept + 1)
            n_neighbors = max(neighbors_for(kept), engine.truncation.n_neighbors + _MORE_NEIGHBORS)
            if _looks_at_most(kept, n_neighbors, start.n_components):
                exact = fit_em(
                    self.engine,
                    self.update,
                    fit.mixture,
                    self._rule,
                    max_iter=self._iterations_after(fit),
                    accelerator=Accelerator(self.update) if self.settings.accelerate else None,
                    earlier=fit,
                    run=run,
                )
                return exact, TruncationReport(start.n_components, 0.0, most_lost)
            engine.widen(kept, n_neighbors)
            fit = self._run_from_exact_candidates(engine, fit, run)
            audit = engine.audit(fit.mixture.whitened(), MOST_LOST / 2)
        return self._exact(fit), TruncationReport(kept, audit.lost, most_lost)

    def _step_exactly(self, start: Mixture, run: EMRun) -> Fit | None:
        """Return the fit after the exact iterations, without an evaluation of its end; None if `max_iter` is below 2.

        At the start, components are wide and many have a share in a row. If some are left out there, EM often goes to
        another optimum.
        """
        fit, mixture, before = None, self.update.prepared(start), run.previous_log_likelihood
        for number in range(min(EXACT_ITERATIONS, self.settings.max_iter - 1)):
            if number and run.is_late:
                break
            moments = self.update.accumulate(self.engine, mixture, rough=self.engine.rough_helps)
            step = self.update.maximize(mixture, moments)
            point = Fit.of_start(mixture, moments, moments.log_likelihood + self.update.log_prior(mixture))
            run.report(number, moments.mean_log_likelihood, moments.mean_log_likelihood - before)
            gain = self.update.gain(mixture, moments, step)
            record = Record(moments.mean_log_likelihood, gain, time.perf_counter() - run.began)
            history = (record, record) if fit is None else (*fit.history[:-1], record, record)
            fit = replace(point, mixture=step.mixture, history=history, n_passes=number + 1)
            before, mixture = moments.mean_log_likelihood, step.mixture
        return fit

    def _run_from_exact_candidates(self, engine: TruncatedEngine, fit: Fit, run: EMRun) -> Fit:
        """Continue a fit, after each row has been compared with all components once.

        Few rows are far from the components that they have been compared with, but such rows cost many nats.
        """
        if self._is_over(fit):
            return fit
        engine.search_everywhere()
        return self._run_em(engine, fit.mixture, run, fit)

    def _run_em(self, engine: AbstractEngine, start: Mixture, run: EMRun, earlier: Fit | None) -> Fit:
        limit = self._iterations_after(earlier)
        return fit_em(engine, self.update, start, self._rule, max_iter=limit, earlier=earlier, run=run)

    def _is_over(self, fit: Fit) -> bool:
        return fit.stop.is_cut_short or self._iterations_after(fit) <= 0

    def _iterations_after(self, earlier: Fit | None) -> int:
        return self.settings.max_iter - (0 if earlier is None else earlier.n_iter)

    @property
    def _rule(self) -> StoppingRule:
        rule = self.settings.rule
        return replace(rule, nats=_REMAINING * self.engine.weight) if isinstance(rule, RemainingGain) else rule

    def _exact(self, fit: Fit) -> Fit:
        """Return a fit with the moments and the log-likelihood of an exact pass."""
        moments = self.update.accumulate(self.engine, fit.mixture, rough=False)
        last = replace(fit.history[-1], log_likelihood=moments.mean_log_likelihood)
        objective = moments.log_likelihood + self.update.log_prior(fit.mixture)
        history = (*fit.history[:-1], last)
        return replace(fit, moments=moments, objective=objective, history=history, n_passes=fit.n_passes + 1)
