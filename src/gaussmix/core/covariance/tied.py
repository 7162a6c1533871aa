"""Tied covariances: one matrix for all components."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.pairs import Pairs
from gaussmix.core.covariance.triangular import (
    add_rows,
    inverse_transposed,
    lower_root,
    next_roots,
    not_positive_definite,
    root_from_precision,
    root_of_rows,
    root_of_some,
    variances_beside,
)
from gaussmix.core.typing import FloatArray, IntArray


class Tied(AbstractCovariance):
    """One covariance (d, d) (EEE in mclust's letters): the mixture form of linear discriminant analysis."""

    name = "tied"
    letters = "EEE"
    form = "tied"

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        return cls(np.eye(n_features), n_components, n_features)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive_definite(covariances, "covariance")
        return cls(lower_root(covariances[None])[0], n_components, n_features)

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive_definite(precisions, "precision")
        return cls(root_from_precision(precisions[None])[0], n_components, n_features)

    def factors(self) -> FloatArray:
        return self._factors

    @cached_property
    def _factors(self) -> FloatArray:
        """Cache the factors for the pass and for the M-step."""
        factors = inverse_transposed(self.roots[None])[0]
        factors.flags.writeable = False
        return factors

    def log_det(self) -> FloatArray:
        return np.full(self.n_components, -np.log(self.roots.diagonal()).sum())

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        change = scatter / counts.sum()
        roots = next_roots(self.roots[None], self.factors()[None], change[None], ridge)[0]
        return type(self)(roots, self.n_components, self.n_features)

    def inflated(self, variances: FloatArray) -> Self:
        deviations = np.sqrt(variances.max(axis=0))
        return type(self)(add_rows(self.roots[None], deviations[None])[0], self.n_components, self.n_features)

    def pivots(self) -> FloatArray:
        return np.tile(self.roots.diagonal() ** 2, (self.n_components, 1))

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        return noise @ self.roots.T

    def color_each(self, noise: FloatArray) -> FloatArray:
        return noise @ self.roots.T

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        return rows @ self.factors()

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        whitened = self.factors().T @ root
        return whitened @ whitened.T

    def precision_traces(self) -> FloatArray:
        return np.full(self.n_components, (self.factors() ** 2).sum())

    def variances(self) -> FloatArray:
        return np.tile((self.roots**2).sum(axis=1), (self.n_components, 1))

    def dense(self) -> FloatArray:
        return np.tile(self.covariances, (self.n_components, 1, 1))

    def marginal(self, features: Sequence[int]) -> Self:
        return type(self)(root_of_some(self.roots[None], features)[0], self.n_components, len(features))

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        return root_of_rows(rows)

    def rescale(self, root: FloatArray) -> Self:
        return type(self)(root @ self.roots, self.n_components, self.n_features)

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        return covariance.dense_roots()[0]

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return ones for the pooled covariance, which equals that of each component."""
        sizes = (self.n_components, self.n_features)
        if target_root is None:
            return np.ones(sizes), self.factors()
        variances, whiten = variances_beside(self.roots[None], target_root)
        return np.broadcast_to(variances, sizes), whiten

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        pairs = Pairs.of(first, second, counts)
        return 0.5 * pairs.n * pairs.apart * ((shifts @ self.factors()) ** 2).sum(axis=1)

    def with_average(self, component: int, weights: FloatArray) -> Self:
        return self

    @property
    def covariances(self) -> FloatArray:
        return self.roots @ self.roots.T

    @property
    def precisions(self) -> FloatArray:
        factors = self.factors()
        return factors @ factors.T


def _require_positive_definite(matrix: FloatArray, what: str) -> None:
    if not_positive_definite(matrix[None])[0]:
        raise ValueError(f"'tied {what}' should be symmetric, positive-definite")
