"""The interface of covariance structures.

A structure is a frozen value that holds the square roots of the covariances, ``covariance = root root'``, and defines

======================  ===============================================================================================
``name``                the name in scikit-learn, or mclust's letters
``letters``             mclust's letters: equal (E), variable (V) or identity (I)
``form``                the form of the factors and of the scatter
``identity``            identity matrices of a given size
``from_covariances``    the structure of given covariances in scikit-learn's shape, with checks
``from_precisions``     the structure of given inverses in scikit-learn's shape, with checks
``factors``             the whitening matrices W, with ``W W' = inverse(covariance)``
``log_det``             log det W for each component
``common_basis``        the basis that full factors share, if there is one
``maximize``            the M-step: the next covariances, from counts and scatter in the whitened units of these
``inflated``            the structure with variances added
``pivots``              the conditional variance of each feature given the features before it
``color``               standard normal rows transformed to rows of a component
``color_each``          the same, one row for each component
``whiten_each``         the inverse of ``color_each``
``whitened_scatter``    a given scatter, in the whitened units of each component
``precision_traces``    the trace of each inverse covariance
``variances``           the variance of each feature
``dense``               the covariances as full matrices
``marginal``            the structure of some of the features
``rescale``             the covariances in other units
``root_of_rows``        a lower root of the sum of squares of rows, restricted to the structure
``relative_variances``  the variances of each component in units of a covariance
``merge_costs``         the log-likelihood lost by merging two components
``with_average``        the structure with one covariance replaced by the average
======================  ===============================================================================================

A structure does not store the rows of a table or pass over them. ``take``, ``concatenate``, ``promote_to``, ``whiten``
and the dense roots are computed from the members above.
``gaussmix.testing.check_covariance`` checks a structure.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from gaussmix.core.covariance.roots import AbstractRoots
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.core.whitened import CommonBasis

Structure = TypeVar("Structure", bound="AbstractCovariance")


@dataclass(frozen=True, eq=False)
class AbstractCovariance(AbstractRoots):
    """The covariances of all components of a mixture.

    Attributes
    ----------
    roots : array
        Lower triangular ``L`` with ``covariance = L L'`` (full (k, d, d), tied (d, d)) or standard deviations
        (diagonal (k, d), spherical (k,)). Read-only.
    n_components, n_features : int
        Numbers of components and of features.

    Notes
    -----
    A covariance is ``volume Q diag(shape) Q'`` with an orthogonal Q, its orientation, and a shape of product one
    (Banfield and Raftery, Biometrics 49 (1993), 803-821). The three letters stand for volume, shape and orientation.
    """

    @classmethod
    @abstractmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        """Return the structure of given covariances, after checks.

        Parameters
        ----------
        covariances : array
            Covariances in scikit-learn's shape.
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        AbstractCovariance
            Object of this class.

        Raises
        ------
        ValueError
            If a covariance is not symmetric and positive-definite (the message names the component), or if the
            covariances violate the constraint of the class.
        """

    @classmethod
    @abstractmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        """Return the structure of given inverse covariances, after checks.

        Parameters
        ----------
        precisions : array
            Inverse covariances in scikit-learn's shape.
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        AbstractCovariance
            Object of this class.

        Raises
        ------
        ValueError
            As in `from_covariances`.
        """

    @classmethod
    def count_parameters(cls, n_components: int, n_features: int) -> int:
        """Return the number of free parameters of the volumes, the shapes and the orientations together.

        Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995), 781-793, table 1.

        Parameters
        ----------
        n_components : int
            Number of components.
        n_features : int
            Number of features.

        Returns
        -------
        int
            Number of free parameters.
        """
        each = (1, n_features - 1, n_features * (n_features - 1) // 2)
        times = {"V": n_components, "E": 1, "I": 0}
        return sum(times[letter] * free for letter, free in zip(cls.letters, each, strict=True))

    @property
    def n_parameters(self) -> int:
        """The number of free parameters of the covariances."""
        return self.count_parameters(self.n_components, self.n_features)

    @abstractmethod
    def log_det(self) -> FloatArray:
        """Return the log determinant of each W, which is -1/2 log det covariance.

        Returns
        -------
        (k,) array
            Natural logarithms.
        """

    def common_basis(self) -> CommonBasis | None:
        """Return the basis that full factors share.

        With a shared basis, an engine transforms the rows once and not once per component.

        Returns
        -------
        CommonBasis or None
            None if there is no shared basis up to rounding.
        """
        return None

    @abstractmethod
    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        """Return the covariances that maximize the likelihood for a given scatter, plus a ridge.

        A component with count zero keeps its covariance. Without a ridge the result may be singular.

        Parameters
        ----------
        counts : (k,) array
            Number of rows of each component.
        scatter : array
            Scatter about the means, in the whitened units of this structure.
        ridge : float, default=0.0
            Number that is added to every variance, in squared units of the data.

        Returns
        -------
        AbstractCovariance
            Object of this class.
        """

    @abstractmethod
    def inflated(self, variances: FloatArray) -> Self:
        """Return the covariances plus diagonal matrices.

        Parameters
        ----------
        variances : (k, d) array
            Diagonals. The tied structure uses the greatest over components, the spherical one the mean over features.

        Returns
        -------
        AbstractCovariance
            Object of this class.
        """

    @abstractmethod
    def pivots(self) -> FloatArray:
        """Return the squared diagonal of the roots; it contains a zero if and only if a covariance is singular.

        Returns
        -------
        (k, d) array
            Conditional variance of each feature given the features before it.
        """

    @abstractmethod
    def color(self, noise: FloatArray, component: int) -> FloatArray:
        """Multiply standard normal rows by the transposed root of a component.

        Parameters
        ----------
        noise : (m, d) array
            Standard normal rows.
        component : int
            Position of the component.

        Returns
        -------
        (m, d) array
            Rows of the component about zero, in the units of the data.
        """

    @abstractmethod
    def color_each(self, noise: FloatArray) -> FloatArray:
        """Multiply one row for each component by the transposed root of that component.

        Parameters
        ----------
        noise : (k, d) array
            Rows in whitened units.

        Returns
        -------
        (k, d) array
            Rows in the units of the data.
        """

    @abstractmethod
    def whiten_each(self, rows: FloatArray) -> FloatArray:
        """Multiply one row for each component by the factor of that component; the inverse of `color_each`.

        Parameters
        ----------
        rows : (k, d) array
            Rows in the units of the data.

        Returns
        -------
        (k, d) array
            Rows in whitened units.
        """

    @abstractmethod
    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        """Return a scatter in the whitened units of each component.

        Parameters
        ----------
        root : (d, d) or (d,) array
            Root of the scatter ``root root'``. Structures of a form without correlations also take a diagonal (d,).

        Returns
        -------
        array
            Scatter in the form of `Moments`.
        """

    @abstractmethod
    def precision_traces(self) -> FloatArray:
        """Return the trace of each inverse covariance.

        Returns
        -------
        (k,) array
            Positive numbers.
        """

    @abstractmethod
    def variances(self) -> FloatArray:
        """Return the variance of each feature.

        Returns
        -------
        (k, d) array
            Positive numbers.
        """

    @abstractmethod
    def dense(self) -> FloatArray:
        """Return full covariance matrices.

        Returns
        -------
        (k, d, d) array
            Symmetric, positive-definite matrices.
        """

    @abstractmethod
    def marginal(self, features: Sequence[int]) -> "AbstractCovariance":
        """Return the covariances of some of the features.

        Parameters
        ----------
        features : sequence of int
            Positions of the features.

        Returns
        -------
        AbstractCovariance
            Object of the same class if its constraint still holds, else of a more general class.
        """

    @classmethod
    @abstractmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        """Return a root of the sum of squares of rows, restricted to the structure.

        Parameters
        ----------
        rows : (n, d) array
            Rows about their center, times the square roots of their weights.

        Returns
        -------
        (d, d) array
            Lower triangular L with ``L L' = rows' rows``. It is diagonal for diagonal structures, and a multiple of the
            identity for spherical ones.
        """

    @abstractmethod
    def rescale(self, root: FloatArray) -> "AbstractCovariance":
        """Return the covariances ``root covariance root'``, those of rows multiplied by ``root'``.

        Parameters
        ----------
        root : (d, d) or (d,) array
            Root such as `root_of_rows` returns. Structures of a form without correlations also take its diagonal (d,).

        Returns
        -------
        AbstractCovariance
            Object of the same class if its constraint still holds, else of a more general class.
        """

    def promote_to(self, structure: type[Structure]) -> Structure:
        """Return the same covariances in a more general structure.

        Parameters
        ----------
        structure : subclass of AbstractCovariance
            Structure of which this one is a special case; this is not checked.

        Returns
        -------
        AbstractCovariance
            Object of that class.
        """
        return structure(structure._roots_of(self), self.n_components, self.n_features)

    @classmethod
    @abstractmethod
    def _roots_of(cls, covariance: "AbstractCovariance") -> FloatArray:
        """Return the roots of these covariances in the shape of this class."""

    @abstractmethod
    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the eigenvalues of each covariance in units of a reference covariance.

        Parameters
        ----------
        weights : (k,) array
            Weights of the pooled covariance, the sum of ``weights[k] covariance[k]``.
        target_root : (d, d) or (d,) array, optional
            Lower root of the reference; by default that of the pooled covariance. Structures of a form without
            correlations also take a diagonal (d,).

        Returns
        -------
        variances : (k, d) array
            Eigenvalues, ascending; zero if the reference is singular.
        whiten : array
            Whitening matrix W of the reference: (d, d), or its diagonal (d,) for a structure without correlations.
        """

    @abstractmethod
    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        """Return upper bounds on the log-likelihood that is lost by merging two components.

        Runnalls, IEEE Transactions on Aerospace and Electronic Systems 43 (2007), 989-999, equation 16, with the
        covariance of the merged component restricted to the structure.

        Parameters
        ----------
        first, second : (p,) array of int
            The two components of each pair.
        counts : (k,) array
            Number of rows of each component.
        shifts : (p, d) array
            Differences of the means of each pair.

        Returns
        -------
        (p,) array
            Bounds in nats.
        """

    @abstractmethod
    def with_average(self, component: int, weights: FloatArray) -> Self:
        """Replace the covariance of one component by the average over all components.

        Parameters
        ----------
        component : int
            Position of the component.
        weights : (k,) array
            Weights of the components in the average.

        Returns
        -------
        AbstractCovariance
            Object of this class.
        """

    @property
    @abstractmethod
    def covariances(self) -> FloatArray:
        """The covariances in scikit-learn's shape."""

    @property
    @abstractmethod
    def precisions(self) -> FloatArray:
        """The inverse covariances in scikit-learn's shape."""
