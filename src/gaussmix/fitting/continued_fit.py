"""What a warm start takes from the previous fit, in the columns that the new fit uses."""

import math

import numpy as np

from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.prior import WEAKEST
from gaussmix.fitting.redundant_columns import ColumnReduction

_NOBODY = 1e-30  # count of a component without rows, so that it does not affect the others


def uses_same_columns(previous: FitResult, columns: ColumnReduction | None) -> bool:
    """Return whether a fit uses the columns of the previous one."""
    before = previous.columns
    if before is None or columns is None:
        return before is columns
    return np.array_equal(before.kept, columns.kept)


def mixture_to_continue(
    previous: FitResult, columns: ColumnReduction | None, structure: type[AbstractCovariance]
) -> Mixture:
    """Return the mixture of the previous fit in the columns that the new fit uses.

    Parameters
    ----------
    previous : FitResult
        The previous fit.
    columns : ColumnReduction or None
        Reduction of the columns of the new fit.
    structure : subclass of AbstractCovariance
        Covariance structure, that of the previous fit.

    Returns
    -------
    Mixture
        The mixture of the previous run if the columns are the same. If they are not, its covariances are the nearest
        ones of the structure, because a constraint of the previous run does not hold in all columns.
    """
    if uses_same_columns(previous, columns):
        return previous.reduced
    mixture = previous.mixture.without_noise()
    kept = np.arange(mixture.n_features) if columns is None else columns.kept
    covariance = mixture.covariance.marginal(kept.tolist())
    if issubclass(structure, AbstractConstrained):
        roots = covariance.promote_to(structure.free).roots
        identity = structure.identity(mixture.n_components, len(kept))
        covariance = identity.nearest(np.maximum(mixture.weights, _NOBODY), roots)
    degrees = mixture.degrees_of_freedom
    return Mixture(mixture.weights, mixture.means[:, kept], covariance, degrees_of_freedom=degrees)


def log_likelihood_to_continue(previous: FitResult, columns: ColumnReduction | None) -> float:
    """Return the mean log-likelihood one iteration before the end of the previous run, if it had the same columns."""
    if not uses_same_columns(previous, columns):
        return -math.inf
    return previous.fit.moments.mean_log_likelihood - previous.fit.change


def root_to_continue(previous: FitResult, columns: ColumnReduction | None) -> FloatArray | None:
    """Return the root within clusters of which the previous fit took the scale of its regularization.

    Clusters that were found anew would have another covariance: the penalty would change, and the log-likelihood of a
    component that it keeps regular would fall.

    Parameters
    ----------
    previous : FitResult
        The previous fit.
    columns : ColumnReduction or None
        Reduction of the columns of the new fit.

    Returns
    -------
    (d, d) or (d,) array, or None
        None if the columns are others, or if the regularization of the previous fit did not have this scale.
    """
    update = previous.update
    if not uses_same_columns(previous, columns):
        return None
    if isinstance(update, FactorUpdate):
        return update.deviations
    prior = update.prior
    if prior is None or prior.strength != 2 * WEAKEST or prior.mean_strength > 0:
        return None
    return np.asarray(prior.root / math.sqrt(prior.strength))
