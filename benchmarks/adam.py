"""ADAM on the unconstrained parameters of a mixture, as with automatic differentiation.

The parameters are the logits of the weights, the means, and the roots of the covariances with logarithms on the
diagonal. The gradient of the log-likelihood comes from the same pass as the sums of EM. With ``y = (x - mean) W``,
``W = L^-T``, and the sums N, ``b = sum r y``, ``C = sum r y y'``:

    d / d logit = N - n weight        d / d mean = W b        d / d L = tril(W (C - N I)), times L_ii on the diagonal
"""

import numpy as np

from gaussmix import Mixture
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray

FORGETTING = 0.9, 0.999  # Kingma and Ba, Adam (2015), algorithm 1
LEAST = 1e-8


class Adam:
    """Run from a mixture with a constant learning rate."""

    def __init__(self, mixture: Mixture, rate: float) -> None:
        self._rate = rate
        self._structure = type(mixture.covariance)
        self._k, self._d = mixture.means.shape
        self._at = np.concatenate(
            [np.log(mixture.weights), mixture.means.ravel(), _log_diagonal(mixture.covariance).ravel()]
        )
        self._mean, self._square = np.zeros_like(self._at), np.zeros_like(self._at)
        self._steps = 0

    def step(self, mixture: Mixture, moments: Moments) -> Mixture:
        """Return the next parameters, given the moments of a pass."""
        self._steps += 1
        slope = gradient(mixture, moments) / moments.weight
        first, second = FORGETTING
        self._mean = first * self._mean + (1 - first) * slope
        self._square = second * self._square + (1 - second) * slope**2
        mean, square = self._mean / (1 - first**self._steps), self._square / (1 - second**self._steps)
        self._at = self._at + self._rate * mean / (np.sqrt(square) + LEAST)
        return self._mixture()

    def _mixture(self) -> Mixture:
        k, d = self._k, self._d
        weights = np.exp(self._at[:k] - self._at[:k].max())
        roots = self._at[k + k * d :].reshape(self._structure.root_shape(k, d)).copy()
        if self._structure.form in ("full", "tied"):
            diagonal = np.einsum("...ii->...i", roots)
            diagonal[...] = np.exp(diagonal)
        else:
            roots = np.exp(roots)
        means = self._at[k : k + k * d].reshape(k, d)
        return Mixture(weights / weights.sum(), means, self._structure(roots, k, d))


def _log_diagonal(covariance: AbstractCovariance) -> FloatArray:
    if covariance.form not in ("full", "tied"):
        return np.log(covariance.roots)
    roots = covariance.roots.copy()
    diagonal = np.einsum("...ii->...i", roots)
    diagonal[...] = np.log(diagonal)
    return roots


def gradient(mixture: Mixture, moments: Moments) -> FloatArray:
    """Return the gradient of the log-likelihood, in nats, with respect to the free parameters."""
    counts, roots, factors = moments.counts, mixture.covariance.roots, mixture.covariance.factors()
    match moments.form:
        case "full" | "tied":
            held = counts[:, None, None] if moments.form == "full" else counts.sum()
            root = np.tril(factors @ (moments.scatter - held * np.eye(mixture.n_features)))
            diagonal = np.einsum("...ii->...i", root)
            diagonal *= np.einsum("...ii->...i", roots)
            mean = np.einsum("...de,...e->...d", factors, moments.shifts)
        case "diagonal":
            root, mean = moments.scatter - counts[:, None], factors * moments.shifts
        case "spherical":
            root, mean = moments.scatter - mixture.n_features * counts, factors[:, None] * moments.shifts
    return np.concatenate([counts - counts.sum() * mixture.weights, mean.ravel(), root.ravel()])
