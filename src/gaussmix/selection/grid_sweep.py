"""Search over the grid of models: a forward and a backward sweep in which models start from their neighbors.

A model starts from the responsibilities of its special cases, because an M-step from them cannot have a lower
likelihood than the special case. A model with k components also starts from that with k - 1 components, one of them
split, and from that with k + 1 components, two of them merged. All models share the same initial partitions of the
rows. Final fits ensure that no model has a lower likelihood than a special case or than the same model with fewer
components (`final_fits.py`).
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.batch import MOST_FEATURES, BatchFit, BatchSettings
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.sequential_batch import batch_method, fit_em_one_by_one
from gaussmix.selection.model_names import ModelSpec, as_origin
from gaussmix.selection.nesting import from_simple_to_rich, is_submodel, nearest_submodels
from gaussmix.selection.partitions import SearchData, Start
from gaussmix.selection.warm_starts import merges, nudged_splits, splits

_SHORT, _LONG = 3, 300  # iterations of short runs, and most iterations of long runs
_FINISHERS = 10  # starts that get a long run
_WIDE, _WIDE_LONG = 2, 30  # starts, and most iterations, for tables of many columns, whose runs are not compiled
_NEAR = 1e-3  # a run ends at this estimated distance from the optimum, in nats
_SAME = 1e-2  # nats: closer optima count as equal
TOLERANCE = 1e-3
"""Nats by which the log-likelihood of a model may be below that of a special case."""


@dataclass(frozen=True, eq=False)
class LocalOptimum:
    """Local optimum on the rows of the search.

    Attributes
    ----------
    mixture : Mixture
        Parameters at the optimum.
    objective, log_likelihood : float
        Log-likelihood with and without the log prior, in nats.
    soundness : Soundness
        Degenerate components.
    origin : str
        Start that led to the optimum.
    responsibilities : (n, k) array
        Responsibilities of the rows of the search.
    """

    mixture: Mixture
    objective: float
    log_likelihood: float
    soundness: Soundness
    origin: str
    responsibilities: FloatArray

    @cached_property
    def is_sound(self) -> bool:
        """Whether no component is unsound."""
        return not self.soundness.n_unsound

    @property
    def start(self) -> Start:
        """Start of another model: the origin, as text, and the responsibilities."""
        return as_origin(self.mixture), self.responsibilities


@dataclass(eq=False)
class LocalOptima:
    """Best optima of a model so far.

    Attributes
    ----------
    highest, highest_sound : LocalOptimum or None
        Best of all optima, and best of those without unsound components.
    seconds : float
        Time spent on the model, in seconds.
    """

    highest: LocalOptimum | None = None
    highest_sound: LocalOptimum | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, optimum: LocalOptimum) -> "LocalOptima":
        """Return the optima of a model with a single known optimum."""
        return cls(optimum, optimum if optimum.is_sound else None)

    def add(self, optimum: LocalOptimum) -> None:
        """Replace the best optima by a new one if it is more than 0.01 nats higher."""
        if self.highest is None or optimum.objective > self.highest.objective + _SAME:
            self.highest = optimum
        if optimum.is_sound and (
            self.highest_sound is None or optimum.objective > self.highest_sound.objective + _SAME
        ):
            self.highest_sound = optimum

    @property
    def preferred(self) -> LocalOptimum | None:
        """The best sound optimum, or the best of all if none is sound."""
        return self.highest_sound or self.highest

    def is_sound_above(self, floor: float) -> bool:
        """Return whether a sound optimum has at least the log-likelihood ``floor``, in nats, up to `TOLERANCE`."""
        return self.highest_sound is not None and self.highest_sound.log_likelihood >= floor - TOLERANCE


class GridSweep:
    """Search for the optima of all models of a table.

    Parameters
    ----------
    data : SearchData
        Rows, initial partitions and penalties.
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
        data: SearchData,
        wanted: Collection[ModelSpec],
        known: Mapping[ModelSpec, LocalOptimum],
        deadline: float,
        step: Callable[[ModelSpec], object] | None,
    ) -> None:
        self._data, self._deadline, self._step = data, deadline, step
        self._known = known
        self._is_wide = data.rows.n_features > MOST_FEATURES
        names = {spec.structure: spec.covariance_type for spec in (*wanted, *known)}
        structures = from_simple_to_rich(names)
        self._names = [names[structure] for structure in structures]
        self._submodels = {
            names[one]: {names[other] for other in structures if is_submodel(other, one)} for one in structures
        }
        self._nearest_submodels = {
            names[one]: [names[other] for other in nearest_submodels(one, structures)] for one in structures
        }
        order = {name: at for at, name in enumerate(self._names)}
        self._wanted = sorted(wanted, key=lambda spec: (spec.n_components, order[spec.covariance_type]))
        self.models = sorted({*wanted, *known}, key=lambda spec: (spec.n_components, order[spec.covariance_type]))
        self.optima = {spec: LocalOptima.of(optimum) for spec, optimum in known.items()}

    def run(self) -> None:
        """Sweep from few components and simple structures to many components and rich structures, and back."""
        for spec in self._wanted:
            size, name = spec
            starts = self._starts_from(size, self._nearest_submodels[name])
            fewer = self._preferred(ModelSpec(size - 1, name))
            if fewer is not None:
                starts += splits(self._data.rows.values, fewer.mixture, fewer.responsibilities)
            if not self._search(spec, [*starts, *self._data.partitions(size)]):
                return
        for spec in reversed(self._wanted):
            size, name = spec
            starts = self._starts_from(size, [other for other in self._names if other != name])
            more = self._preferred(ModelSpec(size + 1, name))
            if more is not None:
                starts += merges(more.mixture, more.responsibilities, self._data.rows.total)
            if not self._search(spec, starts):
                return

    def select_optima(self) -> dict[ModelSpec, LocalOptimum]:
        """Select an optimum for each searched model.

        It is the best sound optimum if its log-likelihood is no lower than those of the sound optima of its special
        cases. Otherwise the model is fitted again from these. If this does not help, the best optimum of all is
        selected, sound or not.
        """
        selected: dict[ModelSpec, LocalOptimum] = {}
        for spec, optima in ((spec, self.optima[spec]) for spec in self.models if spec in self.optima):
            below = [
                selected[other] for other in self.special_cases(spec) if other in selected and selected[other].is_sound
            ]
            floor = max((optimum.log_likelihood for optimum in below), default=-math.inf)
            is_late = time.perf_counter() > self._deadline
            if below and not optima.is_sound_above(floor) and spec not in self._known and not is_late:
                self._fit_from_special_cases(spec, selected)
            optimum = optima.highest_sound if optima.is_sound_above(floor) else optima.highest
            if optimum is not None:
                selected[spec] = optimum
        return selected

    def special_cases(self, spec: ModelSpec) -> list[ModelSpec]:
        """Return all special cases of a model, with as many components or fewer."""
        submodels = self._submodels[spec.covariance_type]
        return [
            other
            for other in self.models
            if other != spec and other.n_components <= spec.n_components and other.covariance_type in submodels
        ]

    def _fit_from_special_cases(self, spec: ModelSpec, selected: Mapping[ModelSpec, LocalOptimum]) -> None:
        size, name = spec
        starts: list[Start] = []
        for simple in self._nearest_submodels[name]:
            optimum = selected.get(ModelSpec(size, simple))
            if optimum is not None and optimum.is_sound:
                starts.append(optimum.start)
        fewer = selected.get(ModelSpec(size - 1, name))
        if fewer is not None and fewer.is_sound:
            starts += nudged_splits(self._data.rows.values, fewer.mixture, fewer.responsibilities)
        self._fit_all(spec, starts)

    def _starts_from(self, size: int, names: Iterable[str]) -> list[Start]:
        """Return the preferred optima of the named models with ``size`` components, as starts."""
        optima = [self._preferred(ModelSpec(size, name)) for name in names]
        return [optimum.start for optimum in optima if optimum is not None]

    def _preferred(self, spec: ModelSpec) -> LocalOptimum | None:
        return self.optima[spec].preferred if spec in self.optima else None

    def _search(self, spec: ModelSpec, starts: list[Start]) -> bool:
        """Fit a model from starts; return False if the deadline has passed."""
        if time.perf_counter() > self._deadline:
            return False
        if self._is_wide:
            starts = starts[:_WIDE]
        if len(starts) > _FINISHERS:
            starts = self._best_after_short_runs(spec, starts)
        self._fit_all(spec, starts)
        if self._step:
            self._step(spec)
        return True

    def _best_after_short_runs(self, spec: ModelSpec, starts: list[Start]) -> list[Start]:
        """Return the best starts after a few iterations of plain EM, with updated responsibilities."""
        settings = BatchSettings(_SHORT, _NEAR, accelerate=False, with_responsibilities=True)
        short = self._fit_batch(spec, starts, settings)
        assert short.responsibilities is not None
        return [(starts[at][0], short.responsibilities[at]) for at in _different(short.objectives, _FINISHERS)]

    def _fit_all(self, spec: ModelSpec, starts: list[Start]) -> None:
        """Run EM from each start to convergence, and keep optima that are higher than the best sound one."""
        began = time.perf_counter()
        optima = self.optima.setdefault(spec, LocalOptima())
        if starts:
            settings = BatchSettings(_WIDE_LONG if self._is_wide else _LONG, _NEAR, with_responsibilities=True)
            ended = self._fit_batch(spec, starts, settings)
            assert ended.responsibilities is not None
            for at in _different(ended.objectives, len(starts)):
                objective = float(ended.objectives[at])
                if optima.highest_sound is not None and objective <= optima.highest_sound.objective + _SAME:
                    break
                if optima.highest is not None and abs(objective - optima.highest.objective) <= _SAME:
                    continue  # known to be unsound
                mixture = ended.mixture(at)
                if (mixture.covariance.pivots() > 0).all():  # not numerically singular
                    total = self._data.rows.total
                    soundness = self._data.examine(mixture, mixture.weights * total, total)
                    log_likelihood = float(ended.log_likelihoods[at])
                    table = ended.responsibilities[at]
                    optima.add(LocalOptimum(mixture, objective, log_likelihood, soundness, starts[at][0], table))
        optima.seconds += time.perf_counter() - began

    def _fit_batch(self, spec: ModelSpec, starts: list[Start], settings: BatchSettings) -> BatchFit:
        """Run EM for a model from each start; one component has a fit even where compiled runs find it singular."""
        rows, structure, update = self._data.rows, spec.structure, self._data.update_for_batch(spec)
        tables = np.stack([table for _, table in starts])
        fit = batch_method(structure, rows.n_features)(rows, structure, tables, update, settings)
        if spec.n_components == 1 and not np.isfinite(fit.objectives).any():
            fit = fit_em_one_by_one(rows, structure, tables[:1], update, settings)
        return fit


def _different(objectives: FloatArray, most: int) -> list[int]:
    """Return the positions of the greatest objectives, one for each distinct optimum, without failed runs."""
    chosen: list[int] = []
    for at in np.argsort(-objectives, kind="stable"):
        if not math.isfinite(objectives[at]) or len(chosen) == most:
            break
        if not chosen or objectives[chosen[-1]] - objectives[at] > _SAME:
            chosen.append(int(at))
    return chosen
