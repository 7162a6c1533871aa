"""Search for the best mixture of factor analyzers."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, Diagonal, Factor, Full
from gaussmix.core.engines import AbstractEngine, NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.random_streams import random_streams
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import AbstractAccelerator
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.degeneracy import examine_factors, rows_needed
from gaussmix.fitting.em import Fit
from gaussmix.fitting.factor_acceleration import FactorAccelerator
from gaussmix.fitting.factor_moves import propose_factor_moves
from gaussmix.fitting.factor_starts import draw_factor_starts, factor_start
from gaussmix.fitting.factor_step import FactorUpdate, takes_full_sums
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, SHORT, Multistart, SearchSettings
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.runs import AGREED, FittedRun, Run, ranked
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.search import FEW_PAIRS, find_optimum
from gaussmix.fitting.search_result import SearchResult
from gaussmix.fitting.stopping import RemainingGain, Stop, StoppingRule

_FEW_STARTS = 4  # of the first kinds, with many columns, unless the caller gives a number
_MOST_ROWS, _ENOUGH_NUMBERS = 20_000, 4_000_000  # of the rows that are searched; rows times columns
_LEAST_PER_COMPONENT = 400  # rows that are searched, for each component
_NEAR = RemainingGain(0.1)  # nats; optima are ranked on the rows that are searched


class FactorMultistart(Multistart):
    """Runs of a search over mixtures of factor analyzers."""

    def _fit(
        self,
        engine: AbstractEngine,
        mixture: Mixture,
        max_iter: int,
        rule: StoppingRule | None,
        earlier: Fit | None = None,
        accelerator: AbstractAccelerator | None = None,
    ) -> Fit:
        assert isinstance(self.update, FactorUpdate)
        update = replace(self.update, by_steps=True) if max_iter <= SHORT else self.update
        if accelerator is None and rule and self.settings.accelerate:
            accelerator = FactorAccelerator(update)
        search = replace(self, update=update)
        return super(FactorMultistart, search)._fit(engine, mixture, max_iter, rule, earlier, accelerator)

    def race_of_all(self, starts: Iterable[Mixture]) -> list[Run]:
        """Run one start after the other to convergence until some agree."""
        runs: list[Run] = []
        for start in self.in_time(starts):
            assert isinstance(start, Mixture)
            runs.append(self.go_on(self.run(start, SHORT, rule=self.near), LAST))
            best = ranked(runs)
            if best[0].n_starts >= AGREED and not self.settings.all_starts:
                break
        return best

    def improve(self, best: Run, streams: Iterator[np.random.Generator]) -> Run:
        """Remove one component and split another one, as long as this improves the best run."""
        update = self.update
        assert isinstance(update, FactorUpdate)
        is_late = time.perf_counter() > self.settings.deadline
        if best.mixture.n_components == 1 or best.has_agreement or is_late:
            return best
        return self._improve(
            best, lambda run: propose_factor_moves(self.data, run.mixture, update, next(streams)), SHORT, 1
        )

    def _record(self, fit: Fit) -> Run:
        run = FittedRun(examine_factors(fit.mixture, fit.moments.counts), fit)
        self.keep(run)
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        return run


def find_factor_optimum(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    update_for: Callable[[Sample, FloatArray], MaximumLikelihood],
    settings: SearchSettings,
    seed: int,
) -> SearchResult:
    """Search for the best optimum of a mixture of factor analyzers: several starts, of which the best two converge.

    Nothing has d x d numbers. If there are many rows, a sample is searched, and EM on all rows starts from its optimum.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    structure : subclass of Factor
        Covariance structure.
    n_components : int
        Number of components.
    update_for : callable
        Function that returns the M-step for a `Sample` and the standard deviations (d,) within clusters.
    settings : SearchSettings
        Settings of all runs.
    seed : int
        Seed of the random streams.

    Returns
    -------
    SearchResult
        The result, with components in order of descending weight.
    """
    assert issubclass(structure, Factor)
    streams = random_streams(seed)
    enough = max(_ENOUGH_NUMBERS // engine.n_features, _LEAST_PER_COMPONENT * n_components)
    limit = min(_MOST_ROWS, enough)
    data = Sample.of(engine.sample_rows(limit, next(streams)), "diagonal")
    all_rows = data.rows.n_rows == engine.n_rows
    deviations = data.root_within(n_components, "diagonal", next(streams))
    update = update_for(data, deviations)
    searched = engine if all_rows else NativeEngine.of(data.rows)
    search = FactorMultistart(searched, data, update, deviations, settings, _NEAR)
    last = search if all_rows else replace(search, engine=engine)
    is_wide = engine.n_features > MOST_FEATURES and not settings.all_starts
    n_starts = min(settings.n_starts, 1 if n_components == 1 else _FEW_STARTS if is_wide else settings.n_starts)
    runs: list[Run] = []
    try:
        starts = draw_factor_starts(data, structure, n_components, n_starts, streams)
        if takes_full_sums(structure, data.rows.n_features) and data.rows.n_rows * n_components <= FEW_PAIRS:
            others = _starts_of_others(search, structure, n_components, seed) if n_components > 1 else ()
            runs = search.race_of_all(itertools.chain(others, starts))
        else:
            runs = search.race_in_order(starts, must_be_sound=False)
            runs[0] = search.improve(runs[0], streams)
        found = runs[0]
        reached = found if all_rows else last.run(found.mixture, min(LAST, settings.max_iter))
        best = last.go_on(reached, settings.max_iter, rule=settings.rule)
    except KeyboardInterrupt:
        if search.best is None:
            raise
        best = last.best or replace(last, settings=replace(settings, watch=None)).run(search.best.mixture, 0)
        best = FittedRun(best.soundness, best.fit.stopped_by(Stop.INTERRUPTED))
        found = best
    order = np.argsort(-best.mixture.weights, kind="stable")
    optima = [run.fit.moments.log_likelihood for run in runs for _ in range(max(run.n_starts, 1))]
    fit, soundness = best.fit.reordered(order), best.soundness.reordered(order)
    return SearchResult.of(fit, update, soundness, optima, found.fit, None)


def _starts_of_others(
    search: FactorMultistart, structure: type[Factor], n_components: int, seed: int
) -> Iterator[Mixture]:
    """Yield starts from the optima of full and of diagonal covariances, with the most likely factors of these.

    With fewer rows for each component than a full covariance needs, full covariances would be singular.
    """
    assert isinstance(search.update, FactorUpdate)
    settings, rows = replace(search.settings, watch=None, checkpoint=None), search.data.rows
    has_enough = rows.total >= n_components * rows_needed(Full.letters, rows.n_features)
    for other in (Full, Diagonal) if has_enough else (Diagonal,):
        found = find_optimum(
            NativeEngine.of(rows),
            other,
            n_components,
            lambda sample, root: MaximumLikelihood(prior=Prior.chen_tan(WEAKEST, root)),
            settings,
            seed,
        ).fit
        if found.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        labels = search.engine.score_rows(found.mixture.whitened(), "labels")
        start = factor_start(search.data, labels, structure, n_components, np.random.default_rng(seed))
        assert isinstance(start.covariance, Factor)
        dense = found.mixture.covariance.dense()
        covariance = start.covariance.most_likely(found.moments.counts, dense, search.update.least_noise)
        yield found.mixture.with_components(found.mixture.weights, found.mixture.means, covariance)
