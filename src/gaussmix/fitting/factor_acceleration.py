"""Acceleration of EM for factor analyzers, by extrapolation of the parameters.

The sums of a pass refer to the loadings with which it was made, so that sums of several passes do not combine. The
parameters do: weights and noise variances by their logarithms, means and loadings as they are. The steps are those of
Anderson mixing (type II in Fang and Saad, Numerical Linear Algebra with Applications 16 (2009), 197-221), with a
damping that depends on which steps were accepted (Henderson and Varadhan, Journal of Computational and Graphical
Statistics 28 (2019), 834-846).
"""

import math

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import AbstractAccelerator
from gaussmix.fitting.factor_step import FactorUpdate

_MEMORY = 10  # moves
_LARGEST_HISTORY = 2**25  # numbers stored; with many columns the memory is shorter
_DAMPING = 1e-8  # of the squared singular values, relative to the greatest
_STRONGER, _WEAKER, _MOST_DAMPING, _LEAST_DAMPING = 100.0, 3.0, 1e-1, 1e-14
_LONGEST = 3.0  # greatest change of a logarithm in a proposal
_LEAST_WEIGHT = 1e-300


class FactorAccelerator(AbstractAccelerator):
    """Accelerator that extrapolates the parameters of earlier steps.

    Parameters
    ----------
    update : FactorUpdate
        M-step of the run.
    """

    def __init__(self, update: FactorUpdate) -> None:
        self._update = update
        self._damping = _DAMPING
        self.restart()

    def restart(self) -> None:
        self._points: list[FloatArray] = []
        self._steps: list[FloatArray] = []
        self._scale: FloatArray | None = None

    def accept(self) -> None:
        self._damping = max(self._damping / _WEAKER, _LEAST_DAMPING)

    def refuse(self) -> None:
        self._damping = min(self._damping * _STRONGER, _MOST_DAMPING)
        del self._points[:-2], self._steps[:-2]

    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        step = self._update.maximize(mixture, moments)
        if (step.empty & (mixture.weights > 0)).any():
            self.restart()
            return None
        if self._scale is None:
            self._scale = _scales(mixture, moments.counts)
        point = _vector(mixture) * self._scale
        self._points.append(point)
        self._steps.append(_vector(step.mixture) * self._scale - point)
        kept = max(2, min(_MEMORY + 1, _LARGEST_HISTORY // (2 * len(point))))
        del self._points[:-kept], self._steps[:-kept]
        if len(self._points) < 2:
            return None
        moves = np.diff(np.stack(self._points), axis=0)
        changes = np.diff(np.stack(self._steps), axis=0)
        products = changes @ changes.T
        products[np.diag_indices_from(products)] += self._damping * max(float(np.trace(products)), 1e-300)
        shares = np.linalg.solve(products, changes @ self._steps[-1])
        following = point + self._steps[-1] - shares @ (moves + changes)
        return self._mixture(mixture, following / self._scale)

    def _mixture(self, mixture: Mixture, vector: FloatArray) -> Mixture | None:
        """Return the mixture of a vector, or None if it is too far away."""
        covariance = mixture.covariance
        assert isinstance(covariance, Factor)
        if not np.abs(vector).max() < math.inf:
            return None
        k, d = mixture.means.shape
        logs, means, log_noise, loadings = np.split(vector, np.cumsum([k, k * d, k * d]))
        log_noise = log_noise.reshape(k, d)
        far = np.abs(log_noise - np.log(covariance.noise_variances)).max()
        far = max(far, np.abs(logs - np.log(np.maximum(mixture.weights, _LEAST_WEIGHT))).max())
        if not far < _LONGEST:
            return None
        weights = np.where(mixture.weights > 0, np.exp(logs - logs.max()), 0.0)
        noise = np.maximum(np.exp(log_noise), self._update.least_of(covariance))
        proposed = type(covariance).from_parts(noise, loadings.reshape(k, d, -1))
        return mixture.with_components(weights / weights.sum(), means.reshape(k, d), proposed)

    @property
    def stretch(self) -> float:
        """The estimated distance to the optimum in EM steps, by the slowest move kept (`Accelerator.stretch`)."""
        if len(self._points) < 2:
            return math.inf
        lengths = np.linalg.norm(np.diff(np.stack(self._steps), axis=0), axis=1)
        moves = np.linalg.norm(np.diff(np.stack(self._points), axis=0), axis=1)
        moved = lengths > 0
        return float((moves[moved] / lengths[moved]).max(initial=1.0))

    @property
    def step_length(self) -> float:
        return float(np.linalg.norm(self._steps[-1])) if self._steps else math.inf


def _vector(mixture: Mixture) -> FloatArray:
    covariance = mixture.covariance
    assert isinstance(covariance, Factor)
    logs = np.log(np.maximum(mixture.weights, _LEAST_WEIGHT))
    noise = np.log(covariance.noise_variances)
    return np.concatenate([logs, mixture.means.ravel(), noise.ravel(), covariance.loadings.ravel()])


def _scales(mixture: Mixture, counts: FloatArray) -> FloatArray:
    """Return the factors that turn changes of the vector into about standard errors."""
    covariance = mixture.covariance
    assert isinstance(covariance, Factor)
    roots = np.sqrt(np.maximum(counts, 1.0))
    means = roots[:, None] / np.sqrt(covariance.variances())
    noise = np.broadcast_to(math.sqrt(0.5) * roots[:, None], means.shape)
    loadings = np.broadcast_to(
        (roots[:, None] / np.sqrt(covariance.noise_variances))[:, :, None], covariance.loadings.shape
    )
    return np.concatenate([roots, means.ravel(), noise.ravel(), loadings.ravel()])
