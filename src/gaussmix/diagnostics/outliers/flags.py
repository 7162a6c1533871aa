"""Flags from p-values: for each row alone, or with a bound on the share of false flags."""

from numbers import Real
from typing import Any

import numpy as np

from gaussmix.core.typing import BoolArray, FloatArray

CONTROLS = ("each", "fdr")
"""Kinds of control of false flags."""


def flag_rows(p_values: FloatArray, alpha: float, control: str) -> BoolArray:
    """Return which rows are flagged.

    Parameters
    ----------
    p_values : (n,) array
        Probabilities of a density at most as low, for ordinary rows.
    alpha : float
        Bound, above 0 and below 1.
    control : {"each", "fdr"}
        What ``alpha`` bounds: the probability that an ordinary row is flagged, or the expected share of ordinary rows
        among the flagged ones (Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289-300).

    Returns
    -------
    (n,) array of bool
        True for flagged rows.

    Raises
    ------
    ValueError
        If ``alpha`` or ``control`` is invalid.
    """
    given: Any = alpha
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 < float(given) < 1:
        raise ValueError(f"alpha must be above 0 and below 1; got {alpha!r}")
    if control not in CONTROLS:
        raise ValueError(f"control must be one of {CONTROLS}; got {control!r}")
    if control == "each" or not len(p_values):
        return np.asarray(p_values <= alpha)
    ranked = np.sort(p_values)
    passed = np.flatnonzero(ranked <= alpha * np.arange(1, len(ranked) + 1) / len(ranked))
    return np.asarray(p_values <= ranked[passed[-1]]) if passed.size else np.zeros(len(p_values), dtype=np.bool_)
