"""Settings of a fit, with "auto" replaced by numbers, and the M-step that a regularization asks for."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.em import Progress
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.stopping import MeanChange, RemainingGain

MANY = 12
"""With more components, a search has twice as many starts."""
N_STARTS = 8
"""Starts of a search."""
MAX_ITER = 10_000
"""Far above what fits need: a limit for runs that cannot converge."""
PENALTIES = ("chen-tan", "inverse-wishart")
"""Values of ``reg_covar`` beside "auto" and numbers."""


@dataclass(frozen=True)
class FitSettings:
    """What is fitted, and how.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
    n_components : int
    reg_covar : float or str
        A number is a ridge; "auto" and `PENALTIES` are priors that depend on the rows.
    search : SearchSettings
        Settings of the runs.
    """

    structure: type[AbstractCovariance]
    n_components: int
    reg_covar: float | str
    search: SearchSettings

    def update_for(self, weight: float, sample: Sample, root_within: FloatArray) -> MaximumLikelihood:
        """Return the M-step for rows of a total weight: `regularized_update`."""
        return regularized_update(self.reg_covar, self.structure, self.n_components, weight, sample, root_within)


def search_settings(
    *,
    n_starts: int,
    tol: float | str,
    max_iter: int | str,
    acceleration: str,
    deadline: float,
    watch: Callable[[Progress], object] | None,
) -> SearchSettings:
    """Return settings for the values of an estimator's parameters, "auto" among them.

    Parameters
    ----------
    n_starts : int
        Number of starts.
    tol : float or "auto"
        A number is the tolerance of `MeanChange`; "auto" is `RemainingGain`.
    max_iter : int or "auto"
        "auto" is `MAX_ITER`.
    acceleration : {"auto", "none"}
        Whether runs are accelerated.
    deadline : float
        By ``time.perf_counter()``.
    watch : callable or None
        Called with a `Progress`.

    Returns
    -------
    SearchSettings
        Without "auto".
    """
    return SearchSettings(
        n_starts,
        RemainingGain() if isinstance(tol, str) else MeanChange(float(tol)),
        MAX_ITER if isinstance(max_iter, str) else int(max_iter),
        acceleration == "auto",
        deadline,
        watch,
    )


def n_starts_for(n_components: int, n_init: int | str, *, search: bool) -> int:
    """Return the number of starts: ``n_init``, or for "auto" that of a search, or one without a search."""
    if not isinstance(n_init, str):
        return int(n_init)
    if not search:
        return 1
    return N_STARTS if n_components <= MANY else 2 * N_STARTS


def regularized_update(
    reg_covar: float | str,
    structure: type[AbstractCovariance],
    n_components: int,
    weight: float,
    sample: Sample,
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
    sample : Sample
        The rows or some of them.
    root_within : (d, d) array
        Lower root of the covariance within clusters.

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
