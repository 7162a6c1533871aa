"""The roots of covariances in the form of their structure: what depends on the layout of the arrays alone."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.typing import FloatArray, Form, IntArray


@dataclass(frozen=True, eq=False)
class AbstractRoots(ABC):
    """Roots of the covariances of all components, ``covariance = root root'``.

    Attributes
    ----------
    roots : array
        Lower triangular, or standard deviations, in the shape of the form. Read-only.
    n_components, n_features : int
        How many of them there are.
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
    def root_shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the roots, of the factors, and of the covariances in scikit-learn's words.

        Parameters
        ----------
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        tuple of int
            The shape.
        """
        return FORMS[cls.form].shape(n_components, n_features)

    @classmethod
    @abstractmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        """Unit covariances.

        Parameters
        ----------
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        AbstractCovariance
            Of this class.
        """

    @classmethod
    def from_dense_roots(cls, roots: FloatArray) -> Self:
        """Take roots of this structure that are given as triangles.

        Parameters
        ----------
        roots : (k, d, d) array
            As of `dense_roots`. Not checked.

        Returns
        -------
        AbstractCovariance
            Of this class.
        """
        return cls(FORMS[cls.form].from_dense(roots), *roots.shape[:2])

    @abstractmethod
    def factors(self) -> FloatArray:
        """What an engine whitens with: W, with ``W W' = inverse(covariance)``.

        Returns
        -------
        array
            Upper triangular, or one over standard deviations; in the shape of the roots.
        """

    def dense_roots(self) -> FloatArray:
        """Lower triangular L with ``covariance = L L'``, whatever the structure.

        Returns
        -------
        (k, d, d) array
            One for each component.
        """
        return FORMS[self.form].dense(self.roots, self.n_components, self.n_features)

    def dense_factors(self) -> FloatArray:
        """The transposed inverses of `dense_roots`.

        Returns
        -------
        (k, d, d) array
            Upper triangular W with ``W W' = inverse(covariance)``.
        """
        return FORMS[self.form].dense(self.factors(), self.n_components, self.n_features)

    def whiten(self, rows: FloatArray, component: int) -> FloatArray:
        """Rows times the factor of a component: undoes `AbstractCovariance.color`.

        Parameters
        ----------
        rows : (n, d) array
            About the mean of the component, in the units of the data.
        component : int
            Which one.

        Returns
        -------
        (n, d) array
            In whitened units.
        """
        return FORMS[self.form].whiten(rows, self.factors(), component)

    def take(self, components: Sequence[int] | IntArray) -> Self:
        """The covariances of some components.

        What components share, any of them share: the structure is the same.

        Parameters
        ----------
        components : sequence of int
            The component that comes first, second, ...; one may come several times.

        Returns
        -------
        AbstractCovariance
            Of this class, with exactly these roots.
        """
        at = np.asarray(components, dtype=np.int64)
        return type(self)(FORMS[self.form].take(self.roots, at), len(at), self.n_features)

    @classmethod
    def concatenate(cls, covariances: Sequence[Self]) -> Self:
        """The components of several covariances, one after the other.

        Parameters
        ----------
        covariances : sequence of AbstractCovariance
            Of this class and of the same features.

        Returns
        -------
        AbstractCovariance
            Of this class, with exactly these roots.

        Raises
        ------
        ValueError
            When components share something (a letter of the structure is E): each of the covariances has its own. Use
            `promote_to` with a structure that shares nothing first.
        """
        if "E" in cls.letters:
            raise ValueError(
                f"components of {cls.name!r} share something, which differs from one mixture to another: promote_to a "
                "structure without the letter E before they are concatenated"
            )
        roots = np.concatenate([covariance.roots for covariance in covariances])
        return cls(roots, len(roots), covariances[0].n_features)
