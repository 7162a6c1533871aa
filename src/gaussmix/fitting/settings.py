"""Settings of a fit, with "auto" replaced by numbers, and the M-step for a regularization."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from gaussmix.core.covariance import AbstractCovariance, Factor
from gaussmix.core.covariance.deviations import diagonal_of
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.constraints import Constraints
from gaussmix.fitting.em import Progress
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.m_step import MaximumLikelihood, with_degrees
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.normal_inverse_wishart import NormalInverseWishart
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.spread import Spread
from gaussmix.fitting.starts import usual_starts
from gaussmix.fitting.stopping import MeanChange, RemainingGain

MAX_ITER = 10_000
"""Maximum number of iterations, far more than fits that converge need."""
PENALTIES = ("chen-tan", "inverse-wishart")
"""Values of ``reg_covar`` besides "auto" and numbers."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
        Covariance structure.
    n_components : int
        Number of components.
    reg_covar : float or str
        Number for a ridge; "auto" or one of `PENALTIES` for a prior that depends on the rows.
    search : SearchSettings
        Settings of the runs.
    noise_volume : str or float, optional
        Volume of uniform noise (`region_of`); by default there is no noise.
    degrees : {"each", "shared"} or float, optional
        Degrees of freedom of t distributions: estimated, or a given number. By default the distributions are normal.
    constraints : Constraints
        What is known of the parameters.
    prior : NormalInverseWishart, optional
        Prior with given numbers, in place of a name in ``reg_covar``.
    trim : float, optional
        Share of the rows that is left out; None for a fit to all rows.
    truncation : int or "auto", optional
        Number of components that have a responsibility for a row (`candidates_of`); None for all.
    """

    structure: type[AbstractCovariance]
    n_components: int
    reg_covar: float | str
    search: SearchSettings
    noise_volume: float | str | None = None
    degrees: float | str | None = None
    constraints: Constraints = field(default_factory=Constraints)
    prior: NormalInverseWishart | None = None
    trim: float | None = None
    truncation: int | str | None = None

    @property
    def given_update(self) -> MaximumLikelihood | None:
        """The M-step if it does not depend on the rows, else None."""
        if issubclass(self.structure, Factor):
            return None
        ridge = 0.0 if isinstance(self.reg_covar, str) else float(self.reg_covar)
        if self.prior is not None:
            return self._completed(MaximumLikelihood(ridge, self.prior.prior_for(self.structure, self.n_components)))
        return None if isinstance(self.reg_covar, str) else self._completed(MaximumLikelihood(ridge))

    def update_for(self, weight: float, sample: Sample, root_within: FloatArray) -> MaximumLikelihood:
        """Return the M-step for rows of a total weight: the given one, or that of `regularized_update`."""
        if issubclass(self.structure, Factor):
            return FactorUpdate.of(self.reg_covar, diagonal_of(root_within) ** 2)
        given = self.given_update
        if given is not None:
            return given
        return self._completed(
            regularized_update(self.reg_covar, self.structure, self.n_components, weight, sample, root_within)
        )

    def _completed(self, update: MaximumLikelihood) -> MaximumLikelihood:
        return self.constraints.of(with_degrees(update, self.degrees))


def search_settings(
    *,
    n_starts: int,
    all_starts: bool,
    tol: float | str,
    max_iter: int | str,
    acceleration: str,
    deadline: float,
    watch: Callable[[Progress], object] | None,
) -> SearchSettings:
    """Return settings for the values of an estimator's parameters, which may be "auto".

    Parameters
    ----------
    n_starts : int
        Number of starts.
    all_starts : bool
        Whether all of them run, even if the first ones agree.
    tol : float or "auto"
        Number for the tolerance of `MeanChange`; "auto" for `RemainingGain`.
    max_iter : int or "auto"
        Maximum number of iterations; "auto" means `MAX_ITER`.
    acceleration : {"auto", "none"}
        Whether runs are accelerated.
    deadline : float
        Time at which to stop, by ``time.perf_counter()``.
    watch : callable or None
        Callback that receives a `Progress`.

    Returns
    -------
    SearchSettings
        Settings without "auto".
    """
    return SearchSettings(
        n_starts,
        RemainingGain() if isinstance(tol, str) else MeanChange(float(tol)),
        MAX_ITER if isinstance(max_iter, str) else int(max_iter),
        acceleration == "auto",
        deadline,
        watch,
        all_starts,
    )


def n_starts_for(n_components: int, n_init: int | str, *, search: bool) -> int:
    """Return the number of starts: ``n_init``, or for "auto" the default of a search, or 1 without a search."""
    if not isinstance(n_init, str):
        return int(n_init)
    if not search:
        return 1
    return usual_starts(n_components)


def regularized_update(
    reg_covar: float | str,
    structure: type[AbstractCovariance],
    n_components: int,
    weight: float,
    sample: Sample | Spread,
    root_within: FloatArray,
) -> MaximumLikelihood:
    """Return the M-step with the ridge or the prior of ``reg_covar``.

    Parameters
    ----------
    reg_covar : float or str
        A ridge, "auto", or one of `PENALTIES`.
    structure : subclass of AbstractCovariance
        The covariance structure.
    n_components : int
        Number of components.
    weight : float
        Total weight of the rows.
    sample : Sample or Spread
        All rows or some of them, or what is known of their center and covariance.
    root_within : (d, d) or (d,) array
        Lower root of the covariance within clusters, or its diagonal.

    Returns
    -------
    MaximumLikelihood
        The M-step.
    """
    match reg_covar:
        case "auto":
            return MaximumLikelihood(prior=Prior.chen_tan(WEAKEST, root_within))
        case "chen-tan":
            return MaximumLikelihood(prior=Prior.chen_tan(1 / math.sqrt(weight), sample.root))
        case "inverse-wishart":
            prior = Prior.inverse_wishart(structure.form, sample.root, sample.center, n_components)
            return MaximumLikelihood(prior=prior)
        case ridge:
            return MaximumLikelihood(ridge=float(ridge))
