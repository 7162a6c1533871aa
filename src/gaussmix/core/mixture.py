"""A Gaussian mixture: weights, means, covariances. Frozen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.model_file import StoredMixture, read_model, write_model
from gaussmix.core.text import default_names
from gaussmix.core.typing import FloatArray, IntArray, Random, Seed
from gaussmix.core.validation import as_rows
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture with known parameters. Build one with `from_parameters`, or take a fit's ``mixture_``.

    Attributes
    ----------
    weights : (k,) array
        Mixing proportions; they sum to one.
    means : (k, d) array
        Where each component lies.
    covariance : AbstractCovariance
        The covariances of all components.
    feature_names : tuple of str, or None
        Names of the columns, where they are known.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> coins = Mixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [0.25, 0.25], covariance_type="spherical")
    >>> coins.responsibilities([[0.0], [1.0]]).round(3)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """

    weights: FloatArray
    means: FloatArray
    covariance: AbstractCovariance
    feature_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "means"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is as read-only as the original."""
        return type(self), (self.weights, self.means, self.covariance, self.feature_names)

    @classmethod
    def from_parameters(
        cls,
        weights: npt.ArrayLike,
        means: npt.ArrayLike,
        covariances: npt.ArrayLike,
        *,
        covariance_type: str = "full",
        feature_names: Sequence[str] | None = None,
    ) -> Self:
        """Make a mixture from known numbers.

        Parameters
        ----------
        weights : (k,) array-like
            Nonnegative, summing to one (to 1e-6; the rest is divided out).
        means : (k, d) array-like
            Where each component lies.
        covariances : array-like
            "full" (k, d, d), "tied" (d, d), "diag" (k, d) or "spherical" (k,), positive-definite; for other names as
            `GaussianMixture` has them.
        covariance_type : str, default="full"
            Which of these the covariances are.
        feature_names : sequence of d str, optional
            Names of the columns.

        Returns
        -------
        Mixture
            Frozen: it never changes.

        Raises
        ------
        ValueError
            Names the parameter and what is wrong with it.
        """
        structure = covariance_class(covariance_type)
        centers = _numbers(means, "means")
        if centers.ndim != 2 or 0 in centers.shape:
            raise ValueError(f"means must have the shape (n_components, n_features), got {centers.shape}")
        n_components, n_features = centers.shape
        shares = check_weights(_numbers(weights, "weights"), n_components)
        spread = _numbers(covariances, "covariances")
        expected = structure.root_shape(n_components, n_features)
        if spread.shape != expected:
            raise ValueError(
                f"{covariance_type} covariances of {n_components} components in {n_features} features must have the "
                f"shape {expected}, got {spread.shape}"
            )
        covariance = structure.from_covariances(spread, n_components, n_features)
        names = None if feature_names is None else tuple(map(str, feature_names))
        if names is not None and len(names) != n_features:
            raise ValueError(f"feature_names must name {n_features} features, got {len(names)} names")
        return cls(shares, centers, covariance, names)

    @property
    def n_components(self) -> int:
        """How many components there are."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """How many features a row has."""
        return self.means.shape[1]

    @property
    def n_parameters(self) -> int:
        """The number of free parameters."""
        return self.n_components - 1 + self.means.size + self.covariance.n_parameters

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features; without names, ``x0, x1, ...``."""
        return self.feature_names or default_names(self.n_features)

    @property
    def covariance_type(self) -> str:
        """The name of the covariance model: "full", "tied", "diag", "spherical" or mclust's letters."""
        return self.covariance.name

    def whitened(self) -> WhitenedMixture:
        """The form that engines read.

        Returns
        -------
        WhitenedMixture
            Offsets, means and factors.
        """
        with np.errstate(divide="ignore"):  # a component without weight: log 0 = -inf, its score is never the best
            log_weights = np.log(self.weights)
        offsets = log_weights + self.covariance.log_det() - 0.5 * self.n_features * math.log(2 * math.pi)
        covariance = self.covariance
        return WhitenedMixture(covariance.form, offsets, self.means, covariance.factors(), covariance.common_basis())

    def log_density(self, X: npt.ArrayLike) -> FloatArray:
        """The logarithm of the density at each row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n,) array
            In nats: higher is more usual.
        """
        return self._engine(X).score_rows(self.whitened(), "log_density")

    def responsibilities(self, X: npt.ArrayLike) -> FloatArray:
        """The probability of each component given the row (Bishop 2006, equation 9.13).

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n, k) array
            Every row sums to one. A row so far away that all densities are zero belongs to the nearest component.
        """
        return assign_rows(self._engine(X), self.whitened(), "responsibilities")

    def labels(self, X: npt.ArrayLike) -> IntArray:
        """The most probable component of each row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows of the mixture's features.

        Returns
        -------
        (n,) array
            Positions of components, from 0 on.
        """
        return assign_rows(self._engine(X), self.whitened(), "labels")

    def sample(self, n: int = 1, random_state: Seed = None) -> tuple[FloatArray, IntArray]:
        """Draw rows, in random order.

        Parameters
        ----------
        n : int, default=1
            How many rows.
        random_state : int, numpy Generator or RandomState, optional
            A generator moves on with every call; an int gives the same rows each time.

        Returns
        -------
        rows : (n, d) array
            Drawn independently of each other.
        labels : (n,) array
            The component each row came from.
        """
        if n < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n}. Draw at least one row.")
        rng = random_state if isinstance(random_state, Random) else np.random.default_rng(random_state)
        labels = rng.choice(self.n_components, size=n, p=self.weights)
        rows = rng.standard_normal((n, self.n_features))
        for component in range(self.n_components):
            chosen = labels == component
            rows[chosen] = self.means[component] + self.covariance.color(rows[chosen], component)
        return rows, labels

    def marginal(self, features: Sequence[int | str]) -> "Mixture":
        """The mixture of some of the features.

        Parameters
        ----------
        features : sequence of int or str
            Positions or names, in the order that the marginal is to have.

        Returns
        -------
        Mixture
            With the same weights; what the other features are is left open.
        """
        positions = self.positions(features)
        names = None if self.feature_names is None else tuple(self.feature_names[at] for at in positions)
        return Mixture(self.weights, self.means[:, positions], self.covariance.marginal(positions), names)

    def positions(self, features: Sequence[int | str]) -> list[int]:
        """Where features are.

        Parameters
        ----------
        features : sequence of int or str
            Positions or names.

        Returns
        -------
        list of int
            Positions, in the order given.

        Raises
        ------
        ValueError
            Unless there is one at least, all are there, and all are different.
        """
        positions = [self._position(feature) for feature in features]
        if not positions or len(set(positions)) < len(positions):
            raise ValueError(f"features must be a few different features, got {list(features)}")
        return positions

    def reordered(self, order: Iterable[int]) -> "Mixture":
        """The same mixture with its components in another order.

        Parameters
        ----------
        order : iterable of int
            A permutation of 0 to k - 1: the component that comes first, second, ...

        Returns
        -------
        Mixture
            The components as asked.
        """
        positions = list(order)
        if sorted(positions) != list(range(self.n_components)):
            raise ValueError(f"order must be a permutation of 0 to {self.n_components - 1}, got {positions}")
        return self.take(positions, self.weights[positions])

    def take(self, components: Sequence[int] | IntArray, weights: FloatArray | None = None) -> "Mixture":
        """The mixture of some components.

        Parameters
        ----------
        components : sequence of int
            The component that comes first, second, ...; one may come several times.
        weights : (m,) array, optional
            The weights of these; by default their own, divided by their sum.

        Returns
        -------
        Mixture
            Of the same structure and features.
        """
        at = np.asarray(components, dtype=np.int64)
        if weights is None:
            weights = self.weights[at] / self.weights[at].sum()
        return Mixture(weights, self.means[at], self.covariance.take(at), self.feature_names)

    @classmethod
    def concatenate(cls, mixtures: Sequence["Mixture"]) -> Self:
        """One mixture of the components of several, each mixture with the same share of the weight.

        Parameters
        ----------
        mixtures : sequence of Mixture
            Of one structure and the same features.

        Returns
        -------
        Mixture
            The components of the first, then those of the second, ...

        Raises
        ------
        ValueError
            When the components of a mixture share something: use `promote_to` first.
        """
        first = mixtures[0]
        return cls(
            np.concatenate([mixture.weights for mixture in mixtures]) / len(mixtures),
            np.concatenate([mixture.means for mixture in mixtures]),
            type(first.covariance).concatenate([mixture.covariance for mixture in mixtures]),
            first.feature_names,
        )

    def promote_to(self, structure: type[AbstractCovariance]) -> "Mixture":
        """The same mixture as one of a structure that its own is a special case of.

        Parameters
        ----------
        structure : subclass of AbstractCovariance
            Another one would lose what it has no place for; that is not checked.

        Returns
        -------
        Mixture
            Of the same density, to rounding.
        """
        return replace(self, covariance=self.covariance.promote_to(structure))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the mixture to a JSON file (docs/model-file.md), exact to the last bit.

        Parameters
        ----------
        path : str or path
            The file to write.
        """
        write_model(path, StoredMixture(self.weights, self.means, self.covariance, self.feature_names))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a mixture that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file to read.

        Returns
        -------
        Mixture
            The same numbers, to the last bit.

        Raises
        ------
        ModelFileError
            When the file is not such a file; it says what is wrong.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from gaussmix import Mixture, load
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Mixture.from_parameters([1.0], [[0.5]], [[[2.0]]]).save(Path(folder) / "model.json")
        ...     load(Path(folder) / "model.json").means
        array([[0.5]])
        """
        stored = read_model(path)
        return cls(stored.weights, stored.means, stored.covariance, stored.feature_names)

    def _engine(self, X: npt.ArrayLike) -> NativeEngine:
        return NativeEngine(as_rows(X, self.n_features, self.feature_names))

    def _position(self, feature: int | str) -> int:
        if isinstance(feature, str):
            if self.feature_names is None or feature not in self.feature_names:
                raise ValueError(f"there is no feature {feature!r}; the names are {self.feature_names}")
            return self.feature_names.index(feature)
        if not -self.n_features <= feature < self.n_features:
            raise ValueError(f"there is no feature {feature}: the mixture has {self.n_features}")
        return feature % self.n_features


def check_weights(weights: FloatArray, n_components: int) -> FloatArray:
    """The weights divided by their sum; ValueError unless they are k probabilities."""
    if weights.shape != (n_components,):
        raise ValueError(f"The parameter 'weights' should have the shape of ({n_components},), but got {weights.shape}")
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {weights.max():.5f}, min value {weights.min():.5f}"
        )
    if abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}")
    return weights / weights.sum()


def _numbers(values: Any, name: str) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array
