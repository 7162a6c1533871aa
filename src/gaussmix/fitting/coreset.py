"""Coresets: weighted samples that represent many rows in a search."""

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.starts import start_from_labels

LEAST_ROWS = 5_000
"""Minimum number of rows of a sample."""
ROWS_PER_PARAMETER = 20

GROWTH = 4
"""Ratio of the sizes of two samples, and of all rows to the largest sample."""

LEAST_GROWTH = 2
"""Least ratio of the first larger sample to the one that was searched."""

MOST_ROWS = 1_000_000
"""Size of the largest sample."""


def sizes_of_samples(n_rows: int, n_searched: int) -> list[int]:
    """Return the ascending sizes of samples larger than the one that is searched; of few rows, one half of them."""
    sizes, size = [], min(n_rows // GROWTH, MOST_ROWS)
    while size >= LEAST_GROWTH * n_searched:
        sizes.append(size)
        size //= GROWTH
    if not sizes and n_rows // 2 >= LEAST_GROWTH * n_searched:
        sizes.append(n_rows // 2)
    return sizes[::-1]


def draw_sample(
    engine: AbstractEngine,
    structure: type[AbstractCovariance],
    n_components: int,
    rng: np.random.Generator,
    most_rows: int,
    *,
    with_larger: bool = False,
) -> tuple[Sample, WeightedRows, bool]:
    """Return all rows or a lightweight coreset of them, the sample it is a part of, and whether they are all rows.

    Of a larger sample, the coreset has one row of each block of consecutive draws, so that rows are drawn in one pass
    over all of them. Without a larger one, that sample is the coreset. Distances to the center are in units of the
    covariance of the data. Incomplete rows, which have no distances, are drawn by their weights.
    """
    if engine.n_rows <= most_rows:
        rows = engine.sample_rows(most_rows, rng)
        return Sample.of(rows, structure.form), rows, True
    few = Sample.of(engine.sample_rows(LEAST_ROWS, rng), structure.form)
    one = start_from_labels(few, np.zeros(few.rows.n_rows, dtype=np.int64), structure, 1)
    free = n_components * (1 + one.n_parameters)
    limit = min(max(LEAST_ROWS, ROWS_PER_PARAMETER * free), most_rows)
    center = one.whitened() if few.incomplete is None else None
    larger = sizes_of_samples(engine.n_rows, limit) if with_larger else []
    largest = engine.sample_rows(max([limit, *larger]), rng, center)
    return Sample.of(draw_rows(largest, limit, rng), structure.form), largest, False
