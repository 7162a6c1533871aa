"""The mixture of normal or t distributions: weights, means, covariances and perhaps uniform noise, as one value."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Self

import numpy as np

from gaussmix.core.affine import rescaled
from gaussmix.core.background import Background
from gaussmix.core.conditioning import ConditioningMixin
from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.distribution import DistributionMixin
from gaussmix.core.drawing import sample
from gaussmix.core.engines import IncompleteEngine, NativeEngine, engine_for
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.imputing import ImputingMixin
from gaussmix.core.mixture_text import abbreviate_mixture, format_mixture, mixture_html
from gaussmix.core.model_file import read_model
from gaussmix.core.number_checks import as_finite_numbers, check_degrees, check_weights
from gaussmix.core.saving import save
from gaussmix.core.student import log_constants, n_different
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray
from gaussmix.core.validation import LARGEST, as_weighted_rows
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class Mixture(ConditioningMixin, DistributionMixin, ImputingMixin):
    """A mixture with known parameters, from `from_parameters` or as ``mixture_`` of a fitted estimator.

    Attributes
    ----------
    weights : (k,) array
        Mixing proportions; with the weight of the noise, if there is any, they sum to one.
    means : (k, d) array
        Means of the components.
    covariance : AbstractCovariance
        Covariances of all components. Of t distributions, these are the scale matrices: the covariance is
        ``nu / (nu - 2)`` times as large for nu > 2 degrees of freedom, and does not exist otherwise.
    feature_names : tuple of str, or None
        Names of the columns, if known.
    background : Background, or None
        Uniform noise beside the components.
    degrees_of_freedom : (k,) array, or None
        Degrees of freedom of t distributions; infinite for a normal one. None if all are normal.

    Examples
    --------
    >>> from gaussmix import Mixture

    array([[0.5, 0.5],
           [0. , 1. ]])
    """

    weights: FloatArray
    means: FloatArray
    covariance: AbstractCovariance
    feature_names: tuple[str, ...] | None = None
    background: Background | None = None
    degrees_of_freedom: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "means", "degrees_of_freedom"):
            if getattr(self, name) is None:
                continue
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    __repr__ = abbreviate_mixture
    __str__ = format_mixture
    _repr_html_ = mixture_html
    rescaled, sample, save = rescaled, sample, save

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep copies read-only."""
        parts = (self.weights, self.means, self.covariance, self.feature_names)
        return type(self), (*parts, self.background, self.degrees_of_freedom)

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: str = "full",
        feature_names: Sequence[str] | None = None,
        degrees_of_freedom: ArrayLike | None = None,
    ) -> Self:
        """Build a mixture from known parameters.

        Parameters
        ----------
        weights : (k,) array-like
            Nonnegative numbers whose sum is within 1e-6 of one; they are divided by their sum.
        means : (k, d) array-like
            Means of the components.
        covariances : array-like
            Positive-definite: "full" (k, d, d), "tied" (d, d), "diag" (k, d) or "spherical" (k,). Other types have the
            shape of ``covariances_`` in `GaussianMixture`.
        covariance_type : str, default="full"
            Type of the covariances.
        feature_names : sequence of d str, optional
            Names of the columns.
        degrees_of_freedom : float or (k,) array-like, optional
            Degrees of freedom of t distributions, positive or infinite; ``covariances`` are then their scale matrices.
            By default the distributions are normal.

        Returns
        -------
        Mixture
            The mixture; it is immutable.

        Raises
        ------
        ValueError
            If a parameter is invalid; the message names it.
        """
        structure = covariance_class(covariance_type)
        centers = as_finite_numbers(means, "means")
        if centers.ndim != 2 or 0 in centers.shape:
            raise ValueError(f"means must have the shape (n_components, n_features), got {centers.shape}")
        if not np.abs(centers).max() < LARGEST:
            raise ValueError(f"means must be below {LARGEST:g}, or squares overflow; got {np.abs(centers).max():g}")
        n_components, n_features = centers.shape
        shares = check_weights(as_finite_numbers(weights, "weights"), n_components)
        spread = as_finite_numbers(covariances, "covariances")
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
        degrees = check_degrees(degrees_of_freedom, n_components)
        return cls(shares, centers, covariance, names, None, degrees)

    @property
    def n_components(self) -> int:
        """The number of components."""
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.means.shape[1]

    @property
    def n_parameters(self) -> int:
        """The number of free parameters; noise adds its own, and degrees of freedom that are equal count as one."""
        components = self.n_components - 1 + self.means.size + self.covariance.n_parameters
        components += n_different(self.degrees_of_freedom)
        return components if self.background is None else components + self.background.n_parameters

    @property
    def covariance_type(self) -> str:
        """The name of the covariance structure: "full", "tied", "diag", "spherical" or mclust's letters."""
        return self.covariance.name

    @underflow_to_zero
    def whitened(self) -> WhitenedMixture:
        """Return the mixture in the form that engines read.

        Returns
        -------
        WhitenedMixture
            Offsets, means and factors.
        """
        with np.errstate(divide="ignore"):  # weight 0: log 0 = -inf
            log_weights = np.log(self.weights)
        offsets = log_weights + self.covariance.log_det() - 0.5 * self.n_features * math.log(2 * math.pi)
        covariance, degrees = self.covariance, self.degrees_of_freedom
        if degrees is not None:
            offsets = offsets + log_constants(degrees, self.n_features)
        noise, basis = None if self.background is None else self.background.whitened(), covariance.common_basis()
        return WhitenedMixture(covariance.form, offsets, self.means, covariance.factors(), basis, noise, degrees)

    def log_density(self, X: ArrayLike, noise_covariance: ArrayLike | None = None) -> FloatArray:
        """Return the log density of each row.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture. NaN is a missing value: the density is that of the other features.
        noise_covariance : array-like, optional
            Covariance of measurement errors: variances (d,) or a covariance (d, d) of every row, variances (n, d) or
            covariances (n, d, d) of each row. The mixture is that of the true values.

        Returns
        -------
        (n,) array
            Log densities in nats; 0 for a row without any value.

        Raises
        ------
        ValueError
            If X has other features than the mixture, or a value that is infinite.
        """
        return self._engine(X, noise_covariance).score_rows(self.whitened(), "log_density")

    def responsibilities(self, X: ArrayLike, noise_covariance: ArrayLike | None = None) -> FloatArray:
        """Return the probability of each component given the row (Bishop 2006, equation 9.13).

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of measurement errors, as in `log_density`.

        Returns
        -------
        (n, k) array
            Probabilities; each row sums to one. A row whose densities are all zero belongs to the nearest component.
            With noise, one more column is the probability of the noise.

        Raises
        ------
        ValueError
            As in `log_density`.
        """
        return assign_rows(self._engine(X, noise_covariance), self.whitened(), "responsibilities")

    def labels(self, X: ArrayLike, noise_covariance: ArrayLike | None = None) -> IntArray:
        """Return the most probable component of each row, -1 for noise.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of measurement errors, as in `log_density`.

        Returns
        -------
        (n,) array
            Positions of components, from 0; -1 where noise is most probable.

        Raises
        ------
        ValueError
            As in `log_density`.
        """
        return assign_rows(self._engine(X, noise_covariance), self.whitened(), "labels")

    def with_components(
        self,
        weights: FloatArray,
        means: FloatArray,
        covariance: AbstractCovariance,
        degrees_of_freedom: FloatArray | None = None,
        *,
        noise_weight: float | None = None,
    ) -> "Mixture":
        """Return a mixture with other components and otherwise what this one has.

        Parameters
        ----------
        weights : (k,) array
            Mixing proportions.
        means : (k, d) array
            Means of the components.
        covariance : AbstractCovariance
            Covariances of all components.
        degrees_of_freedom : (k,) array, optional
            Degrees of freedom of t distributions; by default those of this mixture.
        noise_weight : float, optional
            Weight of the noise, if there is any; by default the current one.

        Returns
        -------
        Mixture
            The mixture, with the current names of the features and the current noise.
        """
        background = self.background
        if background is not None and noise_weight is not None:
            background = background.with_weight(noise_weight)
        degrees = self.degrees_of_freedom if degrees_of_freedom is None else degrees_of_freedom
        return Mixture(weights, means, covariance, self.feature_names, background, degrees)

    def without_noise(self) -> "Mixture":
        """Return the components alone, with weights of sum one.

        Returns
        -------
        Mixture
            The distribution of the rows that are not noise; with equal weights if all rows are noise.
        """
        if self.background is None:
            return self
        total, k = self.weights.sum(), self.n_components
        weights = self.weights / total if total > 0 else np.full(k, 1 / k)
        return replace(self, weights=weights, background=None)

    def reordered(self, order: Iterable[int]) -> "Mixture":
        """Return the same mixture with its components in another order.

        Parameters
        ----------
        order : iterable of int
            Permutation of 0 to k - 1: the current positions of the components, in the new order.

        Returns
        -------
        Mixture
            The reordered mixture.

        Raises
        ------
        ValueError
            If ``order`` is not a permutation.
        """
        positions = list(order)
        if sorted(positions) != list(range(self.n_components)):
            raise ValueError(f"order must be a permutation of 0 to {self.n_components - 1}, got {positions}")
        return self.take(positions, self.weights[positions])

    def take(self, components: Sequence[int] | IntArray, weights: FloatArray | None = None) -> "Mixture":
        """Return the mixture of some of the components.

        Parameters
        ----------
        components : sequence of int
            Positions of the components, in the order of the result; repeats are allowed.
        weights : (m,) array, optional
            Weights of these components; by default their current weights, divided by their sum and multiplied by the
            share of rows that are not noise.

        Returns
        -------
        Mixture
            Mixture with the same structure and features.
        """
        at = np.asarray(components, dtype=np.int64)
        if weights is None:
            weights = self.weights[at] / self.weights[at].sum()
            if self.background is not None:
                weights = weights * (1 - self.background.weight)
        degrees = None if self.degrees_of_freedom is None else self.degrees_of_freedom[at]
        return self.with_components(weights, self.means[at], self.covariance.take(at), degrees)

    @classmethod
    def concatenate(cls, mixtures: Sequence["Mixture"]) -> Self:
        """Combine the components of several mixtures into one mixture, with equal total weights.

        Parameters
        ----------
        mixtures : sequence of Mixture
            Mixtures with the same structure and the same features.

        Returns
        -------
        Mixture
            The components of the first mixture, then those of the second, ...

        Raises
        ------
        ValueError
            If components of a mixture share covariance parameters: use `promote_to` first. If a mixture has noise: use
            `without_noise` first.
        """
        first = mixtures[0]
        for mixture in mixtures:
            mixture.refuse_noise("concatenate")
        degrees = [mixture.degrees_of_freedom for mixture in mixtures if mixture.degrees_of_freedom is not None]
        return cls(
            np.concatenate([mixture.weights for mixture in mixtures]) / len(mixtures),
            np.concatenate([mixture.means for mixture in mixtures]),
            type(first.covariance).concatenate([mixture.covariance for mixture in mixtures]),
            first.feature_names,
            degrees_of_freedom=np.concatenate(degrees) if degrees else None,
        )

    def promote_to(self, structure: type[AbstractCovariance]) -> "Mixture":
        """Return the same mixture with a more general covariance structure.

        Parameters
        ----------
        structure : subclass of AbstractCovariance
            Structure of which the current one is a special case; this is not checked.

        Returns
        -------
        Mixture
            Mixture with the same density up to rounding.
        """
        return replace(self, covariance=self.covariance.promote_to(structure))

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
            The mixture that was saved, bit for bit.

        Raises
        ------
        ModelFileError
            If the file is not a valid model file; the message gives the reason.

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
        parts = (stored.weights, stored.means, stored.covariance, stored.feature_names)
        return cls(*parts, stored.background, stored.degrees_of_freedom)

    def _engine(self, X: ArrayLike, noise_covariance: ArrayLike | None) -> NativeEngine | IncompleteEngine:
        return engine_for(as_weighted_rows(X, None, self.n_features, self.feature_names, noise_covariance))
