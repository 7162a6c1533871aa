"""The M-step of factor covariances: from the scatter of a pass to loadings and noise variances, linear in d.

Ghahramani and Hinton, The EM algorithm for mixtures of factor analyzers, technical report CRG-TR-96-1 (1996), with the
cycles of AECM (McLachlan, Peel and Bean, Computational Statistics and Data Analysis 41 (2003), 379-388), the shared
parameters of McNicholas and Murphy, Statistics and Computing 18 (2008), 285-296, and the expansion of Liu, Rubin and
Wu, Biometrika 85 (1998), 755-770: factors get a covariance R, which is then moved into the loadings. This takes far
fewer steps than EM and never lowers the likelihood.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.forms.factor import whitening_axes
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class FactorSums:
    """Expected sums of a factor analyzer for each component, in the units of the data and about its mean.

    Attributes
    ----------
    counts : (k,) array
        N, the number of rows.
    squares : (k, d) array
        Diagonal of ``S = sum r x x'``.
    products : (k, d, q) array
        ``sum r x E[z]'``, z the factors.
    factors : (k, q, q) array
        ``sum r E[z z']``.
    """

    counts: FloatArray
    squares: FloatArray
    products: FloatArray
    factors: FloatArray

    @classmethod
    def of(cls, roots: FloatArray, counts: FloatArray, scatter: FloatArray) -> Self:
        """Return the sums for a whitened scatter about the means.

        With ``v`` the whitened rows, C their scatter and ``h = 1 / (1 - g)``, rows in units of the noise are
        ``(I + G h G') v`` and the expected factors ``V sqrt(2 - g) G' v`` (core/forms/factor.py).

        Parameters
        ----------
        roots : (k, d, 1 + q) array
            Deviations and loadings in whose units the scatter is.
        counts : (k,) array
            N.
        scatter : (k, d, 1 + q) array
            ``[diag C, C G]``.
        """
        deviations, loadings = roots[:, :, 0], roots[:, :, 1:]
        axes, sizes, turn = whitening_axes(deviations, loadings)
        back = np.sqrt(1 + sizes**2)  # h
        cross = scatter[:, :, 1:]
        inner = axes.transpose(0, 2, 1) @ cross  # G' C G
        inner = 0.5 * (inner + inner.transpose(0, 2, 1))
        seen = np.sqrt(1 + 1 / back)  # sqrt(2 - g)
        scaled = axes * back[:, None, :]
        products = (cross + scaled @ inner) * seen[:, None, :]
        squares = scatter[:, :, 0] + (scaled * (2 * cross + scaled @ inner)).sum(axis=2)
        factors = seen[:, :, None] * inner * seen[:, None, :]
        at = np.arange(sizes.shape[1])
        factors[:, at, at] += counts[:, None] / back**2
        turned = turn.transpose(0, 2, 1)
        return cls(
            counts,
            deviations**2 * squares,
            deviations[:, :, None] * (products @ turned),
            turn @ factors @ turned,
        )

    def left(self, loadings: FloatArray) -> FloatArray:
        """Return what loadings (k, d, q) leave of the squares, ``sum r E[(x - loadings z)^2]``, as (k, d)."""
        explained = (loadings * (2 * self.products - loadings @ self.factors)).sum(axis=2)
        return np.asarray(self.squares - explained)

    def value(self, loadings: FloatArray, noise: FloatArray, spread: FloatArray) -> float:
        """Return the expected complete-data log-likelihood of covariances, without constants.

        Parameters
        ----------
        loadings : (k, d, q) array
            Loadings.
        noise : (k, d) array
            Noise variances.
        spread : (k, q, q) array
            Covariance R of the factors.
        """
        squares = (self.left(loadings) / noise).sum(axis=1)
        inside = np.einsum("kii->k", np.linalg.solve(spread, self.factors))
        logs = np.log(noise).sum(axis=1) + np.linalg.slogdet(spread)[1]
        return -0.5 * float((self.counts * logs + squares + inside).sum())


def next_loadings(
    sums: FactorSums, loadings: FloatArray, noise: FloatArray, *, shared: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the loadings (k, d, q) that maximize the expected log-likelihood, and the covariances R (k, q, q).

    A component without rows keeps its loadings. Shared loadings are those for the current noise variances.
    """
    some = sums.counts > 0
    spread = np.tile(np.eye(loadings.shape[2]), (len(some), 1, 1))
    if not some.any():
        return loadings, spread
    if not shared:
        spread[some] = sums.factors[some] / sums.counts[some, None, None]
        new = loadings.copy()
        new[some] = np.linalg.solve(sums.factors[some], sums.products[some].transpose(0, 2, 1)).transpose(0, 2, 1)
        return new, spread
    spread[:] = sums.factors[some].sum(axis=0) / sums.counts[some].sum()
    weights = 1 / noise[some]
    left = np.einsum("ki,kab->iab", weights, sums.factors[some])
    right = np.einsum("ki,kia->ia", weights, sums.products[some])
    one = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return np.tile(one, (len(some), 1, 1)), spread


def next_noise(
    sums: FactorSums, loadings: FloatArray, noise: FloatArray, least: FloatArray, *, shared: bool, isotropic: bool
) -> FloatArray:
    """Return the noise variances (k, d) that maximize the expected log-likelihood above a lower bound (d,)."""
    left, counts = sums.left(loadings), sums.counts
    k, d = left.shape
    if shared:
        left, counts = left.sum(axis=0, keepdims=True), counts.sum(keepdims=True)
    if isotropic:
        left, least = np.repeat(left.mean(axis=1, keepdims=True), d, axis=1), np.full(d, least.max())
    new = np.maximum(left / np.where(counts > 0, counts, 1.0)[:, None], least)
    new = np.broadcast_to(new, (k, d))
    kept = np.zeros(k, dtype=np.bool_) if shared else sums.counts == 0
    return np.where(kept[:, None], noise, new)
