"""Diagonal covariances: a variance for each component and feature."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.deviations import diagonal_of, lengths_of
from gaussmix.core.covariance.pairs import Pairs
from gaussmix.core.typing import FloatArray, IntArray


class Diagonal(AbstractCovariance):
    """Variances (k, d) (VVI in mclust's letters)."""

    name = "diag"
    letters = "VVI"
    form = "diagonal"

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        return cls(np.ones((n_components, n_features)), n_components, n_features)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive(covariances, "covariance")
        return cls(np.sqrt(covariances), n_components, n_features)

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive(precisions, "precision")
        return cls(1.0 / np.sqrt(precisions), n_components, n_features)

    def factors(self) -> FloatArray:
        return self._factors

    @cached_property
    def _factors(self) -> FloatArray:
        """Cache the factors for the pass and for the M-step."""
        factors = np.asarray(1.0 / self.roots)
        factors.flags.writeable = False
        return factors

    def log_det(self) -> FloatArray:
        return self._log_det

    @cached_property
    def _log_det(self) -> FloatArray:
        log_det = np.asarray(-np.log(self.roots).sum(axis=1))
        log_det.flags.writeable = False
        return log_det

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        kept = counts == 0
        # Rounding can make a zero scatter negative; as zero it is recognized as singular and repaired.
        change = np.maximum(scatter, 0.0) / np.where(kept, 1.0, counts)[:, None]
        roots = np.hypot(self.roots * np.sqrt(change), math.sqrt(ridge))
        roots[kept] = self.roots[kept]
        return type(self)(roots, self.n_components, self.n_features)

    def inflated(self, variances: FloatArray) -> Self:
        return type(self)(np.hypot(self.roots, np.sqrt(variances)), self.n_components, self.n_features)

    def pivots(self) -> FloatArray:
        return self.roots**2

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        return noise * self.roots[component]

    def color_each(self, noise: FloatArray) -> FloatArray:
        return noise * self.roots

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        return rows * self.factors()

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        return (lengths_of(root) * self.factors()) ** 2

    def precision_traces(self) -> FloatArray:
        return (self.factors() ** 2).sum(axis=1)

    def variances(self) -> FloatArray:
        return self.roots**2

    def dense(self) -> FloatArray:
        return self.variances()[:, :, None] * np.eye(self.n_features)

    def marginal(self, features: Sequence[int]) -> Self:
        return type(self)(self.roots[:, list(features)], self.n_components, len(features))

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        return np.diag(np.sqrt((rows**2).sum(axis=0)))

    def rescale(self, root: FloatArray) -> Self:
        return type(self)(diagonal_of(root) * self.roots, self.n_components, self.n_features)

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        return np.sqrt(covariance.variances())

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        variances = self.variances()
        target = weights @ variances if target_root is None else lengths_of(target_root) ** 2
        return np.sort(variances / target, axis=1), 1 / np.sqrt(target)

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        pairs = Pairs.of(first, second, counts)
        both = pairs.pooled(self.variances()) + pairs.apart[:, None] * shifts**2
        return pairs.costs(np.log(both).sum(axis=1), -2 * self.log_det())

    def with_average(self, component: int, weights: FloatArray) -> Self:
        roots = self.roots.copy()
        roots[component] = np.sqrt(weights @ self.roots**2)
        return type(self)(roots, self.n_components, self.n_features)

    @property
    def covariances(self) -> FloatArray:
        return self.variances()

    @property
    def precisions(self) -> FloatArray:
        return self.factors() ** 2


def _require_positive(variances: FloatArray, what: str) -> None:
    bad = np.argwhere(~((variances > 0) & np.isfinite(variances)))
    if bad.size:
        component, feature = bad[0]
        raise ValueError(f"'diag {what}' should be positive: that of component {component}, feature {feature} is not")
