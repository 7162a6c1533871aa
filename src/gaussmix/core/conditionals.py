"""Conditional distributions of some features of a mixture, one for each row of the others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

import numpy as np
from scipy.special import ndtri

import gaussmix.core._native as _native
from gaussmix.core.background import Background
from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.far_rows import far_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.number_checks import as_numbers
from gaussmix.core.regressions import ComponentRegressions, pieces_of, scaled_each
from gaussmix.core.student import conditional_scales, covariance_factors, draw_scales, refuse_degrees
from gaussmix.core.text import default_names
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray, Rows, Seed
from gaussmix.core.validation import as_generator, as_rows
from gaussmix.core.whitened import WhitenedMixture


class AbstractDistribution(ABC):
    """What the conditional distributions need to know of a mixture."""

    weights: FloatArray
    means: FloatArray
    covariance: AbstractCovariance
    feature_names: tuple[str, ...] | None
    background: Background | None
    degrees_of_freedom: FloatArray | None

    @abstractmethod
    def marginal(self, features: Sequence[int | str]) -> Self:
        """Return the marginal distribution of some of the features."""

    @abstractmethod
    def log_density(self, X: ArrayLike) -> FloatArray:
        """Return the log density of each row."""

    @abstractmethod
    def responsibilities(self, X: ArrayLike) -> FloatArray:
        """Return the probability of each component given the row."""

    @abstractmethod
    def whitened(self) -> WhitenedMixture:
        """Return the mixture in the form that engines read."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features, ``x0, x1, ...`` by default."""
        return self.feature_names or default_names(self.means.shape[1])

    def refuse_noise(self, purpose: str) -> None:
        """Raise a ValueError if the mixture has noise.

        Parameters
        ----------
        purpose : str
            What is not defined for noise, for the message.
        """
        if self.background is not None:
            raise ValueError(
                f"{purpose} is not defined for a mixture with noise: use the components alone, "
                "mixture.without_noise(), whose weights sum to one"
            )

    def with_features(
        self,
        positions: Sequence[int],
        weights: FloatArray,
        means: FloatArray,
        covariance: AbstractCovariance,
        degrees_of_freedom: FloatArray | None = None,
        *,
        noise_weight: float | None = None,
    ) -> Self:
        """Return a mixture of other parameters, whose features have the names of some of this one.

        Parameters
        ----------
        positions : sequence of int
            Positions of the features in this mixture.
        weights, means, covariance, degrees_of_freedom
            Parameters of the result.
        noise_weight : float, optional
            Weight of the noise, if there is any; by default the current one.

        Returns
        -------
        Mixture
            Mixture of these features.
        """
        names = None if self.feature_names is None else tuple(self.feature_names[at] for at in positions)
        background = self.background and self.background.of_features(positions)
        if background is not None and noise_weight is not None:
            background = background.with_weight(noise_weight)
        return type(self)(  # type: ignore[call-arg]
            weights, means, covariance, names, background, degrees_of_freedom
        )


AnyMixture = TypeVar("AnyMixture", bound=AbstractDistribution)


@dataclass(frozen=True, eq=False)
class Conditionals(Generic[AnyMixture]):
    """Distributions of the target features given the observed ones, one for each row; from `Mixture.condition`.

    For each row the distribution is a mixture with weights (k,) and component means (k, q); the covariances (k, q, q)
    are the same for all rows. Of t distributions, the scale matrices grow with the distance of the row from the center
    of the component, and there is one more degree of freedom for each observed feature.

    Attributes
    ----------
    joint : Mixture
        Distribution of all features.
    observed, targets : tuple of int
        Positions of the s observed and of the q target features.
    rows : (n, s) array
        Observed values.
    regressions : ComponentRegressions
        Regression of the targets on the observed features in each component.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [5.0, 9.0]], [1.0, 4.0], covariance_type="spherical")
    >>> y = mixture.condition([[0.0], [2.0], [5.0]], on=[0])
    >>> y.weights.round(2)
    array([[0.98, 0.02],
           [0.45, 0.55],
           [0.  , 1.  ]])
    >>> y.means.round(1)
    array([[0.2],
           [4.9],
           [9. ]])
    >>> y.quantiles([0.25, 0.75]).round(1)
    array([[-0.7,  0.7],
           [ 0.1,  9.2],
           [ 7.7, 10.3]])
    """

    joint: AnyMixture
    observed: tuple[int, ...]
    targets: tuple[int, ...]
    rows: Rows
    regressions: ComponentRegressions

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the targets."""
        names = self.joint.names
        return tuple(names[at] for at in self.targets)

    @property
    def means(self) -> FloatArray:
        """Means of the targets, ``(n, q)``."""
        return self._moments[0]

    @property
    def standard_deviations(self) -> FloatArray:
        """Standard deviations of the targets, ``(n, q)``."""
        return np.sqrt(self._moments[1])

    @property
    @underflow_to_zero
    def covariances(self) -> FloatArray:
        """Covariances of the targets, ``(n, q, q)``: within components and between their means."""
        if self._factors is not None:
            apart = self.component_means - self.means[:, None]
            between = np.einsum("nk,nkq,nkr->nqr", self.weights, apart, apart)
            return between + np.einsum("nk,kqr->nqr", self._shares_within(), self.regressions.residual.dense())
        covariances = self.regressions.covariances(self.rows, self._whitened)
        far, nearest = self._far
        covariances[far] = self.component_covariances[nearest]
        return covariances

    @property
    def component_means(self) -> FloatArray:
        """Means of the targets in each component, ``(n, k, q)``."""
        return self.regressions.component_means(self.rows, self._whitened)

    @property
    def component_covariances(self) -> FloatArray:
        """Covariances of the targets in each component, ``(k, q, q)``, the same for all rows.

        They do not exist for t distributions, whose covariances depend on the row.
        """
        refuse_degrees(self.joint.degrees_of_freedom, "component_covariances")
        return self.regressions.residual.dense()

    @cached_property
    def weights(self) -> FloatArray:
        """Probabilities of the components given the observed values, ``(n, k)``."""
        return self._marginal.responsibilities(self.rows)

    @cached_property
    @underflow_to_zero
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        if self._factors is not None:
            means = np.einsum("nk,nkq->nq", self.weights, self.component_means)
            between = np.einsum("nk,nkq->nq", self.weights, (self.component_means - means[:, None]) ** 2)
            return means, between + self._shares_within() @ self.regressions.residual.variances()
        means, variances = self.regressions.moments(self.rows, self._whitened)
        far, nearest = self._far
        if far.size:
            means[far] = self.regressions.component_means(self.rows[far], self._whitened)[np.arange(far.size), nearest]
            variances[far] = self.regressions.residual.variances()[nearest]
        return means, variances

    @cached_property
    def _factors(self) -> tuple[FloatArray, FloatArray] | None:
        """By how much the scale matrices of t distributions grow, and covariances beside them; both (n, k)."""
        degrees, s = self.joint.degrees_of_freedom, len(self.observed)
        if degrees is None:
            return None
        distances = replace(self._whitened, offsets=np.zeros(len(degrees)), degrees_of_freedom=None)
        squares = -2 * NativeEngine(self.rows).score_rows(distances, "scores")
        return conditional_scales(squares, degrees, s), np.tile(covariance_factors(degrees + s), (len(self), 1))

    def _shares_within(self) -> FloatArray:
        """Return by what scale matrices (k, ...) are multiplied in the covariances within t components, (n, k)."""
        assert self._factors is not None
        scales, factors = self._factors
        with np.errstate(invalid="ignore"):  # infinity times a weight of zero
            return np.where(self.weights > 0, self.weights * scales * factors, 0.0)

    @cached_property
    def _marginal(self) -> AnyMixture:
        return self.joint.marginal(list(self.observed))

    @cached_property
    def _whitened(self) -> WhitenedMixture:
        return self._marginal.whitened()

    @cached_property
    def _far(self) -> tuple[IntArray, IntArray]:
        return far_rows(NativeEngine(self.rows), self._whitened)

    def mixture(self, row: int) -> AnyMixture:
        """Return the distribution for one row.

        Parameters
        ----------
        row : int
            Position of the row.

        Returns
        -------
        Mixture
            Mixture of the targets.
        """
        means = self.regressions.predict(np.asarray(self.rows[row], dtype=np.float64))
        degrees, residual = self.joint.degrees_of_freedom, self.regressions.residual
        if degrees is not None and self._factors is not None:
            degrees, residual = degrees + len(self.observed), scaled_each(residual, self._factors[0][row])
        return self.joint.with_features(self.targets, self.weights[row], means, residual, degrees)

    @underflow_to_zero
    def quantiles(self, q: ArrayLike, feature: int | str | None = None) -> FloatArray:
        """Return quantiles of one target for each row.

        They are exact to about 1e-13 standard deviations of the narrowest component.

        Parameters
        ----------
        q : float or (m,) array-like
            Probabilities from 0 to 1, whose quantiles are -inf and inf.
        feature : int or str, optional
            Position among the targets, or name; not needed if there is one target.

        Returns
        -------
        (n, m) array
            Quantiles; (n,) for a single probability.

        Raises
        ------
        ValueError
            If a probability is not from 0 to 1, or if there are several targets and no feature is named.
        """
        wanted = as_numbers(q, "q")
        if wanted.ndim > 1 or not ((wanted >= 0) & (wanted <= 1)).all():
            raise ValueError(f"q must be probabilities, from 0 to 1; got {wanted.tolist()}")
        several = np.atleast_1d(wanted)
        inside = (several > 0) & (several < 1)
        asked = np.where(inside, several, 0.5)
        target = self._target(feature)
        found = np.empty((len(self), len(several)))
        for part in pieces_of(len(self)):
            _native.quantiles(*self._normals(part, target), asked, ndtri(asked), found[part])
        found[:, ~inside] = np.where(several[~inside] > 0, np.inf, -np.inf)
        return found if wanted.ndim else found[:, 0]

    def interval(self, coverage: float = 0.9, feature: int | str | None = None) -> FloatArray:
        """Return the central interval that contains one target with a given probability.

        Parameters
        ----------
        coverage : float, default=0.9
            Probability between 0 and 1.
        feature : int or str, optional
            As in `quantiles`.

        Returns
        -------
        (n, 2) array
            Lower and upper ends, the quantiles of ``(1 - coverage) / 2`` and ``(1 + coverage) / 2``.

        Raises
        ------
        ValueError
            If the coverage is not between 0 and 1, and as in `quantiles`.
        """
        require_coverage(coverage)
        return self.quantiles([(1 - coverage) / 2, (1 + coverage) / 2], feature)

    @underflow_to_zero
    def cumulative_probabilities(self, values: ArrayLike, feature: int | str | None = None) -> FloatArray:
        """Return the probability that one target is at most a value, for each row.

        Parameters
        ----------
        values : (n,) array-like
            A value for each row.
        feature : int or str, optional
            As in `quantiles`.

        Returns
        -------
        (n,) array
            Probabilities.

        Raises
        ------
        ValueError
            If there is not one number for each row, or as in `quantiles`.
        """
        at = as_numbers(values, "values")
        if at.shape != (len(self),) or np.isnan(at).any():
            raise ValueError(f"values must be {len(self)} numbers, one for each row; got the shape {at.shape} or NaN")
        target = self._target(feature)
        found = np.empty(len(self))
        for part in pieces_of(len(self)):
            _native.cumulative_probabilities(*self._normals(part, target), at[part], found[part])
        return found

    def log_density(self, Y: ArrayLike) -> FloatArray:
        """Return the log density of the targets given the observed features, for each row.

        Parameters
        ----------
        Y : (n, q) array-like or table
            Values of the targets; (n,) if there is one.

        Returns
        -------
        (n,) array
            Log densities in nats.

        Raises
        ------
        ValueError
            If Y has another shape, or a value that is NaN or infinite.
        """
        values = as_rows(np.reshape(Y, (-1, 1)) if np.ndim(Y) == 1 else Y, len(self.targets), argument="Y")
        if len(values) != len(self):
            raise ValueError(f"Y must have {len(self)} rows, one for each row of X; got {len(values)}")
        features = [*self.observed, *self.targets]
        both = np.concatenate([self.rows, values], axis=1)
        base = self._marginal.log_density(self.rows)
        far = np.flatnonzero(np.isneginf(base))  # so far away that the density of the observed values underflows
        base[far] = 0.0
        found = self.joint.marginal(features).log_density(both) - base
        for row in far:
            found[row] = self.mixture(int(row)).log_density(values[row : row + 1])[0]
        return found

    @underflow_to_zero
    def sample(self, random_state: Seed = None) -> FloatArray:
        """Draw the targets once for each row.

        Parameters
        ----------
        random_state : int, numpy Generator or RandomState, optional
            Source of random numbers. An int gives the same draws at every call; a generator advances.

        Returns
        -------
        (n, q) array
            Independent draws.
        """
        rng = as_generator(random_state)
        below = rng.uniform(size=(len(self), 1)) * self.weights.sum(axis=1, keepdims=True)
        labels = (self.weights.cumsum(axis=1) < below).sum(axis=1)
        drawn = rng.standard_normal((len(self), len(self.targets)))
        regressions = self.regressions
        for component in range(self.weights.shape[1]):
            chosen = labels == component
            shifts = self.rows[chosen] - regressions.observed_means[component]
            mean = regressions.target_means[component] + shifts @ regressions.coefficients[component].T
            noise = drawn[chosen]
            if self.joint.degrees_of_freedom is not None and self._factors is not None:
                degrees = self.joint.degrees_of_freedom[component] + len(self.observed)
                scales = self._factors[0][chosen, component] / draw_scales(degrees, len(noise), rng)
                noise *= np.sqrt(scales)[:, None]
            drawn[chosen] = mean + regressions.residual.color(noise, component)
        return drawn

    def _target(self, feature: int | str | None) -> int:
        """Return the position among the targets."""
        if feature is None:
            if len(self.targets) > 1:
                raise ValueError(f"there are several targets: name one of {self.names} as feature")
            return 0
        if feature in self.names:
            return self.names.index(feature)
        if not isinstance(feature, int | np.integer) or not 0 <= feature < len(self.targets):
            raise ValueError(f"feature must be one of {self.names}, or its position among them; got {feature!r}")
        return int(feature)

    def _normals(self, part: slice, target: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights (n, k), means (n, k) and standard deviations (k,) of the normal components of a target."""
        refuse_degrees(self.joint.degrees_of_freedom, "the quantile of many rows (other than mixture(row).quantile)")
        regressions = self.regressions
        one = ComponentRegressions(
            regressions.observed_means,
            regressions.target_means[:, [target]],
            regressions.coefficients[:, [target]],
            regressions.residual.marginal([target]),
        )
        means = one.component_means(self.rows[part], self._whitened)[:, :, 0]
        return self.weights[part], means, np.sqrt(one.residual.variances()[:, 0])


def require_coverage(coverage: Any) -> None:
    """Raise a ValueError unless it is a number between 0 and 1."""
    if isinstance(coverage, bool) or not isinstance(coverage, float | np.floating) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be between 0 and 1, both excluded; got {coverage!r}")
