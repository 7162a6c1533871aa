"""EM from rows that are there and the sums of rows that are not."""

from dataclasses import dataclass, replace

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.m_step import AbstractUpdate, MaximumLikelihood, Step
from gaussmix.fitting.multistart import SearchSettings


@dataclass(frozen=True, eq=False)
class OnlineUpdate(AbstractUpdate):
    """An M-step that adds the sums of earlier rows, whose responsibilities no longer change.

    This is incremental EM (Neal and Hinton, A view of the EM algorithm that justifies incremental, sparse, and other
    variants, Learning in Graphical Models (1998), 355-368, section 4). The objective is the log-likelihood of the
    present rows plus the expected complete-data log-likelihood of the earlier ones, and no step lowers it.

    Parameters
    ----------
    base : MaximumLikelihood
        M-step for all rows.
    past : StoredMoments
        Sums of the earlier rows.
    """

    base: MaximumLikelihood
    past: StoredMoments

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        return self.base.maximize(mixture, self.total(mixture, moments))

    def total(self, mixture: Mixture, moments: Moments) -> Moments:
        """Return the sums of all rows, in the units of the mixture of the pass."""
        return moments + self.past.under(mixture)

    @property
    def never_falls(self) -> bool:
        return self.base.never_falls

    def log_prior(self, mixture: Mixture) -> float:
        return self.base.log_prior(mixture) + self.past.expected_log_density(mixture)

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        return self.base.gain(mixture, self.total(mixture, moments), step)


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
