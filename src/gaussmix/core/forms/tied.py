"""The tied form: one triangle for all components."""

import math
from collections.abc import Sequence

import numpy as np

from gaussmix.core.forms.base import AbstractForm, raised_variances
from gaussmix.core.typing import BoolArray, FloatArray, IntArray


class TiedForm(AbstractForm):
    """Factors and scatter (d, d)."""

    name = "tied"
    is_diagonal = False
    is_shared = True

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def take(self, array: FloatArray, components: IntArray) -> FloatArray:
        return array

    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return np.tile(array, (n_components, 1, 1))

    def from_dense(self, triangles: FloatArray) -> FloatArray:
        return triangles[0]

    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        axes, deviations, _ = np.linalg.svd(roots[None])
        return axes, deviations

    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        return rows @ factors

    def components_per_scatter(self, n_components: int) -> int:
        return n_components

    def features_per_variance(self, n_features: int) -> int:
        return 1

    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        return (responsibilities[:, None] * rows).T @ rows

    def total(self, scatters: Sequence[FloatArray]) -> FloatArray:
        return np.asarray(np.sum(scatters, axis=0))

    def restricted(self, scatter: FloatArray) -> FloatArray:
        return np.asarray(scatter.sum(axis=0))

    def trace(self, scatter: FloatArray) -> float:
        return float(np.trace(scatter))

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        return first.T @ second

    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        return counts.sum() * np.eye(n_features)

    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        return np.full(n_features**2, 1 / math.sqrt(2 * counts.sum()))

    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        return float(max((lengths / counts).max(), scatter.sum() / counts.sum()))

    def moved(
        self,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
        roots: FloatArray,
        factors: FloatArray,
        centers: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        turn = factors.T @ roots
        turned = shifts @ turn.T
        cross = self.products(turned + 0.5 * counts[:, None] * centers, centers)
        scatter = turn @ scatter @ turn.T + cross + cross.T
        return turned + counts[:, None] * centers, scatter

    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        return counts.sum() * raised_variances(scatter / counts.sum(), least) if which.any() else scatter

    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        return degrees + n_features + 1 + n_components

    def squares(self, rows: FloatArray) -> FloatArray:
        return rows**2

    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        """Return Ward's criterion, in units of the shared covariance."""
        return np.asarray(scatter.sum(axis=-1))
