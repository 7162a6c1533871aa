"""Full covariances with shared volumes, shapes or orientations: six of mclust's models.

The M-steps are those of Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995),
781-793, section 3.1. They work on the roots of the free covariances, and square only whitened matrices.
"""

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.axis_parallel import with_equal_volumes
from gaussmix.core.covariance.common_axes import basis_along, common_axes, generic_axes, lengths_along
from gaussmix.core.covariance.constrained import SETTLED, AbstractConstrained, with_common_shape
from gaussmix.core.covariance.full import Full
from gaussmix.core.covariance.triangular import inverse_transposed, lower_root, root_of_rows, triangular
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import CommonBasis

_SHARED = 1e-13  # relative tolerance for roots that are multiples of each other


class VEE(AbstractConstrained):
    """Covariances that differ by one factor from component to component."""

    name = letters = "VEE"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        """Work in units of the pooled covariance, in which all matrices are well conditioned."""
        d = self.n_features
        pooled = root_of_rows((np.sqrt(counts / counts.sum())[:, None, None] * roots.transpose(0, 2, 1)).reshape(-1, d))
        if not (pooled.diagonal() > 0).all() or not roots.any(axis=(1, 2)).all():
            return roots
        whitened = inverse_transposed(pooled[None])[0].T @ roots
        covariances = whitened @ whitened.transpose(0, 2, 1)
        volumes = np.exp(-2 * (self.log_det() + np.log(pooled.diagonal()).sum()) / d)
        if not _native.common_volumes(counts, np.ascontiguousarray(covariances), SETTLED, volumes):
            return roots
        common = lower_root(np.tensordot(counts / volumes, covariances, 1)[None])[0]
        if not (common.diagonal() > 0).all():
            return roots
        scale = np.exp(np.log(common.diagonal()).mean())
        volumes, common = volumes * scale**2 / counts.sum(), common / scale
        return np.sqrt(volumes)[:, None, None] * (pooled @ common)

    def common_basis(self) -> CommonBasis | None:
        scales = np.exp((self.log_det() - self.log_det()[0]) / self.n_features)
        apart = np.abs(scales[:, None, None] * self.roots - self.roots[0])
        shared = (apart <= _SHARED * np.abs(self.roots[0])).all()
        return CommonBasis("spherical", self.factors()[0], scales) if shared else None


class EEV(AbstractConstrained):
    """Ellipsoids of one volume and shape, each with its own orientation."""

    name = letters = "EEV"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        axes, lengths = _own_axes(roots)
        return _along(axes, np.tile(np.sqrt(counts @ lengths**2 / counts.sum()), (len(roots), 1)))


class VEV(AbstractConstrained):
    """Ellipsoids of one shape, each with its own volume and orientation."""

    name = letters = "VEV"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        axes, lengths = _own_axes(roots)
        nearest = with_common_shape(counts, lengths, -2 * self.log_det() / self.n_features)
        return roots if nearest is None else _along(axes, nearest)


class EVV(AbstractConstrained):
    """Ellipsoids of one volume, each with its own shape and orientation."""

    name = letters = "EVV"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        return with_equal_volumes(counts, roots, roots.diagonal(axis1=1, axis2=2))


class AbstractAligned(AbstractConstrained):
    """Ellipsoids with common axes."""

    @cached_property
    def _axes(self) -> FloatArray:
        return generic_axes(self.roots)

    def common_basis(self) -> CommonBasis | None:
        return basis_along(self._axes, self.roots)


class EVE(AbstractAligned):
    """Ellipsoids with one volume and common axes, each with its own shape."""

    name = letters = "EVE"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        axes = common_axes(counts, roots, self._axes, equal_volumes=True)
        lengths = lengths_along(axes, roots)
        return _along(axes, with_equal_volumes(counts, lengths, lengths))


class VVE(AbstractAligned):
    """Ellipsoids with common axes, each with its own volume and shape."""

    name = letters = "VVE"
    form = "full"
    free = Full

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        axes = common_axes(counts, roots, self._axes, equal_volumes=False)
        return _along(axes, lengths_along(axes, roots))


def _own_axes(roots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return orthogonal axes (k, d, d), in columns, and lengths (k, d) along them, the greatest first."""
    axes, lengths, _ = np.linalg.svd(roots)
    return axes, lengths


def _along(axes: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return lower roots of ``axes diag(lengths^2) axes'``, for axes (k, d, d) or (d, d) and lengths (k, d)."""
    return triangular(np.swapaxes(axes, -1, -2) * lengths[:, :, None])
