"""Distribution of the log density of a row that is drawn from a mixture.

The probability of a density at most ``exp(t)`` is a sum over components. A row of component k has at least the density
``w_k N(row | k)``, so its term is at most ``w_k Q_k(t)``, with the probability ``Q_k(t)`` that this lower bound is at
most ``exp(t)``: a chi-square one, or for t distributions a beta one. The ratio of the two is estimated from drawn rows:
those of a component are uniform in its tail probability for one half, and log-uniform down to `_LEAST` for the other
half, so that all tails have rows (importance sampling). The ratio is 1 for one component, and nearly 1 for components
far apart.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from scipy.special import ndtri

from gaussmix.core.distribution.interface import MixtureInterface, positive_components
from gaussmix.core.distribution.sobol import sobol_replicates
from gaussmix.core.engines import NativeEngine
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.student import drops_of_tails, mean_drops, squares_of_drops, tail_probabilities
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.whitened import WhitenedMixture

SMALLEST = float(np.finfo(np.float64).tiny)
"""The smallest probability that is returned."""

_REPLICATES = 8  # independent randomizations, whose spread is the error
_NODES = 4096  # of the interpolation
_NUMBERS, _SCORES = 1 << 23, 1 << 26  # at most: rows of a component times features, and scores of all rows
_LEAST = 1e-24  # tail probability; below it the ratio is taken to be constant
_DEPTH = -math.log(_LEAST)
_SURE = 20.0  # times _LEAST: tails with enough rows in them
_MINOR = math.log(1e3)  # components with a smaller share of the far tail do not matter there


@dataclass(frozen=True, eq=False)
class LogDensityDistribution:
    """Distribution of the log density of a row drawn from a mixture.

    It is exact for one component. For several it is estimated by randomized quasi-Monte Carlo, with standard errors;
    besides, interpolation has a relative error of about 1e-4. The points are the same at every call.

    Attributes
    ----------
    entropy, entropy_error : float
        Differential entropy of the mixture in nats, which is minus the mean of this distribution, and its standard
        error.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> two = Mixture.from_parameters([0.5, 0.5], [[-9.0], [9.0]], [1.0, 1.0], covariance_type="spherical")
    >>> distribution = two.log_density_distribution()
    >>> distribution.cdf(two.log_density([[10.96]])).round(3)  # far apart: as of one of them, 1.96 from its mean
    array([0.05])
    """

    entropy: float
    entropy_error: float
    _weights: FloatArray = field(repr=False)  # (k,), of the components of positive weight
    _offsets: FloatArray = field(repr=False)  # (k,): the log density of each component at its mean, times its weight
    _n_features: int = field(repr=False)
    _levels: FloatArray = field(repr=False)  # (m,), ascending; none for one component
    _log_cdf: FloatArray = field(repr=False)  # (m,), ascending
    _relative_errors: FloatArray = field(repr=False)  # (m,)
    _degrees: FloatArray = field(repr=False)  # (k,), infinite for normal distributions

    @classmethod
    @underflow_to_zero
    def of(cls, mixture: MixtureInterface, *, n_points: int = 1 << 16) -> Self:
        """Return the distribution for a mixture.

        Parameters
        ----------
        mixture : Mixture
            Mixture with any number of features.
        n_points : int, default=2**16
            Number of rows drawn from each component; fewer with more than 128 features or 32 components, and at least
            2,048.

        Returns
        -------
        LogDensityDistribution
            The distribution.
        """
        kept = mixture.take(positive_components(mixture))
        whitened, weights, d = kept.whitened(), kept.weights, kept.n_features
        degrees = kept.degrees_of_freedom
        drops = np.full(len(weights), 0.5 * d) if degrees is None else mean_drops(degrees, d)
        entropy = float(weights @ (drops - whitened.offsets))  # of the row and its component together
        degrees = np.full(len(weights), np.inf) if degrees is None else degrees
        if kept.n_components == 1:
            none = np.empty(0)
            return cls(entropy, 0.0, weights, whitened.offsets, d, none, none, none, degrees)
        n_each = min(n_points, _NUMBERS // d, _SCORES // kept.n_components**2) // _REPLICATES
        draws = _Draws.of(kept, whitened, 1 << max(8, n_each.bit_length() - 1))
        levels = draws.levels(_lowest_level(weights, whitened.offsets, d, degrees))
        terms = weights[:, None] * _tails(levels, whitened.offsets, d, degrees)  # (k, m)
        pooled, each = draws.ratios(levels)
        cdf = np.maximum.accumulate(np.minimum((terms * pooled).sum(axis=0), 1.0))
        cdf[-1] = 1.0
        spread = (terms[:, None] * each).sum(axis=0).std(axis=0, ddof=1) / math.sqrt(_REPLICATES)
        lost = draws.mean_excess(weights)
        return cls(
            entropy - float(lost.mean()),
            float(lost.std(ddof=1)) / math.sqrt(_REPLICATES),
            weights,
            whitened.offsets,
            d,
            levels,
            np.log(cdf),
            spread / cdf,
            degrees,
        )

    @underflow_to_zero
    def cdf(self, log_density: ArrayLike) -> FloatArray:
        """Return the probability of a density at most this low.

        Parameters
        ----------
        log_density : array-like
            Log densities in nats.

        Returns
        -------
        array
            Probabilities in the same shape. They rise with the density, and are at least `SMALLEST`, the smallest
            normal number.
        """
        level = np.asarray(log_density, dtype=np.float64)
        if not len(self._levels):
            return np.maximum(self._bound(level), SMALLEST)
        inside = np.exp(np.interp(level, self._levels, self._log_cdf))
        below = level < self._levels[0]
        if below.any():
            inside[below] = self._bound(level[below]) * (inside[below] / self._bound(self._levels[:1]))
        return np.maximum(inside, SMALLEST)

    @underflow_to_zero
    def cdf_error(self, log_density: ArrayLike) -> FloatArray:
        """Return the standard errors of `cdf`.

        Parameters
        ----------
        log_density : array-like
            Log densities in nats.

        Returns
        -------
        array
            Standard errors in the same shape; below a probability of 1e-22, the relative error there is assumed.
        """
        level = np.asarray(log_density, dtype=np.float64)
        if not len(self._levels):
            return np.zeros(level.shape)
        return self.cdf(level) * np.interp(level, self._levels, self._relative_errors)

    @underflow_to_zero
    def quantile(self, probability: ArrayLike) -> FloatArray:
        """Return the log density below which a row is with a given probability, the inverse of `cdf`.

        Parameters
        ----------
        probability : array-like
            Probabilities above 0 and below 1.

        Returns
        -------
        array
            Log densities in the same shape.

        Raises
        ------
        ValueError
            If a probability is not above 0 and below 1.
        """
        wanted = np.asarray(probability, dtype=np.float64)
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError(f"probability must be above 0 and below 1; got {wanted.tolist()}")
        if not len(self._levels):
            return self._offsets[0] - drops_of_tails(wanted, float(self._degrees[0]), self._n_features)
        if np.log(wanted.min(initial=1.0)) < self._log_cdf[0]:
            raise ValueError(f"probability must be at least {math.exp(self._log_cdf[0]):.0e} for several components")
        return np.interp(np.log(wanted), self._log_cdf, self._levels)

    def _bound(self, levels: FloatArray) -> FloatArray:
        """Return the sum of the upper bounds of all components."""
        return np.tensordot(self._weights, _tails(levels, self._offsets, self._n_features, self._degrees), 1)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Rows drawn from each component; arrays (k, r, n) of components, replicates and rows.

    Attributes
    ----------
    own, log_density : (k, r, n) arrays
        Log of the weighted density of the row's component, and of the mixture.
    shares : (r, n) array
        Importance weights of the rows, the same for all components; their sum over n is about 1.
    """

    own: FloatArray
    log_density: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, mixture: MixtureInterface, whitened: WhitenedMixture, n_each: int) -> Self:
        k, d = mixture.n_components, mixture.n_features
        degrees = np.full(k, np.inf) if mixture.degrees_of_freedom is None else mixture.degrees_of_freedom
        own, log_density = np.empty((2, k, _REPLICATES, n_each))
        shares = np.empty((_REPLICATES, n_each))
        for replicate, points in enumerate(sobol_replicates(_REPLICATES, n_each, d + 1)):
            tail, shares[replicate] = _tail_probabilities(points[:, d])
            directions = ndtri(points[:, :d])
            lengths = np.linalg.norm(directions, axis=1)
            for component in range(k):
                drops = drops_of_tails(tail, float(degrees[component]), d)
                squares = squares_of_drops(drops, float(degrees[component]), d)
                rows = directions * (np.sqrt(squares) / lengths)[:, None]
                # About the mean of the component: an offset of the rows would cost digits.
                centered = replace(whitened, means=whitened.means - whitened.means[component])
                engine = NativeEngine(mixture.covariance.color(rows, component))
                own[component, replicate] = whitened.offsets[component] - drops
                log_density[component, replicate] = engine.score_rows(centered, "log_density")
        return cls(own, np.maximum(log_density, own), shares)

    def levels(self, lowest: float) -> FloatArray:
        """Return ascending levels (m,), as many where there are many rows; the last is the greatest density."""
        above = np.sort(self.log_density[self.log_density > lowest], axis=None)
        return np.unique(np.append(above[:: max(1, len(above) // _NODES)], [lowest, above[-1]]))

    def ratios(self, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the shares of rows below each level over those of the lower bounds: pooled (k, m), and (k, r, m)."""
        counted = np.stack([self._below(self.log_density, levels), self._below(self.own, levels)])
        pooled = counted.sum(axis=2)
        return _ratio(*pooled), _ratio(*counted)

    def mean_excess(self, weights: FloatArray) -> FloatArray:
        """Return the mean (r,) of the log of the mixture's density over the row's weighted component."""
        excess = (self.log_density - self.own) * self.shares
        return np.asarray(weights @ (excess.sum(axis=2) / self.shares.sum(axis=1)))

    def _below(self, values: FloatArray, levels: FloatArray) -> FloatArray:
        """Return the share (k, r, m) of the rows with at most each level."""
        result = np.empty((*values.shape[:2], len(levels)))
        for component, replicate in np.ndindex(values.shape[:2]):
            order = np.argsort(values[component, replicate])
            sums = np.append(0.0, np.cumsum(self.shares[replicate, order]))
            at = np.searchsorted(values[component, replicate], levels, side="right", sorter=order)
            result[component, replicate] = sums[at]
        return result


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return the ratio; 1 where there are no rows."""
    return np.asarray(np.divide(part, whole, out=np.ones(part.shape), where=whole > 0), dtype=np.float64)


def _tail_probabilities(uniform: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return tail probabilities (n,), half of them uniform and half log-uniform, and importance weights (n,)."""
    inside = uniform < 0.5
    tail = np.where(inside, 2 * uniform, np.exp(-_DEPTH * (2 * uniform - 1)))
    density = 0.5 + 0.5 / (_DEPTH * tail)
    return np.asarray(tail), 1 / (density * len(uniform))


def _tails(levels: FloatArray, offsets: FloatArray, n_features: int, degrees: FloatArray) -> FloatArray:
    """Return the probabilities (k, ...) that the weighted density of a component is below each level."""
    shape = (-1, *[1] * levels.ndim)
    drops = np.maximum(offsets.reshape(shape) - levels, 0.0)
    return np.asarray(tail_probabilities(drops, degrees.reshape(shape), n_features), dtype=np.float64)


def _lowest_level(weights: FloatArray, offsets: FloatArray, n_features: int, degrees: FloatArray) -> float:
    """Return the level down to which each component that matters in the far tail has rows."""
    lowest = offsets - [float(drops_of_tails(np.array(_SURE * _LEAST), float(nu), n_features)) for nu in degrees]
    if np.isfinite(degrees).any():
        return float(lowest[degrees == degrees.min()].max())  # the far tail is that of the fewest degrees of freedom
    far = np.log(weights) - offsets  # the log share of the far tail, up to a common constant
    return float(lowest[far >= far.max() - _MINOR].max())
