"""Cross-validation of the cells of a table of models."""

import math
from collections.abc import Mapping
from typing import Any

from gaussmix.core.threads import mapped_in_threads
from gaussmix.fitting.refit import FitFailedError
from gaussmix.selection.cells import Cell
from gaussmix.selection.cross_validation import HeldOut, hold_out
from gaussmix.selection.explanation import runner_up
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.rows import SearchRows
from gaussmix.selection.table import SelectionTable


def hold_out_cells(
    cells: Mapping[ModelSpec, Cell],
    rows: SearchRows,
    known: Mapping[ModelSpec, HeldOut | None],
    *,
    n_folds: int,
    random_state: Any,
    n_jobs: int | None,
) -> dict[ModelSpec, HeldOut | None]:
    """Cross-validate each sound cell, or doubtful ones if none is sound.

    Parameters
    ----------
    cells : mapping
        Cells of all models.
    rows : SearchRows
        Rows of the search.
    known : mapping
        Results that are kept.
    n_folds : int
        Number of folds.
    random_state : int or other
        Seed of the folds if it is an int, else the seed is 0, so that extensions of a search have the same folds.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    dict
        Results by model; None if there is no sound fit without one of the folds.
    """
    fitted = {spec: cell for spec, cell in cells.items() if cell.fit is not None}
    candidates = {spec: cell for spec, cell in fitted.items() if not cell.doubts()} or fitted
    missing = [spec for spec in sorted(candidates) if spec not in known]
    n_folds, seed = min(n_folds, rows.rows.n_rows), random_state if isinstance(random_state, int) else 0
    with mapped_in_threads(lambda spec: _held_out(candidates[spec], rows, n_folds, seed), missing, n_jobs) as results:
        return {**known, **dict(zip(missing, results, strict=True))}


def error_of_margin(results: SelectionTable, held_out: Mapping[ModelSpec, HeldOut | None]) -> float:
    """Return the standard error of the difference between the held-out deviances of the best two models."""
    second = runner_up(results)
    if second is None:
        return math.nan
    one, other = (held_out[results.spec_of(line)] for line in (results.best, second))
    assert one is not None
    assert other is not None
    gains = HeldOut(one.log_density - other.log_density, one.folds, one.row_weights)
    return 2 * gains.n * gains.standard_error


def _held_out(cell: Cell, rows: SearchRows, n_folds: int, seed: int) -> HeldOut | None:
    assert cell.mixture is not None
    assert cell.update is not None
    if cell.n_components > rows.rows.n_positive - math.ceil(rows.rows.n_rows / n_folds):
        return None
    try:
        return hold_out(rows.kept, cell.mixture, cell.update, n_folds=n_folds, seed=seed)
    except FitFailedError:
        return None
