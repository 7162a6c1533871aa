"""Values that are the same in all rows of a component."""

import numpy as np

from gaussmix.core.mixture import Mixture

_EQUAL = 1e-9  # variance of equal values, relative to that of all rows


def repeated_values(mixture: Mixture) -> list[dict[int, float]]:
    """Return for each component the columns in which it does not vary, with their values.

    Parameters
    ----------
    mixture : Mixture
        Mixture.

    Returns
    -------
    list of dict from int to float
        One for each component.
    """
    variances, means = mixture.covariance.variances(), mixture.means
    center = mixture.weights @ means
    total = mixture.weights @ (variances + (means - center) ** 2)
    constant = variances < _EQUAL * total
    values = np.where(np.abs(means) < _EQUAL * np.sqrt(total), 0.0, means)
    return [
        {int(column): float(values[at, column]) for column in np.flatnonzero(constant[at])} for at in range(len(means))
    ]
