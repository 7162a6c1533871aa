"""Inputs of displays: names of features, and rows to draw."""

from typing import Any

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import fitted_model, mixture_of
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import ArrayLike, FloatArray, IntArray, Rows

MOST_POINTS = 5_000
"""Greatest number of rows that a display draws; of more rows a random sample is drawn."""


def feature_names(mixture: Mixture, positions: ArrayLike | None = None) -> list[str]:
    """Return the names of all features, or of those at the positions."""
    names = mixture.names
    return [names[position] for position in (range(len(names)) if positions is None else np.asarray(positions))]


def chosen_rows(n_rows: int, most: int = MOST_POINTS, seed: int = 0) -> IntArray:
    """Return the positions of the rows to draw, in order; at most ``most`` are chosen at random."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False, shuffle=False))


def labeled_rows(model: Any, given: Rows | None) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return the rows (m, d) to draw, their labels (m,), -1 for noise and trimmed rows, and the probabilities (m,)."""
    mixture = mixture_of(model)
    if given is None:
        return np.empty((0, mixture.n_features)), np.empty(0, dtype=np.int64), np.empty(0)
    rows = np.asarray(given[chosen_rows(len(given))], dtype=np.float64)
    responsibilities = mixture.responsibilities(rows)
    labels = responsibilities.argmax(axis=1)
    is_left_out = labels == mixture.n_components
    trimmed = getattr(getattr(fitted_model(model), "fit_result_", None), "trimmed", None)
    if trimmed is not None:
        is_left_out = ~trimmed.are_kept(mixture, WeightedRows(rows))
    return rows, np.where(is_left_out, NOISE, labels), responsibilities.max(axis=1)
