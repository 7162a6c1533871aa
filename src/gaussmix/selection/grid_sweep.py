"""The search over models: every structure with every number of components, each started from its neighbors.

What one cell of the table has found is where others begin. A structure starts from its special cases, for the M-step
of a richer structure at their responsibilities loses no likelihood; k components start from k - 1 of which one is
split, and from k + 1 of which two are merged; and all start from the same partitions of the rows. So a richer model
ends no lower than a special case, and more components no lower than fewer, whatever the starts were (`last_word.py`).
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
from gaussmix.fitting.batch import MOST_FEATURES, climb
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.selection.model_names import as_origin
from gaussmix.selection.nesting import from_simple_to_rich, is_submodel, nearest_submodels
from gaussmix.selection.partitions import Landscape, Start
from gaussmix.selection.warm_starts import merges, nudged_splits, splits

_SHORT, _LONG = 3, 300  # iterations of the two heats of a race
_FINISHERS = 10  # starts in the last heat
_WIDE, _WIDE_LONG = 2, 30  # starts at all, and their iterations, where runs are not compiled
_NEAR = 1e-3  # nats from the top
_SAME = 1e-2  # nats: optima nearer than this are one
LESS = 1e-3
"""Nats: so much below a special case is too low."""

Place = tuple[int, type[AbstractCovariance]]
"""A number of components and a structure."""


@dataclass(frozen=True, eq=False)
class Peak:
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
class Peaks:
    """The highest peaks of a place so far: of all, and of those whose components are sound.

    Attributes
    ----------
    highest, soundest : Peak or None
    seconds : float
        That were spent on the place.
    """

    highest: Peak | None = None
    soundest: Peak | None = None
    seconds: float = 0.0

    def add(self, peak: Peak) -> None:
        """Keep it where it is higher than what is there."""
        if self.highest is None or peak.objective > self.highest.objective + _SAME:
            self.highest = peak
        if peak.is_sound and (self.soundest is None or peak.objective > self.soundest.objective + _SAME):
            self.soundest = peak

    @property
    def preferred(self) -> Peak | None:
        return self.soundest or self.highest

    def is_sound_above(self, floor: float) -> bool:
        """Whether a sound peak is no lower than a floor, in nats."""
        return self.soundest is not None and self.soundest.log_likelihood >= floor - LESS


class Ascent:
    """The search for the peaks of all places of a table.

    Parameters
    ----------
    landscape : Landscape
    wanted : collection of (int, structure)
        The places to search.
    known : mapping from (int, structure) to Peak
        Places where others may start from, and that stay as they are.
    deadline : float
        As ``time.perf_counter()`` counts: what is not reached by then is left out.
    step : callable or None
        Called with each place that is searched, twice.
    """

    def __init__(
        self,
        landscape: Landscape,
        wanted: Collection[Place],
        known: Mapping[Place, Peak],
        deadline: float,
        step: Callable[[Place], object] | None,
    ) -> None:
        self._landscape, self._deadline, self._step = landscape, deadline, step
        self._known = known
        self._is_wide = landscape.rows.shape[1] > MOST_FEATURES
        self._structures = from_simple_to_rich({structure for _, structure in (*wanted, *known)})
        self._under = {
            one: {other for other in self._structures if is_submodel(other, one)} for one in self._structures
        }
        self._below = {one: nearest_submodels(one, self._structures) for one in self._structures}
        order = {structure: at for at, structure in enumerate(self._structures)}
        self._wanted = sorted(wanted, key=lambda place: (place[0], order[place[1]]))
        self.all_places = sorted({*wanted, *known}, key=lambda place: (place[0], order[place[1]]))
        self.peaks = {place: Peaks(peak, peak if peak.is_sound else None) for place, peak in known.items()}

    def run(self) -> None:
        """From few components and simple structures to many and rich ones, and back."""
        for size, structure in self._wanted:
            starts = self._from_models(size, self._below[structure])
            fewer = self._preferred((size - 1, structure))
            if fewer is not None:
                starts += splits(self._landscape.rows, fewer.mixture, fewer.responsibilities)
            starts = [*starts, *self._landscape.partitions(size)]
            if not self._search((size, structure), starts):
                return
        for size, structure in reversed(self._wanted):
            starts = self._from_models(size, [other for other in self._structures if other is not structure])
            more = self._preferred((size + 1, structure))
            if more is not None:
                starts += merges(more.mixture, more.responsibilities, self._landscape.weight)
            if not self._search((size, structure), starts):
                return

    def settle(self) -> dict[Place, Peak]:
        """A peak for each place that was reached: a sound one no lower than the sound ones below, if there is one.

        Where there is none, the sound ones below are starts, as they are; if that does not help, it is the highest.
        """
        settled: dict[Place, Peak] = {}
        for place, peaks in ((place, self.peaks[place]) for place in self.all_places if place in self.peaks):
            below = [settled[other] for other in self.under(place) if other in settled and settled[other].is_sound]
            floor = max((peak.log_likelihood for peak in below), default=-math.inf)
            late = time.perf_counter() > self._deadline
            if below and not peaks.is_sound_above(floor) and place not in self._known and not late:
                self._climb_from_below(place, settled)
            peak = peaks.soundest if peaks.is_sound_above(floor) else peaks.highest
            if peak is not None:
                settled[place] = peak
        return settled

    def under(self, place: Place) -> list[Place]:
        """All places whose mixtures are also of this one: special cases with as many components or fewer."""
        size, structure = place
        return [
            other
            for other in self.all_places
            if other != place and other[0] <= size and other[1] in self._under[structure]
        ]

    def _climb_from_below(self, place: Place, settled: Mapping[Place, Peak]) -> None:
        size, structure = place
        starts: list[Start] = []
        for other in (*((size, simple) for simple in self._below[structure]), (size - 1, structure)):
            peak = settled.get(other)
            if peak is None or not peak.is_sound:
                continue
            if other[0] == size:
                starts.append((as_origin(peak.mixture), peak.responsibilities))
            else:
                starts += nudged_splits(self._landscape.rows, peak.mixture, peak.responsibilities)
        self._climb(place, starts)

    def _from_models(self, size: int, structures: Iterable[type[AbstractCovariance]]) -> list[Start]:
        peaks = [self._preferred((size, structure)) for structure in structures]
        return [(as_origin(peak.mixture), peak.responsibilities) for peak in peaks if peak is not None]

    def _preferred(self, place: Place) -> Peak | None:
        return self.peaks[place].preferred if place in self.peaks else None

    def _search(self, place: Place, starts: list[Start]) -> bool:
        """A race of starts, and whether there is time for more."""
        if time.perf_counter() > self._deadline:
            return False
        if self._is_wide:
            starts = starts[:_WIDE]
        if len(starts) > _FINISHERS:
            starts = self._heat(place, starts)
        self._climb(place, starts)
        if self._step:
            self._step(place)
        return True

    def _heat(self, place: Place, starts: list[Start]) -> list[Start]:
        """The best after a few iterations of plain EM, as they are then."""
        size, structure = place
        short = climb(
            self._landscape.rows,
            self._landscape.row_weights,
            structure,
            np.stack([table for _, table in starts]),
            self._landscape.update_for_climbs(size, structure),
            max_iter=_SHORT,
            nats=_NEAR,
            accelerate=False,
            with_responsibilities=True,
        )
        assert short.responsibilities is not None
        return [(starts[at][0], short.responsibilities[at]) for at in _different(short.objectives, _FINISHERS)]

    def _climb(self, place: Place, starts: list[Start]) -> None:
        """To the top from each start; what is no higher than a sound peak that is there is not looked at."""
        began = time.perf_counter()
        size, structure = place
        peaks = self.peaks.setdefault(place, Peaks())
        if starts:
            ended = climb(
                self._landscape.rows,
                self._landscape.row_weights,
                structure,
                np.stack([table for _, table in starts]),
                self._landscape.update_for_climbs(size, structure),
                max_iter=_WIDE_LONG if self._is_wide else _LONG,
                nats=_NEAR,
                with_responsibilities=True,
            )
            assert ended.responsibilities is not None
            for at in _different(ended.objectives, len(starts)):
                objective = float(ended.objectives[at])
                if peaks.soundest is not None and objective <= peaks.soundest.objective + _SAME:
                    break
                if peaks.highest is not None and abs(objective - peaks.highest.objective) <= _SAME:
                    continue  # seen before, and not sound
                mixture = ended.mixture(at)
                if (mixture.covariance.pivots() > 0).all():  # to rounding singular, if not
                    counts = mixture.weights * self._landscape.weight
                    soundness = self._landscape.examine(mixture, counts, self._landscape.weight)
                    log_likelihood = float(ended.log_likelihoods[at])
                    table = ended.responsibilities[at]
                    peaks.add(Peak(mixture, objective, log_likelihood, soundness, starts[at][0], table))
        peaks.seconds += time.perf_counter() - began


def _different(objectives: FloatArray, most: int) -> list[int]:
    """The positions of the greatest objectives, one of each that are the same; runs that failed are left out."""
    chosen: list[int] = []
    for at in np.argsort(-objectives, kind="stable"):
        if not math.isfinite(objectives[at]) or len(chosen) == most:
            break
        if not chosen or objectives[chosen[-1]] - objectives[at] > _SAME:
            chosen.append(int(at))
    return chosen
