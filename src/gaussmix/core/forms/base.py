"""The layout of factors and scatter, and the algebra that depends on it.

Roots, factors and scatter of one form have the same shape. `Moments` and the covariance structures call the form for
everything that depends on that shape. Forms have no state.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, Form, IntArray

LEAST_CHANGE = 1e-12
"""Least factor of a variance in one step, if the covariance is singular."""


class AbstractForm(ABC):
    """A form: a triangle per component, one shared triangle, a vector per component, or a number per component.

    Attributes
    ----------
    name : str
        Name of the form.
    is_diagonal : bool
        Whether covariances are diagonal.
    is_shared : bool
        Whether all components have one covariance.
    """

    name: ClassVar[Form]
    is_diagonal: ClassVar[bool]
    is_shared: ClassVar[bool] = False

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of roots, factors and scatter."""

    @abstractmethod
    def take(self, array: FloatArray, components: IntArray) -> FloatArray:
        """Return the roots, factors or scatter of some components."""

    @abstractmethod
    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Return roots or factors as triangles (k, d, d), one for each component."""

    @abstractmethod
    def from_dense(self, triangles: FloatArray) -> FloatArray:
        """Return roots or factors from triangles (k, d, d) of this form; the inverse of `dense`."""

    @abstractmethod
    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        """Return the principal axes of covariances, and the standard deviations along them, the greatest first.

        Parameters
        ----------
        roots : array
            Roots of the covariances.

        Returns
        -------
        axes : (m, d, d) array or None
            Unit vectors in columns; m is 1 if all components have one covariance. None if axes are those of the data.
        deviations : (m, d) array, or (m, 1) if features share one variance
            Standard deviations, in the order of the axes.
        """

    @abstractmethod
    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        """Multiply rows (n, d) by the factor of a component."""

    @abstractmethod
    def components_per_scatter(self, n_components: int) -> int:
        """Return the number of components that share one covariance: k for the tied form, else 1."""

    @abstractmethod
    def features_per_variance(self, n_features: int) -> int:
        """Return the number of features that share one variance: d for the spherical form, else 1."""

    @abstractmethod
    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """Return the scatter of one component.

        Parameters
        ----------
        rows : (n, d) array
            Whitened rows about the mean of the component.
        responsibilities : (n,) array
            Responsibilities times row weights.
        """

    def scatter_in(
        self, rows: FloatArray, responsibilities: FloatArray, factors: FloatArray, component: int
    ) -> FloatArray:
        """Return the scatter of one component as `scatter_of`, for a form whose scatter refers to the factors."""
        return self.scatter_of(rows, responsibilities)

    @abstractmethod
    def total(self, scatters: Sequence[FloatArray]) -> FloatArray:
        """Return the scatter of a mixture from the results of `scatter_of` for each component."""

    @abstractmethod
    def restricted(self, scatter: FloatArray) -> FloatArray:
        """Return the scatter of this form from the full scatter (k, d, d) of the components."""

    @abstractmethod
    def trace(self, scatter: FloatArray) -> float:
        """Return the sum of ``r |y|^2`` over rows and components."""

    @abstractmethod
    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the scatter ``first second'`` of one vector for each component, both (k, d)."""

    @abstractmethod
    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        """Return the expected scatter of standard normal rows, for counts (k,)."""

    @abstractmethod
    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        """Return inverse standard deviations of the entries of the scatter of standard normal rows, as a vector.

        A symmetric matrix contains each off-diagonal entry twice, so these have half the weight.
        """

    @abstractmethod
    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        """Return the greatest squared length per row over components, or of the covariance that components share.

        Parameters
        ----------
        lengths : (k,) array
            Squared lengths of the changes of each component except the scatter.
        scatter : array
            Squared entries of a change of the scatter, as a vector.
        counts : (k,) array
            Number of rows of each component.
        """

    @abstractmethod
    def moved(
        self,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
        roots: FloatArray,
        factors: FloatArray,
        centers: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Return shifts and scatter about other means and in other whitened units.

        With ``y`` in the old units and ``z`` in the new ones, ``z = A y + c`` where ``A = W' L``:
        ``sum r z = A b + a c`` and ``sum r z z' = A C A' + A b c' + c b' A' + a c c'``.

        Parameters
        ----------
        counts : (k,) array
            a.
        shifts : (k, d) array
            b.
        scatter : array
            C.
        roots : array
            L of the old units.
        factors : array
            W of the new units.
        centers : (k, d) array
            c, the old means minus the new ones, in the new units.
        """

    @abstractmethod
    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        """Return the scatter with a lower bound for some components: a floor, or the expected scatter if that is less.

        Parameters
        ----------
        scatter : array
            In whitened units.
        counts : (k,) array
            Rows of each component.
        least : array
            Floor of one row, in the shape of the scatter.
        which : (k,) array of bool
            Components with a lower bound. If components share a covariance, one is enough.
        n_features : int
            Number of features.
        """

    @abstractmethod
    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        """Return the pseudo-rows per covariance in the prior of Fraley and Raftery (2007), table 2."""

    @abstractmethod
    def squares(self, rows: FloatArray) -> FloatArray:
        """Return the terms (..., q) of the scatter of rows (..., d): products, squares, or the sum of squares."""

    def sum_of_squares(self, rows: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the weighted sum (q,) of the `squares` of rows (n, d), for weights (n,)."""
        return np.asarray(weights @ self.squares(rows))

    @abstractmethod
    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        """Return the negative classification log-likelihood (...) of cells, without constants.

        Banfield and Raftery, Biometrics 49 (1993), 803-821, with a pseudo-row in every cell.

        Parameters
        ----------
        counts : (...) array
            Number of rows of each cell.
        scatter : (..., q) array
            Scatter about the mean of the cell, as a sum of `squares`.
        pseudo : float
            Variance of the pseudo-row.
        n_features : int
            d.
        """


class AbstractSeparateForm(AbstractForm):
    """A form with a separate entry for each component."""

    def take(self, array: FloatArray, components: IntArray) -> FloatArray:
        return array[components]

    def components_per_scatter(self, n_components: int) -> int:
        return 1

    def total(self, scatters: Sequence[FloatArray]) -> FloatArray:
        return np.stack(scatters)

    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        return float(((lengths + scatter.reshape(len(counts), -1).sum(axis=1)) / counts).max())


def raised_variances(change: FloatArray, least: FloatArray) -> FloatArray:
    """Return a symmetric matrix (d, d) whose eigenvalues have a lower bound: the form ``least``, but at most 1.

    The bound is at least `LEAST_CHANGE` of the greatest eigenvalue, because far smaller ones are rounding.
    """
    values, axes = np.linalg.eigh(change)
    floor = np.einsum("ij,ik,kj->j", axes, least, axes)
    values = np.maximum(values, np.clip(floor, min(1.0, LEAST_CHANGE * max(1.0, values[-1])), 1.0))
    return np.asarray((axes * values) @ axes.T)
