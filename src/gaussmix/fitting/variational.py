"""Variational Bayes: its M-step and the evidence lower bound, for the EM loop.

The best posterior for given responsibilities depends on them through the moments only (Bishop 2006, equations 10.58 to
10.63), and its M-step is that of maximum a posteriori EM with a conjugate prior. The state of the loop is therefore a
`Mixture` whose weights are the shares of the rows, and `VariationalUpdate.posterior` is the posterior that it stands
for. The objective is the evidence lower bound with all constants: the log-likelihood of a pass with
`Posterior.whitened` minus the divergence from the prior.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.posterior import MixturePrior, Posterior
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import AbstractUpdate, MaximumLikelihood, Step
from gaussmix.fitting.prior import Prior
from gaussmix.fitting.stopping import Check, EMState, Stop, StoppingRule


@dataclass(frozen=True, eq=False)
class VariationalUpdate(AbstractUpdate):
    """The M-step of variational Bayes.

    Attributes
    ----------
    prior : MixturePrior
        The prior.
    total : float
        Total weight of the rows.
    ridge : float
        Number added to the variance of every row, in squared units of the data; ``reg_covar`` in scikit-learn.
    """

    prior: MixturePrior
    total: float
    ridge: float = 0.0
    _latest: list[tuple[Mixture, Posterior]] = field(default_factory=list, init=False, repr=False)
    _step: MaximumLikelihood = field(init=False, repr=False)

    def __post_init__(self) -> None:
        prior = self.prior
        times = prior.matrices_per_scatter
        rows = Prior(times * prior.degrees, math.sqrt(times) * prior.root, prior.mean_precision, prior.mean)
        object.__setattr__(self, "_step", MaximumLikelihood(prior=rows))

    def posterior(self, mixture: Mixture) -> Posterior:
        """Return the posterior that a state of the loop stands for.

        Parameters
        ----------
        mixture : Mixture
            Shares of the rows as weights, expected means, and inverses of the expected precisions.

        Returns
        -------
        Posterior
            The posterior.
        """
        if not self._latest or self._latest[0][0] is not mixture:
            counts = self.total * mixture.weights
            posterior = Posterior(self.prior, counts, mixture.means, mixture.covariance, mixture.feature_names)
            self._latest[:] = [(mixture, posterior)]
        return self._latest[0][1]

    def accumulate(self, engine: AbstractEngine, mixture: Mixture, *, rough: bool) -> Moments:
        """Return the moments of a pass, with the evidence lower bound as log-likelihood."""
        posterior = self.posterior(mixture)
        moments = engine.accumulate(posterior.whitened(), rough=rough)
        bound = moments.log_likelihood + moments.counts @ posterior.correction() - posterior.divergence_from_prior()
        return replace(moments, log_likelihood=float(bound))

    def begin(self, mixture: Mixture, moments: Moments) -> Step:
        return self._step.begin(mixture, self._with_ridge(mixture.covariance, moments))

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        return self._step.maximize(mixture, self._with_ridge(mixture.covariance, moments))

    def _with_ridge(self, covariance: AbstractCovariance, moments: Moments) -> Moments:
        """Return the moments of rows whose variances are known to be too small by the ridge."""
        if self.ridge == 0:
            return moments
        ridge = covariance.whitened_scatter(math.sqrt(self.ridge) * np.eye(covariance.n_features))
        shared = FORMS[covariance.form].components_per_scatter(2) == 2
        counts: FloatArray | float = moments.counts.sum() if shared else moments.counts
        if not shared:
            counts = moments.counts.reshape(-1, *[1] * (ridge.ndim - 1))
        return replace(moments, scatter=moments.scatter + counts * ridge)

    @property
    def never_falls(self) -> bool:
        """Whether every step maximizes the bound: not with a ridge or with scikit-learn's expectations."""
        return self.ridge == 0 and not self.prior.as_sklearn

    def log_prior(self, mixture: Mixture) -> float:
        return 0.0

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        """Return the gain of the bound for given responsibilities: the divergence between the two posteriors."""
        before = self.posterior(mixture)
        counts = self.total * step.mixture.weights
        after = Posterior(self.prior, counts, step.mixture.means, step.mixture.covariance)
        return before.divergence(after)


@dataclass(frozen=True)
class BoundChange(StoppingRule):
    """End after an iteration that changed the evidence lower bound by less than ``tol``, as scikit-learn does.

    scikit-learn's bound of an iteration has the responsibilities before it and the posterior after it.

    Attributes
    ----------
    tol : float
        Tolerance in nats, for all rows together.
    weight : float
        Total weight of the rows.
    """

    takes_last_step = True
    tol: float
    weight: float

    def check(self, state: EMState) -> Check:
        change = state.change * state.weight
        if math.isfinite(state.previous.gain):
            change += state.gain - state.previous.gain
        return Check(Stop.CONVERGED if abs(change) < self.tol else None, gain=state.gain)

    @property
    def mean_tolerance(self) -> float:
        return self.tol / self.weight
