"""The diagonal form: a vector for each component."""

import math

import numpy as np

from gaussmix.core.forms.base import LEAST_CHANGE, AbstractSeparateForm
from gaussmix.core.typing import BoolArray, FloatArray


class DiagonalForm(AbstractSeparateForm):
    """Factors and scatter (k, d)."""

    name = "diagonal"
    is_diagonal = True

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return array[:, :, None] * np.eye(n_features)

    def from_dense(self, triangles: FloatArray) -> FloatArray:
        return triangles.diagonal(axis1=1, axis2=2)

    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        return None, roots

    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        return rows * factors[component]

    def features_per_variance(self, n_features: int) -> int:
        return 1

    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        return (responsibilities[:, None] * rows * rows).sum(axis=0)

    def restricted(self, scatter: FloatArray) -> FloatArray:
        return np.diagonal(scatter, axis1=1, axis2=2).copy()

    def trace(self, scatter: FloatArray) -> float:
        return float(scatter.sum())

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        return first * second

    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        return np.repeat(counts[:, None], n_features, axis=1)

    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        return np.repeat(1 / np.sqrt(counts), n_features) / math.sqrt(2)

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
        turned = turn * shifts
        scatter = turn**2 * scatter + self.products(2 * turned + counts[:, None] * centers, centers)
        return turned + counts[:, None] * centers, scatter

    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        floor = counts[:, None] * np.clip(least, LEAST_CHANGE, 1.0)
        return np.where(which[:, None], np.maximum(scatter, floor), scatter)

    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        return degrees + 3

    def squares(self, rows: FloatArray) -> FloatArray:
        return rows**2

    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        n = counts + 1
        log_det = np.log((scatter + pseudo) / n[..., None]).sum(axis=-1)
        return np.asarray(0.5 * n * log_det)
