"""Marginal and conditional distributions of a mixture."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from gaussmix.core.conditionals import AbstractDistribution, Conditionals
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.regressions import ComponentRegressions, scaled_each
from gaussmix.core.student import conditional_scales
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.validation import LARGEST, as_rows


class ConditioningMixin(AbstractDistribution):
    """Methods of `Mixture` that return the distribution of some of its features."""

    def marginal(self, features: Sequence[int | str]) -> Self:
        """Return the marginal distribution of some of the features.

        Parameters
        ----------
        features : sequence of int or str
            Positions or names, in the order of the result.

        Returns
        -------
        Mixture
            Mixture of these features, with the same weights. Noise is uniform in a box of these features.
        """
        positions = self.positions(features)
        covariance = self.covariance.marginal(positions)
        degrees = self.degrees_of_freedom
        return self.with_features(positions, self.weights, self.means[:, positions], covariance, degrees)

    @underflow_to_zero
    def conditional(self, given: Mapping[int | str, float]) -> Self:
        """Return the distribution of the remaining features, given the values of some.

        It is a mixture: the weights are the responsibilities of the components for the given values, and the means are
        linear functions of them. Given a value, a t distribution has one more degree of freedom, and a scale matrix
        that grows with the distance of the values from its center.

        Parameters
        ----------
        given : dict
            Values by names or positions of features.

        Returns
        -------
        Mixture
            Mixture of the other features, in their order. Its covariances have the same structure if features are
            independent within components, else they are "tied" or "full".

        Raises
        ------
        ValueError
            If a feature does not exist or is given twice, if a value is not a finite number, or if no feature remains.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters(
        ...     [1.0], [[0.0, 10.0]], [[[1.0, 0.5], [0.5, 1.0]]], feature_names=["x", "y"]
        ... )
        >>> y = mixture.conditional({"x": 3.0})
        >>> y.names, y.means, y.covariance.covariances
        (('y',), array([[11.5]]), array([[[0.75]]]))
        """
        observed, row = self.observation(given)
        targets = self._others(observed)
        regressions = ComponentRegressions.of(self.means, self.covariance, observed, targets)
        marginal, means, k = self.marginal(observed), regressions.predict(row), len(self.weights)
        weights, residual = marginal.responsibilities(row[None])[0], regressions.residual
        noise = float(weights[k]) if self.background is not None else None
        degrees = self.degrees_of_freedom
        if degrees is not None:
            squares = (marginal.covariance.whiten_each(row - marginal.means) ** 2).sum(axis=1)
            residual = scaled_each(residual, conditional_scales(squares, degrees, len(observed)))
            degrees = degrees + len(observed)
        return self.with_features(targets, weights[:k], means, residual, degrees, noise_weight=noise)

    def condition(self, X: ArrayLike, on: Sequence[int | str]) -> Conditionals[Self]:
        """Return the distribution of the remaining features given each of many rows.

        Parameters
        ----------
        X : (n, s) array-like or table
            Values of the features ``on``, in that order. Columns of a table are found by name, if ``on`` has names.
        on : sequence of int or str
            Positions or names of the observed features.

        Returns
        -------
        gaussmix.core.conditionals.Conditionals
            Moments, quantiles, densities and draws of the other features for each row.

        Raises
        ------
        ValueError
            If a feature does not exist or is repeated, if no feature remains, or if X has another shape or a value that
            is NaN or infinite.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0, 10.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> mixture.condition([[3.0], [-1.0]], on=[0]).means
        array([[11.5],
               [ 9.5]])
        """
        if isinstance(on, str):
            raise ValueError(f"on must be a list of features, such as [{on!r}]")
        self.refuse_noise("condition")
        observed = self.positions(on)
        targets = self._others(observed)
        names = [name for name in on if isinstance(name, str)]
        rows = as_rows(X, len(observed), names if len(names) == len(observed) else None)
        regressions = ComponentRegressions.of(self.means, self.covariance, observed, targets)
        return Conditionals(self, tuple(observed), tuple(targets), rows, regressions)

    def positions(self, features: Sequence[int | str]) -> list[int]:
        """Return the positions of features.

        Parameters
        ----------
        features : sequence of int or str
            Positions or names.

        Returns
        -------
        list of int
            Positions, in the given order.

        Raises
        ------
        ValueError
            If no feature is given, if one does not exist, or if one is repeated.
        """
        positions = [self._position(feature) for feature in features]
        if not positions or len(set(positions)) < len(positions):
            raise ValueError(f"features must name at least one feature, and each only once; got {list(features)}")
        return positions

    def observation(self, given: Mapping[int | str, float]) -> tuple[list[int], FloatArray]:
        """Return the positions and the values of given features.

        Parameters
        ----------
        given : dict
            Values by names or positions of features.

        Returns
        -------
        positions : list of int
            Positions, in the order of the dict.
        values : (s,) array
            Values of these features.

        Raises
        ------
        ValueError
            As in `conditional`.
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"given must be a dict of features and their values, such as {{0: 1.5}}; got {given!r}")
        positions = self.positions(list(given))
        values: dict[Any, Any] = dict(given)
        for feature, value in values.items():
            if isinstance(value, bool) or not isinstance(value, Real) or not abs(float(value)) < LARGEST:
                raise ValueError(f"given[{feature!r}] must be a finite number, below {LARGEST:g}; got {value!r}")
        return positions, np.array([float(value) for value in values.values()])

    def _others(self, observed: Sequence[int]) -> list[int]:
        """Return the positions of the features that are not observed; ValueError if there are none."""
        others = np.delete(np.arange(self.means.shape[1]), list(observed)).tolist()
        if not others:
            raise ValueError("all features are given: leave out those whose distribution is wanted")
        return others

    def _position(self, feature: int | str) -> int:
        n_features = self.means.shape[1]
        if isinstance(feature, str):
            if feature not in self.names:
                raise ValueError(f"there is no feature {feature!r}; the names are {self.names}")
            return self.names.index(feature)
        if not -n_features <= feature < n_features:
            raise ValueError(f"there is no feature {feature}: the mixture has {n_features}")
        return feature % n_features
