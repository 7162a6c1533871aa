"""Roots of covariances: the methods that depend only on the layout of the arrays."""

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
        Lower triangular matrices or standard deviations, in the shape of the form. Read-only.
    n_components, n_features : int
        Numbers of components and of features.
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
        """Keep copies read-only."""
        return type(self), (self.roots, self.n_components, self.n_features)

    @classmethod
    def root_shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of the roots, of the factors, and of the covariances as in scikit-learn.

        Parameters
        ----------
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        tuple of int
            The shape.
        """
        return FORMS[cls.form].shape(n_components, n_features)

    @classmethod
    @abstractmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        """Return unit covariances.

        Parameters
        ----------
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        AbstractCovariance
            Object of this class.
        """

    @classmethod
    def from_dense_roots(cls, roots: FloatArray) -> Self:
        """Build a structure from roots that are given as triangular matrices.

        Parameters
        ----------
        roots : (k, d, d) array
            Roots such as `dense_roots` returns; they are not checked.

        Returns
        -------
        AbstractCovariance
            Object of this class.
        """
        return cls(FORMS[cls.form].from_dense(roots), *roots.shape[:2])

    @abstractmethod
    def factors(self) -> FloatArray:
        """Return the whitening matrices W, with ``W W' = inverse(covariance)``.

        Returns
        -------
        array
            Upper triangular matrices, or inverse standard deviations, in the shape of the roots.
        """

    def dense_roots(self) -> FloatArray:
        """Return the lower triangular L with ``covariance = L L'`` for each component.

        Returns
        -------
        (k, d, d) array
            The same layout for every structure.
        """
        return FORMS[self.form].dense(self.roots, self.n_components, self.n_features)

    def dense_factors(self) -> FloatArray:
        """Return the transposed inverses of `dense_roots`.

        Returns
        -------
        (k, d, d) array
            Upper triangular W with ``W W' = inverse(covariance)``.
        """
        return FORMS[self.form].dense(self.factors(), self.n_components, self.n_features)

    def whiten(self, rows: FloatArray, component: int) -> FloatArray:
        """Multiply rows by the factor of a component; the inverse of `AbstractCovariance.color`.

        Parameters
        ----------
        rows : (n, d) array
            Rows about the mean of the component, in the units of the data.
        component : int
            Position of the component.

        Returns
        -------
        (n, d) array
            Rows in whitened units.
        """
        return FORMS[self.form].whiten(rows, self.factors(), component)

    def take(self, components: Sequence[int] | IntArray) -> Self:
        """Return the covariances of some components.

        Parameters
        ----------
        components : sequence of int
            Positions of the components, in the order of the result; repeats are allowed.

        Returns
        -------
        AbstractCovariance
            Object of this class, with exactly these roots.
        """
        at = np.asarray(components, dtype=np.int64)
        return type(self)(FORMS[self.form].take(self.roots, at), len(at), self.n_features)

    @classmethod
    def concatenate(cls, covariances: Sequence[Self]) -> Self:
        """Return the components of several covariances, one after the other.

        Parameters
        ----------
        covariances : sequence of AbstractCovariance
            Objects of this class with the same features.

        Returns
        -------
        AbstractCovariance
            Object of this class, with exactly these roots.

        Raises
        ------
        ValueError
            If components share parameters (a letter of the structure is E), which may differ between the covariances.
            Use `promote_to` with a structure without the letter E first.
        """
        if "E" in cls.letters:
            raise ValueError(
                f"components of {cls.name!r} share parameters, which differ between mixtures: call promote_to with a "
                "structure without the letter E before concatenating"
            )
        roots = np.concatenate([covariance.roots for covariance in covariances])
        return cls(roots, len(roots), covariances[0].n_features)
