"""Partial-volume model: each pixel is a mixture of at most two classes, plus noise."""

import itertools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg import solve_triangular

from gaussmix.core.typing import FloatArray

_BETWEEN = 5  # number of mixed states of a pair of classes, in steps of a sixth
_LEAST_LOG_WEIGHT = -20.0


@dataclass(frozen=True, eq=False)
class FractionSums:
    """Sums of a sweep over the counted pixels, with rows in units of the noise about an origin.

    Attributes
    ----------
    n : float
        Number of counted pixels.
    gradient, curvature : (2,) and (2, 2) arrays
        First derivatives, and minus the second derivatives, of the log pseudo-likelihood in the smoothing.
    counts, expected : (s,) arrays
        Expected number of pixels in each state, by posterior and by prior probabilities.
    rows : (s, d) array
        Sum of the rows in each state.
    squares : (d, d) array
        Sum of the outer products of the rows.
    """

    n: float
    gradient: FloatArray
    curvature: FloatArray
    counts: FloatArray
    expected: FloatArray
    rows: FloatArray
    squares: FloatArray

    @staticmethod
    def size(n_states: int, d: int) -> int:
        """Return the length of the array of sums of the compiled sweep."""
        return 7 + 2 * n_states + n_states * d + d * d

    @classmethod
    def read(cls, sums: FloatArray, n_states: int, d: int) -> Self:
        """Return the sums from the array of the compiled sweep (cpp/imaging/fraction_kernels.hpp)."""
        counts, expected, rows, squares = np.split(sums[7:], np.cumsum([n_states, n_states, n_states * d]))
        curvature = sums[[4, 5, 5, 6]].reshape(2, 2)
        return cls(
            float(sums[1]), sums[2:4], curvature, counts, expected, rows.reshape(n_states, d), squares.reshape(d, d)
        )


@dataclass(frozen=True, eq=False)
class PartialVolumeModel:
    """Model ``row = fractions' means + noise`` of the pixels of an image.

    Each pixel is in one of a list of states: a single class, or two classes in steps of a sixth (Santago and Gage, IEEE
    Transactions on Medical Imaging 12 (1993), 566-574, with a list instead of their integral). Let h be the sums of the
    expected fractions of the nearest neighbors of a pixel along the axes, and g those of the second neighbors. The
    prior probability of a state with the fractions f is proportional to ``weight exp(f (smoothing[0] h + smoothing[1]
    g))``.

    Attributes
    ----------
    means : (k, d) array
        Means of the classes.
    noise : (d, d) array
        Covariance of the noise, the same for all classes.
    fractions : (s, k) array
        Fractions of the states.
    log_weights : (s,) array
        Log weights of the states.
    smoothing : (2,) array
        Interaction strengths of nearest and second neighbors. The second is usually negative, because both kinds of
        neighbors have information in common.
    """

    means: FloatArray
    noise: FloatArray
    fractions: FloatArray
    log_weights: FloatArray
    smoothing: FloatArray

    @classmethod
    def start(cls, means: FloatArray, noise: FloatArray) -> Self:
        """Return the initial model: pure states have a total weight of 0.6, and neighbors tend to be equal."""
        fractions = mixing_states(means, noise)
        weights = np.full(len(fractions), 0.4 / max(len(fractions) - len(means), 1))
        weights[: len(means)] = 0.6 / len(means)
        return cls(means, noise, fractions, np.log(weights), np.array([2.0, -1.0]))

    def maximize(self, sums: FractionSums, origin: FloatArray, floor: FloatArray) -> Self:
        """Return the model after the M-step: means and noise in closed form, one step for weights and smoothing.

        The prior of a pixel given its neighbors is a multinomial logistic regression on weights and smoothing. The
        smoothing takes a Newton step, the weights a step of iterative scaling.

        Parameters
        ----------
        sums : FractionSums
            Sums of a sweep under this model.
        origin : (d,) array
            Origin of the sums.
        floor : (d, d) array
            Matrix added to the covariance of the noise.

        Returns
        -------
        PartialVolumeModel
            Model with the same states.
        """
        root = np.linalg.cholesky(self.noise)
        means = (self.means - origin) @ whitening(self.noise)
        shares = self.fractions.T @ (sums.counts[:, None] * self.fractions)
        by_class = self.fractions.T @ sums.rows
        ridge = 1e-9 * sums.n * np.eye(len(means))  # a class without pixels keeps its mean
        means = means + np.linalg.solve(shares + ridge, by_class - shares @ means)
        crossed = means.T @ by_class
        scatter = sums.squares - crossed - crossed.T + means.T @ shares @ means
        noise = root @ (scatter / sums.n) @ root.T
        log_weights = self.log_weights + np.log(np.maximum(sums.counts, 1e-3) / np.maximum(sums.expected, 1e-3))
        step = np.linalg.solve(sums.curvature + 1e-6 * sums.n * np.eye(2), sums.gradient)
        return replace(
            self,
            means=origin + means @ root.T,
            noise=0.5 * (noise + noise.T) + floor,
            log_weights=np.maximum(log_weights - log_weights.max(), _LEAST_LOG_WEIGHT),
            smoothing=self.smoothing + np.clip(step, -1.0, 1.0),
        )


def mixing_states(means: FloatArray, noise: FloatArray) -> FloatArray:
    """Return the fractions of the states, (s, k): single classes, then pairs of classes with no class between them.

    A class is between two others if its mean is in the ball whose diameter is the line between their means (Gabriel and
    Sokal, Systematic Zoology 18 (1969), 259-278), in units of the noise. A mixture of those two could not be
    distinguished from it.
    """
    k = len(means)
    whitened = solve_triangular(np.linalg.cholesky(noise), means.T, lower=True).T
    squared = ((whitened[:, None] - whitened[None, :]) ** 2).sum(axis=2)
    states = [np.eye(k)]
    for a, b in itertools.combinations(range(k), 2):
        if any(squared[a, c] + squared[c, b] < squared[a, b] for c in range(k) if c not in (a, b)):
            continue
        shares = np.arange(1, _BETWEEN + 1) / (_BETWEEN + 1)
        mixed = np.zeros((_BETWEEN, k))
        mixed[:, a], mixed[:, b] = 1.0 - shares, shares
        states.append(mixed)
    return np.concatenate(states)


def whitening(noise: FloatArray) -> FloatArray:
    """Return the factor (d, d) such that ``(row - origin) @ factor`` is in units of the noise."""
    inverse = solve_triangular(np.linalg.cholesky(noise), np.eye(len(noise)), lower=True)
    return np.ascontiguousarray(inverse.T)
