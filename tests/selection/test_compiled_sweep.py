"""Sweeps in one compiled call: the results, deadlines and interrupts of sweeps whose steps are called from Python."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample
from gaussmix.selection.compiled_cells import CompiledCells
from gaussmix.selection.compiled_sweep import CompiledSweep
from gaussmix.selection.grid_sweep import GridSweep
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.partitions import SearchData

IRIS = load_iris().data
RNG = np.random.default_rng(2)
TABLES = {
    "iris": (IRIS, None),
    "weighted": (IRIS[:, :2], RNG.integers(1, 4, 150).astype(float)),
    "one column": (RNG.normal(size=(80, 1)) + 4 * RNG.integers(0, 2, (80, 1)), None),
    "one cluster": (RNG.normal(size=(60, 3)), None),
}


def sweep_of(kind, table, specs, *, known=None, deadline=math.inf, step=None):
    rows, weights = TABLES[table]
    sample = Sample.of(WeightedRows(rows, weights), "full")
    sizes = {spec.n_components for spec in (*specs, *(known or ()))}
    data = SearchData(sample, sizes, lambda *_: MaximumLikelihood(), np.random.default_rng(0))
    return kind(CompiledCells(data), specs, known or {}, deadline, step)


def optima_of(sweep):
    return {
        spec: [one and (one.objective, one.is_sound, one.origin) for one in (optima.highest, optima.highest_sound)]
        for spec, optima in sweep.optima.items()
    }


@pytest.mark.parametrize(
    ("table", "sizes", "names"),
    [
        ("iris", [1, 2, 3, 4], ["EII", "VVI", "EEE", "VVE", "EEV", "VVV"]),
        ("weighted", [2, 3, 5], ["VII", "EVI", "EVE", "VVV"]),
        ("one column", [1, 2, 3], ["EII", "VII"]),
        ("one cluster", [3, 4, 5], ["VEI", "VEE", "EVV", "VEV"]),
    ],
)
def test_optima_are_those_of_sweeps_in_python(table, sizes, names):
    specs = {ModelSpec(size, name) for size in sizes for name in names}
    steps, sweeps = [], []
    for kind in (GridSweep, CompiledSweep):
        steps.append([])
        sweeps.append(sweep_of(kind, table, specs, step=steps[-1].append))
        sweeps[-1].run()
    assert optima_of(sweeps[0]) == optima_of(sweeps[1])
    assert sorted(steps[0]) == sorted(steps[1])


def test_other_models_start_from_known_optima():
    specs = {ModelSpec(size, name) for size in (2, 3, 4) for name in ("EEE", "VVV")}
    first = sweep_of(CompiledSweep, "iris", specs)
    first.run()
    known = {spec: first.optima[spec].preferred for spec in specs if spec.n_components == 3}
    sweeps = [sweep_of(kind, "iris", specs - set(known), known=known) for kind in (GridSweep, CompiledSweep)]
    for sweep in sweeps:
        sweep.run()
    assert optima_of(sweeps[0]) == optima_of(sweeps[1])
    assert {spec: sweeps[1].optima[spec].highest for spec in known} == known


def test_nothing_is_searched_after_the_deadline():
    sweep = sweep_of(CompiledSweep, "iris", {ModelSpec(2, "EEE"), ModelSpec(3, "EEE")}, deadline=-math.inf)
    sweep.run()
    assert sweep.optima == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_of_the_callback_ends_the_search(error):
    def step(spec):
        assert spec.n_components == 2
        raise error("enough")

    sweep = sweep_of(CompiledSweep, "iris", {ModelSpec(2, "EEE"), ModelSpec(3, "EEE")}, step=step)
    with pytest.raises(error, match="enough"):
        sweep.run()
    assert sweep.optima[ModelSpec(2, "EEE")].highest is not None
