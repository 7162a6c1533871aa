"""Search of cells in compiled code (`cpp/em/cell_search.hpp`), for up to `MOST_FEATURES` features."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.batch import BatchSettings, center_and_scale, pseudo_moments
from gaussmix.fitting.em import Fit
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

    @property
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
    def _arrays(self) -> tuple[FloatArray, ...]:
        k, d = self.spec.n_components, len(self.units.center)
        shape = self.spec.structure.root_shape(k, d)
        arrays = np.empty(k), np.empty((k, d)), np.empty(shape), np.empty(k), np.empty((k, d)), np.empty(shape)
        self.compiled.read(*arrays)
        order = np.argsort(-arrays[0], kind="stable")
        weights, means, roots, counts, shifts, scatter = arrays
        if not FORMS[self.spec.structure.form].is_shared:
            roots, scatter = roots[order], scatter[order]
        return weights[order], means[order], roots, counts[order], shifts[order], scatter

    @property
    def mixture(self) -> Mixture:
        """The parameters."""
        weights, means, roots = self._arrays[:3]
        exponent, k, d = self.units.exponent, *means.shape
        covariance = self.spec.structure(np.ldexp(roots, exponent), k, d)
        return Mixture(weights, np.ldexp(means, exponent) + self.units.center, covariance)

    def moments(self, weight: float) -> Moments:
        """Return the sums of a pass at the parameters, over rows of this total weight."""
        counts, shifts, scatter = self._arrays[3:]
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
        self._steps: dict[ModelSpec, _Step] = {}
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
        exponent = self._units.exponent
        compiled = _native.Optimum.make(
            spec.structure.letters,
            mixture.weights,
            np.ldexp(mixture.means - self._units.center, -exponent),
            np.ldexp(mixture.covariance.roots, -exponent),
        )
        self._search.complete(self._compiled(Request(spec, LocalOptima())), compiled)
        point = CompiledPoint(spec, compiled, self._units)
        return LocalOptimum(point, log_likelihood, log_likelihood, is_sound, as_origin(spec, mixture.n_features))

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
        step = self._compiled(Request(spec, LocalOptima()))
        compiled = self._search.refine(step, optimum.point.compiled, _LONG, _NEARER)
        if not compiled.ahead < _NEARER:
            return None
        point = CompiledPoint(spec, compiled, self._units)
        moments = point.moments(self._data.rows.total)
        start = Fit.of_start(point.mixture, moments, compiled.objective - self._step(spec).log_volume)
        fit = replace(start, n_passes=compiled.n_passes, n_unrecorded=compiled.n_passes - 1)
        return fit.stopped_by(Stop.AT_OPTIMUM, compiled.ahead), compiled.is_sound

    def _optimum(self, spec: ModelSpec, compiled: _native.Optimum, origin: str) -> LocalOptimum:
        objective = compiled.objective - self._step(spec).log_volume
        log_likelihood = compiled.log_likelihood - self._data.rows.total * self._units.log_volume
        point = CompiledPoint(spec, compiled, self._units)
        return LocalOptimum(point, objective, log_likelihood, compiled.is_sound, origin)

    def _step(self, spec: ModelSpec) -> "_Step":
        if spec not in self._steps:
            update, exponent = self._data.update_for_batch(spec), self._units.exponent
            scatter, pseudo_rows = pseudo_moments(update, spec.structure, spec.n_components, len(self._units.center))
            self._steps[spec] = _Step(
                np.ldexp(scatter, -2 * exponent),
                pseudo_rows,
                math.ldexp(update.ridge, -2 * exponent),
                np.ldexp(dense_root(self._data.root_within(spec.n_components, spec.structure.form)), -exponent),
                (self._data.rows.total + spec.n_components * pseudo_rows) * self._units.log_volume,
            )
        return self._steps[spec]

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
        size = request.spec.n_components
        match kind:
            case 0:
                return self._data.partition_names(size)[position]
            case 1:
                return request.same[position].name
            case 2:
                return f"{size - 1} components, one split"
            case _:
                return f"{size + 1} components, two merged"
