"""Mixtures with a given overlap of their components, drawn as in MixSim.

Melnykov, Chen and Maitra, MixSim: an R package for simulating data to study performance of clustering algorithms,
Journal of Statistical Software 51 (2012), 12. The overlap of two components is the sum of the two probabilities of
assigning a row of one to the other. Means are uniform in the unit cube and covariances Wishart with d + 1 degrees of
freedom, their eccentricity limited to 0.9; weights are equal. MixSim then multiplies the covariances until the overlap
is met; here the means are multiplied, which is the same in other units (overlaps.py has the probabilities).
"""

from dataclasses import dataclass

import numpy as np
from shared import find_scale

from gaussmix import Mixture
from gaussmix.core.typing import FloatArray, IntArray

MOST_ECCENTRIC = 0.9
ROWS_EACH = 100


@dataclass(frozen=True)
class Drawn:
    """Settings of a draw; ``overlap`` is the average or the maximum over pairs of components."""

    overlap: float
    kind: str
    k: int
    d: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.overlap:g} k={self.k} d={self.d} seed={self.seed}"


def draw_mixture(wanted: Drawn) -> Mixture:
    k, d = wanted.k, wanted.d
    rng = np.random.default_rng([wanted.seed, k, d, round(1e4 * wanted.overlap), wanted.kind == "average"])
    weights, means = np.full(k, 1 / k), rng.uniform(size=(k, d))
    tall = rng.standard_normal((k, d + 1, d))
    values, axes = np.linalg.eigh(tall.transpose(0, 2, 1) @ tall)
    values = _rounder(values)
    roots = np.linalg.cholesky(np.einsum("kij,kj,klj->kil", axes, values, axes))
    of_pairs = {"average": np.mean, "maximal": np.max}[wanted.kind]
    scale = find_scale(weights, means, roots, wanted.overlap, rng, of_pairs=of_pairs)
    return Mixture.from_parameters(weights, scale * means, roots @ roots.transpose(0, 2, 1))


def draw_rows(wanted: Drawn) -> tuple[FloatArray, IntArray]:
    """Return 100 rows for each component, and their components."""
    return draw_mixture(wanted).sample(ROWS_EACH * wanted.k, wanted.seed)


def _rounder(values: FloatArray) -> FloatArray:
    """Move ascending eigenvalues (k, d) towards the greatest, until sqrt(1 - least / greatest) is small enough."""
    least, greatest = values[:, :1], values[:, -1:]
    share = np.minimum(1.0, MOST_ECCENTRIC**2 * greatest / (greatest - least))
    return greatest - share * (greatest - values)


def problems(overlaps: tuple[float, ...], kind: str, each: int) -> list[Drawn]:
    """Return equally many of each overlap, with 2 to 8 components and features in turn."""
    sizes = [(k, d) for d in range(2, 9) for k in range(2, 9)]
    spread = [sizes[(at * 15) % len(sizes)] for at in range(each)]  # 15 and 49 are coprime, so all sizes occur
    return [Drawn(overlap, kind, k, d, at // len(sizes)) for overlap in overlaps for at, (k, d) in enumerate(spread)]
