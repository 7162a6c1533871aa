"""Modes of a mixture of two normals, which all lie on one curve, the ridgeline.

Ray and Lindsay, The topography of multivariate normal mixtures, Annals of Statistics 33 (2005), 2042-2065. In units in
which the first covariance is the identity and the second is diagonal with ``variances``, and with the first mean at the
origin and the second at ``apart``, the curve is

    x(a) = a apart / D,    D = (1 - a) variances + a,    0 <= a <= 1

Along it the density rises where ``h(t) = log p2 - log p1 - t`` is positive, with ``t = log(a / (1 - a))`` and p1, p2
the weighted densities, and the derivative of h is ``a (1 - a) q - 1`` with ``q = sum apart^2 variances / D^3``. Modes
are the zeros of h with a negative derivative. Between the zeros of its derivative, which are found on a grid, h is
monotone. The number of modes is therefore exact, unlike that on a grid of densities.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from gaussmix.core.typing import FloatArray

_STEP = 0.05  # of t; the terms of q change over lengths of about 1
_MARGIN = 1.5  # above log 4


@dataclass(frozen=True, eq=False)
class Ridgeline:
    """Ridgeline of two weighted normal densities.

    Attributes
    ----------
    apart : (d,) array
        The difference of the means, in units in which the covariance of the first component is the identity.
    variances : (d,) array
        The variances of the second component in these units.
    log_ratio : float
        Log of the second weight over the first.
    """

    apart: FloatArray
    variances: FloatArray
    log_ratio: float

    @classmethod
    def between(cls, means: FloatArray, roots: FloatArray, weights: FloatArray) -> "Ridgeline":
        """Return the ridgeline of two components: means (2, d), triangular roots (2, d, d), positive weights (2,)."""
        together = np.linalg.solve(roots[0], np.column_stack([roots[1], means[1] - means[0]]))
        axes, deviations, _ = np.linalg.svd(together[:, :-1])
        return cls(axes.T @ together[:, -1], deviations**2, float(np.log(weights[1] / weights[0])))

    def rise(self, t: FloatArray) -> FloatArray:
        """Return h (m,) at positions t (m,): positive where the density rises from the first mean to the second."""
        a, b = expit(t)[:, None], expit(-t)[:, None]
        mixed = b * self.variances + a
        # half the squared distance from the first mean, less that from the second
        gained = 0.5 * (self.apart**2 * (a**2 - b**2 * self.variances) / mixed**2).sum(axis=1)
        return self.log_ratio - 0.5 * np.log(self.variances).sum() + gained - t

    def slope(self, t: FloatArray) -> FloatArray:
        """Return the derivative (m,) of h."""
        a, b = expit(t)[:, None], expit(-t)[:, None]
        mixed = b * self.variances + a
        return (a * b * self.apart**2 * self.variances / mixed**3).sum(axis=1) - 1

    def log_density(self, t: FloatArray) -> FloatArray:
        """Return the log density (m,) of the pair at positions t (m,), up to a constant."""
        a, b = expit(t)[:, None], expit(-t)[:, None]
        mixed = b * self.variances + a
        first = -0.5 * ((a * self.apart / mixed) ** 2).sum(axis=1)
        second = -0.5 * (self.variances * (b * self.apart / mixed) ** 2).sum(axis=1)
        return np.logaddexp(first, second + self.log_ratio - 0.5 * np.log(self.variances).sum())

    def extremes(self) -> FloatArray:
        """Return the positions t of the modes and of the minima between them, in order: an odd number."""
        turns = _zeros(self.slope, self._grid())
        ends = self._bounds(turns)
        return _zeros(self.rise, np.concatenate([ends[:1], turns, ends[1:]]))

    @property
    def n_modes(self) -> int:
        return (len(self.extremes()) + 1) // 2

    def ratio(self) -> float:
        """Return the minimum density between the two highest modes over the lower mode; 1 if there is one mode.

        Hennig, Methods for merging Gaussian mixture components, Advances in Data Analysis and Classification 4 (2010),
        3-34.
        """
        heights = self.log_density(self.extremes())
        modes, valleys = heights[::2], heights[1::2]
        if len(modes) == 1:
            return 1.0
        first, last = sorted(np.argsort(-modes, kind="stable")[:2])
        return float(np.exp(valleys[first:last].min() - min(modes[first], modes[last])))

    def _grid(self) -> FloatArray:
        """Return a grid that covers the zeros of the derivative of h, with bounds from inequalities for q.

        For t < 0, ``a (1 - a) q <= 4 exp(t) sum (apart / variances)^2``.
        """
        low = -_log_of(((self.apart / self.variances) ** 2).sum())
        high = _log_of((self.apart**2 * self.variances).sum())
        return np.linspace(low - _MARGIN, high + _MARGIN, int((high - low + 2 * _MARGIN) / _STEP) + 2)

    def _bounds(self, turns: FloatArray) -> FloatArray:
        """Return positions on both sides of the turns at which h is positive and negative; ``h + t`` is bounded."""
        far = abs(self.log_ratio) + 0.5 * abs(np.log(self.variances).sum())
        far += 0.5 * (self.apart**2 * (1 + 1 / self.variances)).sum()
        far = 1 + 1.1 * float(far)  # more than rounding
        return np.array([min(-far, *(turns - 1)), max(far, *(turns + 1))]) if turns.size else np.array([-far, far])


def _zeros(function: Callable[[FloatArray], FloatArray], places: FloatArray) -> FloatArray:
    """Find a zero between each pair of neighboring positions at which a function has different signs."""
    from scipy.optimize import brentq  # its import takes a tenth of a second

    values = function(places)
    left = np.flatnonzero(np.signbit(values[:-1]) != np.signbit(values[1:]))
    return np.array(
        [brentq(lambda t: function(np.array([t]))[0], places[at], places[at + 1], maxiter=1000) for at in left]
    )


def _log_of(number: float) -> float:
    return float(np.log(number)) if number > 1 else 0.0
