"""The prior distribution of a Bayesian mixture."""

from dataclasses import dataclass, field

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.forms import FORMS
from gaussmix.core.posterior.normal_wishart import NormalWisharts
from gaussmix.core.posterior.weights import WeightDistribution, WeightKind, weights_given
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class MixturePrior:
    """Prior of the weights, means and covariances, the same for every component.

    A precision matrix has ``degrees`` degrees of freedom and the inverse scale ``root root'``. One that all components
    share (tied) has ``n_components`` times both, so that its prior counts once for each component, as in scikit-learn.

    Attributes
    ----------
    structure : subclass of AbstractCovariance
        One of the four structures of scikit-learn.
    n_components : int
        Number of components of the model, with those that have no rows.
    weight_kind : {"dirichlet_process", "dirichlet_distribution"}
        Stick-breaking or Dirichlet distribution of the weights.
    concentration : float
        Concentration of the weights.
    mean : (d,) array
        Expected mean of a component.
    mean_precision : float
        Precision of each mean, in rows.
    degrees : float
        Degrees of freedom of each precision matrix, more than d - 1.
    root : (d, d) array
        Lower triangular root of the inverse scale, of the form of the structure.
    as_sklearn : bool
        Whether the E-step has scikit-learn's expectations (`Posterior.whitened`).
    """

    structure: type[AbstractCovariance]
    n_components: int
    weight_kind: WeightKind
    concentration: float
    mean: FloatArray
    mean_precision: float
    degrees: float
    root: FloatArray
    as_sklearn: bool = False
    _made: dict[int, NormalWisharts] = field(default_factory=dict, init=False, repr=False)

    @property
    def n_features(self) -> int:
        """The number of features."""
        return len(self.mean)

    @property
    def matrices_per_scatter(self) -> int:
        """How often the prior of a precision matrix counts: once per component that shares it."""
        return FORMS[self.structure.form].components_per_scatter(self.n_components)

    @property
    def inverse_scale(self) -> FloatArray | float:
        """The inverse scale of a precision matrix in scikit-learn's shape: (d, d), (d,) or a number."""
        squares = self.root @ self.root.T
        match self.structure.form:
            case "diagonal":
                return np.asarray(squares.diagonal())
            case "spherical":
                return float(squares[0, 0])
            case _:
                return np.asarray(squares)

    @cached_property
    def weights_alone(self) -> WeightDistribution:
        """The prior distribution of the weights."""
        return weights_given(self.weight_kind, self.concentration, np.zeros(self.n_components))

    def weights(self, counts: FloatArray) -> WeightDistribution:
        """Return the distribution of all weights given the rows of the first components, whose others have none.

        Parameters
        ----------
        counts : (m,) array
            Rows of at most ``n_components`` components.

        Returns
        -------
        WeightDistribution
            Of ``n_components`` weights.
        """
        padded = np.zeros(self.n_components)
        padded[: len(counts)] = counts
        return weights_given(self.weight_kind, self.concentration, padded, is_open=self.as_sklearn)

    def components(self, n_components: int) -> NormalWisharts:
        """Return the prior of the means and covariances of a number of components.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        NormalWisharts
            The same distribution for each.
        """
        if n_components not in self._made:
            self._made[n_components] = self._components(n_components)
        return self._made[n_components]

    def _components(self, n_components: int) -> NormalWisharts:
        n_matrices = 1 if self.structure.form == "tied" else n_components
        return NormalWisharts(
            np.tile(self.mean, (n_components, 1)),
            np.full(n_components, self.mean_precision),
            np.full(n_matrices, self.matrices_per_scatter * self.degrees),
            self.structure.from_dense_roots(np.tile(self.root / np.sqrt(self.degrees), (n_components, 1, 1))),
        )
