"""EM for the joint mixture of all classes when they share one covariance structure.

Labels forbid components: a row has responsibilities in the components of possible classes only. With a single component
for each class and a label for each row, this is eigenvalue decomposition discriminant analysis (Bensmail and Celeux,
Journal of the American Statistical Association 91 (1996), 1743-1748): "EEE" is linear and "VVV" quadratic discriminant
analysis. With rows without a label it is semi-supervised maximum likelihood (O'Neill, Journal of the American
Statistical Association 73 (1978), 821-826).
"""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.classification.class_model import ClassFit, ClassModel, ClassRows
from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import AbstractEngine, NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.m_step import AbstractUpdate, MaximumLikelihood, Step
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.refit import FitFailedError
from gaussmix.fitting.stopping import RemainingGain, Stop

RULE, EXACT = RemainingGain(1e-3), RemainingGain(1e-10)
MAX_ITER, _MAX_ITER_FIXED = 2_000, 300  # covariances with common axes may need thousands if classes have few rows


@dataclass(frozen=True, eq=False)
class LabeledUpdate(AbstractUpdate):
    """The M-step of a mixture whose rows are known to belong to some of the components.

    Parameters
    ----------
    inner : MaximumLikelihood
        M-step without labels.
    log_evidence : (n, k) array
        Log evidence of each row for each component; -inf forbids it.
    owners : (k,) array of int
        Class of each component.
    priors : (c,) array or None
        Given prior probabilities of the classes.
    """

    inner: MaximumLikelihood
    log_evidence: FloatArray
    owners: IntArray
    priors: FloatArray | None

    def accumulate(self, engine: AbstractEngine, mixture: Mixture, *, rough: bool) -> Moments:
        return engine.accumulate(mixture.whitened(), self.log_evidence, rough=rough)

    def begin(self, mixture: Mixture, moments: Moments) -> Step:
        return self._with_priors(self.inner.begin(mixture, moments))

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        return self._with_priors(self.inner.maximize(mixture, moments))

    def log_prior(self, mixture: Mixture) -> float:
        return self.inner.log_prior(mixture)

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        return self.inner.gain(mixture, moments, step)

    def _with_priors(self, step: Step) -> Step:
        if self.priors is None:
            return step
        weights = with_class_priors(step.mixture.weights, self.owners, self.priors)
        return replace(step, mixture=replace(step.mixture, weights=weights))


def with_class_priors(weights: FloatArray, owners: IntArray, priors: FloatArray) -> FloatArray:
    """Return weights (k,) whose sum over the components of each class is its prior probability."""
    sums = np.bincount(owners, weights, len(priors))
    sizes = np.bincount(owners)
    share = np.where(sums[owners] > 0, weights / np.where(sums > 0, sums, 1.0)[owners], 1 / sizes[owners])
    return np.asarray(share * priors[owners])


def update_for(data: ClassRows, model: ClassModel, root: FloatArray | None = None) -> MaximumLikelihood:
    """Return the M-step of a model: the weakest penalty of `GaussianMixture`, or pseudo-rows of its shrinkage."""
    root = data.root_within if root is None else root
    strength = WEAKEST
    if model.shrinkage:
        each = float(data.weighted(model.unlabeled_weight).total) / model.total
        strength = 0.5 * each * model.shrinkage / (1 - model.shrinkage)
    return MaximumLikelihood(prior=Prior.chen_tan(strength, root))


def fit_joint(
    data: ClassRows, model: ClassModel, responsibilities: FloatArray, root: FloatArray | None = None
) -> ClassFit:
    """Fit the joint mixture from responsibilities.

    Parameters
    ----------
    data : ClassRows
        Rows and labels.
    model : ClassModel
        A model whose structure the classes share.
    responsibilities : (n, k) array
        Responsibilities to start from.
    root : (d, d) array, optional
        Lower root of the covariance of the pseudo-rows of the penalty; by default that within the classes.
    """
    rows, owners = data.weighted(model.unlabeled_weight), model.owners
    log_evidence = data.labels.log_evidence[:, owners]
    if model.unlabeled_weight == 0:
        rows, log_evidence, responsibilities = (
            data.known.rows,
            log_evidence[~data.is_unlabeled],
            responsibilities[~data.is_unlabeled],
        )
    update = LabeledUpdate(update_for(data, model, root), log_evidence, owners, data.priors)
    fit = run_em(rows, update, Membership(rows, model.total, responsibilities=responsibilities), model)
    return ClassFit(model, replace(fit.mixture, feature_names=data.rows.names), fit.log_likelihood, rows.total)


@dataclass(frozen=True)
class _Ended:
    mixture: Mixture
    log_likelihood: float


def run_em(rows: WeightedRows, update: LabeledUpdate, start: Membership, model: ClassModel) -> _Ended:
    """Run EM from memberships to convergence.

    Raises
    ------
    FitFailedError
        If a row has no density in double precision.
    """
    structure = covariance_class(model.covariance_types[0])
    mixture = mixture_from_membership(start, structure, update)
    is_fixed = bool((np.count_nonzero(np.isfinite(update.log_evidence), axis=1) == 1).all())
    accelerator = None if is_fixed else Accelerator(update)  # only covariances move where responsibilities are fixed
    rule = EXACT if is_fixed else RULE
    try:
        max_iter = _MAX_ITER_FIXED if is_fixed else MAX_ITER
        fit = fit_em(NativeEngine.of(rows), update, mixture, rule, max_iter=max_iter, accelerator=accelerator)
    except FloatingPointError as error:
        raise FitFailedError("the density of a row is zero") from error
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    return _Ended(fit.mixture, fit.moments.log_likelihood)
