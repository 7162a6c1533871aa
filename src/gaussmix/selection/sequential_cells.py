"""Search of cells of wide tables, one run of EM after the other: each pass is divided among the threads."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import gaussmix.core._native as _native
from gaussmix.core.mixture import Mixture
from gaussmix.fitting.batch import BatchSettings
from gaussmix.fitting.sequential_batch import fit_em_one_by_one
from gaussmix.selection.model_names import ModelSpec, as_origin
from gaussmix.selection.optima import LocalOptimum, Request
from gaussmix.selection.partitions import SearchData, Start
from gaussmix.selection.warm_starts import merges, splits

_LONG, _NEAR = (
    30,
    1e-3,
)  # most iterations of a run, and the estimated distance from the optimum at which it ends, in nats
_STARTS = 2  # of a first search; later ones have one


@dataclass(frozen=True, eq=False)
class MixturePoint:
    """Optimum of a run in Python.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    mixture : Mixture
        The parameters.
    """

    spec: ModelSpec
    mixture: Mixture

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.mixture.n_features

    @property
    def compiled(self) -> _native.Optimum:
        """Not there: compiled searches do not start from wide tables."""
        raise NotImplementedError("wide tables are searched in Python")


class SequentialCells:
    """Searches models by runs of `fit_em`.

    Parameters
    ----------
    data : SearchData
        Rows, initial partitions and penalties.
    """

    def __init__(self, data: SearchData) -> None:
        self._data = data

    def search(self, requests: Sequence[Request], deadline: float) -> list[bool]:
        """Add better optima to those of the requests; return which models were searched before the deadline."""
        done = []
        for request in requests:
            done.append(time.perf_counter() <= deadline)
            if done[-1]:
                began = time.perf_counter()
                most = _STARTS if request.uses_partitions else 1
                for start in islice(self._starts(request), most):
                    self._fit(request, start)
                request.optima.seconds += time.perf_counter() - began
        return done

    def known(self, spec: ModelSpec, mixture: Mixture, log_likelihood: float, *, is_sound: bool) -> LocalOptimum:
        """Return the optimum of a model that is not searched."""
        point = MixturePoint(spec, mixture)
        return LocalOptimum(point, log_likelihood, log_likelihood, is_sound, as_origin(spec, mixture.n_features))

    def _starts(self, request: Request) -> Iterator[Start]:
        rows, total = self._data.rows.values, self._data.rows.total
        for optimum in sorted(request.same, key=lambda optimum: -optimum.log_likelihood):
            yield optimum.name, self._data.responsibilities(optimum.mixture)
        if request.fewer is not None:
            mixture = request.fewer.mixture
            table = self._data.responsibilities(mixture)
            yield from islice(splits(rows, mixture, table, request.share), 1)
        if request.more is not None:
            mixture = request.more.mixture
            yield from merges(mixture, self._data.responsibilities(mixture), total)
        if request.uses_partitions:
            yield from self._data.partitions(request.spec.n_components)

    def _fit(self, request: Request, start: Start) -> None:
        """Run EM from a start, and keep the optimum if it is higher than the best sound one."""
        spec, (origin, table) = request.spec, start
        update = self._data.update_for_batch(spec)
        settings = BatchSettings(_LONG, _NEAR)
        ended = fit_em_one_by_one(self._data.rows, spec.structure, table[None], update, settings)
        if not math.isfinite(ended.objectives[0]):
            return
        mixture = ended.mixture(0)
        if not (mixture.covariance.pivots() > 0).all():  # numerically singular
            return
        total = self._data.rows.total
        is_sound = not self._data.examine(mixture, mixture.weights * total, total).n_unsound
        objective, log_likelihood = float(ended.objectives[0]), float(ended.log_likelihoods[0])
        point = MixturePoint(spec, mixture)
        request.optima.add(LocalOptimum(point, objective, log_likelihood, is_sound, origin))
