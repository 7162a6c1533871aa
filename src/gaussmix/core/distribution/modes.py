"""Modes of a mixture.

Carreira-Perpinan, Mode-finding for mixtures of Gaussian distributions, IEEE Transactions on Pattern Analysis and
Machine Intelligence 22 (2000), 1318-1323. All stationary points lie on the ridgeline surface (Ray and Lindsay, Annals
of Statistics 33 (2005), 2042-2065), whose edges are the curves between two means. Starts are the means, the maxima of
the density along these curves, and the middle of the surface between three means.
"""

from itertools import combinations

import numpy as np
from scipy.special import expit, softmax

from gaussmix.core.distribution.interface import MixtureInterface, positive_components
from gaussmix.core.student import RowTerms, conditional_scales
from gaussmix.core.typing import FloatArray

_ON_CURVE = expit(np.linspace(-9.0, 9.0, 73)[1:-1])  # positions between two means
_STEPS = 2000
_TOLERANCE = 1e-10  # of the step, in standard deviations
_SAME = 1e-3  # modes closer than this, in standard deviations, are one
_LOCAL = 1.0  # longest step of Newton's method, in standard deviations
_TRIPLES = 1000  # more are left out: those of components of small weight


def find_modes(mixture: MixtureInterface) -> FloatArray:
    """Return the modes (m, d), that of the greatest density first."""
    kept = mixture.take(positive_components(mixture))
    center = kept.weights @ kept.means
    scale = np.sqrt(kept.weights @ (kept.covariance.variances() + (kept.means - center) ** 2))
    surface = _Surface(
        kept.whitened().offsets,
        (kept.means - center) / scale,
        scale[:, None] * kept.covariance.dense_factors(),
        kept.degrees_of_freedom,
    )
    tops = surface.climb(np.concatenate([surface.means, *surface.ridge_starts(), *surface.middles(kept.weights)]))
    tops = tops[np.argsort(-surface.log_density(tops), kind="stable")]
    _, _, curvature = surface.derivatives(tops)
    modes: list[int] = []
    for at in np.flatnonzero(np.linalg.eigvalsh(curvature)[:, 0] > 0).tolist():
        apart = tops[modes] - tops[at]
        if not (np.einsum("md,mde,me->m", apart, curvature[modes], apart) < _SAME**2).any():
            modes.append(at)
    return center + scale * tops[modes]


class _Surface:
    """The log density in standardized features, for some points at a time.

    Parameters
    ----------
    offsets : (k,) array
        Log of the weighted density of each component at its mean, up to a common constant.
    means : (k, d) array
        Means.
    factors : (k, d, d) array
        Whitening matrices.
    degrees : (k,) array or None
        Degrees of freedom of t distributions.
    """

    def __init__(self, offsets: FloatArray, means: FloatArray, factors: FloatArray, degrees: FloatArray | None) -> None:
        self.offsets, self.means, self.factors, self.degrees = offsets, means, factors, degrees
        self.precisions = factors @ factors.transpose(0, 2, 1)

    def scores(self, points: FloatArray) -> FloatArray:
        """Return the log of the weighted densities (m, k)."""
        squares = self.squares(points)
        if self.degrees is None:
            return self.offsets - 0.5 * squares
        pairs = zip(squares.T, self.degrees, strict=True)
        d = self.means.shape[1]
        return self.offsets + np.stack([RowTerms.of(each, float(nu), d).log_kernel for each, nu in pairs], axis=1)

    def squares(self, points: FloatArray) -> FloatArray:
        """Return the squared distances (m, k)."""
        away = np.einsum("mkd,kde->mke", points[:, None] - self.means, self.factors)
        return np.asarray((away**2).sum(axis=2))

    def log_density(self, points: FloatArray) -> FloatArray:
        """Return the log density (m,)."""
        return np.logaddexp.reduce(self.scores(points), axis=1)

    def ridge_starts(self) -> list[FloatArray]:
        """Return the local maxima of the density along the curve between each pair of means."""
        found = []
        share = _ON_CURVE[:, None, None]
        for first, second in zip(*np.triu_indices(len(self.means), 1), strict=True):
            blend = (1 - share) * self.precisions[first] + share * self.precisions[second]
            pull = self.precisions[second] @ (self.means[second] - self.means[first])
            curve = self.means[first] + np.linalg.solve(blend, share * pull[:, None])[:, :, 0]
            height = self.log_density(curve)
            inner = (height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])
            found.append(curve[1:-1][inner])
        return found

    def middles(self, weights: FloatArray) -> list[FloatArray]:
        """Return the middle of the ridgeline surface between each three means."""
        found = []
        for three in list(combinations(np.argsort(-weights).tolist(), 3))[:_TRIPLES]:
            precisions, means = self.precisions[list(three)], self.means[list(three)]
            pull = np.einsum("kde,ke->d", precisions, means - means[0])
            found.append((means[0] + np.linalg.solve(precisions.sum(axis=0), pull))[None])
        return found

    def climb(self, points: FloatArray) -> FloatArray:
        """Return where the fixed-point iteration, or Newton's method where it rises more, ends for each start."""
        points = points.copy()
        going = np.arange(len(points))
        for _ in range(_STEPS):
            if not going.size:
                break
            here = points[going]
            gradient, mean_precision, curvature = self.derivatives(here)
            step = np.asarray(np.linalg.solve(mean_precision, gradient[:, :, None])[:, :, 0], dtype=np.float64)
            newton = _newton_steps(curvature, gradient)
            local = _squared_lengths(newton, mean_precision) < _LOCAL**2
            higher = self.log_density(here + newton) > self.log_density(here + step)
            points[going] = here + np.where((local & higher)[:, None], newton, step)
            going = going[_squared_lengths(step, mean_precision) > _TOLERANCE**2]
        return points

    def derivatives(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return gradients (m, d), mean precisions, and minus the second derivatives (m, d, d) of the log density."""
        shares = softmax(self.scores(points), axis=1)
        pulls = np.einsum("kde,mke->mkd", self.precisions, self.means - points[:, None])
        if self.degrees is not None:
            return self._heavy_derivatives(points, shares, pulls)
        gradient = np.einsum("mk,mkd->md", shares, pulls)
        mean_precision = np.einsum("mk,kde->mde", shares, self.precisions)
        away = np.sqrt(shares)[:, :, None] * (pulls - gradient[:, None])
        return gradient, mean_precision, mean_precision - away.transpose(0, 2, 1) @ away

    def _heavy_derivatives(
        self, points: FloatArray, shares: FloatArray, pulls: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        assert self.degrees is not None
        d = points.shape[1]
        u = 1 / conditional_scales(self.squares(points), self.degrees, d)
        gradient = np.einsum("mk,mkd->md", shares * u, pulls)
        mean_precision = np.einsum("mk,kde->mde", shares * u, self.precisions)
        outer = np.einsum("mk,mkd,mke->mde", shares * u**2 * (1 + 2 / (self.degrees + d)), pulls, pulls)
        return gradient, mean_precision, mean_precision - outer + gradient[:, :, None] * gradient[:, None]


def _squared_lengths(steps: FloatArray, metric: FloatArray) -> FloatArray:
    return np.einsum("md,mde,me->m", steps, metric, steps)


def _newton_steps(curvature: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return Newton's steps (m, d); zero where the log density is not concave."""
    values, axes = np.linalg.eigh(curvature)
    along = np.einsum("mde,md->me", axes, gradient)
    concave = np.broadcast_to(values[:, :1] > 0, values.shape)
    steps = np.divide(along, values, out=np.zeros_like(along), where=concave)
    return np.einsum("mde,me->md", axes, steps)
