"""Candidates: models of classes with what their fits start from."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gaussmix.classification.class_model import ClassFit, ClassModel, ClassRows
from gaussmix.classification.joint_fit import fit_joint
from gaussmix.classification.separate_fit import fit_separate, start_of_class
from gaussmix.core.covariance.deviations import whiten_by
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.kmeans import k_means, nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import FitFailedError, stream

_LLOYD_ITERATIONS, _TRIES = 20, 3
_ROWS_PER_FEATURE = 3  # of all classes together, for a first guess with correlations


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model of classes, and the mixture that its fits start from.

    Attributes
    ----------
    model : ClassModel
        The model.
    parts : Mixture or None
        Joint mixture with the components of the model, in the order of the classes; None if classes with several
        components start from k-means in units of the covariance within classes.
    """

    model: ClassModel
    parts: Mixture | None = None

    def fit(self, data: ClassRows) -> ClassFit:
        """Fit the model to rows.

        Raises
        ------
        FitFailedError
            If a component loses its rows or collapses.
        """
        model = self.model
        uses_all = model.unlabeled_weight > 0 and bool(data.is_unlabeled.any())
        shares = self._responsibilities(data, uses_all=uses_all)
        if model.is_shared:
            return fit_joint(data, model, shares)
        starts = []
        for at, name in enumerate(model.covariance_types):
            mine = np.flatnonzero(model.owners == at)
            held = np.ones(data.rows.n_rows, dtype=np.bool_) if uses_all else data.labels.codes == at
            own = shares[held][:, mine]
            rows = data.rows.take(held)
            if uses_all:
                rows = type(rows)(rows.values, rows.explicit_weights * own.sum(axis=1))
                own = own / np.maximum(own.sum(axis=1, keepdims=True), np.finfo(float).tiny)
            starts.append(start_of_class(name, rows, own, MaximumLikelihood()))
        return fit_separate(data, model, starts)

    def _responsibilities(self, data: ClassRows, *, uses_all: bool) -> FloatArray:
        """Return the responsibilities (n, k) that the fit starts from, zero in components of other classes."""
        model = self.model
        if self.parts is not None:
            return masked_responsibilities(self.parts, data, model)
        if uses_all:
            first = first_guess(data)
            shares = masked_responsibilities(first.mixture, data, first.model)
        else:
            shares = data.labels.evidence / data.labels.evidence.sum(axis=1, keepdims=True)
        if model.total == data.n_classes:
            return shares
        return shares[:, model.owners] * clusters_within(data, model, shares.argmax(axis=1))


def first_guess(data: ClassRows) -> ClassFit:
    """Return a fit to the rows with labels that needs few of them: one covariance for all classes."""
    known = data.known
    is_few = known.rows.n_positive < _ROWS_PER_FEATURE * data.rows.n_features + data.n_classes
    name = "EEI" if is_few else "EEE"
    model = ClassModel((1,) * data.n_classes, (name,) * data.n_classes, True, unlabeled_weight=0.0)
    return fit_joint(known, model, known.labels.evidence)


def clusters_within(data: ClassRows, model: ClassModel, codes: IntArray) -> FloatArray:
    """Return the k-means clusters of each class (n, k), as ones and zeros, each row with one in every class."""
    whitened = whiten_by(data.rows.values - data.rows.values.mean(axis=0), data.root_within)
    weights = data.rows.explicit_weights
    member = np.zeros((data.rows.n_rows, model.total))
    for at, size in enumerate(model.n_components):
        mine = np.flatnonzero(model.owners == at)
        own = np.flatnonzero((codes == at) & (weights > 0))
        scale = weights[own].max(initial=1.0)
        rows = WeightedRows(np.ascontiguousarray(whitened[own]), weights[own] / scale)
        if len(own) < size:
            raise FitFailedError("a class has fewer rows than components")
        centers = k_means(rows, size, stream(0, at), max_iter=_LLOYD_ITERATIONS, tries=_TRIES)
        member[np.arange(len(member)), mine[nearest(np.ascontiguousarray(whitened), centers)]] = 1.0
    return member


def masked_responsibilities(mixture: Mixture, data: ClassRows, model: ClassModel) -> FloatArray:
    """Return responsibilities (n, k) of a joint mixture, given what is known of the classes."""
    scores = NativeEngine.of(data.rows).score_rows(
        mixture.whitened(), "scores", np.ascontiguousarray(data.labels.log_evidence[:, model.owners])
    )
    return np.asarray(softmax(scores, axis=1))
