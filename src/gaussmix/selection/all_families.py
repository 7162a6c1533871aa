"""Search over models of all kinds: normal distributions, factor analyzers, with uniform noise, t distributions."""

from collections.abc import Callable, Mapping
from typing import Any

from gaussmix.core.rows import WeightedRows
from gaussmix.selection.cells import Cell
from gaussmix.selection.factor_cells import is_factor, search_factor_cells
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.model_search import STEPS, search_models
from gaussmix.selection.noise_cells import NoiseCells
from gaussmix.selection.student_cells import StudentCells


def n_steps(models: set[ModelSpec]) -> int:
    """Return the number of progress steps of `search_families`."""
    return sum(1 if spec.noise or spec.family == "student" or is_factor(spec) else STEPS for spec in models)


def search_families(
    rows: WeightedRows,
    models: set[ModelSpec],
    cells: dict[ModelSpec, Cell],
    *,
    known: Mapping[ModelSpec, Cell],
    noise_volume: float | str,
    n_jobs: int | None,
    step: Callable[[str], object],
    settings: Mapping[str, Any],
) -> None:
    """Find the best fit of each model and add it to the cells.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64; NaN is a missing value.
    models : set of ModelSpec
        Models to search.
    cells : dict
        Cells of earlier searches, which are starts.
    known : mapping
        Those of them with a fit.
    noise_volume : float or str
        Volume of the noise.
    n_jobs : int, optional
        Number of threads.
    step : callable
        Called with the name of a model after each step.
    settings : mapping
        ``reg_covar``, ``random_state`` and ``deadline`` of `search_models`.
    """
    factor = {spec for spec in models if is_factor(spec)}
    normal = {spec for spec in models - factor if not spec.noise and spec.family == "gaussian"}
    search_models(
        rows,
        normal,
        known={
            spec: cell
            for spec, cell in known.items()
            if not spec.noise and spec.family == "gaussian" and not is_factor(spec)
        },
        n_jobs=n_jobs,
        step=lambda spec: step(f"{spec.covariance_type} {spec.n_components}"),
        done=lambda cell: cells.update({cell.spec: cell}),
        **settings,
    )

    def keep(cell: Cell) -> None:
        cells[cell.spec] = cell
        more = " with noise" if cell.noise else " with t tails" if cell.family == "student" else ""
        step(f"{cell.covariance_type} {cell.n_components}{more}")

    if factor:
        search_factor_cells(rows, factor, keep, **settings)
    noisy, student = {spec for spec in models if spec.noise}, {spec for spec in models if spec.family == "student"}
    if noisy:
        NoiseCells(rows, noisy, noise_volume=noise_volume, **settings).run(cells, keep)
    if student:
        StudentCells(rows, student, **settings).run(cells, keep)
