"""The number of components that have rows."""

import numpy as np

from gaussmix.core.engines import engine_for
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture

_NUMBERS = 4_000_000  # responsibilities at a time


def occupied_distribution(log_empty: FloatArray) -> FloatArray:
    """Return the distribution (k + 1,) of the number of components with rows, for log probabilities of having none."""
    distribution = np.ones(1)
    for empty in np.exp(log_empty):
        distribution = np.convolve(distribution, [empty, 1 - empty])
    return distribution


def log_probability_empty(rows: WeightedRows, mixture: WhitenedMixture) -> FloatArray:
    """Return the log probability of each component to have none of the rows: ``sum_n w_n log(1 - r[n, k])``.

    Parameters
    ----------
    rows : WeightedRows
        Rows of a fit.
    mixture : WhitenedMixture
        Scores of the fit.

    Returns
    -------
    (k,) array
        Natural logarithms; ``-inf`` if a row certainly belongs to the component.
    """
    rows = rows.positive()
    total = np.zeros(mixture.n_components)
    step = max(1, _NUMBERS // mixture.n_components)
    for start in range(0, rows.n_rows, step):
        part = rows.take(slice(start, start + step))
        shares = engine_for(part).score_rows(mixture, "responsibilities")
        with np.errstate(divide="ignore"):
            left = np.log1p(-np.minimum(shares, 1.0))
        total += left.sum(axis=0) if part.weights is None else (part.weights[:, None] * left).sum(axis=0)
    return total
