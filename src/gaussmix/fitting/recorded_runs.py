"""Runs of a search as arrays of a checkpoint, and back, bit for bit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import fields

import numpy as np

from gaussmix.core.engines.recorded import Arrays
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.checkpoint import Checkpoint
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.multistart import Multistart
from gaussmix.fitting.recorded_fits import MixtureFormat, arrays_of_fit, fit_of_arrays, remembered, with_prefix
from gaussmix.fitting.runs import FittedRun, Run

Explored = tuple[list[Run], Run]
"""The last runs of a search, and the best run."""

_SOUNDNESS = "soundness "  # prefix of names


def arrays_of_runs(runs: list[Run], kind: MixtureFormat) -> Arrays | None:
    """Return the results of runs as arrays, without their histories; None if that would lose bits."""
    if not all(kind.keeps(run.mixture) for run in runs):
        return None
    arrays: Arrays = {}
    for at, run in enumerate(runs):
        soundness = {_SOUNDNESS + one.name: getattr(run.soundness, one.name) for one in fields(run.soundness)}
        parts = arrays_of_fit(run.fit, kind) | {"n_starts": np.asarray(run.n_starts)} | soundness
        arrays |= {f"{at} {name}": array for name, array in parts.items()}
    return arrays


def runs_of_arrays(arrays: Mapping[str, FloatArray], kind: MixtureFormat) -> list[Run]:
    """Return the runs of `arrays_of_runs`, as runs without iterations."""
    runs: list[Run] = []
    while parts := with_prefix(arrays, f"{len(runs)} "):
        told = with_prefix(parts, _SOUNDNESS)
        surplus = told.pop("surplus")
        soundness = Soundness(**{name: flags != 0 for name, flags in told.items()}, surplus=surplus)
        runs.append(FittedRun(soundness, fit_of_arrays(parts, kind), n_starts=int(parts["n_starts"])))
    return runs


def remember_runs(
    checkpoint: Checkpoint | None,
    key: str,
    search: Multistart,
    explore: Callable[[], Explored],
    kind: MixtureFormat,
) -> Explored:
    """Return the last runs of a search and the best one, from the checkpoint if it has them.

    A search that its deadline cut short is not kept.
    """

    def write(explored: Explored) -> Arrays | None:
        highest = [] if search.highest is None else [search.highest]
        arrays = arrays_of_runs([explored[1], *highest, *explored[0]], kind)
        if arrays is None or time.perf_counter() > search.settings.deadline:
            return None
        return {"n_highest": np.asarray(len(highest)), **arrays}

    def read(arrays: Arrays) -> Explored:
        found, *others = runs_of_arrays(arrays, kind)
        search.best = found
        if arrays["n_highest"]:
            search.highest = others.pop(0)
        return others, found

    return remembered(checkpoint, key, explore, write, read)
