"""Randomized points for quasi-Monte Carlo."""

from collections.abc import Iterator

import numpy as np

from gaussmix.core.typing import FloatArray

_HALF_STEP = 0.5**31  # of the sequence, which contains 0, where the normal distribution has no quantile


def sobol_replicates(n_replicates: int, n_points: int, n_dimensions: int) -> Iterator[FloatArray]:
    """Yield independent scrambled Sobol sequences (n_points, n_dimensions), with numbers above 0 and below 1.

    They are the same at every call. Beyond the greatest dimension of the sequence, the points are random.
    """
    from scipy.stats.qmc import Sobol  # its import takes longer than that of the package

    rng = np.random.default_rng(0)
    for _ in range(n_replicates):
        if n_dimensions > Sobol.MAXDIM:
            yield rng.random((n_points, n_dimensions)) * (1 - 2 * _HALF_STEP) + _HALF_STEP
        else:
            yield Sobol(n_dimensions, seed=rng).random(n_points) + _HALF_STEP
