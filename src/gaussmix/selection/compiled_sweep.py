"""The sweeps of `GridSweep` in compiled code (`cpp/em/grid_search.hpp`): all models of a table in one call."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from gaussmix.selection.compiled_cells import CompiledCells
from gaussmix.selection.grid_sweep import GridSweep
from gaussmix.selection.model_names import ModelSpec


class CompiledSweep(GridSweep):
    """Search for the optima of all models of a table, with the results of `GridSweep` and its parameters."""

    _searcher: CompiledCells

    def run(self) -> None:
        """Sweep from few components to many, and back."""
        rows = self._rows_to_search()
        if 1 in rows:
            if not self._search([self._from_fewer(spec) for spec in rows[1]]):
                return
            self._report(rows[1])
        started = {size for size in rows if self._is_started(size)}
        sizes = sorted({spec.n_components for spec in self.models})
        places = {spec: place for place, spec in enumerate(self.models)}
        models = [self._table_model(spec, sizes.index(spec.n_components), places, started) for spec in self.models]
        results: list[Any] = []
        try:
            self._searcher.search_table(
                models, sizes, started - {1}, self._deadline, lambda row: self._report(rows[sizes[row]]), results
            )
        finally:
            for spec, result in zip(self.models, results, strict=False):
                self._keep(spec, *result)

    def _is_started(self, size: int) -> bool:
        """Draw the partitions of a size, unless the deadline has passed; return whether there are any."""
        if time.perf_counter() > self._deadline:
            return False
        self._searcher.draw_partitions(size)
        return True

    def _table_model(self, spec: ModelSpec, row: int, places: Mapping[ModelSpec, int], started: Collection[int]) -> Any:
        size, name = spec
        beside = places.get(ModelSpec(size - 1, name), -1), places.get(ModelSpec(size + 1, name), -1)
        neighbors = [places[other] for name in self._neighbors[name] if (other := ModelSpec(size, name)) in places]
        is_wanted = spec not in self._known and size in started
        return self._searcher.table_model(spec, row, self._optima_of(spec), beside, neighbors, is_wanted=is_wanted)

    def _keep(self, spec: ModelSpec, is_searched: bool, seconds: float, highest: Any, sound: Any) -> None:
        """Keep the optima of a model."""
        if not is_searched:
            return
        optima = self._optima_of(spec)
        before = optima.highest, optima.highest_sound
        new = {
            one: self._searcher.found(spec, one, self.models)
            for one in {highest, sound}
            if one is not None and not one.is_given
        }
        optima.highest, optima.highest_sound = new.get(highest, before[0]), new.get(sound, before[1])
        optima.seconds += seconds
        self.optima[spec] = optima
