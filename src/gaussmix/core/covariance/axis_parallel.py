"""Diagonal covariances with shared volumes or shapes: EII, EEI, VEI and EVI in mclust's letters.

The M-steps are those of Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995),
781-793, sections 3.2 and 3.3.
"""

import numpy as np

from gaussmix.core.covariance.constrained import AbstractConstrained, with_common_shape
from gaussmix.core.covariance.diagonal import Diagonal
from gaussmix.core.covariance.spherical import Spherical
from gaussmix.core.typing import FloatArray


class EII(AbstractConstrained):
    """One variance for all components and features, as in soft k-means."""

    name = letters = "EII"
    form = "spherical"
    free = Spherical

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        return np.full_like(roots, np.sqrt(counts @ roots**2 / counts.sum()))


class EEI(AbstractConstrained):
    """One variance for each feature, the same in all components."""

    name = letters = "EEI"
    form = "diagonal"
    free = Diagonal

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        return np.tile(np.sqrt(counts @ roots**2 / counts.sum()), (len(roots), 1))


class VEI(AbstractConstrained):
    """Variances that differ by one factor from component to component."""

    name = letters = "VEI"
    form = "diagonal"
    free = Diagonal

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        nearest = with_common_shape(counts, roots, -2 * self.log_det() / self.n_features)
        return roots if nearest is None else nearest


class EVI(AbstractConstrained):
    """Variances whose product is the same in all components."""

    name = letters = "EVI"
    form = "diagonal"
    free = Diagonal

    def nearest_roots(self, counts: FloatArray, roots: FloatArray) -> FloatArray:
        return with_equal_volumes(counts, roots, roots)


def with_equal_volumes(counts: FloatArray, roots: FloatArray, pivots: FloatArray) -> FloatArray:
    """Scale each root so that the products of their pivots (k, d) are equal and the likelihood is greatest.

    The common volume is the mean of the free volumes (Celeux and Govaert 1995, section 3.2, model [lambda C_k]).
    """
    if not (pivots > 0).all():
        return roots
    sizes = np.exp(np.log(pivots).mean(axis=1))
    size = np.sqrt(counts @ sizes**2 / counts.sum())
    return roots * (size / sizes).reshape(-1, *[1] * (roots.ndim - 1))
