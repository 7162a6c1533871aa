"""Overlap of the components of a mixture."""

from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture

_DRAWS, _NUMBERS = 2_000, 10_000_000
_MOST_PAIRS, _WORTH_KEEPING = 10, 0.01


def overlap_facts(mixture: Mixture) -> dict[str, Any]:
    """Return the mean certainty of rows of the mixture, and the pairs of components that overlap most.

    The overlap of a pair is the sum of its two misclassification probabilities,
    ``w[i] = P(p_j N(x | j) > p_i N(x | i) | x of i)``: Maitra and Melnykov, Simulating data to study performance
    of finite mixture modeling and clustering algorithms, Journal of Computational and Graphical Statistics 19 (2010),
    354-376. They are estimated from 2,000 rows drawn from each component (fewer if there are many components), with a
    fixed seed.
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
