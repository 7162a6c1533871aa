"""The factor form: standard deviations of the noise and loadings of each component.

With ``covariance = diag(sd) (I + A A') diag(sd)``, A = loadings / sd with the singular values s and left singular
vectors U, the symmetric whitening matrix is ``W = diag(1 / sd) (I - G G')``, where ``G = U sqrt(g)`` and
``g = 1 - 1 / sqrt(1 + s^2)``. Then ``W W' = inverse(covariance)``, and everything is linear in d q.
"""

from typing import NoReturn

import numpy as np

from gaussmix.core.forms.base import AbstractSeparateForm
from gaussmix.core.typing import BoolArray, FloatArray


class FactorForm(AbstractSeparateForm):
    """Roots ``[sd, loadings]``, factors ``[1 / sd, G]`` and scatter ``[diag C, C G]``, all (k, d, 1 + q).

    ``C`` is the full scatter of the whitened rows. Only the sums that are written are formed, so that the scatter has
    a meaning together with its factors alone: `scatter_in` takes these.
    """

    name = "factor"
    is_diagonal = False

    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        _refuse("shape without the number of factors")

    def dense(self, array: FloatArray, n_components: int, n_features: int) -> FloatArray:
        _refuse("triangular roots")

    def from_dense(self, triangles: FloatArray) -> FloatArray:
        _refuse("triangular roots")

    def principal(self, roots: FloatArray) -> tuple[FloatArray | None, FloatArray]:
        loadings = roots[:, :, 1:]
        dense = loadings @ loadings.transpose(0, 2, 1)
        at = np.arange(roots.shape[1])
        dense[:, at, at] += roots[:, :, 0] ** 2
        values, axes = np.linalg.eigh(dense)
        return axes[:, :, ::-1], np.sqrt(values[:, ::-1])

    def whiten(self, rows: FloatArray, factors: FloatArray, component: int) -> FloatArray:
        scaled, axes = rows * factors[component, :, 0], factors[component, :, 1:]
        return np.asarray(scaled - (scaled @ axes) @ axes.T)

    def features_per_variance(self, n_features: int) -> int:
        return 1

    def scatter_of(self, rows: FloatArray, responsibilities: FloatArray) -> FloatArray:
        _refuse("scatter without the factors")

    def scatter_in(
        self, rows: FloatArray, responsibilities: FloatArray, factors: FloatArray, component: int
    ) -> FloatArray:
        weighted = responsibilities[:, None] * rows
        cross = weighted.T @ (rows @ factors[component, :, 1:])
        return np.column_stack([(weighted * rows).sum(axis=0), cross])

    def restricted(self, scatter: FloatArray) -> FloatArray:
        _refuse("scatter without the factors")

    def trace(self, scatter: FloatArray) -> float:
        return float(scatter[:, :, 0].sum())

    def products(self, first: FloatArray, second: FloatArray) -> FloatArray:
        _refuse("scatter without the factors")

    def expected_scatter(self, counts: FloatArray, n_features: int) -> FloatArray:
        _refuse("scatter without the factors")

    def fisher_scales(self, counts: FloatArray, n_features: int) -> FloatArray:
        _refuse("scatter without the factors")

    def greatest_length(self, lengths: FloatArray, scatter: FloatArray, counts: FloatArray) -> float:
        _refuse("scatter without the factors")

    def moved(
        self,
        counts: FloatArray,
        shifts: FloatArray,
        scatter: FloatArray,
        roots: FloatArray,
        factors: FloatArray,
        centers: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        _refuse("scatter in other units")

    def raised(
        self, scatter: FloatArray, counts: FloatArray, least: FloatArray, which: BoolArray, n_features: int
    ) -> FloatArray:
        _refuse("scatter without the factors")

    def inverse_wishart_rows(self, n_components: int, n_features: int, degrees: float) -> float:
        _refuse("conjugate prior")

    def squares(self, rows: FloatArray) -> FloatArray:
        _refuse("scatter without the factors")

    def classification_loss(
        self, counts: FloatArray, scatter: FloatArray, pseudo: float, n_features: int
    ) -> FloatArray:
        _refuse("scatter without the factors")


def whitening_axes(deviations: FloatArray, loadings: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the axes of the whitening matrices of factor covariances.

    Parameters
    ----------
    deviations : (k, d) array
        Standard deviations of the noise.
    loadings : (k, d, q) array
        Loadings.

    Returns
    -------
    axes : (k, d, q) array
        G.
    sizes : (k, q) array
        Singular values s of the loadings in units of the noise, the greatest first.
    turn : (k, q, q) array
        Right singular vectors V in columns: ``A V = U s``.
    """
    left, sizes, right = np.linalg.svd(loadings / deviations[:, :, None], full_matrices=False)
    shares = 1 - 1 / np.sqrt(1 + sizes**2)
    return left * np.sqrt(shares)[:, None, :], sizes, right.transpose(0, 2, 1)


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(
        f'factor covariances have no {what}: convert them to full ones (promote_to), or use covariance_type="full"'
    )
