"""How far the components of a mixture can be told apart."""

from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture

_DRAWS, _NUMBERS = 2_000, 10_000_000
_MOST_PAIRS, _WORTH_KEEPING = 10, 0.01


def overlap_facts(mixture: Mixture) -> dict[str, Any]:
    """The mean certainty of rows of the mixture itself, and the pairs of components most often taken for each other.

    The overlap of a pair is the sum of the two probabilities that a row of one component is more probably of the
    other, ``w[i] = P(p_j N(x | j) > p_i N(x | i) | x of i)``: Maitra and Melnykov, Simulating data to study performance
    of finite mixture modeling and clustering algorithms, Journal of Computational and Graphical Statistics 19 (2010),
    354-376. By drawing 2,000 rows of each component (fewer of many components), the same ones every time.
    """
    k, d = mixture.means.shape
    draws = max(100, min(_DRAWS, _NUMBERS // (k * k)))
    noise = np.random.default_rng(0).standard_normal((draws, d))
    confusion, certainty = np.zeros((k, k)), 0.0
    for component in np.flatnonzero(mixture.weights):
        rows = mixture.means[component] + mixture.covariance.color(noise, int(component))
        shares = mixture.responsibilities(rows)
        confusion[component] = (shares > shares[:, [component]]).mean(axis=0)
        certainty += float(mixture.weights[component] * shares.max(axis=1).mean())
    both = np.triu(confusion + confusion.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [divmod(int(at), k) for at in order if both.flat[at] >= _WORTH_KEEPING]
    return {
        "certainty": certainty,
        "draws": draws,
        "pairs": [
            {
                "components": [i, j],
                "overlap": float(both[i, j]),
                "taken": [float(confusion[i, j]), float(confusion[j, i])],
            }
            for i, j in pairs
        ],
    }
