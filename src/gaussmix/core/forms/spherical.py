"""The spherical form: a number for each component."""

import math

import numpy as np

from gaussmix.core.forms.base import LEAST_CHANGE, AbstractSeparateForm
from gaussmix.core.typing import BoolArray, FloatArray


class SphericalForm(AbstractSeparateForm):
    """Factors and scatter (k,)."""

    name = "spherical"
    is_diagonal = True

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return array[:, None, None] * np.eye(n_features)

    def from_dense(self, triangles: FloatArray) -> FloatArray:
        return triangles[:, 0, 0]

    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        return None, roots[:, None]

    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        return rows * factors[component]

    def features_per_variance(self, n_features: int) -> int:
        return n_features

    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        return (responsibilities[:, None] * rows * rows).sum()

    def restricted(self, scatter: FloatArray) -> FloatArray:
        return np.asarray(np.trace(scatter, axis1=1, axis2=2))

    def trace(self, scatter: FloatArray) -> float:
        return float(scatter.sum())

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        return (first * second).sum(axis=1)

    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        return n_features * counts

    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        return 1 / np.sqrt(counts) / math.sqrt(2 * n_features)

    def moved(
        self,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
        roots: FloatArray,
        factors: FloatArray,
        centers: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        turn = factors * roots
        turned = turn[:, None] * shifts
        scatter = turn**2 * scatter + self.products(2 * turned + counts[:, None] * centers, centers)
        return turned + counts[:, None] * centers, scatter

    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        floor = counts * n_features * np.clip(least / n_features, LEAST_CHANGE, 1.0)
        return np.where(which, np.maximum(scatter, floor), scatter)

    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        return (degrees + n_features + 2) / n_features

    def squares(self, rows: FloatArray) -> FloatArray:
        return (rows**2).sum(axis=-1, keepdims=True)

    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        n = counts + 1
        log_det = n_features * np.log((scatter[..., 0] + n_features * pseudo) / (n_features * n))
        return np.asarray(0.5 * n * log_det)
