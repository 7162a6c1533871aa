"""Independent judge of fits, with its own implementation of EM and SQUAREM.

It computes the log-likelihood of a mixture, the optimum that EM reaches from it, and whether that is sound. It uses the
engine and the M-step of the package, but not its stopping rules, repairs and acceleration.

A fit that stops early has not reached its optimum. `polish` continues with plain EM, without a ridge, until an
iteration gains less than 1e-8 nats; after the first iterations squared extrapolation (SQUAREM, Varadhan & Roland 2008,
scheme S3) makes the steps longer, and a long step is taken only when the likelihood rises.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix import Mixture
from gaussmix.core.engines import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.m_step import MaximumLikelihood

PLAIN = 20  # iterations before the first extrapolation
LEAST_GAIN = 1e-8  # nats, of all rows together
MOST_PASSES = 6000
HOPELESS_GAIN, HOPELESS_GAP = 1e-5, 5.0  # nats; a smaller gain at a larger gap to the best known: give up
SAME = 1e-3  # nats; closer optima are the same


@dataclass(frozen=True, eq=False)
class Optimum:
    """Mixture, its log-likelihood (nats, all rows), and whether EM converged there with sound components."""

    mixture: Mixture
    value: float
    sound: bool
    passes: int = 0


@dataclass(frozen=True, eq=False)
class Judge:
    """Judge of the fits to the rows of one problem."""

    rows: FloatArray

    @cached_property
    def engine(self) -> NativeEngine:
        return NativeEngine(self.rows)

    def moments(self, mixture: Mixture) -> Moments:
        return self.engine.accumulate(mixture.whitened())

    def value(self, mixture: Mixture) -> float:
        """Return the log-likelihood of all rows, in nats; -inf if a row has no density."""
        value = self.moments(mixture).log_likelihood
        return value if math.isfinite(value) else -math.inf

    def is_sound(self, mixture: Mixture) -> bool:
        moments = self.moments(mixture)
        return examine(mixture, moments.counts, moments.weight).n_unsound == 0

    def optimum(self, mixture: Mixture, passes: int = 0) -> Optimum:
        return Optimum(mixture, self.value(mixture), self.is_sound(mixture), passes)

    def polish(self, mixture: Mixture, known: list[Optimum], limit: int = MOST_PASSES) -> Optimum:
        """Return the optimum that EM reaches from a mixture, or a known one once EM is certain to reach it.

        Far below the best known optimum the result is approximate, a little too low.
        """
        update, scale = MaximumLikelihood(), np.sqrt(self.rows.var(axis=0))
        moments, passes = self.moments(mixture), 1
        best = max((optimum.value for optimum in known if optimum.sound), default=-math.inf)
        while passes < limit and math.isfinite(moments.log_likelihood):
            first = update.maximize(mixture, moments)
            if first.collapsed.any() or first.empty.any():
                break
            after = self.moments(first.mixture)
            passes += 1
            gain = after.log_likelihood - moments.log_likelihood
            mixture, moments, before = first.mixture, after, mixture
            if gain < LEAST_GAIN or (gain < HOPELESS_GAIN and moments.log_likelihood < best - HOPELESS_GAP):
                break
            if passes < PLAIN:
                continue
            for optimum in known if passes % 9 < 3 else []:
                if _close(mixture, moments.log_likelihood, optimum, scale):
                    return optimum
            second = update.maximize(mixture, moments)
            if second.collapsed.any() or second.empty.any():
                break
            leap = _extrapolate(before, mixture, second.mixture, scale)
            if leap is not None:
                landed = self.moments(leap)
                passes += 1
                if landed.log_likelihood >= moments.log_likelihood:
                    mixture, moments = leap, landed
                    continue
            mixture, moments = second.mixture, self.moments(second.mixture)
            passes += 1
        return self.optimum(mixture, passes)


def _close(mixture: Mixture, value: float, optimum: Optimum, scale: FloatArray) -> bool:
    """Return whether all parameters agree to 1 % with those of an optimum at most a tenth of a nat above."""
    if not -1e-6 < optimum.value - value < 0.1:
        return False
    gaps = np.abs(mixture.means[:, None] - optimum.mixture.means) / scale
    order = linear_sum_assignment(gaps.sum(axis=2))[1]
    other = optimum.mixture.reordered(order.tolist())
    deviations = np.sqrt(other.covariance.variances())
    if np.abs(mixture.weights / other.weights - 1).max() > 0.01:
        return False
    if (np.abs(mixture.means - other.means) / deviations).max() > 0.01:
        return False
    outer = deviations[:, :, None] * deviations[:, None, :]
    return bool((np.abs(mixture.covariance.dense() - other.covariance.dense()) / outer).max() < 0.01)


def _numbers(mixture: Mixture) -> list[FloatArray]:
    return [np.log(mixture.weights), mixture.means, mixture.covariance.covariances]


def _extrapolate(start: Mixture, first: Mixture, second: Mixture, scale: FloatArray) -> Mixture | None:
    """Return the point of scheme S3 of Varadhan & Roland; None if it is not a mixture or no farther than EM."""
    kind = start.covariance_type
    widths = {"full": np.outer(scale, scale), "tied": np.outer(scale, scale), "diag": scale**2}.get(
        kind, (scale**2).mean()
    )
    units = (1.0, scale, widths)
    points = list(zip(_numbers(start), _numbers(first), _numbers(second), strict=True))
    steps = [b - a for a, b, _ in points]
    bends = [(c - b) - (b - a) for a, b, c in points]
    long = sum(float(((step / unit) ** 2).sum()) for step, unit in zip(steps, units, strict=True))
    bent = sum(float(((bend / unit) ** 2).sum()) for bend, unit in zip(bends, units, strict=True))
    reach = math.sqrt(long / bent) if bent > 0 else 1.0
    if not reach > 1.0:
        return None
    moved = [a + 2 * reach * r + reach**2 * v for (a, _, _), r, v in zip(points, steps, bends, strict=True)]
    weights = np.exp(moved[0] - moved[0].max())
    try:
        return Mixture.from_parameters(weights / weights.sum(), moved[1], moved[2], covariance_type=kind)
    except ValueError:  # it is not positive-definite
        return None


def least_count(structure: str, n_features: int) -> int:
    """Return the number of rows that a component needs for its own covariance."""
    return {"full": n_features + 2, "diag": 3, "spherical": 2, "tied": 1}[structure]


def relative_eigenvalues(mixture: Mixture) -> FloatArray:
    """Return the least eigenvalue of each covariance relative to the pooled covariance within components, (k,)."""
    return np.linalg.eigvalsh(_relative(mixture))[:, 0]


def _relative(mixture: Mixture) -> FloatArray:
    dense = mixture.covariance.dense()
    inverse = np.linalg.inv(np.linalg.cholesky(np.einsum("k,kde->de", mixture.weights, dense)))
    return inverse @ dense @ inverse.T
