"""Models of classes: numbers of components, covariance structures, and what the classes share."""

from dataclasses import dataclass

import numpy as np

from gaussmix.classification.labels import ClassLabels
from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import covariance_class, display_name
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import counted, join_words
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.sample import Sample


@dataclass(frozen=True)
class ClassModel:
    """Model of the density of every class.

    Attributes
    ----------
    n_components : tuple of c int
        Number of components of each class.
    covariance_types : tuple of c str
        Covariance structure of each class. If the classes share it, all names are equal.
    is_shared : bool
        Whether the structure is one of all components of all classes, so that "EEE" is one covariance matrix for all of
        them; otherwise the components of each class have their own.
    shrinkage : float
        Share of the pooled covariance within classes in the covariance of a component of average size; from 0, below 1.
    unlabeled_weight : float
        Weight of rows without a label, from 0, which leaves them out, to 1.
    """

    n_components: tuple[int, ...]
    covariance_types: tuple[str, ...]
    is_shared: bool
    shrinkage: float = 0.0
    unlabeled_weight: float = 1.0

    @property
    def total(self) -> int:
        """The number of components of all classes."""
        return sum(self.n_components)

    @property
    def owners(self) -> IntArray:
        """The position of the class of each component, (k,)."""
        return np.repeat(np.arange(len(self.n_components)), self.n_components)

    def n_parameters(self, n_features: int) -> int:
        """Return the number of free parameters, with the priors of the classes."""
        free = self.total - 1 + self.total * n_features
        if self.is_shared:
            return free + covariance_class(self.covariance_types[0]).count_parameters(self.total, n_features)
        each = zip(self.n_components, self.covariance_types, strict=True)
        return free + sum(covariance_class(name).count_parameters(k, n_features) for k, name in each)

    def describe(self, n_features: int) -> str:
        """Return the model in words."""
        each = zip(self.n_components, self.covariance_types, strict=True)
        shown = [f"{counted(k, 'component')} of {display_name(name, n_features)}" for k, name in each]
        text = f"{shown[0]} in each class" if len(set(shown)) == 1 else f"by class {join_words(shown)}"
        text += ", one structure for all classes" if self.is_shared else ", a structure for each class"
        return f"{text}, {100 * self.shrinkage:.0f} % of the pooled covariance" if self.shrinkage else text


@dataclass(frozen=True, eq=False)
class ClassRows:
    """Rows, what is known of their classes, and given priors.

    Attributes
    ----------
    rows : WeightedRows
        Rows of float64.
    labels : ClassLabels
        What is known of the class of each row.
    priors : (c,) array or None
        Given prior probabilities; None if they are estimated.
    """

    rows: WeightedRows
    labels: ClassLabels
    priors: FloatArray | None = None

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return self.labels.n_classes

    @cached_property
    def class_weights(self) -> FloatArray:
        """The sum (c,) of the weights of the rows whose class is known."""
        known = self.labels.is_known
        sums = np.bincount(self.labels.codes[known], self.rows.explicit_weights[known], self.n_classes)
        return np.asarray(sums, dtype=np.float64)

    @cached_property
    def fewest_different(self) -> int:
        """The number of different rows with labels in the class that has the fewest."""
        return min(len(np.unique(self.known.of_class(at).values, axis=0)) for at in range(self.n_classes))

    @cached_property
    def is_unlabeled(self) -> BoolArray:
        """Whether more than one class is possible for each row (n,)."""
        return ~self.labels.is_known

    @cached_property
    def known(self) -> "ClassRows":
        """The rows whose class is known."""
        if not self.is_unlabeled.any():
            return self
        return self.take(~self.is_unlabeled)

    def take(self, where: IntArray | BoolArray) -> "ClassRows":
        """Return some of the rows."""
        return ClassRows(self.rows.take(where), self.labels.take(where), self.priors)

    def of_class(self, position: int) -> WeightedRows:
        """Return the rows of one class."""
        return self.rows.take(self.labels.codes == position)

    def weighted(self, unlabeled_weight: float) -> WeightedRows:
        """Return all rows, with the weights of those without a label multiplied."""
        if unlabeled_weight == 1:
            return self.rows
        factor = np.where(self.is_unlabeled, unlabeled_weight, 1.0)
        return WeightedRows(self.rows.values, self.rows.explicit_weights * factor, self.rows.names)

    @cached_property
    def root_within(self) -> FloatArray:
        """The lower root (d, d) of the covariance within the classes, from rows whose class is known."""
        known = self.known
        return Sample.of(known.rows, "full").root_within_clusters(known.labels.codes, "full")


@dataclass(frozen=True, eq=False)
class ClassFit:
    """A fitted model of classes.

    Attributes
    ----------
    model : ClassModel
        The model.
    mixture : Mixture
        The joint mixture; the weights of the components of a class add up to its prior probability.
    log_likelihood : float
        Log-likelihood of rows and labels, in nats; rows without a label count with their weight.
    n : float
        Sum of the weights of the rows.
    """

    model: ClassModel
    mixture: Mixture
    log_likelihood: float
    n: float

    @property
    def bic(self) -> float:
        """The Bayesian information criterion of rows and labels; lower is better."""
        p = self.model.n_parameters(self.mixture.n_features)
        return -2 * self.log_likelihood + p * float(np.log(self.n))
