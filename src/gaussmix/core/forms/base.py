"""The layout of factors and scatter, and the algebra that depends on it.

Roots, factors and scatter of one form have the same shape. `Moments` and the covariance structures leave to the form
what depends on that shape. Forms hold nothing: arrays are passed in.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray, Form, IntArray

LEAST_CHANGE = 1e-12
"""Of a variance in one step, where it is singular."""


class AbstractForm(ABC):
    """One form: a triangle for each component, one for all, a row for each, or a number for each."""

    name: ClassVar[Form]

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of roots, factors and scatter."""

    @abstractmethod
    def take(self, array: FloatArray, components: IntArray) -> FloatArray:
        """The roots, factors or scatter of some components."""

    @abstractmethod
    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """(k, d, d) roots or factors as triangles, one for each component."""

    @abstractmethod
    def from_dense(self, triangles: FloatArray) -> FloatArray:
        """Roots or factors from triangles (k, d, d) that have this form: the way back from `dense`."""

    @abstractmethod
    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        """(n, d) rows times the factor of a component."""

    @abstractmethod
    def components_per_scatter(self, n_components: int) -> int:
        """How many components one covariance is divided among: k where they share it, else 1."""

    @abstractmethod
    def features_per_variance(self, n_features: int) -> int:
        """How many features have one variance in common: d for spheres, else 1."""

    @abstractmethod
    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        """The scatter of one component.

        Parameters
        ----------
        rows : (n, d) array
            About the mean of the component, whitened.
        responsibilities : (n,) array
            Times the weights of the rows.
        """

    @abstractmethod
    def total(self, scatters: Sequence[FloatArray]) -> FloatArray:
        """The scatter of a mixture, from `scatter_of` each component."""

    @abstractmethod
    def trace(self, scatter: FloatArray) -> float:
        """The sum of ``r |y|^2`` over rows and components."""

    @abstractmethod
    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """The scatter ``first second'`` of one vector for each component, both (k, d)."""

    @abstractmethod
    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        """The expected scatter of standard normal rows, (k,) of them."""

    @abstractmethod
    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        """One over the standard deviations of the entries of the scatter of so many standard normal rows, flat.

        Both triangles of a symmetric matrix have their entries, so that those off the diagonal count half.
        """

    @abstractmethod
    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        """The greatest squared length per row of a component, or of the covariance that components share.

        Parameters
        ----------
        lengths : (k,) array
            Squared lengths of what each component has of its own.
        scatter : array
            Squared entries of a change of the scatter, flat.
        counts : (k,) array
            Rows of each component.
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
        """Shifts and scatter about other means and in other whitened units.

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
            c, the old means about the new ones, in the new units.
        """

    @abstractmethod
    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        """The scatter, in some components no less than a floor, or than its expectation where that is less.

        Parameters
        ----------
        scatter : array
            In whitened units.
        counts : (k,) array
            Rows of each component.
        least : array
            The floor for one row, in the shape of the scatter.
        which : (k,) array of bool
            The components. Of a covariance that all share, any of them.
        n_features : int
            d.
        """

    @abstractmethod
    def inverse_wishart_rows(self, n_components: int, n_features: int) -> float:
        """Pseudo-rows behind a covariance in the prior of Fraley and Raftery (2007), table 2, with d + 2 degrees."""

    @abstractmethod
    def squares(self, rows: FloatArray) -> FloatArray:
        """(..., q) what the scatter of cells of rows (..., d) sums, flat: products, squares, or their sum."""

    @abstractmethod
    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        """(...) minus the classification log-likelihood of cells, without constants.

        Banfield and Raftery, Biometrics 49 (1993), 803-821, with a pseudo-row in every cell.

        Parameters
        ----------
        counts : (...) array
            Rows of each cell.
        scatter : (..., q) array
            About the mean of the cell, in terms of `squares`.
        pseudo : float
            The variance of the pseudo-row.
        n_features : int
            d.
        """


class AbstractSeparateForm(AbstractForm):
    """A form with an entry for each component: nothing is shared."""

    def take(self, array: FloatArray, components: IntArray) -> FloatArray:
        return array[components]

    def components_per_scatter(self, n_components: int) -> int:
        return 1

    def total(self, scatters: Sequence[FloatArray]) -> FloatArray:
        return np.stack(scatters)

    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        return float(((lengths + scatter.reshape(len(counts), -1).sum(axis=1)) / counts).max())


def raised_variances(change: FloatArray, least: FloatArray) -> FloatArray:
    """A symmetric matrix (d, d), along its axes no less than another, or than one where that is less.

    A variance shrinks to `LEAST_CHANGE` of what it was at most: far smaller eigenvalues have no digits.
    """
    values, axes = np.linalg.eigh(change)
    floor = np.einsum("ij,ik,kj->j", axes, least, axes)
    values = np.maximum(values, np.clip(floor, LEAST_CHANGE, 1.0))
    return np.asarray((axes * values) @ axes.T)
