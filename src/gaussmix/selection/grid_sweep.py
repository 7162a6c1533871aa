"""Search over the grid of models: a forward and a backward sweep in which models start from their neighbors.

A model starts from the responsibilities of its special cases, because an M-step from them cannot have a lower
likelihood than the special case. A model with k components also starts from that with k - 1 components, one of them
split, and from that with k + 1 components, two of them merged. All models share the same initial partitions of the
rows. Final fits ensure that no model has a lower likelihood than a special case or than the same model with fewer
components (`final_fits.py`).
"""

import math
import time
from collections.abc import Callable, Collection, Mapping

from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.nesting import from_simple_to_rich, is_submodel, nearest_submodels
from gaussmix.selection.optima import CellSearcher, LocalOptima, LocalOptimum, Request
from gaussmix.selection.warm_starts import NUDGE

_ROUNDS = 3  # of starts from models with as many components


class GridSweep:
    """Search for the optima of all models of a table.

    Parameters
    ----------
    searcher : CellSearcher
        Searches the models of a row.
    wanted : collection of ModelSpec
        The models to search.
    known : mapping from ModelSpec to LocalOptimum
        Optima of models that are not searched again. Other models start from them.
    deadline : float
        Time of ``time.perf_counter()`` after which no model is searched.
    step : callable or None
        Callback for progress; called with each model after its search, once per sweep.

    Attributes
    ----------
    models : list of ModelSpec
        All models, from few components and simple structures to many components and rich structures.
    optima : dict from ModelSpec to LocalOptima
        Optima of the models searched so far.
    """

    def __init__(
        self,
        searcher: CellSearcher,
        wanted: Collection[ModelSpec],
        known: Mapping[ModelSpec, LocalOptimum],
        deadline: float,
        step: Callable[[ModelSpec], object] | None,
    ) -> None:
        self._searcher, self._deadline, self._step = searcher, deadline, step
        self._known = known
        self._tried: dict[ModelSpec, set[LocalOptimum]] = {}
        self._special_cases: dict[ModelSpec, list[ModelSpec]] = {}
        names = {spec.structure: spec.covariance_type for spec in (*wanted, *known)}
        structures = from_simple_to_rich(names)
        self._names = [names[structure] for structure in structures]
        self._submodels = {
            names[one]: {names[other] for other in structures if is_submodel(other, one)} for one in structures
        }
        self._nearest_submodels = {
            names[one]: [names[other] for other in nearest_submodels(one, structures)] for one in structures
        }
        self._neighbors = {
            one: [*nearest, *(other for other in self._names if one in self._nearest_submodels[other])]
            for one, nearest in self._nearest_submodels.items()
        }
        order = {name: at for at, name in enumerate(self._names)}
        self._wanted = sorted(wanted, key=lambda spec: (spec.n_components, order[spec.covariance_type]))
        self.models = sorted({*wanted, *known}, key=lambda spec: (spec.n_components, order[spec.covariance_type]))
        self._of_size: dict[int, list[ModelSpec]] = {}
        for spec in self.models:
            self._of_size.setdefault(spec.n_components, []).append(spec)
        self._fewer_components: dict[tuple[int, str], list[ModelSpec]] = {}
        self.optima = {spec: LocalOptima.of(optimum) for spec, optimum in known.items()}

    def run(self) -> None:
        """Sweep from few components to many, and back."""
        rows = self._rows_to_search()
        for size in rows:
            if not self._search([self._from_fewer(spec) for spec in rows[size]]):
                return
            self._share(rows[size])
            self._report(rows[size])
        for size in reversed(rows):
            if not self._search([request for spec in rows[size] if (request := self._from_more(spec)).more]):
                return
            self._share(rows[size])
            self._report(rows[size])

    def select_optima(self) -> dict[ModelSpec, LocalOptimum]:
        """Select an optimum for each searched model.

        It is the best sound optimum if its log-likelihood is no lower than those of the sound optima of its special
        cases. Otherwise the model is fitted again from these. If this does not help, the best optimum of all is
        selected, sound or not.
        """
        selected: dict[ModelSpec, LocalOptimum] = {}
        sound: dict[ModelSpec, float] = {}  # log-likelihoods
        for spec, optima in ((spec, self.optima[spec]) for spec in self.models if spec in self.optima):
            floor = max((sound.get(other, -math.inf) for other in self.special_cases(spec)), default=-math.inf)
            is_late = time.perf_counter() > self._deadline
            if floor > -math.inf and not optima.is_sound_above(floor) and spec not in self._known and not is_late:
                self._fit_from_special_cases(spec, selected)
            optimum = optima.highest_sound if optima.is_sound_above(floor) else optima.highest
            if optimum is not None:
                selected[spec] = optimum
                if optimum.is_sound:
                    sound[spec] = optimum.log_likelihood
        return selected

    def special_cases(self, spec: ModelSpec) -> list[ModelSpec]:
        """Return all special cases of a model, with as many components or fewer."""
        if spec not in self._special_cases:
            names = self._submodels[spec.covariance_type]
            smaller = self._smaller(spec.n_components, spec.covariance_type)
            same = [other for other in self._of_size.get(spec.n_components, ()) if other.covariance_type in names]
            self._special_cases[spec] = [*smaller, *(other for other in same if other != spec)]
        return self._special_cases[spec]

    def _smaller(self, size: int, name: str) -> list[ModelSpec]:
        """Return the special cases of a model with fewer components."""
        if (size, name) not in self._fewer_components:
            names, before = self._submodels[name], max((one for one in self._of_size if one < size), default=None)
            self._fewer_components[size, name] = (
                []
                if before is None
                else [
                    *self._smaller(before, name),
                    *(other for other in self._of_size[before] if other.covariance_type in names),
                ]
            )
        return self._fewer_components[size, name]

    def _rows_to_search(self) -> dict[int, list[ModelSpec]]:
        """Return the models to search by their number of components, in ascending order."""
        sizes = sorted({spec.n_components for spec in self._wanted})
        return {size: [spec for spec in self._wanted if spec.n_components == size] for size in sizes}

    def _fit_from_special_cases(self, spec: ModelSpec, selected: Mapping[ModelSpec, LocalOptimum]) -> None:
        size, name = spec
        candidates = [selected.get(ModelSpec(size, simple)) for simple in self._nearest_submodels[name]]
        same = [optimum for optimum in candidates if optimum is not None and optimum.is_sound]
        fewer = selected.get(ModelSpec(size - 1, name))
        fewer = fewer if fewer is not None and fewer.is_sound else None
        self._searcher.search([Request(spec, self.optima[spec], same, fewer, share=NUDGE)], self._deadline)

    def _from_fewer(self, spec: ModelSpec) -> Request:
        fewer = self._preferred(ModelSpec(spec.n_components - 1, spec.covariance_type))
        return Request(spec, self._optima_of(spec), fewer=fewer, uses_partitions=True)

    def _share(self, row: list[ModelSpec]) -> None:
        """Start models with as many components from each other, as long as there are optima that were not tried."""
        for _ in range(_ROUNDS if row[0].n_components > 1 else 0):
            requests = [Request(spec, self._optima_of(spec), self._untried(spec)) for spec in row]
            requests = [request for request in requests if request.same]
            if not requests or not self._search(requests):
                return

    def _from_more(self, spec: ModelSpec) -> Request:
        more = self._preferred(ModelSpec(spec.n_components + 1, spec.covariance_type))
        return Request(spec, self._optima_of(spec), more=more)

    def _untried(self, spec: ModelSpec) -> list[LocalOptimum]:
        """Return new sound optima of the nearest special cases and of the models that have this one as theirs."""
        size, name = spec
        optima = [self._preferred(ModelSpec(size, other)) for other in self._neighbors[name]]
        tried = self._tried.setdefault(spec, set())
        untried = [optimum for optimum in optima if optimum and optimum.is_sound and optimum not in tried]
        tried.update(untried)
        return untried

    def _optima_of(self, spec: ModelSpec) -> LocalOptima:
        return self.optima.get(spec, LocalOptima())

    def _preferred(self, spec: ModelSpec) -> LocalOptimum | None:
        return self.optima[spec].preferred if spec in self.optima else None

    def _search(self, requests: list[Request]) -> bool:
        """Search models; return False if the deadline has passed."""
        if time.perf_counter() > self._deadline:
            return False
        if not requests:
            return True
        done = self._searcher.search(requests, self._deadline)
        for request, is_done in zip(requests, done, strict=True):
            if is_done or request.optima.preferred is not None:
                self.optima[request.spec] = request.optima
        return all(done)

    def _report(self, row: list[ModelSpec]) -> None:
        if self._step:
            for spec in row:
                self._step(spec)
