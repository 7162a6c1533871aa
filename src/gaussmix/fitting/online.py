"""EM from rows that are there and the sums of rows that are not."""

from dataclasses import replace

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.online_update import OnlineUpdate


def fit_block(
    engine: AbstractEngine, base: MaximumLikelihood, past: StoredMoments, settings: SearchSettings
) -> FitResult:
    """Fit a mixture to new rows and the sums of earlier ones, from the mixture of these sums.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the new rows.
    base : MaximumLikelihood
        M-step for all rows.
    past : StoredMoments
        Sums of the earlier rows.
    settings : SearchSettings
        Stopping rule, limits and callback.

    Returns
    -------
    FitResult
        The result, with the sums of all rows.
    """
    update = OnlineUpdate(base, past)
    fit = fit_em(
        engine,
        update,
        past.mixture,
        settings.rule,
        max_iter=settings.max_iter,
        accelerator=Accelerator(update) if settings.accelerate else None,
        run=EMRun(deadline=settings.deadline, watch=settings.watch),
    )
    return _result(replace(fit, moments=update.total(fit.mixture, fit.moments)), base, past.mixture)


def merged(total: StoredMoments, base: MaximumLikelihood) -> FitResult:
    """Return the result of one M-step from sums over rows."""
    step = base.maximize(total.mixture, total.moments)
    sums = StoredMoments(total.mixture, total.moments).under(step.mixture)
    start = Fit.of_start(step.mixture, sums, sums.log_likelihood + base.log_prior(step.mixture))
    return _result(replace(start, last_step=step), base, total.mixture)


def _result(fit: Fit, base: MaximumLikelihood, before: Mixture) -> FitResult:
    mixture, moments = replace(fit.mixture, feature_names=before.feature_names), fit.moments
    soundness = examine(mixture, moments.counts, moments.weight)
    optima = (moments.log_likelihood,)
    return FitResult(mixture, moments.mean_log_likelihood, fit, base, soundness, optima, None, fit.reason)
