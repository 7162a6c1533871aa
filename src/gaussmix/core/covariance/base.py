"""What a covariance structure is.

A structure is a frozen value that holds the square roots of the covariances, ``covariance = root root'``, and owes

======================  ===============================================================================================
``name``                scikit-learn's word for it, or mclust's letters
``letters``             mclust's letters: what is equal (E), varies (V) or is that of the identity (I)
``form``                the form of its factors and of the scatter it learns from
``identity``            unit covariances of a given size
``from_covariances``    from known covariances in scikit-learn's shape, checked
``from_precisions``     from known inverses in scikit-learn's shape, checked
``factors``             W, with ``W W' = inverse(covariance)``: what an engine whitens with
``log_det``             log det W for each component
``common_basis``        what full factors have in common, if they have
``maximize``            the next structure, from counts and scatter in this one's whitened units
``inflated``            the structure with variances added
``pivots``              the variance of each feature given the ones before it
``color``               standard normal rows turned into rows of a component
``color_each``          the same, one row for each component
``whiten_each``         the way back
``whitened_scatter``    a given scatter, in the whitened units of each component
``precision_traces``    the trace of each inverse covariance
``variances``           the variance of each feature
``dense``               full covariances
``marginal``            the structure of some of the features
``rescale``             the covariances in other units
``root_of_rows``        a lower root of the sum of squares of rows, as the structure sees it
``relative_variances``  the variances of each component in units of a covariance
``merge_costs``         the likelihood that one component in place of two loses
``with_average``        the structure with one component as wide as all are on the average
======================  ===============================================================================================

and nothing else: it has never seen a row. The rest follows from these: ``take``, ``concatenate``, ``promote_to``,
``whiten`` and the dense roots. ``gaussmix.testing.check_covariance`` checks all of it.
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
        How many of them there are.

    Notes
    -----
    A covariance is ``volume Q diag(shape) Q'`` with an orthogonal Q, its orientation, and a shape of product one
    (Banfield and Raftery, Biometrics 49 (1993), 803-821). The three letters stand for these, in that order.
    """

    @classmethod
    @abstractmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        """Take known covariances, and check them.

        Parameters
        ----------
        covariances : array
            In scikit-learn's shape.
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        AbstractCovariance
            Of this class.

        Raises
        ------
        ValueError
            Names the component whose covariance is not symmetric, positive-definite.
        """

    @classmethod
    @abstractmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        """Take known inverses of covariances, and check them.

        Parameters
        ----------
        precisions : array
            In scikit-learn's shape.
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        AbstractCovariance
            Of this class.

        Raises
        ------
        ValueError
            When one of them is not symmetric, positive-definite.
        """

    @classmethod
    def count_parameters(cls, n_components: int, n_features: int) -> int:
        """How many numbers are free: those of the volumes, of the shapes and of the orientations.

        Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995), 781-793, table 1.

        Parameters
        ----------
        n_components : int
            How many components.
        n_features : int
            How many features.

        Returns
        -------
        int
            Their sum.
        """
        each = (1, n_features - 1, n_features * (n_features - 1) // 2)
        times = {"V": n_components, "E": 1, "I": 0}
        return sum(times[letter] * free for letter, free in zip(cls.letters, each, strict=True))

    @property
    def n_parameters(self) -> int:
        """How many numbers are free."""
        return self.count_parameters(self.n_components, self.n_features)

    @abstractmethod
    def log_det(self) -> FloatArray:
        """The logarithm of the determinant of each W: -1/2 log det covariance.

        Returns
        -------
        (k,) array
            Natural logarithms.
        """

    def common_basis(self) -> CommonBasis | None:
        """What full factors have in common.

        With it an engine may turn the rows once, in place of once per component.

        Returns
        -------
        CommonBasis or None
            None where they have nothing in common, or rounding hides it.
        """
        return None

    @abstractmethod
    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        """The maximum-likelihood structure for a scatter about the means, in whitened units.

        Then the ridge is added. A component with count zero keeps its covariance. Without a ridge the
        result may be singular.

        Parameters
        ----------
        counts : (k,) array
            Rows of each component.
        scatter : array
            About the means, in the whitened units of this structure.
        ridge : float, default=0.0
            Added to every variance, in squared units of the data.

        Returns
        -------
        AbstractCovariance
            Of this class.
        """

    @abstractmethod
    def inflated(self, variances: FloatArray) -> Self:
        """The covariances plus a diagonal.

        Parameters
        ----------
        variances : (k, d) array
            Tied takes the greatest, spherical the mean.

        Returns
        -------
        AbstractCovariance
            Of this class.
        """

    @abstractmethod
    def pivots(self) -> FloatArray:
        """The squared diagonal of the roots: zero exactly when a covariance is singular.

        Returns
        -------
        (k, d) array
            The variance of each feature given the ones before it.
        """

    @abstractmethod
    def color(self, noise: FloatArray, component: int) -> FloatArray:
        """Standard normal rows times the transposed root of a component: rows of that component, about zero.

        Parameters
        ----------
        noise : (m, d) array
            Standard normal.
        component : int
            Which one.

        Returns
        -------
        (m, d) array
            In the units of the data.
        """

    @abstractmethod
    def color_each(self, noise: FloatArray) -> FloatArray:
        """One row for each component, times the transposed root of that component.

        Parameters
        ----------
        noise : (k, d) array
            In whitened units.

        Returns
        -------
        (k, d) array
            In the units of the data.
        """

    @abstractmethod
    def whiten_each(self, rows: FloatArray) -> FloatArray:
        """One row for each component, times the factor of that component: undoes `color_each`.

        Parameters
        ----------
        rows : (k, d) array
            In the units of the data.

        Returns
        -------
        (k, d) array
            In whitened units.
        """

    @abstractmethod
    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        """A scatter in the whitened units of every component.

        Parameters
        ----------
        root : (d, d) array
            The scatter is ``root root'``.

        Returns
        -------
        array
            In the form of `Moments`.
        """

    @abstractmethod
    def precision_traces(self) -> FloatArray:
        """The trace of each inverse covariance.

        Returns
        -------
        (k,) array
            Positive.
        """

    @abstractmethod
    def variances(self) -> FloatArray:
        """The variance of each feature.

        Returns
        -------
        (k, d) array
            Positive.
        """

    @abstractmethod
    def dense(self) -> FloatArray:
        """Full covariances, whatever the structure.

        Returns
        -------
        (k, d, d) array
            Symmetric, positive-definite.
        """

    @abstractmethod
    def marginal(self, features: Sequence[int]) -> "AbstractCovariance":
        """The structure of some of the features.

        Parameters
        ----------
        features : sequence of int
            Their positions.

        Returns
        -------
        AbstractCovariance
            Of the same class where that can be; else of one that asks for less.
        """

    @classmethod
    @abstractmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        """A root of the sum of squares of rows, as far as the structure can see it.

        Parameters
        ----------
        rows : (n, d) array
            About their center; times the square roots of their weights.

        Returns
        -------
        (d, d) array
            Lower triangular L with ``L L' = rows' rows``; of variances diagonal, of spheres a multiple of the identity.
        """

    @abstractmethod
    def rescale(self, root: FloatArray) -> "AbstractCovariance":
        """The covariances in other units: those of rows times ``root'``.

        Parameters
        ----------
        root : (d, d) array
            As `root_of_rows` gives it.

        Returns
        -------
        AbstractCovariance
            Of the same class where that can be; else of one that asks for less.
        """

    def promote_to(self, structure: type[Structure]) -> Structure:
        """The same covariances as an object of a structure that this one is a special case of.

        Parameters
        ----------
        structure : subclass of AbstractCovariance
            Another one would lose what it has no place for; that is not checked.

        Returns
        -------
        AbstractCovariance
            Of that class.
        """
        return structure(structure._roots_of(self), self.n_components, self.n_features)

    @classmethod
    @abstractmethod
    def _roots_of(cls, covariance: "AbstractCovariance") -> FloatArray:
        """The roots that an object of this class has for these covariances."""

    @abstractmethod
    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """The variances of each component along the axes that it has in units of a reference.

        Parameters
        ----------
        weights : (k,) array
            Of the pooled covariance, the sum of ``weights[k] covariance[k]``.
        target_root : (d, d) array, optional
            Lower root of the reference; the pooled covariance by default.

        Returns
        -------
        variances : (k, d) array
            Ascending; zero where the reference is singular.
        whiten : array
            W of the reference: (d, d), or (d,) for a structure without correlations.
        """

    @abstractmethod
    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        """The log-likelihood that one normal component in place of two may lose at most.

        Runnalls, IEEE Transactions on Aerospace and Electronic Systems 43 (2007), 989-999, equation 16, with the
        covariance of the two together as the structure sees it.

        Parameters
        ----------
        first, second : (p,) array of int
            The two components of each pair.
        counts : (k,) array
            Rows of each component.
        shifts : (p, d) array
            Differences of their means.

        Returns
        -------
        (p,) array
            In nats.
        """

    @abstractmethod
    def with_average(self, component: int, weights: FloatArray) -> Self:
        """The structure with one component as wide as all are on the average.

        Parameters
        ----------
        component : int
            Which one.
        weights : (k,) array
            Of the average.

        Returns
        -------
        AbstractCovariance
            Of this class.
        """

    @property
    @abstractmethod
    def covariances(self) -> FloatArray:
        """The covariances in scikit-learn's shape."""

    @property
    @abstractmethod
    def precisions(self) -> FloatArray:
        """Their inverses in scikit-learn's shape."""
