"""Fits in which every class has a mixture of its own (mixture discriminant analysis).

Fraley and Raftery, Journal of the American Statistical Association 97 (2002), 611-631, section 5 (MclustDA). With rows
without a label, EM alternates between the probabilities of the classes of each row and a step of each mixture, on all
rows, weighted by these probabilities.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from gaussmix.classification.class_model import ClassFit, ClassModel, ClassRows
from gaussmix.classification.joint_fit import update_for
from gaussmix.core.covariance import Diagonal, Full, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import FitFailedError, refit, search_anew

_MAX_ITER = 500
_NATS = 1e-3  # gain of an iteration, by Aitken's estimate of what remains


def fit_separate(
    data: ClassRows,
    model: ClassModel,
    starts: Sequence[Mixture],
    *,
    anew: np.random.Generator | None = None,
    root: FloatArray | None = None,
) -> ClassFit:
    """Fit the mixture of each class to its rows; then, if rows without a label count, all of them together.

    Parameters
    ----------
    data : ClassRows
        Rows and labels.
    model : ClassModel
        A model in which each class has a structure of its own.
    starts : sequence of c Mixture
        Start of each class.
    anew : Generator, optional
        If given, each class is searched without its start.
    root : (d, d) array, optional
        Lower root of the covariance of the pseudo-rows of the penalty; by default that within the classes.

    Raises
    ------
    FitFailedError
        If a component loses its rows or collapses.
    """
    update = update_for(data, model, root)
    if not data.is_unlabeled.any() or model.unlabeled_weight == 0:
        mixtures = [_fit_class(data.of_class(at), update, start, anew) for at, start in enumerate(starts)]
        priors = data.class_weights / data.class_weights.sum() if data.priors is None else data.priors
        known = data.known
        mixture = joined(mixtures, priors, data.rows.names)
        scores = np.stack([one.log_density(known.rows.values) for one in mixtures], axis=1) + np.log(priors)
        own = scores[np.arange(len(scores)), known.labels.codes]
        return ClassFit(model, mixture, float(known.rows.explicit_weights @ own), known.rows.total)
    return _fit_together(data, model, starts, update)


def _fit_class(
    rows: WeightedRows, update: MaximumLikelihood, start: Mixture, anew: np.random.Generator | None
) -> Mixture:
    rows = rows.positive()
    if start.n_components > rows.n_rows:
        raise FitFailedError("a class has fewer rows than components")
    if start.n_components == 1:
        everything = Membership(rows, 1, labels=np.zeros(rows.n_rows, dtype=np.int64))
        return mixture_from_membership(everything, type(start.covariance), update)
    return (refit(rows, update, start) if anew is None else search_anew(rows, update, start, anew)).mixture


def joined(mixtures: Sequence[Mixture], priors: FloatArray, names: tuple[str, ...] | None) -> Mixture:
    """Return the joint mixture of the classes, with full or diagonal covariances."""
    diagonal = all(FORMS[mixture.covariance.form].is_diagonal for mixture in mixtures)
    structure = Diagonal if diagonal else Full
    whole = Mixture.concatenate([mixture.promote_to(structure) for mixture in mixtures])
    weights = np.concatenate([prior * mixture.weights for prior, mixture in zip(priors, mixtures, strict=True)])
    return Mixture(weights, whole.means, whole.covariance, names)


def _fit_together(data: ClassRows, model: ClassModel, starts: Sequence[Mixture], update: MaximumLikelihood) -> ClassFit:
    """Run EM over all rows; each iteration is a step of the mixture of every class."""
    rows, log_evidence = data.weighted(model.unlabeled_weight), data.labels.log_evidence
    weights, mixtures = rows.explicit_weights, list(starts)
    priors = data.class_weights / data.class_weights.sum() if data.priors is None else data.priors
    before, change = -np.inf, np.inf
    for _ in range(_MAX_ITER):
        scores = np.stack([mixture.log_density(rows.values) for mixture in mixtures], axis=1)
        with np.errstate(divide="ignore"):
            scores += log_evidence + np.log(priors)
        each = logsumexp(scores, axis=1)
        if not np.isfinite(each).all():
            raise FitFailedError("the density of a row is zero")
        value = float(weights @ each) + sum(update.log_prior(mixture) for mixture in mixtures)
        gain, last = value - before, change
        before, change = value, gain
        ratio = gain / last if last > 0 else 1.0
        if gain < _NATS * max(1e-6, 1 - min(ratio, 1.0)):
            break
        shares = np.exp(scores - each[:, None]) * weights[:, None]
        if data.priors is None:
            priors = shares.sum(axis=0) / shares.sum()
        for at, mixture in enumerate(mixtures):
            moments = NativeEngine.of(WeightedRows(rows.values, shares[:, at])).accumulate(mixture.whitened())
            step = update.maximize(mixture, moments)
            if step.empty.any() or step.collapsed.any():
                raise FitFailedError("a component collapsed or lost its rows")
            mixtures[at] = step.mixture
    mixture = joined(mixtures, priors, rows.names)
    return ClassFit(model, mixture, float(weights @ each), rows.total)


def start_of_class(name: str, rows: WeightedRows, responsibilities: FloatArray, update: MaximumLikelihood) -> Mixture:
    """Return the M-step of a structure from the responsibilities (n, k) of the rows of a class."""
    member = Membership(rows, responsibilities.shape[1], responsibilities=responsibilities)
    return mixture_from_membership(member, covariance_class(name), update)
