"""Where components lie and how wide they are, in words: what every summary of a mixture shows."""

import math

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray


def means_in_words(mixture: Mixture) -> list[tuple[str, ...]]:
    """For each component, and for each feature, the mean and the standard deviation, such as "2.04 ± 0.27".

    A feature has the same digits in all components: three of its smallest deviation.
    """
    deviations = np.sqrt(mixture.covariance.variances())
    columns = [_in_words(*pair) for pair in zip(mixture.means.T, deviations.T, strict=True)]
    return list(zip(*columns, strict=True))


def _in_words(means: FloatArray, deviations: FloatArray) -> list[str]:
    least, greatest = deviations.min(), max(deviations.max(), np.abs(means).max())
    if not 1e-6 <= least <= greatest < 1e9:
        return [f"{mean:.5g} ± {deviation:.3g}" for mean, deviation in zip(means, deviations, strict=True)]
    digits = max(0, 2 - math.floor(math.log10(least)))
    return [f"{mean:.{digits}f} ± {deviation:.{digits}f}" for mean, deviation in zip(means, deviations, strict=True)]
