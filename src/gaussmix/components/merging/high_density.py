"""Clusters of components that high-density regions connect."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit

from gaussmix.components.merging.affinities import AbstractClusters
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray

_STEPS = 500  # of the climb to a mode
_STILL = 1e-9  # standard deviations
_SAME_MODE = 1e-3  # standard deviations
_POINTS = 201  # on each path


@dataclass(frozen=True, eq=False)
class HighDensityClusters(AbstractClusters):
    """Clusters with their highest modes; the affinity is the density of the best pass over that of the lower mode.

    A pass is the lowest point on a path between two modes. Two clusters are connected in the region of density above a
    level if the level is below their pass, so that clusters which no level separates have the affinity 1: Scrucca,
    Identifying connected components in Gaussian finite mixture models for clustering, Computational Statistics and Data
    Analysis 93 (2016), 5-17, who connects neighboring rows instead. Here paths follow the ridgelines of pairs of
    components (Ray and Lindsay 2005) and straight lines between their modes, over any number of modes.

    Attributes
    ----------
    passes : (m, m) array
        Log density of the best pass between two clusters.
    peaks : (m,) array
        Log density of the highest mode of each cluster; ``-inf`` for components of weight zero.
    """

    passes: FloatArray
    peaks: FloatArray

    @classmethod
    def of(cls, mixture: Mixture) -> Self:
        """Start with a cluster for each component."""
        k, held = mixture.n_components, np.flatnonzero(mixture.weights)
        some = mixture.take(held, mixture.weights[held])
        modes = climb(some, some.means)
        peaks, passes = np.full(k, -np.inf), np.full((k, k), -np.inf)
        peaks[held] = some.log_density(modes)
        passes[np.ix_(held, held)] = _passes(some, modes, peaks[held])
        for between in held:  # the best path over any clusters: Floyd and Warshall
            passes = np.maximum(passes, np.minimum(passes[:, [between]], passes[[between]]))
        return cls(passes, peaks)

    @property
    def n_clusters(self) -> int:
        return len(self.peaks)

    def affinities(self, cluster: int, others: IntArray) -> FloatArray:
        lower = np.minimum(self.peaks[cluster], self.peaks[others])
        known = np.isfinite(lower)
        found = np.full(len(others), np.inf)
        found[known] = np.exp(np.minimum(self.passes[cluster, others[known]] - lower[known], 0.0))
        return found

    def merged(self, first: int, second: int) -> Self:
        passes, peaks = self.passes.copy(), self.peaks.copy()
        passes[first] = passes[:, first] = np.maximum(passes[first], passes[second])
        peaks[first] = max(peaks[first], peaks[second])
        passes = np.delete(np.delete(passes, second, axis=0), second, axis=1)
        return type(self)(passes, np.delete(peaks, second))


def climb(mixture: Mixture, points: FloatArray) -> FloatArray:
    """Return the modes (m, d) that the density rises to from points (m, d), by modal EM.

    Each step maximizes the expected log density of the point given the responsibilities: Li, Ray and Lindsay, A
    nonparametric statistical approach to clustering via mode identification, Journal of Machine Learning Research 8
    (2007), 1687-1723.
    """
    factors = mixture.covariance.dense_factors()
    precisions = factors @ factors.transpose(0, 2, 1)
    scale = np.sqrt(mixture.weights @ mixture.covariance.variances())
    for _ in range(_STEPS):
        shares = mixture.responsibilities(points)
        curvature = np.einsum("nk,kij->nij", shares, precisions)
        pull = np.einsum("nk,kij,nkj->ni", shares, precisions, mixture.means - points[:, None])
        step = np.linalg.solve(curvature, pull[:, :, None])[:, :, 0]
        points = points + step
        if np.abs(step / scale).max() < _STILL:
            break
    return points


def _passes(mixture: Mixture, modes: FloatArray, peaks: FloatArray) -> FloatArray:
    """Return the log density (k, k) of the best direct pass between the modes of each pair of components."""
    k = mixture.n_components
    roots = mixture.covariance.dense_roots()
    scale = np.sqrt(mixture.weights @ mixture.covariance.variances())
    line = np.linspace(0, 1, _POINTS)[:, None]
    passes = np.diag(peaks)
    for first in range(k):
        for second in range(first):
            if np.abs((modes[first] - modes[second]) / scale).max() < _SAME_MODE:
                best = min(peaks[first], peaks[second])
            else:
                ridge = _ridgeline(mixture.means[[first, second]], roots[[first, second]])
                straight = modes[first] + line * (modes[second] - modes[first])
                best = max(mixture.log_density(path).min() for path in (ridge, straight))
            passes[first, second] = passes[second, first] = best
    return passes


def _ridgeline(means: FloatArray, roots: FloatArray) -> FloatArray:
    """Return points (p, d) of the ridgeline of two components, from the first to the second mean."""
    together = np.linalg.solve(roots[0], np.column_stack([roots[1], means[1] - means[0]]))
    axes, deviations, _ = np.linalg.svd(together[:, :-1])
    apart = axes.T @ together[:, -1]
    a = np.sort(np.concatenate([np.linspace(0, 1, _POINTS), expit(np.linspace(-8, 8, _POINTS))]))[:, None]
    return np.asarray(means[0] + (a * apart / ((1 - a) * deviations**2 + a)) @ axes.T @ roots[0].T)
