"""The search over models: every structure with every number of components, each started from its neighbors.

What one cell of the table has found is where others begin. A structure starts from its special cases, for the M-step
of a richer structure at their responsibilities loses no likelihood; k components start from k - 1 of which one is
split, and from k + 1 of which two are merged; and all start from the same partitions of the rows. So a richer model
ends no lower than a special case, and more components no lower than fewer, whatever the starts were (`final_fits.py`).
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.batch import MOST_FEATURES, BatchSettings
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.sequential_batch import batch_method
from gaussmix.selection.model_names import as_origin
from gaussmix.selection.nesting import from_simple_to_rich, is_submodel, nearest_submodels
from gaussmix.selection.partitions import SearchData, Start
from gaussmix.selection.warm_starts import merges, nudged_splits, splits

_SHORT, _LONG = 3, 300  # iterations of the two heats of a race
_FINISHERS = 10  # starts in the last heat
_WIDE, _WIDE_LONG = 2, 30  # starts at all, and their iterations, where runs are not compiled
_NEAR = 1e-3  # nats from the top
_SAME = 1e-2  # nats: optima nearer than this are one
TOLERANCE = 1e-3
"""Nats: so much below a special case is too low."""

Place = tuple[int, type[AbstractCovariance]]
"""A number of components and a structure."""


@dataclass(frozen=True, eq=False)
class LocalOptimum:
    """Where EM arrived on the rows that are searched.

    Attributes
    ----------
    mixture : Mixture
    objective, log_likelihood : float
        In nats.
    soundness : Soundness
    origin : str
        What it was started from.
    responsibilities : (n, k) array
        Of the rows that are searched.
    """

    mixture: Mixture
    objective: float
    log_likelihood: float
    soundness: Soundness
    origin: str
    responsibilities: FloatArray

    @cached_property
    def is_sound(self) -> bool:
        return not self.soundness.n_unsound


@dataclass(eq=False)
class LocalOptima:
    """The highest optima of a place so far: of all, and of those whose components are sound.

    Attributes
    ----------
    highest, soundest : LocalOptimum or None
    seconds : float
        That were spent on the place.
    """

    highest: LocalOptimum | None = None
    soundest: LocalOptimum | None = None
    seconds: float = 0.0

    def add(self, optimum: LocalOptimum) -> None:
        """Keep it where it is higher than what is there."""
        if self.highest is None or optimum.objective > self.highest.objective + _SAME:
            self.highest = optimum
        if optimum.is_sound and (self.soundest is None or optimum.objective > self.soundest.objective + _SAME):
            self.soundest = optimum

    @property
    def preferred(self) -> LocalOptimum | None:
        return self.soundest or self.highest

    def is_sound_above(self, floor: float) -> bool:
        """Whether a sound optimum is no lower than a floor, in nats."""
        return self.soundest is not None and self.soundest.log_likelihood >= floor - TOLERANCE


class GridSweep:
    """The search for the optima of all places of a table.

    Parameters
    ----------
    data : SearchData
    wanted : collection of (int, structure)
        The places to search.
    known : mapping from (int, structure) to LocalOptimum
        Places where others may start from, and that stay as they are.
    deadline : float
        As ``time.perf_counter()`` counts: what is not reached by then is left out.
    step : callable or None
        Called with each place that is searched, twice.
    """

    def __init__(
        self,
        data: SearchData,
        wanted: Collection[Place],
        known: Mapping[Place, LocalOptimum],
        deadline: float,
        step: Callable[[Place], object] | None,
    ) -> None:
        self._data, self._deadline, self._step = data, deadline, step
        self._known = known
        self._is_wide = data.rows.n_features > MOST_FEATURES
        self._fit_batch = batch_method(data.rows.n_features)
        self._structures = from_simple_to_rich({structure for _, structure in (*wanted, *known)})
        self._under = {
            one: {other for other in self._structures if is_submodel(other, one)} for one in self._structures
        }
        self._below = {one: nearest_submodels(one, self._structures) for one in self._structures}
        order = {structure: at for at, structure in enumerate(self._structures)}
        self._wanted = sorted(wanted, key=lambda place: (place[0], order[place[1]]))
        self.all_places = sorted({*wanted, *known}, key=lambda place: (place[0], order[place[1]]))
        self.optima = {
            place: LocalOptima(optimum, optimum if optimum.is_sound else None) for place, optimum in known.items()
        }

    def run(self) -> None:
        """From few components and simple structures to many and rich ones, and back."""
        for size, structure in self._wanted:
            starts = self._from_models(size, self._below[structure])
            fewer = self._preferred((size - 1, structure))
            if fewer is not None:
                starts += splits(self._data.rows.values, fewer.mixture, fewer.responsibilities)
            starts = [*starts, *self._data.partitions(size)]
            if not self._search((size, structure), starts):
                return
        for size, structure in reversed(self._wanted):
            starts = self._from_models(size, [other for other in self._structures if other is not structure])
            more = self._preferred((size + 1, structure))
            if more is not None:
                starts += merges(more.mixture, more.responsibilities, self._data.rows.total)
            if not self._search((size, structure), starts):
                return

    def select_optima(self) -> dict[Place, LocalOptimum]:
        """A optimum for each place that was reached: a sound one no lower than the sound ones below, if there is one.

        Where there is none, the sound ones below are starts, as they are; if that does not help, it is the highest.
        """
        selected: dict[Place, LocalOptimum] = {}
        for place, optima in ((place, self.optima[place]) for place in self.all_places if place in self.optima):
            below = [selected[other] for other in self.under(place) if other in selected and selected[other].is_sound]
            floor = max((optimum.log_likelihood for optimum in below), default=-math.inf)
            late = time.perf_counter() > self._deadline
            if below and not optima.is_sound_above(floor) and place not in self._known and not late:
                self._fit_from_special_cases(place, selected)
            optimum = optima.soundest if optima.is_sound_above(floor) else optima.highest
            if optimum is not None:
                selected[place] = optimum
        return selected

    def under(self, place: Place) -> list[Place]:
        """All places whose mixtures are also of this one: special cases with as many components or fewer."""
        size, structure = place
        return [
            other
            for other in self.all_places
            if other != place and other[0] <= size and other[1] in self._under[structure]
        ]

    def _fit_from_special_cases(self, place: Place, selected: Mapping[Place, LocalOptimum]) -> None:
        size, structure = place
        starts: list[Start] = []
        for other in (*((size, simple) for simple in self._below[structure]), (size - 1, structure)):
            optimum = selected.get(other)
            if optimum is None or not optimum.is_sound:
                continue
            if other[0] == size:
                starts.append((as_origin(optimum.mixture), optimum.responsibilities))
            else:
                starts += nudged_splits(self._data.rows.values, optimum.mixture, optimum.responsibilities)
        self._fit_all(place, starts)

    def _from_models(self, size: int, structures: Iterable[type[AbstractCovariance]]) -> list[Start]:
        optima = [self._preferred((size, structure)) for structure in structures]
        return [(as_origin(optimum.mixture), optimum.responsibilities) for optimum in optima if optimum is not None]

    def _preferred(self, place: Place) -> LocalOptimum | None:
        return self.optima[place].preferred if place in self.optima else None

    def _search(self, place: Place, starts: list[Start]) -> bool:
        """A race of starts, and whether there is time for more."""
        if time.perf_counter() > self._deadline:
            return False
        if self._is_wide:
            starts = starts[:_WIDE]
        if len(starts) > _FINISHERS:
            starts = self._best_after_few_iterations(place, starts)
        self._fit_all(place, starts)
        if self._step:
            self._step(place)
        return True

    def _best_after_few_iterations(self, place: Place, starts: list[Start]) -> list[Start]:
        """The best after a few iterations of plain EM, as they are then."""
        size, structure = place
        short = self._fit_batch(
            self._data.rows,
            structure,
            np.stack([table for _, table in starts]),
            self._data.update_for_batch(size, structure),
            BatchSettings(_SHORT, _NEAR, accelerate=False, with_responsibilities=True),
        )
        assert short.responsibilities is not None
        return [(starts[at][0], short.responsibilities[at]) for at in _different(short.objectives, _FINISHERS)]

    def _fit_all(self, place: Place, starts: list[Start]) -> None:
        """To the top from each start; what is no higher than a sound optimum that is there is not looked at."""
        began = time.perf_counter()
        size, structure = place
        optima = self.optima.setdefault(place, LocalOptima())
        if starts:
            ended = self._fit_batch(
                self._data.rows,
                structure,
                np.stack([table for _, table in starts]),
                self._data.update_for_batch(size, structure),
                BatchSettings(_WIDE_LONG if self._is_wide else _LONG, _NEAR, with_responsibilities=True),
            )
            assert ended.responsibilities is not None
            for at in _different(ended.objectives, len(starts)):
                objective = float(ended.objectives[at])
                if optima.soundest is not None and objective <= optima.soundest.objective + _SAME:
                    break
                if optima.highest is not None and abs(objective - optima.highest.objective) <= _SAME:
                    continue  # seen before, and not sound
                mixture = ended.mixture(at)
                if (mixture.covariance.pivots() > 0).all():  # to rounding singular, if not
                    total = self._data.rows.total
                    soundness = self._data.examine(mixture, mixture.weights * total, total)
                    log_likelihood = float(ended.log_likelihoods[at])
                    table = ended.responsibilities[at]
                    optima.add(LocalOptimum(mixture, objective, log_likelihood, soundness, starts[at][0], table))
        optima.seconds += time.perf_counter() - began


def _different(objectives: FloatArray, most: int) -> list[int]:
    """The positions of the greatest objectives, one of each that are the same; runs that failed are left out."""
    chosen: list[int] = []
    for at in np.argsort(-objectives, kind="stable"):
        if not math.isfinite(objectives[at]) or len(chosen) == most:
            break
        if not chosen or objectives[chosen[-1]] - objectives[at] > _SAME:
            chosen.append(int(at))
    return chosen
