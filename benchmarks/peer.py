"""Peer of the benchmarks, the common start of all peers, and the outcome of a fit."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray

STRUCTURES = ("full", "tied", "diag", "spherical")


@dataclass(frozen=True)
class Start:
    """Start of every peer: equal weights, given means, unit covariances."""

    structure: str
    means: FloatArray

    @property
    def weights(self) -> FloatArray:
        return np.full(len(self.means), 1.0 / len(self.means))

    @property
    def precisions(self) -> FloatArray:
        n_components, n_features = self.means.shape
        return {
            "full": np.tile(np.eye(n_features), (n_components, 1, 1)),
            "tied": np.eye(n_features),
            "diag": np.ones((n_components, n_features)),
            "spherical": np.ones(n_components),
        }[self.structure]


class Outcome(NamedTuple):
    """Seconds of a fit, its iterations, and the mixture after them."""

    seconds: float
    iterations: int
    mixture: Mixture


Fit = Callable[[FloatArray, Start, int], tuple[Mixture, int]]
"""(rows, start, iterations) -> the mixture and the iterations done, which are fewer if the fit stops changing."""

TimedFit = Callable[[FloatArray, Start, int], Outcome]


@dataclass(frozen=True)
class Peer:
    """Program that fits mixtures, with its covariance structures, its fit and the number of repeats.

    ``last`` is the number of iterations of its long fits. ``same_start`` is false for a peer that does not begin at the
    given start: its time is comparable, its parameters are not.
    """

    name: str
    structures: tuple[str, ...]
    fit: TimedFit
    rounds: int = 1
    last: int = 3
    same_start: bool = True


def timed(fit: Fit) -> TimedFit:
    """Return the fit with its time."""

    def run(rows: FloatArray, start: Start, iterations: int) -> Outcome:
        began = time.perf_counter()
        mixture, done = fit(rows, start, iterations)
        return Outcome(time.perf_counter() - began, done, mixture)

    return run
