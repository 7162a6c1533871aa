"""The full form: a triangle for each component."""

import math

import numpy as np

from gaussmix.core.forms.base import AbstractSeparateForm, raised_variances
from gaussmix.core.typing import BoolArray, FloatArray


class FullForm(AbstractSeparateForm):
    """Factors and scatter (k, d, d)."""

    name = "full"
    is_diagonal = False

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        return array

    def from_dense(self, triangles: FloatArray) -> FloatArray:
        return triangles

    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        axes, deviations, _ = np.linalg.svd(roots)
        return axes, deviations

    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        return rows @ factors[component]

    def features_per_variance(self, n_features: int) -> int:
        return 1

    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        return (responsibilities[:, None] * rows).T @ rows

    def restricted(self, scatter: FloatArray) -> FloatArray:
        return scatter

    def trace(self, scatter: FloatArray) -> float:
        return float(np.einsum("kii->", scatter))

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        return first[:, :, None] * second[:, None, :]

    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        return counts[:, None, None] * np.eye(n_features)

    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        return np.repeat(1 / np.sqrt(counts), n_features**2) / math.sqrt(2)

    def moved(
        self,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
        roots: FloatArray,
        factors: FloatArray,
        centers: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        turn = factors.transpose(0, 2, 1) @ roots
        turned = (turn @ shifts[:, :, None])[:, :, 0]
        cross = self.products(turned + 0.5 * counts[:, None] * centers, centers)
        scatter = turn @ scatter @ turn.transpose(0, 2, 1) + cross + cross.transpose(0, 2, 1)
        return turned + counts[:, None] * centers, scatter

    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        scatter = scatter.copy()
        for component in np.flatnonzero(which & (counts > 0)):
            change = scatter[component] / counts[component]
            scatter[component] = counts[component] * raised_variances(change, least[component])
        return scatter

    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        return degrees + n_features + 2

    def squares(self, rows: FloatArray) -> FloatArray:
        return (rows[..., :, None] * rows[..., None, :]).reshape(*rows.shape[:-1], rows.shape[-1] ** 2)

    def sum_of_squares(self, rows: FloatArray, weights: FloatArray) -> FloatArray:
        return np.asarray(((weights[:, None] * rows).T @ rows).ravel())  # the squares of all rows may not fit in memory

    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        n = counts + 1
        matrices = scatter.reshape(*scatter.shape[:-1], n_features, n_features) + pseudo * np.eye(n_features)
        log_det = np.linalg.slogdet(matrices)[1] - n_features * np.log(n)
        return np.asarray(0.5 * n * log_det)
