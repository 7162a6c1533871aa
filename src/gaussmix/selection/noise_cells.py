"""Search of models with uniform noise, from dense rows, from special cases, and from the models without noise.

The runs are those of `NoiseMultistart`, in Python. Models of a size go from simple to rich, so that each starts from
the optima of its special cases and has no lower likelihood.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.engines import AbstractEngine, distinct_rows, engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Form, IntArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.agglomeration import merge_cells
from gaussmix.fitting.batch import MOST_FEATURES
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.multistart import LAST, LONGER, SHORT, SearchSettings
from gaussmix.fitting.noise_region import region_of
from gaussmix.fitting.noise_search import NoiseMultistart
from gaussmix.fitting.noise_starts import FEW_NOISE, DenseRows, dense_rows, with_weight_of_noise
from gaussmix.fitting.runs import Run, ranked
from gaussmix.fitting.sample import Sample, cluster
from gaussmix.fitting.settings import MAX_ITER, regularized_update
from gaussmix.fitting.starts import start_from_labels
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec, as_origin
from gaussmix.selection.nesting import from_simple_to_rich, nearest_submodels

SEARCHED_ROWS = 5_000
"""Number of rows above which a sample is searched."""

_SHORT, _LONGER, _FINISHERS = 6, 3, 2  # starts that run a few iterations, more, and to convergence
_NEAR = RemainingGain(1e-2)
_TOLERANCE = 1e-3  # nats by which a model may be below a special case

Start = tuple[str, Mixture]
"""A description and a mixture."""


@underflow_to_zero
def search_noise_models(
    rows: WeightedRows,
    models: Collection[ModelSpec],
    cells: Mapping[ModelSpec, Cell],
    *,
    noise_volume: float | str,
    reg_covar: float | str = "auto",
    random_state: int | np.random.RandomState | None = None,
    done: Callable[[Cell], object],
    deadline: float = math.inf,
) -> None:
    """Find the best fit of each model with noise.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64; NaN is a missing value.
    models : collection of ModelSpec
        Models with noise.
    cells : mapping
        Fitted cells, with and without noise, which are starts. Those that ``done`` adds are starts of later ones.
    noise_volume : float or str
        Volume of the noise (`region_of`).
    reg_covar : float or str
        Regularization, as in `GaussianMixture`.
    random_state : int, RandomState instance or None
        Seed or generator for the starts.
    done : callable
        Called with each finished `Cell`.
    deadline : float
        Time of ``time.perf_counter()`` after which no fit begins.
    """
    if not models:
        return
    search = _NoiseCells(rows, models, noise_volume, reg_covar, random_state, deadline)
    structures = from_simple_to_rich({spec.structure for spec in models})
    for spec in sorted(models, key=lambda spec: (spec.n_components, structures.index(spec.structure))):
        if time.perf_counter() > deadline:
            done(Cell.failed(spec, "time_budget ended before it was fitted"))
        else:
            done(search.fit(spec, cells))


@dataclass(eq=False)
class _NoiseCells:
    """Rows and partitions that all models share."""

    rows: WeightedRows
    models: Collection[ModelSpec]
    noise_volume: float | str
    reg_covar: float | str
    random_state: int | np.random.RandomState | None
    deadline: float

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        distinct = distinct_rows(self.rows)
        self._engine: AbstractEngine = engine_for(self.rows if distinct is None else distinct)
        full, most = covariance_class("full"), max(spec.n_components for spec in self.models)
        self._background = region_of(self.rows, self.noise_volume)
        self._sample, _, _ = draw_sample(self._engine, full, most, self._rng, SEARCHED_ROWS)
        self._searched = engine_for(self._sample.as_observed)
        self._levels = dense_rows(self._sample, self._background, full, most, self._rng)
        self._samples: dict[tuple[int, Form], Sample] = {}
        self._labels: dict[tuple[int, int], list[tuple[str, IntArray]]] = {}

    def fit(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Cell:
        """Return the cell of a model."""
        began = time.perf_counter()
        form = spec.structure.form
        data = self._sample_of(len(self._levels) - 1, form)  # all rows
        root = data.root_within(spec.n_components, form, np.random.default_rng(0))
        update = regularized_update(self.reg_covar, spec.structure, spec.n_components, self.rows.total, data, root)
        settings = SearchSettings(0, _NEAR, MAX_ITER, deadline=self.deadline)
        search = NoiseMultistart(self._searched, data, update, root, settings, _NEAR, background=self._background)
        below = self._special_cases(spec, cells)
        try:
            origin, best = self._race(search, [*below, *self._starts(spec, cells)])
        except FloatingPointError:
            return Cell.failed(spec, "EM failed from every start", time.perf_counter() - began)
        fit = fit_em(
            self._engine,
            update,
            best.mixture,
            RemainingGain(),
            max_iter=MAX_ITER,
            accelerator=Accelerator(update),
            run=EMRun(deadline=self.deadline),
        )
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        for name, mixture in below:
            moments = self._engine.accumulate(mixture.whitened())
            if moments.log_likelihood > fit.moments.log_likelihood + _TOLERANCE:
                origin = name
                fit = Fit.of_start(mixture, moments, moments.log_likelihood + update.log_prior(mixture))
        fit = fit.reordered(np.argsort(-fit.mixture.weights, kind="stable"))
        soundness = examine(fit.mixture, fit.moments.counts, fit.moments.weight, root)
        return Cell(spec, fit, update, soundness, origin, time.perf_counter() - began)

    def _race(self, search: NoiseMultistart, starts: list[Start]) -> tuple[str, Run]:
        """Return the best run and where it started."""
        begun = [(name, search.short_runs([mixture], 1)[0]) for name, mixture in starts]
        most = sorted(begun, key=lambda run: run[1].rank)[:_SHORT]
        runs = [(name, search.longer_runs([run], SHORT)[0]) for name, run in most]
        some = sorted(runs, key=lambda run: run[1].rank)[:_LONGER]
        longer = [(name, search.longer_runs([run], LONGER)[0]) for name, run in some]
        best = sorted(longer, key=lambda run: run[1].rank)[:_FINISHERS]
        ended = [(name, search.go_on(run, LAST)) for name, run in best]
        first = ranked([run for _, run in ended])[0]
        return next(name for name, run in ended if run.objective >= first.objective), first

    def _special_cases(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> list[Start]:
        """Return the optima of special cases: without noise, and of simpler structures with noise."""
        plain = cells.get(spec.without_noise())
        found = []
        if plain is not None and plain.mixture is not None and not plain.n_unsound:
            nothing = with_weight_of_noise(plain.mixture, self._background, 0.0)
            found.append((as_origin(plain.spec, self._sample.rows.n_features), nothing))
        for cell in self._simpler(spec, cells):
            assert cell.mixture is not None
            found.append((as_origin(cell.spec, self._sample.rows.n_features), cell.mixture.promote_to(spec.structure)))
        return found

    def _simpler(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> list[Cell]:
        names: dict[type[AbstractCovariance], str] = {one.structure: one.covariance_type for one in self.models}
        nearest = nearest_submodels(spec.structure, names)
        found = [cells.get(ModelSpec(spec.n_components, names[structure]).with_noise()) for structure in nearest]
        return [cell for cell in found if cell is not None and cell.mixture is not None and not cell.n_unsound]

    def _starts(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield starts from partitions of the dense rows, and from the model without noise."""
        plain = cells.get(spec.without_noise())
        if plain is not None and plain.mixture is not None:
            yield as_origin(plain.spec, plain.mixture.n_features), self._with_noise(plain.mixture)
        for at, level in enumerate(self._levels):
            data = self._sample_of(at, spec.structure.form)
            for name, labels in self._partitions(at, spec.n_components):
                start = start_from_labels(data, labels, spec.structure, spec.n_components)
                yield f"{name} of {1 - level.noise:.0%} of the rows", self._with_noise(start, level)

    def _with_noise(self, mixture: Mixture, level: DenseRows | None = None) -> Mixture:
        return with_weight_of_noise(mixture, self._background, FEW_NOISE if level is None else level.noise)

    def _partitions(self, at: int, size: int) -> list[tuple[str, IntArray]]:
        """Return partitions of the rows of a level, the same for all structures."""
        if (at, size) not in self._labels:
            data = self._levels[at].data
            found = [("k-means", cluster(data.whitened, data, size, self._rng))]
            if size > 1 and data.rows.n_features <= MOST_FEATURES:
                whitened = data.rows.with_values(data.whitened)
                found.append(("agglomeration", merge_cells(whitened, "full", size, self._rng)))
            self._labels[at, size] = found
        return self._labels[at, size]

    def _sample_of(self, at: int, form: Form) -> Sample:
        """Return the rows of a level in the units of a form."""
        if (at, form) not in self._samples:
            data = self._levels[at].data
            self._samples[at, form] = Sample.of(data.rows, form)
        return self._samples[at, form]
