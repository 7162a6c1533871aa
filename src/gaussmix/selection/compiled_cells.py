"""Search of cells in compiled code (`cpp/em/cell_search.hpp`), for up to `MOST_FEATURES` features."""

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, Form
from gaussmix.fitting.batch import BatchSettings, center_and_scale, pseudo_moments
from gaussmix.fitting.em import Fit, Record
from gaussmix.fitting.sequential_batch import fit_em_one_by_one
from gaussmix.fitting.stopping import Stop
from gaussmix.selection.model_names import ModelSpec, as_origin
from gaussmix.selection.optima import LocalOptima, LocalOptimum, Request
from gaussmix.selection.partitions import SearchData

_LONG = 300  # most passes of a run
_NEAR = 1e-3  # a run ends at this estimated distance from the optimum, in nats
_NEARER = 1e-4  # the same for runs that are not continued
_FLOPS_PER_CALL = 2e10
_USUAL_PASSES = 150
_PARTITION, _SAME, _SPLIT = 0, 1, 2  # kinds of starts; the fourth is a merge


@dataclass(frozen=True, eq=False)
class Units:
    """Units of compiled searches: rows are centered and scaled by a power of two.

    Attributes
    ----------
    center : (d,) array
        Mean of the rows.
    exponent : int
        Exponent of the power of two.
    """

    center: FloatArray
    exponent: int

    @cached_property
    def log_volume(self) -> float:
        """Logarithm of the ratio of densities."""
        return self.exponent * math.log(2.0) * len(self.center)


@dataclass(frozen=True, eq=False)
class CompiledPoint:
    """Optimum of a compiled search, in its units.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    compiled : Optimum
        Parameters and moments.
    units : Units
        Units of both.
    """

    spec: ModelSpec
    compiled: _native.Optimum
    units: Units

    @property
    def n_features(self) -> int:
        """The number of features."""
        return len(self.units.center)

    @cached_property
    def _parts(self) -> tuple[Mixture, FloatArray, FloatArray, FloatArray]:
        """The mixture and the sums of a pass: counts, shifts, scatter. Components by descending weight."""
        structure, k, d = self.spec.structure, self.spec.n_components, len(self.units.center)
        shape = structure.root_shape(k, d)
        weights, means, roots = np.empty(k), np.empty((k, d)), np.empty(shape)
        counts, shifts, scatter = np.empty(k), np.empty((k, d)), np.empty(shape)
        self.compiled.read(self.units.exponent, self.units.center, weights, means, roots, counts, shifts, scatter)
        return Mixture(weights, means, structure(roots, k, d)), counts, shifts, scatter

    @property
    def mixture(self) -> Mixture:
        """The parameters."""
        return self._parts[0]

    def moments(self, weight: float) -> Moments:
        """Return the sums of a pass at the parameters, over rows of this total weight."""
        _, counts, shifts, scatter = self._parts
        form, log_volume = self.spec.structure.form, weight * self.units.log_volume
        log_likelihood = self.compiled.log_likelihood - log_volume
        return Moments(form, counts, shifts, scatter, log_likelihood, self.compiled.entropy, weight)


class _Step(NamedTuple):
    """The M-step of a model in the units of the search.

    Attributes
    ----------
    scatter : (d, d) array
        Pseudo-scatter of each component.
    pseudo_rows, ridge : float
        Pseudo-rows of each component, and the ridge.
    root : (d, d) array
        Lower root of the covariance within clusters.
    log_volume : float
        Difference of an objective in these units and in those of the data.
    """

    scatter: FloatArray
    pseudo_rows: float
    ridge: float
    root: FloatArray
    log_volume: float


class CompiledCells:
    """Searches models in compiled code.

    Parameters
    ----------
    data : SearchData
        Rows, initial partitions and penalties.
    """

    def __init__(self, data: SearchData) -> None:
        self._data, rows = data, data.rows
        self._steps: dict[tuple[int, Form], _Step] = {}
        self._models: dict[ModelSpec, _native.CellRequest] = {}
        self._refined: dict[LocalOptimum, _native.Optimum] = {}
        center, exponent = center_and_scale(rows.values)
        self._units = Units(center, exponent)
        self._centered = np.ascontiguousarray(np.ldexp(rows.values - center, -exponent))
        rounding = np.ldexp(data.rounding, -2 * exponent)
        self._search = _native.CellSearch(self._centered, rows.weights, rounding, rows.total)

    def search(self, requests: Sequence[Request], deadline: float) -> list[bool]:
        """Add better optima to those of the requests; return which models were searched before the deadline."""
        done: list[bool] = []
        n, d = self._data.rows.shape
        flops = n * requests[0].spec.n_components * (100.0 + 4 * d * d) * _USUAL_PASSES
        n_threads = _native.max_threads()
        together = max(n_threads, int(n_threads * _FLOPS_PER_CALL / flops))
        for first in range(0, len(requests), together):
            done += self._search_some(requests[first : first + together], deadline, n_threads)
        return done

    def _search_some(self, requests: Sequence[Request], deadline: float, n_threads: int) -> list[bool]:
        size = requests[0].spec.n_components
        started = requests[0].uses_partitions
        labels = self._data.labels(size) if started else np.zeros((0, self._data.rows.n_rows), dtype=np.int64)
        results = self._search.search(
            size,
            labels,
            [self._compiled(request) for request in requests],
            _LONG,
            _NEAR,
            deadline - time.perf_counter(),
            threading.current_thread() is threading.main_thread(),
            n_threads,
        )
        for request, (_, seconds, finds) in zip(requests, results, strict=True):
            request.optima.seconds += seconds
            for compiled, kind, position in finds:
                request.optima.add(self._optimum(request.spec, compiled, self._origin(request, kind, position)))
            if size == 1 and request.optima.highest is None:
                self._fit_one(request)
        return [is_done for is_done, _, _ in results]

    def _fit_one(self, request: Request) -> None:
        """Fit one component in Python: it has a fit even where compiled runs find it singular."""
        spec, rows = request.spec, self._data.rows
        update, table = self._data.update_for_batch(spec), np.ones((1, rows.n_rows, 1))
        fit = fit_em_one_by_one(rows, spec.structure, table, update, BatchSettings(_LONG, _NEAR))
        if np.isfinite(fit.objectives[0]):
            mixture = fit.mixture(0)
            is_sound = not self._data.examine(mixture, mixture.weights * rows.total, rows.total).n_unsound
            request.optima.add(self.known(spec, mixture, float(fit.log_likelihoods[0]), is_sound=is_sound))

    def known(self, spec: ModelSpec, mixture: Mixture, log_likelihood: float, *, is_sound: bool) -> LocalOptimum:
        """Return the optimum of a model that is not searched."""
        compiled = self._as_compiled(spec, mixture, mixture.weights)
        self._search.complete(self._model(spec), compiled)
        point = CompiledPoint(spec, compiled, self._units)
        return LocalOptimum(point, log_likelihood, log_likelihood, is_sound, as_origin(spec, mixture.n_features))

    def _as_compiled(self, spec: ModelSpec, mixture: Mixture, weights: FloatArray) -> _native.Optimum:
        exponent = self._units.exponent
        return _native.Optimum.make(
            spec.structure.letters,
            weights,
            np.ldexp(mixture.means - self._units.center, -exponent),
            np.ldexp(mixture.covariance.roots, -exponent),
        )

    def is_sound(self, spec: ModelSpec, mixture: Mixture, counts: FloatArray) -> bool:
        """Return whether no component of a mixture is unsound, as `examine` does for these counts (k,) of rows."""
        return self._search.is_sound(
            self._model(spec), self._as_compiled(spec, mixture, counts / self._data.rows.total)
        )

    def refine(self, optima: Mapping[ModelSpec, LocalOptimum]) -> dict[ModelSpec, float]:
        """Continue the runs of optima with a smaller tolerance, for `final_fit`; return the seconds of each."""
        found = {spec: optimum for spec, optimum in optima.items() if optimum.point.compiled.n_passes}
        requests, starts = [self._model(spec) for spec in found], [one.point.compiled for one in found.values()]
        refined = self._search.refine(requests, starts, _LONG, _NEARER, _native.max_threads())
        self._refined |= {one: compiled for one, (compiled, _) in zip(found.values(), refined, strict=True)}
        return {spec: seconds for spec, (_, seconds) in zip(found, refined, strict=True)}

    def final_fit(self, spec: ModelSpec, optimum: LocalOptimum) -> tuple[Fit, bool] | None:
        """Continue the run of an optimum with a smaller tolerance.

        Returns
        -------
        fit : Fit
            The result.
        is_sound : bool
            Whether no component is unsound; None in place of both if the run did not converge.
        """
        if optimum.point.compiled.n_passes == 0:  # not from a compiled search
            return None
        if optimum not in self._refined:
            self.refine({spec: optimum})
        compiled = self._refined[optimum]
        if not compiled.ahead < _NEARER:
            return None
        point, weight, n_passes = CompiledPoint(spec, compiled, self._units), self._data.rows.total, compiled.n_passes
        moments = point.moments(weight)
        fit = Fit(
            point.mixture,
            moments,
            objective=compiled.objective - self._step(spec).log_volume,
            history=(Record(moments.log_likelihood / weight, math.nan, 0.0),),
            n_passes=n_passes,
            change=math.nan,
            stop=Stop.AT_OPTIMUM,
            reason=Stop.AT_OPTIMUM.sentence(n_passes - 1, remaining=compiled.ahead),
            last_step=None,
            n_unrecorded=n_passes - 1,
        )
        return fit, compiled.is_sound

    def table_model(
        self,
        spec: ModelSpec,
        row: int,
        known: LocalOptima,
        beside: tuple[int, int],
        neighbors: list[int],
        *,
        is_wanted: bool,
    ) -> _native.GridModel:
        """Return a model of `search_table`.

        Parameters
        ----------
        spec : ModelSpec
            The model.
        row : int
            Position of its size.
        known : LocalOptima
            Optima before the search.
        beside : tuple of two int
            Positions of the models of the same structure with one component less and one more, or -1.
        neighbors : list of int
            Positions of the models with as many components from whose optima it starts.
        is_wanted : bool
            Whether to search it.
        """
        given = {one: None if one is None else self._given(one) for one in {known.highest, known.highest_sound}}
        highest, sound = given[known.highest], given[known.highest_sound]
        log_volume = self._step(spec).log_volume
        request = self._model(spec)
        return _native.GridModel(
            request, spec.n_components, log_volume, row, is_wanted, highest, sound, *beside, neighbors
        )

    @staticmethod
    def _given(optimum: LocalOptimum) -> _native.CellOptimum:
        return _native.CellOptimum(optimum.point.compiled, optimum.objective, optimum.is_sound)

    def search_table(
        self,
        models: Sequence[_native.GridModel],
        sizes: Sequence[int],
        started: Collection[int],
        deadline: float,
        report: Callable[[int], object],
        results: list[Any],
    ) -> None:
        """Search a table of models, and append to the results what was found, also if Ctrl-C ends the search.

        Parameters
        ----------
        models : sequence of GridModel
            All models.
        sizes : sequence of int
            Their numbers of components, ascending.
        started : collection of int
            Those that start from partitions.
        deadline : float
            Time of ``time.perf_counter()`` at which the search ends.
        report : callable
            Called with the position of a size after each sweep of its models.
        results : list
            Gets the results of each model: whether it was searched, the seconds, the highest and the highest sound
            optimum.
        """
        none = np.zeros((0, self._data.rows.n_rows), dtype=np.int64)
        labels = [self._data.labels(size) if size in started else none for size in sizes]
        is_main = threading.current_thread() is threading.main_thread()
        n_threads, seconds = _native.max_threads(), deadline - time.perf_counter()
        self._search.sweep(models, labels, _LONG, _NEAR, seconds, is_main, n_threads, report, results)

    def draw_partitions(self, size: int) -> None:
        """Draw the initial partitions of a size."""
        self._data.clusters(size)

    def found(self, spec: ModelSpec, found: _native.CellOptimum, models: Sequence[ModelSpec]) -> LocalOptimum:
        """Return an optimum that `search_table` has found among these models."""
        if found.kind == _SAME:
            origin = as_origin(models[found.origin], len(self._units.center))
        else:
            origin = self._origin_of(spec.n_components, found.kind, found.origin)
        return self._optimum(spec, found.optimum, origin)

    def _optimum(self, spec: ModelSpec, compiled: _native.Optimum, origin: str) -> LocalOptimum:
        objective = compiled.objective - self._step(spec).log_volume
        log_likelihood = compiled.log_likelihood - self._data.rows.total * self._units.log_volume
        point = CompiledPoint(spec, compiled, self._units)
        return LocalOptimum(point, objective, log_likelihood, compiled.is_sound, origin)

    def _step(self, spec: ModelSpec) -> "_Step":
        key = spec.n_components, spec.structure.form
        if key not in self._steps:
            update, exponent = self._data.update_for_batch(spec), self._units.exponent
            scatter, pseudo_rows = pseudo_moments(update, spec.structure, spec.n_components, len(self._units.center))
            self._steps[key] = _Step(
                np.ldexp(scatter, -2 * exponent),
                pseudo_rows,
                math.ldexp(update.ridge, -2 * exponent),
                np.ldexp(dense_root(self._data.root_within(*key)), -exponent),
                (self._data.rows.total + spec.n_components * pseudo_rows) * self._units.log_volume,
            )
        return self._steps[key]

    def _model(self, spec: ModelSpec) -> _native.CellRequest:
        """Return a request without starts."""
        if spec not in self._models:
            self._models[spec] = self._compiled(Request(spec, LocalOptima()))
        return self._models[spec]

    def _compiled(self, request: Request) -> _native.CellRequest:
        step = self._step(request.spec)
        highest, sound = request.optima.highest, request.optima.highest_sound
        return _native.CellRequest(
            request.spec.structure.letters,
            step.scatter,
            step.pseudo_rows,
            step.ridge,
            step.root,
            [optimum.point.compiled for optimum in request.same],
            None if request.fewer is None else request.fewer.point.compiled,
            None if request.more is None else request.more.point.compiled,
            request.share,
            -math.inf if sound is None else sound.objective + step.log_volume,
            -math.inf if highest is None else highest.objective + step.log_volume,
        )

    def _origin(self, request: Request, kind: int, position: int) -> str:
        if kind == _SAME:
            return request.same[position].name
        return self._origin_of(request.spec.n_components, kind, position)

    def _origin_of(self, size: int, kind: int, position: int) -> str:
        if kind == _PARTITION:
            return self._data.clusters(size)[position][0]
        return f"{size - 1} components, one split" if kind == _SPLIT else f"{size + 1} components, two merged"
