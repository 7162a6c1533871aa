"""A mixture whose components belong to classes: a classifier with known parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from gaussmix.core.classifier_file import StoredClassifier, read_classifier, write_classifier
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_file import StoredMixture
from gaussmix.core.saving import vectors_of
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray, Rows
from gaussmix.core.validation import as_rows


@dataclass(frozen=True, eq=False)
class MixtureClassifier:
    """A Gaussian mixture whose components belong to classes, with known parameters.

    Attributes
    ----------
    mixture : Mixture
        The joint mixture of all classes. The weights of the components of a class add up to its prior probability.
    component_classes : (k,) array of int
        Position in ``classes`` of the class of each component.
    classes : (c,) array
        The classes, sorted.
    temperature : float, default=1.0
        Divisor of the log probabilities of the classes. Above one, probabilities are less extreme than those of Bayes'
        rule; the most probable class is the same.
    features : sequence of int, optional
        Positions of the features by which rows are classified; by default all. The others depend on them in the same
        way in each class, so that they do not matter.

    Examples
    --------
    >>> from gaussmix import Mixture, MixtureClassifier
    >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
    >>> classifier = MixtureClassifier(mixture, [0, 1], ["low", "high"])
    >>> classifier.predict([[1.0], [3.0]]).tolist()
    ['low', 'high']
    """

    mixture: Mixture
    component_classes: IntArray
    classes: Rows
    temperature: float = 1.0
    features: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        owners = np.array(self.component_classes, dtype=np.int64)
        classes = np.array(self.classes)
        if owners.shape != (self.mixture.n_components,):
            raise ValueError(
                f"component_classes must have the shape ({self.mixture.n_components},), one class for each component; "
                f"got {owners.shape}"
            )
        if sorted(set(owners.tolist())) != list(range(len(classes))):
            raise ValueError(
                f"component_classes must have each position from 0 to {len(classes) - 1} in classes; got "
                f"{sorted(set(owners.tolist()))}"
            )
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature must be a positive number; got {self.temperature}")
        for name, array in (("component_classes", owners), ("classes", classes)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep copies read-only."""
        return type(self), (self.mixture, self.component_classes, self.classes, self.temperature, self.features)

    @property
    def priors(self) -> FloatArray:
        """The prior probability of each class, (c,)."""
        sums = np.bincount(self.component_classes, self.mixture.weights, len(self.classes))
        return np.asarray(sums, dtype=np.float64)

    def class_mixture(self, label: Any) -> Mixture:
        """Return the mixture of one class.

        Parameters
        ----------
        label : object
            One of ``classes``.

        Returns
        -------
        Mixture
            Its components, with weights that add up to one.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        found = np.flatnonzero(self.classes == label)
        if not found.size:
            raise ValueError(f"there is no class {label!r}; the classes are {self.classes.tolist()}")
        return self.mixture.take(np.flatnonzero(self.component_classes == found[0]))

    @underflow_to_zero
    def class_scores(self, X: ArrayLike) -> FloatArray:
        """Return the log of the prior probability of each class times its density.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture.

        Returns
        -------
        (n, c) array
            In nats, divided by the temperature; -inf if a density is zero.

        Raises
        ------
        ValueError
            If X has other features than the mixture, or a value that is NaN or infinite.
        """
        rows = as_rows(X, self.mixture.n_features, self.mixture.feature_names)
        scores = scores_by_class(*self._seen(rows), self.component_classes, len(self.classes))
        return scores / self.temperature

    @underflow_to_zero
    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Return the log probability of each class given the row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture.

        Returns
        -------
        (n, c) array
            In nats. A row so far away that all densities are zero belongs to the class of the nearest component.

        Raises
        ------
        ValueError
            As in `class_scores`.
        """
        scores = self.class_scores(X)  # a new array
        far = np.isneginf(scores).all(axis=1)
        if far.any():
            mixture, engine = self._seen(as_rows(X, self.mixture.n_features, self.mixture.feature_names))
            nearest = assign_rows(engine, mixture.whitened(), "labels")[far]
            scores[far, self.component_classes[nearest]] = 0.0
        return log_softmax(scores, axis=1)

    @underflow_to_zero
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each class given the row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture.

        Returns
        -------
        (n, c) array
            Probabilities; each row sums to one.

        Raises
        ------
        ValueError
            As in `class_scores`.
        """
        return np.asarray(softmax(self.predict_log_proba(X), axis=1))

    def predict(self, X: ArrayLike) -> Rows:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture.

        Returns
        -------
        (n,) array
            Elements of ``classes``.

        Raises
        ------
        ValueError
            As in `class_scores`.
        """
        return np.asarray(self.classes[self.predict_log_proba(X).argmax(axis=1)])

    def save(self, path: str | PathLike[str]) -> None:
        """Write the classifier to a JSON file, which `Mixture.load` reads as the joint mixture (docs/model-file.md).

        Parameters
        ----------
        path : str or path
            The file to write.

        Raises
        ------
        ValueError
            If the classes are not all whole numbers, truth values or text.
        """
        mixture = self.mixture
        parameters = StoredMixture(mixture.weights, mixture.means, mixture.covariance, mixture.feature_names)
        stored = StoredClassifier(
            parameters, self.component_classes, self.classes.tolist(), float(self.temperature), self.features
        )
        write_classifier(path, stored, vectors_of(mixture))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a classifier that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file to read.

        Returns
        -------
        MixtureClassifier
            The classifier that was saved, bit for bit.

        Raises
        ------
        ModelFileError
            If the file is not a valid model file, or is that of a mixture without classes.
        """
        stored = read_classifier(path)
        parameters = stored.mixture
        mixture = Mixture(parameters.weights, parameters.means, parameters.covariance, parameters.feature_names)
        return cls(mixture, stored.component_classes, np.array(stored.classes), stored.temperature, stored.features)

    def _seen(self, rows: Rows) -> tuple[Mixture, NativeEngine]:
        """Return the mixture of the features that matter, and an engine with them."""
        if self.features is None:
            return self.mixture, NativeEngine(rows)
        seen = list(self.features)
        return self.mixture.marginal(seen), NativeEngine(np.ascontiguousarray(rows[:, seen]))


@underflow_to_zero
def scores_by_class(
    mixture: Mixture, engine: NativeEngine, component_classes: Sequence[int] | IntArray, n_classes: int
) -> FloatArray:
    """Return the log of the prior probability of each class times its density (n, c), in nats."""
    owners = np.asarray(component_classes)
    scores = engine.score_rows(mixture.whitened(), "scores")
    if mixture.n_components == n_classes and (owners == np.arange(n_classes)).all():
        return np.asarray(scores)
    with np.errstate(divide="ignore"):
        return np.stack([logsumexp(scores[:, owners == at], axis=1) for at in range(n_classes)], axis=1)
