"""Coresets: weighted samples that represent many rows in a search."""

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.row_sampling import coreset_odds
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_labels

LEAST_ROWS = 5_000
"""Minimum number of rows of a sample."""
ROWS_PER_PARAMETER = 20


def draw_sample(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
    most_rows: int,
) -> tuple[Sample, FloatArray | None, bool]:
    """Return all rows or a lightweight coreset of them, the odds of its rows, and whether they are all rows.

    Distances to the center are in units of the covariance of the data. Incomplete rows, which have no distances, are
    drawn by their weights.
    """
    if engine.n_rows <= most_rows:
        return Sample.of(engine.sample_rows(most_rows, rng), structure.form), None, True
    few = Sample.of(engine.sample_rows(LEAST_ROWS, rng), structure.form)
    one = start_from_labels(few, np.zeros(few.rows.n_rows, dtype=np.int64), structure, 1)
    free = n_components * (1 + one.n_parameters)
    limit = min(max(LEAST_ROWS, ROWS_PER_PARAMETER * free), most_rows)
    odds = None
    if few.incomplete is None:
        log_density = engine.score_rows(one.whitened(), "log_density")
        odds = coreset_odds(np.subtract(log_density.max(), log_density, out=log_density))
    return Sample.of(engine.sample_rows(limit, rng, odds), structure.form), odds, False
