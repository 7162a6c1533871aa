"""The M-step for rows that are there and the sums of rows that are not."""

from dataclasses import dataclass

from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.stored_moments import StoredMoments
from gaussmix.fitting.m_step import AbstractUpdate, MaximumLikelihood, Step


@dataclass(frozen=True, eq=False)
class OnlineUpdate(AbstractUpdate):
    """An M-step that adds the sums of other rows, whose responsibilities no longer change.

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
