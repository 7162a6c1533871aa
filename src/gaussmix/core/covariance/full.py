"""Full covariances: a matrix for each component."""

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

_PAIRS_AT_A_TIME = 64  # matrices of pairs in memory


class Full(AbstractCovariance):
    """Covariances (k, d, d), one per component (VVV in mclust's letters)."""

    name = "full"
    letters = "VVV"
    form = "full"

    @classmethod
    def identity(cls, n_components: int, n_features: int) -> Self:
        return cls(np.tile(np.eye(n_features), (n_components, 1, 1)), n_components, n_features)

    @classmethod
    def from_covariances(cls, covariances: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive_definite(covariances, "covariance")
        return cls(lower_root(covariances), n_components, n_features)

    @classmethod
    def from_precisions(cls, precisions: FloatArray, n_components: int, n_features: int) -> Self:
        _require_positive_definite(precisions, "precision")
        return cls(root_from_precision(precisions), n_components, n_features)

    def factors(self) -> FloatArray:
        return self._factors

    @cached_property
    def _factors(self) -> FloatArray:
        """Cache the factors for the pass and for the M-step."""
        factors = inverse_transposed(self.roots)
        factors.flags.writeable = False
        return factors

    def log_det(self) -> FloatArray:
        return self._log_det

    @cached_property
    def _log_det(self) -> FloatArray:
        log_det = -np.log(self.roots.diagonal(axis1=1, axis2=2)).sum(axis=1)
        log_det.flags.writeable = False
        return np.asarray(log_det)

    def maximize(self, counts: FloatArray, scatter: FloatArray, ridge: float = 0.0) -> Self:
        kept = (counts == 0).nonzero()[0]
        if kept.size:
            counts, scatter = counts.copy(), scatter.copy()
            counts[kept], scatter[kept] = 1.0, np.eye(self.n_features)
        roots = next_roots(self.roots, self.factors(), scatter / counts[:, None, None], ridge)
        if kept.size:
            roots[kept] = self.roots[kept]
        return type(self)(roots, self.n_components, self.n_features)

    def inflated(self, variances: FloatArray) -> Self:
        return type(self)(add_rows(self.roots, np.sqrt(variances)), self.n_components, self.n_features)

    def pivots(self) -> FloatArray:
        return self.roots.diagonal(axis1=1, axis2=2) ** 2

    def color(self, noise: FloatArray, component: int) -> FloatArray:
        return noise @ self.roots[component].T

    def color_each(self, noise: FloatArray) -> FloatArray:
        return (self.roots @ noise[:, :, None])[:, :, 0]

    def whiten_each(self, rows: FloatArray) -> FloatArray:
        return (rows[:, None, :] @ self.factors())[:, 0]

    def whitened_scatter(self, root: FloatArray) -> FloatArray:
        whitened = self.factors().transpose(0, 2, 1) @ root
        return whitened @ whitened.transpose(0, 2, 1)

    def precision_traces(self) -> FloatArray:
        return np.einsum("kij,kij->k", self.factors(), self.factors())

    def variances(self) -> FloatArray:
        return np.einsum("kij,kij->ki", self.roots, self.roots)

    def dense(self) -> FloatArray:
        return self.roots @ self.roots.transpose(0, 2, 1)

    def marginal(self, features: Sequence[int]) -> Self:
        return type(self)(root_of_some(self.roots, features), self.n_components, len(features))

    @classmethod
    def root_of_rows(cls, rows: FloatArray) -> FloatArray:
        return root_of_rows(rows)

    def rescale(self, root: FloatArray) -> Self:
        return type(self)(root @ self.roots, self.n_components, self.n_features)

    @classmethod
    def _roots_of(cls, covariance: AbstractCovariance) -> FloatArray:
        return covariance.dense_roots()

    def relative_variances(
        self, weights: FloatArray, target_root: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        if target_root is None:
            k, d, _ = self.roots.shape
            target_root = lower_root((weights @ self.dense().reshape(k, -1)).reshape(1, d, d))[0]
            if not target_root.diagonal().all():  # rounding of squares hides a thin direction
                tall = np.sqrt(weights)[:, None, None] * self.roots.transpose(0, 2, 1)
                target_root = root_of_rows(tall.reshape(-1, d))
        return variances_beside(self.roots, target_root)

    def merge_costs(self, first: IntArray, second: IntArray, counts: FloatArray, shifts: FloatArray) -> FloatArray:
        pairs, covariances = Pairs.of(first, second, counts), self.dense()
        log_det = np.empty(len(first))
        for start in range(0, len(first), _PAIRS_AT_A_TIME):
            part = slice(start, start + _PAIRS_AT_A_TIME)
            some, apart = Pairs.of(first[part], second[part], counts), shifts[part]
            between = some.apart[:, None, None] * apart[:, :, None] * apart[:, None, :]
            log_det[part] = np.linalg.slogdet(some.pooled(covariances) + between)[1]
        return pairs.costs(log_det, -2 * self.log_det())

    def with_average(self, component: int, weights: FloatArray) -> Self:
        roots = self.roots.copy()
        tall = np.sqrt(weights)[:, None, None] * self.roots.transpose(0, 2, 1)
        roots[component] = root_of_rows(tall.reshape(-1, self.n_features))
        return type(self)(roots, self.n_components, self.n_features)

    @property
    def covariances(self) -> FloatArray:
        return self.dense()

    @property
    def precisions(self) -> FloatArray:
        factors = self.factors()
        return factors @ factors.transpose(0, 2, 1)


def _require_positive_definite(matrices: FloatArray, what: str) -> None:
    bad = np.flatnonzero(not_positive_definite(matrices))
    if bad.size:
        raise ValueError(f"'full {what}' should be symmetric, positive-definite: that of component {bad[0]} is not")
