"""Spherical covariances: one variance for each component."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from gaussmix.core.covariance.base import AbstractCovariance
from gaussmix.core.covariance.deviations import diagonal_of, lengths_of
from gaussmix.core.covariance.pairs import Pairs
from gaussmix.core.typing import FloatArray, IntArray


class Spherical(AbstractCovariance):
    """Variances (k,) (VII in mclust's letters)."""

    name = "spherical"
    letters = "VII"
    form = "spherical"

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        return cls(np.ones(n_components), n_components, n_features)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive(covariances, "covariance")
        return cls(np.sqrt(covariances), n_components, n_features)

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive(precisions, "precision")
        return cls(1.0 / np.sqrt(precisions), n_components, n_features)

    def factors(self) -> FloatArray:
        return 1.0 / self.roots

    def log_det(self) -> FloatArray:
        return -self.n_features * np.log(self.roots)

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        kept = counts == 0
        # Rounding can make a zero scatter negative; as zero it is recognized as singular and repaired.
        change = np.maximum(scatter, 0.0) / (np.where(kept, 1.0, counts) * self.n_features)
        roots = np.hypot(self.roots * np.sqrt(change), math.sqrt(ridge))
        roots[kept] = self.roots[kept]
        return type(self)(roots, self.n_components, self.n_features)

    def inflated(self, variances: FloatArray) -> Self:
        deviations = np.sqrt(variances.mean(axis=1))
        return type(self)(np.hypot(self.roots, deviations), self.n_components, self.n_features)

    def pivots(self) -> FloatArray:
        return self.variances()

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        return noise * self.roots[component]

    def color_each(self, noise: FloatArray) -> FloatArray:
        return noise * self.roots[:, None]

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        return rows * self.factors()[:, None]

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        return (root**2).sum() * self.factors() ** 2

    def precision_traces(self) -> FloatArray:
        return self.n_features * self.factors() ** 2

    def variances(self) -> FloatArray:
        return np.tile(self.covariances[:, None], (1, self.n_features))

    def dense(self) -> FloatArray:
        return self.covariances[:, None, None] * np.eye(self.n_features)

    def marginal(self, features: Sequence[int]) -> Self:
        return type(self)(self.roots, self.n_components, len(features))

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        deviations = np.sqrt((rows**2).sum(axis=0))
        return np.sqrt((deviations**2).mean()) * np.eye(len(deviations))

    def rescale(self, root: FloatArray) -> Self:
        return type(self)(diagonal_of(root)[0] * self.roots, self.n_components, self.n_features)

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        return np.sqrt(covariance.variances()[:, 0])

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        variances = self.variances()
        target = weights @ variances if target_root is None else lengths_of(target_root) ** 2
        target = np.full(self.n_features, target.mean())
        return np.sort(variances / target, axis=1), 1 / np.sqrt(target)

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        pairs = Pairs.of(first, second, counts)
        both = pairs.pooled(self.variances()) + pairs.apart[:, None] * shifts**2
        return pairs.costs(self.n_features * np.log(both.mean(axis=1)), -2 * self.log_det())

    def with_average(self, component: int, weights: FloatArray) -> Self:
        roots = self.roots.copy()
        roots[component] = np.sqrt(weights @ self.roots**2)
        return type(self)(roots, self.n_components, self.n_features)

    @property
    def covariances(self) -> FloatArray:
        return self.roots**2

    @property
    def precisions(self) -> FloatArray:
        return self.factors() ** 2


def _require_positive(variances: FloatArray, what: str) -> None:
    bad = np.flatnonzero(~((variances > 0) & np.isfinite(variances)))
    if bad.size:
        raise ValueError(f"'spherical {what}' should be positive: that of component {bad[0]} is not")
