"""The gain of the evidence lower bound from merging two components, in closed form from their summed moments.

Hughes and Sudderth, Memoized online variational inference for Dirichlet process mixture models, NeurIPS 26 (2013),
section 4. At the best posterior for given responsibilities the bound is their entropy plus the log normalizing
constants of all factors.
"""

import numpy as np
from scipy.special import xlogy

from gaussmix.core.covariance.triangular import inverse_transposed
from gaussmix.core.posterior import Posterior
from gaussmix.core.posterior.precisions import log_gamma
from gaussmix.core.posterior.weights import log_partition
from gaussmix.core.typing import FloatArray, Form, IntArray


def merge_gains(posterior: Posterior) -> tuple[IntArray, IntArray, FloatArray]:
    """Return upper bounds on the gains of merging each pair of components, without the loss of entropy.

    Parameters
    ----------
    posterior : Posterior
        The best posterior for some responsibilities.

    Returns
    -------
    first, second : (p,) array of int
        The components of each pair.
    gains : (p,) array
        Gains of the bound in nats if no row is shared by the two components.
    """
    prior, counts = posterior.prior, posterior.counts
    form, d = posterior.covariance.form, posterior.n_features
    first, second = np.triu_indices(len(counts), 1)
    units = inverse_transposed(prior.root[None])[0]
    means = (posterior.means - prior.mean) @ units
    both = counts[first] + counts[second]
    precision = posterior.components.mean_precision
    merged = prior.mean_precision + both
    center = (precision[first, None] * means[first] + precision[second, None] * means[second]) / merged[:, None]
    between = (
        _squares(form, means[first], precision[first])
        + _squares(form, means[second], precision[second])
        - _squares(form, center, merged)
    )
    log_precision = np.log(merged * prior.mean_precision / (precision[first] * precision[second]))
    scales = _scales(posterior, units)
    own = posterior.components.degrees
    if form == "tied":
        changed = _log_det(form, scales + between, d) - _log_det(form, scales, d)
        gains = -0.5 * own[0] * changed
    else:
        degrees = prior.degrees + both
        unit = np.eye(d) if form == "full" else 1.0
        log_det = _log_det(form, scales[first] + scales[second] - unit + between, d)
        each = log_gamma(form, own, d) - 0.5 * own * _log_det(form, scales, d)
        none = log_gamma(form, np.array([prior.degrees]), d)
        gains = log_gamma(form, degrees, d) - 0.5 * degrees * log_det - each[first] - each[second] + none
    return first, second, gains - 0.5 * d * log_precision + _gains_of_weights(posterior, first, second)


def entropy_losses(responsibilities: FloatArray, weights: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """Return the entropy (p,) of the responsibilities that is lost by merging pairs of components.

    Parameters
    ----------
    responsibilities : (n, k) array
        Of the rows.
    weights : (n,) array
        Weights of the rows.
    first, second : (p,) array of int
        The pairs.

    Returns
    -------
    (p,) array
        In nats, nonnegative.
    """
    losses = np.zeros(len(first))
    for at, (i, j) in enumerate(zip(first, second, strict=True)):
        one, other = responsibilities[:, i], responsibilities[:, j]
        held = (one > 0) & (other > 0)
        one, other = one[held], other[held]
        both = one + other
        losses[at] = weights[held] @ (xlogy(both, both) - xlogy(one, one) - xlogy(other, other))
    return losses


def _gains_of_weights(posterior: Posterior, first: IntArray, second: IntArray) -> FloatArray:
    prior = posterior.prior
    counts = np.zeros(prior.n_components)
    counts[: len(posterior.counts)] = posterior.counts
    merged = np.tile(counts, (len(first), 1))
    pairs = np.arange(len(first))
    merged[pairs, first] += merged[pairs, second]
    merged[pairs, second] = 0.0
    before = log_partition(prior.weight_kind, prior.concentration, counts)
    return log_partition(prior.weight_kind, prior.concentration, merged) - before


def _scales(posterior: Posterior, units: FloatArray) -> FloatArray:
    """Return the inverse scales S in units of that of the prior: (k, d, d), (d, d), variances (k, d) or (k,)."""
    components = posterior.components
    covariance, degrees = components.covariance, components.degrees
    match covariance.form:
        case "full":
            roots = units.T @ covariance.roots
            return np.asarray(degrees[:, None, None] * (roots @ roots.transpose(0, 2, 1)))
        case "tied":
            root = units.T @ covariance.roots
            return np.asarray(degrees[0] * (root @ root.T))
        case "diagonal":
            return np.asarray(degrees[:, None] * (covariance.roots * units.diagonal()) ** 2)
        case _:  # spherical
            return np.asarray(degrees * (covariance.roots * units[0, 0]) ** 2)


def _squares(form: Form, vectors: FloatArray, times: FloatArray) -> FloatArray:
    match form:
        case "full" | "tied":
            return np.asarray((times[:, None] * vectors)[:, :, None] * vectors[:, None, :])
        case "diagonal":
            return np.asarray(times[:, None] * vectors**2)
        case _:  # spherical
            return np.asarray(times * (vectors**2).mean(axis=1))


def _log_det(form: Form, scales: FloatArray, n_features: int) -> FloatArray:
    match form:
        case "full" | "tied":
            return np.asarray(np.linalg.slogdet(scales)[1])
        case "diagonal":
            return np.asarray(np.log(scales).sum(axis=-1))
        case _:  # spherical
            return np.asarray(n_features * np.log(scales))
