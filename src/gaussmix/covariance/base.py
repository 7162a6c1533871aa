"""What a covariance structure is.

A structure is a frozen value that holds the square roots of the covariances, ``covariance = root root'``, and owes

====================  =================================================================================================
``name``              scikit-learn's word for it, or mclust's letters
``letters``           mclust's letters: what is equal (E), varies (V) or is that of the identity (I)
``form``              the form of its factors and of the scatter it learns from
``identity``          unit covariances of a given size
``from_covariances``  from known covariances in scikit-learn's shape, checked
``from_precisions``   from known inverses in scikit-learn's shape, checked
``factors``           W, with ``W W' = inverse(covariance)``: what an engine whitens with
``log_det``           log det W for each component
``common_basis``      what full factors have in common, if they have
``maximize``          the next structure, from counts and scatter in this one's whitened units
``inflated``          the structure with variances added
``pivots``            the variance of each feature given the ones before it
``color``             standard normal rows turned into rows of a component
``color_each``        the same, one row for each component
``whiten_each``       the way back
``whitened_scatter``  a given scatter, in the whitened units of each component
``precision_traces``  the trace of each inverse covariance
``variances``         the variance of each feature
``dense``             full covariances
``marginal``          the structure of some of the features
``reordered``         the structure with its components in another order
``with_average``      the structure with one component as wide as all are on the average
====================  =================================================================================================

and nothing else: it has never seen a row. ``gaussmix.testing.check_covariance`` checks all of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from gaussmix.typing import FloatArray, Form
from gaussmix.whitened import CommonBasis


@dataclass(frozen=True, eq=False)
class AbstractCovariance(ABC):
    """The covariances of all components of a mixture.

    Attributes
    ----------
    roots : array
        Lower triangular ``L`` with ``covariance = L L'`` (full (k, d, d), tied (d, d)) or standard deviations
        (diagonal (k, d), spherical (k,)). Read-only.
    n_components, n_features : int

    Notes
    -----
    A covariance is ``volume Q diag(shape) Q'`` with an orthogonal Q, its orientation, and a shape of product one
    (Banfield and Raftery, Biometrics 49 (1993), 803-821). The three letters stand for these, in that order.
    """

    name: ClassVar[str]
    letters: ClassVar[str]
    form: ClassVar[Form]

    roots: FloatArray
    n_components: int
    n_features: int

    def __post_init__(self) -> None:
        roots = np.ascontiguousarray(self.roots, dtype=np.float64).view()
        roots.flags.writeable = False
        object.__setattr__(self, "roots", roots)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is as read-only as the original."""
        return type(self), (self.roots, self.n_components, self.n_features)

    @classmethod
    @abstractmethod
    def root_shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the roots, of the factors, and of the covariances in scikit-learn's words."""

    @classmethod
    @abstractmethod
    def identity(cls, n_components: int, n_features: int) -> Self: ...

    @classmethod
    @abstractmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        """Raises ValueError that names the component when a covariance is not symmetric, positive-definite."""

    @classmethod
    @abstractmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        """Raises ValueError when a precision is not symmetric, positive-definite."""

    @classmethod
    def count_parameters(cls, n_components: int, n_features: int) -> int:
        """How many numbers are free: those of the volumes, of the shapes and of the orientations.

        Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995), 781-793, table 1.
        """
        each = (1, n_features - 1, n_features * (n_features - 1) // 2)
        times = {"V": n_components, "E": 1, "I": 0}
        return sum(times[letter] * free for letter, free in zip(cls.letters, each, strict=True))

    @property
    def n_parameters(self) -> int:
        return self.count_parameters(self.n_components, self.n_features)

    @abstractmethod
    def factors(self) -> FloatArray: ...

    @abstractmethod
    def log_det(self) -> FloatArray:
        """(k,) log det W = -1/2 log det covariance."""

    def common_basis(self) -> CommonBasis | None:
        """What full factors have in common: then an engine may turn the rows once, in place of once per component.

        None where they have nothing in common, or rounding hides it.
        """
        return None

    @abstractmethod
    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        """The maximum-likelihood structure for a scatter about the means, in whitened units.

        Then ``ridge`` is added to every variance. A component with count zero keeps its covariance. Without a ridge the
        result may be singular.
        """

    @abstractmethod
    def inflated(self, variances: FloatArray) -> Self:
        """The covariances plus a diagonal; ``variances`` is (k, d). Tied takes the greatest, spherical the mean."""

    @abstractmethod
    def pivots(self) -> FloatArray:
        """(k, d) squared diagonal of the roots: zero exactly when a covariance is singular."""

    @abstractmethod
    def color(self, noise: FloatArray, component: int) -> FloatArray:
        """``noise`` (m, d) times the transposed root of a component."""

    @abstractmethod
    def color_each(self, noise: FloatArray) -> FloatArray:
        """(k, d) each row of ``noise`` (k, d) times the transposed root of its component."""

    @abstractmethod
    def whiten_each(self, rows: FloatArray) -> FloatArray:
        """(k, d) each row of ``rows`` (k, d) times the factor of its component: undoes `color_each`."""

    @abstractmethod
    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        """The scatter ``root root'`` (d, d) in the whitened units of every component, in the form of `Moments`."""

    @abstractmethod
    def precision_traces(self) -> FloatArray:
        """(k,) trace of each inverse covariance."""

    @abstractmethod
    def variances(self) -> FloatArray:
        """(k, d)."""

    @abstractmethod
    def dense(self) -> FloatArray:
        """(k, d, d)."""

    @abstractmethod
    def marginal(self, features: Sequence[int]) -> "AbstractCovariance":
        """Of the same class where that can be; else of one that asks for less."""

    @abstractmethod
    def reordered(self, order: Sequence[int]) -> Self: ...

    @abstractmethod
    def with_average(self, component: int, weights: FloatArray) -> Self:
        """The structure with one component as wide as all are on the average, with weights (k,)."""

    @property
    @abstractmethod
    def covariances(self) -> FloatArray:
        """The covariances in scikit-learn's shape."""

    @property
    @abstractmethod
    def precisions(self) -> FloatArray:
        """Their inverses in scikit-learn's shape."""
