"""From what an estimator's parameters say to a fit."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, Progress, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import ALL_ROWS, Found, find_optimum
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.starts import Sample
from gaussmix.fitting.stopping import MeanChange, RemainingGain, Stop, StoppingRule

MANY = 12
"""Components: with more, twice as many starts race."""
N_STARTS = 8
"""Of a search."""
MAX_ITER = 10_000
"""Far above what fits need: a limit for what cannot end."""
PENALTIES = ("chen-tan", "inverse-wishart")
"""What ``reg_covar`` may name beside "auto"."""


@dataclass(frozen=True)
class Settings:
    """What to do, when "auto" has become something.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
    n_components : int
    rule : StoppingRule
        When EM ends.
    reg_covar : float or str
        "auto" included: it needs the rows.
    max_iter : int
    n_starts : int
    accelerate : bool
    deadline : float
        As ``time.perf_counter()`` counts.
    watch : callable or None
        Called with a `Progress`.
    """

    structure: type[AbstractCovariance]
    n_components: int
    rule: StoppingRule
    reg_covar: float | str
    max_iter: int
    n_starts: int
    accelerate: bool
    deadline: float
    watch: Callable[[Progress], object] | None

    @classmethod
    def of(
        cls,
        structure: type[AbstractCovariance],
        n_components: int,
        *,
        tol: float | str,
        reg_covar: float | str,
        max_iter: int | str,
        n_init: int | str,
        search: bool,
        acceleration: str,
        time_budget: float | None,
        watch: Callable[[Progress], object] | None,
    ) -> "Settings":
        """What the estimator's parameters ask for; ``search`` is whether starts are to race. The time runs from now."""
        return cls(
            structure,
            n_components,
            RemainingGain() if isinstance(tol, str) else MeanChange(float(tol)),
            reg_covar if isinstance(reg_covar, str) else float(reg_covar),
            MAX_ITER if isinstance(max_iter, str) else int(max_iter),
            _n_starts(n_components, search) if isinstance(n_init, str) else int(n_init),
            acceleration == "auto",
            math.inf if time_budget is None else time.perf_counter() + float(time_budget),
            watch,
        )

    def update_for(self, weight: float, data: Sample, root_within: FloatArray) -> MaximumLikelihood:
        """The M-step for rows of a total weight, of which ``data`` are some."""
        match self.reg_covar:
            case "auto":
                return MaximumLikelihood(prior=Prior.chen_tan(WEAKEST, root_within))
            case "chen-tan":
                return MaximumLikelihood(prior=Prior.chen_tan(1 / math.sqrt(weight), data.root))
            case "inverse-wishart":
                form = self.structure.form
                return MaximumLikelihood(prior=Prior.inverse_wishart(form, data.root, data.center, self.n_components))
            case ridge:
                return MaximumLikelihood(ridge=float(ridge))


def _n_starts(n_components: int, search: bool) -> int:
    if not search:
        return 1
    return N_STARTS if n_components <= MANY else 2 * N_STARTS


def fit_by_search(engine: AbstractEngine, weight: float, settings: Settings, rng: np.random.RandomState) -> Found:
    """The default fit: `find_optimum` with an estimator's settings.

    Parameters
    ----------
    engine : AbstractEngine
    weight : float
        Sum of the weights of its rows.
    settings : Settings
    rng : RandomState
        One number is drawn from it.
    """
    return find_optimum(
        engine,
        settings.structure,
        settings.n_components,
        lambda data, root: settings.update_for(weight, data, root),
        n_starts=settings.n_starts,
        seed=int(rng.randint(2**31)),
        rule=settings.rule,
        max_iter=settings.max_iter,
        accelerate=settings.accelerate,
        deadline=settings.deadline,
        watch=settings.watch,
    )


def fit_from_starts(
    engine: AbstractEngine,
    weight: float,
    settings: Settings,
    draw_start: Callable[[MaximumLikelihood], Mixture],
    last_log_likelihood: float,
    after_each: Callable[[Fit], None],
) -> Found:
    """The best of some starts, each run to its end: what scikit-learn does.

    Parameters
    ----------
    engine : AbstractEngine
    weight : float
        Sum of the weights of its rows.
    settings : Settings
    draw_start : callable
        From the M-step to a start.
    last_log_likelihood : float
        Mean log-likelihood one iteration before the start, where a fit goes on (`EMRun`).
    after_each : callable
        Called with each `Fit`.
    """
    if isinstance(settings.reg_covar, str):
        form = settings.structure.form
        data = Sample.of(engine.sample_rows(ALL_ROWS, np.random.default_rng(0)), form)
        root = data.root_within(settings.n_components, form, np.random.default_rng(0))
        update = settings.update_for(weight, data, root)
    else:
        root, update = None, MaximumLikelihood(ridge=float(settings.reg_covar))
    fits: list[Fit] = []
    began = time.perf_counter()
    for start in range(settings.n_starts):
        fit = fit_em(
            engine,
            update,
            draw_start(update),
            settings.rule,
            max_iter=settings.max_iter,
            accelerator=Accelerator(update) if settings.accelerate else None,
            run=EMRun(start, began, settings.deadline, settings.watch, last_log_likelihood),
        )
        fits.append(fit)
        after_each(fit)
        if fit.stop.is_cut_short:
            break
    best = max(fits, key=lambda fit: fit.objective)
    if fits[-1].stop is Stop.INTERRUPTED:
        best = best.stopped_by(Stop.INTERRUPTED)
    optima = sorted((fit.moments.log_likelihood for fit in fits), reverse=True)
    soundness = examine(best.mixture, best.moments.counts, best.moments.weight, root)
    return Found(best, update, soundness, tuple(optima))
