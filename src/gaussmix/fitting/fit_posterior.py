"""Fitting of a posterior to a table: repeated rows, search or given starts, removal of empty components."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import AbstractEngine, distinct_rows, engine_for
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior import MixturePrior, Posterior
from gaussmix.core.posterior.occupation import log_probability_empty
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.checkpoint import ALL
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.prior_of_rows import PriorSettings
from gaussmix.fitting.stopping import Stop
from gaussmix.fitting.variational import VariationalUpdate
from gaussmix.fitting.variational_search import OCCUPIED, VariationalResult, find_posterior


@dataclass(frozen=True, eq=False)
class GivenStates:
    """Starts that the caller provides instead of a search.

    Attributes
    ----------
    draw : callable
        Function that returns a start, given the rows and the M-step.
    previous_bound : float
        Mean evidence lower bound one iteration before the start, if a fit is continued (`EMRun`).
    after_each : callable
        Callback that receives the `Fit` of each start.
    """

    draw: Callable[[WeightedRows, VariationalUpdate], Mixture]
    previous_bound: float
    after_each: Callable[[Fit], None]


@dataclass(frozen=True, eq=False)
class PosteriorFit:
    """A fitted posterior, with information about the fit.

    Attributes
    ----------
    posterior : Posterior
        The posterior.
    fit : Fit
        Last run; its log-likelihoods are evidence lower bounds.
    bounds : tuple of float
        Evidence lower bounds that the starts reached, in nats, greatest first.
    n_pruned : int
        Number of components without rows that were removed.
    n_rows : float
        Total weight of the rows.
    """

    posterior: Posterior
    fit: Fit
    bounds: tuple[float, ...]
    n_pruned: int
    n_rows: float

    @property
    def bound(self) -> float:
        """The evidence lower bound in nats."""
        return self.fit.objective

    @property
    def reason(self) -> str:
        """The reason for the end of the fit, as a sentence."""
        sentence = self.fit.reason.replace("mean log-likelihood", "evidence lower bound per row")
        return sentence.replace("log-likelihood", "evidence lower bound")

    @property
    def previous_bound(self) -> float:
        """The mean evidence lower bound one iteration before the end, for warm starts."""
        return self.fit.moments.mean_log_likelihood - self.fit.change

    def history(self) -> dict[str, FloatArray]:
        """Return the history of the last run as arrays.

        Returns
        -------
        dict from str to (i + 1,) array
            Arrays "lower_bound" and "gain", in nats over all rows, and "seconds".
        """
        records = self.fit.history
        return {
            "lower_bound": self.n_rows * np.array([record.log_likelihood for record in records]),
            "gain": np.array([record.gain for record in records]),
            "seconds": np.array([record.seconds for record in records]),
        }


@underflow_to_zero
def fit_posterior(
    rows: WeightedRows,
    settings: PriorSettings,
    search: SearchSettings,
    rng: np.random.RandomState,
    *,
    ridge: float,
    prune: bool,
    starts: GivenStates | None = None,
) -> PosteriorFit:
    """Fit a posterior to rows.

    Parameters
    ----------
    rows : WeightedRows
        The rows.
    settings : PriorSettings
        Parameters of the prior.
    search : SearchSettings
        Settings of the runs.
    rng : RandomState
        Source of random numbers; a search draws one.
    ridge : float
        Number added to the variance of every row, in squared units of the data.
    prune : bool
        Whether to remove components without rows.
    starts : GivenStates, optional
        Starts; by default the fit is a search.

    Returns
    -------
    PosteriorFit
        The result; after Ctrl-C, ``fit.stop`` is ``Stop.INTERRUPTED``.
    """
    prior = settings.prior_of(rows, ridge)
    distinct = distinct_rows(rows)
    engine = search.recorded(engine_for(rows if distinct is None else distinct), ALL)

    def update_for(prior: MixturePrior, total: float) -> VariationalUpdate:
        return VariationalUpdate(prior, total, ridge)

    with one_blas_thread():
        if starts is None:
            seed = int(rng.randint(2**31))
            result = find_posterior(engine, prior, update_for, rows.total, search, prune=prune, seed=seed)
        else:
            result = _fit_from_starts(engine, rows, update_for(prior, rows.total), search, starts)
            if prune:
                result = _pruned(engine, result, search)
        posterior = result.update.posterior(result.fit.mixture)
        known = rows if distinct is None else distinct
        log_empty = log_probability_empty(known, posterior.whitened())
    posterior = replace(posterior, feature_names=rows.names, log_empty=log_empty)
    return PosteriorFit(posterior, result.fit, result.bounds, result.n_pruned, rows.total)


def _fit_from_starts(
    engine: AbstractEngine, rows: WeightedRows, update: VariationalUpdate, search: SearchSettings, starts: GivenStates
) -> VariationalResult:
    """Run to the end from each start, as scikit-learn does, and keep the run with the greatest bound."""
    began = time.perf_counter()
    fits: list[Fit] = []
    for number in range(search.n_starts):
        fit = fit_em(
            engine,
            update,
            starts.draw(rows, update),
            search.rule,
            max_iter=search.max_iter,
            accelerator=Accelerator(update) if search.accelerate else None,
            run=EMRun(number, began, search.deadline, search.watch, starts.previous_bound),
        )
        fits.append(fit)
        starts.after_each(fit)
        if fit.stop.is_cut_short or time.perf_counter() > search.deadline:
            break
    best = max(fits, key=lambda fit: fit.objective)
    if fits[-1].stop is Stop.INTERRUPTED:
        best = best.stopped_by(Stop.INTERRUPTED)
    bounds = tuple(sorted((fit.objective for fit in fits), reverse=True))
    return VariationalResult(best, update, bounds, 0)


def _pruned(engine: AbstractEngine, result: VariationalResult, search: SearchSettings) -> VariationalResult:
    """Remove components without rows, and continue with the prior of those that are left."""
    fit, update = result.fit, result.update
    counts = update.total * fit.mixture.weights
    held = np.flatnonzero(counts >= min(OCCUPIED, counts.max()))
    n_pruned = len(counts) - len(held)
    if n_pruned == 0:
        return result
    update = replace(update, prior=replace(update.prior, n_components=len(held)))
    accelerator = Accelerator(update) if search.accelerate else None
    max_iter = 0 if fit.stop.is_cut_short else search.max_iter
    last = fit_em(engine, update, fit.mixture.take(held), search.rule, max_iter=max_iter, accelerator=accelerator)
    if fit.stop.is_cut_short:
        last = last.stopped_by(fit.stop)
    return VariationalResult(last, update, result.bounds, n_pruned)
