"""Diagnostics of the distribution of single columns: skewness, heavy tails and values that repeat."""

import math
from typing import Any

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray

_LEAST_ROWS = 30
_SKEWNESS = 1.5  # of 100 normal numbers, the skewness exceeds 1 once in 10,000 samples
_SYMMETRIC = 0.5  # share of the skewness that its logarithm may keep
_TAIL = 1.75  # ratio of a tail to the tail of a normal distribution with the same quartiles
_NORMAL_TAIL = 3.8190  # ratio of the 99.5 % quantile of a normal distribution to its 75 % quantile
_MASS_ROWS, _MASS_SHARE, _MASS_RATIO = 10, 0.005, 5.0


def distribution_facts(values: FloatArray, distinct: FloatArray, counts: IntArray) -> dict[str, dict[str, Any]]:
    """Describe what a mixture of a few normal distributions describes badly in a column.

    Parameters
    ----------
    values : (n,) array
        A column that varies.
    distinct, counts : (m,) arrays
        Its different values, ascending, and how often each occurs.

    Returns
    -------
    dict
        Facts under ``"skewed"``, ``"heavy_tails"`` and ``"point_masses"``, where they apply.
    """
    facts: dict[str, dict[str, Any]] = {}
    mass = _point_mass(distinct, counts)
    if mass is not None:
        facts["point_masses"] = mass
        values = values[values != mass["value"]]  # the other values have a distribution of their own
    if len(values) < _LEAST_ROWS or len(distinct) < _LEAST_ROWS:
        return facts
    skewness = _skewness(values)
    logarithm = _logarithm(values, skewness)
    if logarithm is not None:
        facts["skewed"] = {"skewness": skewness, **logarithm}
    elif (tail := _tail(values)) >= _TAIL:
        facts["heavy_tails"] = {"ratio": tail}
    return facts


def _point_mass(distinct: FloatArray, counts: IntArray) -> dict[str, Any] | None:
    """Return the commonest value, if it is far more common than the two values on each side of it."""
    at = int(counts.argmax())
    n, count = int(counts.sum()), int(counts[at])
    neighbors = np.delete(counts[max(0, at - 2) : at + 3], min(at, 2))
    if len(distinct) < _LEAST_ROWS or count < max(_MASS_ROWS, _MASS_SHARE * n, _MASS_RATIO * neighbors.max()):
        return None
    end = "smallest" if at == 0 else "greatest" if at == len(distinct) - 1 else None
    return {"value": float(distinct[at]), "share": count / n, "end": end}


def _skewness(values: FloatArray) -> float:
    centered = values - values.mean()
    scaled = centered / max(np.abs(centered).max(), np.finfo(np.float64).tiny)
    return float((scaled**3).mean() / (scaled**2).mean() ** 1.5)


def _logarithm(values: FloatArray, skewness: float) -> dict[str, float] | None:
    """Return the effect of taking the logarithm of a positive column; None if it would not help.

    The gain is the difference between the log-likelihoods per row of a lognormal and of a normal distribution.
    """
    if skewness < _SKEWNESS or values.min() <= 0:
        return None
    logarithms = np.log(values)
    after = _skewness(logarithms)
    gain = math.log(values.std()) - math.log(logarithms.std()) - float(logarithms.mean())
    if abs(after) > _SYMMETRIC * skewness or gain <= 0:
        return None
    return {"skewness_of_logarithm": after, "gain": gain}


def _tail(values: FloatArray) -> float:
    """Return how many times as long as a normal distribution's the shorter of the two tails is.

    A tail is the distance between the median and a quantile at 0.5 %, over the distance between median and quartile. A
    cluster far from the others makes one tail long, seldom both.
    """
    low, first, middle, third, high = np.quantile(values, [0.005, 0.25, 0.5, 0.75, 0.995])
    if not first < middle < third:
        return 0.0
    return float(min((middle - low) / (middle - first), (high - middle) / (third - middle)) / _NORMAL_TAIL)
