"""Means and standard deviations of components as text, for summaries of a mixture."""

import math
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture


def format_means(mixture: "Mixture") -> list[tuple[str, ...]]:
    """Return the mean and the standard deviation of each component in each feature, such as "2.04 ± 0.27".

    A feature has the same number of decimals in all components: three digits of its smallest deviation.
    """
    deviations = np.sqrt(mixture.covariance.variances())
    columns = [_format_feature(*pair) for pair in zip(mixture.means.T, deviations.T, strict=True)]
    return list(zip(*columns, strict=True))


def _format_feature(means: FloatArray, deviations: FloatArray) -> list[str]:
    least, greatest = deviations.min(), max(deviations.max(), np.abs(means).max())
    if not 1e-6 <= least <= greatest < 1e9:
        return [f"{mean:.5g} ± {deviation:.3g}" for mean, deviation in zip(means, deviations, strict=True)]
    digits = max(0, 2 - math.floor(math.log10(least)))
    return [f"{mean:.{digits}f} ± {deviation:.{digits}f}" for mean, deviation in zip(means, deviations, strict=True)]
