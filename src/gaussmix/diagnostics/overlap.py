"""Overlap of the components of a mixture."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray

_DRAWS, _NUMBERS = 2_000, 10_000_000
_MOST_PAIRS, _WORTH_KEEPING = 10, 0.01


@dataclass(frozen=True, eq=False)
class Confusion:
    """Probabilities that rows of a component are more probable in another one.

    Attributes
    ----------
    taken : (k, k) array
        ``taken[i, j]`` is ``P(p_j N(x | j) > p_i N(x | i) | x of i)``.
    certainty : float
        Mean probability of the most probable component of rows of the mixture.
    draws : int
        Number of rows drawn from each component.
    """

    taken: FloatArray
    certainty: float
    draws: int

    @property
    def overlap(self) -> FloatArray:
        """The sum of both misclassification probabilities of each pair, (k, k), symmetric."""
        return self.taken + self.taken.T


def confusion(mixture: Mixture) -> Confusion:
    """Estimate the misclassification probabilities of each pair of components.

    They are those of Maitra and Melnykov, Simulating data to study performance of finite mixture modeling and
    clustering algorithms, Journal of Computational and Graphical Statistics 19 (2010), 354-376, estimated from 2,000
    rows drawn from each component (fewer if there are many components), with a fixed seed. Noise does not take part.
    """
    mixture = mixture.without_noise()
    k, d = mixture.means.shape
    draws = max(100, min(_DRAWS, _NUMBERS // (k * k)))
    noise = np.random.default_rng(0).standard_normal((draws, d))
    taken, certainty = np.zeros((k, k)), 0.0
    for component in np.flatnonzero(mixture.weights):
        rows = mixture.means[component] + mixture.covariance.color(noise, int(component))
        shares = mixture.responsibilities(rows)
        taken[component] = (shares > shares[:, [component]]).mean(axis=0)
        certainty += float(mixture.weights[component] * shares.max(axis=1).mean())
    return Confusion(taken, certainty, draws)


def overlap_facts(confused: Confusion) -> dict[str, Any]:
    """Return the mean certainty of rows of a mixture, and the pairs of components that overlap most."""
    taken = confused.taken
    both = np.triu(confused.overlap, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [divmod(int(at), len(taken)) for at in order if both.flat[at] >= _WORTH_KEEPING]
    return {
        "certainty": confused.certainty,
        "draws": confused.draws,
        "pairs": [
            {
                "components": [i, j],
                "overlap": float(both[i, j]),
                "taken": [float(taken[i, j]), float(taken[j, i])],
            }
            for i, j in pairs
        ],
    }
