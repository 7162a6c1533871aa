"""Search of models of t distributions, from the models of normal ones, from partitions, and from special cases.

The runs are those of `Multistart`, in Python. Models of a size go from simple to rich, so that each starts from the
optima of its special cases and has no lower likelihood.
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
from gaussmix.core.typing import Form
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.m_step import with_degrees
from gaussmix.fitting.multistart import LAST, SHORT, Multistart, SearchSettings
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

_FINISHERS, _PARTITIONS = 2, 2
_NEAR = RemainingGain(1e-2)
_TOLERANCE = 1e-3  # nats by which a model may be below a special case

Start = tuple[str, Mixture]
"""A description and a mixture."""


@underflow_to_zero
def search_student_models(
    rows: WeightedRows,
    models: Collection[ModelSpec],
    cells: Mapping[ModelSpec, Cell],
    *,
    reg_covar: float | str = "auto",
    random_state: int | np.random.RandomState | None = None,
    done: Callable[[Cell], object],
    deadline: float = math.inf,
) -> None:
    """Find the best fit of each model of t distributions, with degrees of freedom for each component.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64; NaN is a missing value.
    models : collection of ModelSpec
        Models of t distributions.
    cells : mapping
        Fitted cells of both families, which are starts. Those that ``done`` adds are starts of later ones.
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
    search = _StudentCells(rows, models, reg_covar, random_state, deadline)
    structures = from_simple_to_rich({spec.structure for spec in models})
    for spec in sorted(models, key=lambda spec: (spec.n_components, structures.index(spec.structure))):
        if time.perf_counter() > deadline:
            done(Cell.failed(spec, "time_budget ended before it was fitted"))
        else:
            done(search.fit(spec, cells))


@dataclass(eq=False)
class _StudentCells:
    """Rows that all models share."""

    rows: WeightedRows
    models: Collection[ModelSpec]
    reg_covar: float | str
    random_state: int | np.random.RandomState | None
    deadline: float

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        distinct = distinct_rows(self.rows)
        self._engine: AbstractEngine = engine_for(self.rows if distinct is None else distinct)
        most = max(spec.n_components for spec in self.models)
        self._sample, _, _ = draw_sample(self._engine, covariance_class("full"), most, self._rng, SEARCHED_ROWS)
        self._searched = engine_for(self._sample.as_observed)
        self._samples: dict[Form, Sample] = {}

    def fit(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Cell:
        """Return the cell of a model."""
        began, form = time.perf_counter(), spec.structure.form
        data = self._samples.setdefault(form, Sample.of(self._sample.rows, form))
        root = data.root_within(spec.n_components, form, np.random.default_rng(0))
        sizes = spec.structure, spec.n_components
        update = with_degrees(regularized_update(self.reg_covar, *sizes, self.rows.total, data, root), "each")
        settings = SearchSettings(0, _NEAR, MAX_ITER, deadline=self.deadline)
        search = Multistart(self._searched, data, update, root, settings, _NEAR)
        below = list(self._special_cases(spec, cells))
        try:
            origin, best = _race(search, [*below, *self._starts(spec, cells, data)])
        except FloatingPointError:
            return Cell.failed(spec, "EM failed from every start", time.perf_counter() - began)
        run = EMRun(deadline=self.deadline)
        accelerator = Accelerator(update)
        fit = fit_em(
            self._engine, update, best.mixture, RemainingGain(), max_iter=MAX_ITER, accelerator=accelerator, run=run
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

    def _special_cases(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterator[Start]:
        """Yield the optima of special cases: of normal distributions, and of simpler structures."""
        names: dict[type[AbstractCovariance], str] = {one.structure: one.covariance_type for one in self.models}
        simpler = [
            ModelSpec(spec.n_components, names[structure]).of_family("student")
            for structure in nearest_submodels(spec.structure, names)
        ]
        for other in [spec.of_family("gaussian"), *simpler]:
            cell = cells.get(other)
            if cell is None or cell.mixture is None or cell.n_unsound:
                continue
            mixture = cell.mixture.promote_to(spec.structure)
            degrees = mixture.degrees_of_freedom
            infinite = np.full(spec.n_components, np.inf) if degrees is None else degrees
            alike = mixture.with_components(mixture.weights, mixture.means, mixture.covariance, infinite)
            yield as_origin(other, self._sample.rows.n_features), alike

    def _starts(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell], data: Sample) -> Iterator[Start]:
        """Yield starts with few degrees of freedom: the model of normal distributions, and partitions."""
        plain = cells.get(spec.of_family("gaussian"))
        if plain is not None and plain.mixture is not None:
            yield as_origin(plain.spec, plain.mixture.n_features), plain.mixture
        for _ in range(_PARTITIONS if spec.n_components > 1 else 1):
            labels = cluster(data.whitened, data, spec.n_components, self._rng)
            yield "k-means", start_from_labels(data, labels, spec.structure, spec.n_components)


def _race(search: Multistart, starts: list[Start]) -> tuple[str, Run]:
    """Return the best run and where it started."""
    begun = [(name, search.short_runs([mixture], SHORT)[0]) for name, mixture in starts]
    best = sorted(begun, key=lambda run: run[1].rank)[:_FINISHERS]
    ended = [(name, search.go_on(run, LAST)) for name, run in best]
    first = ranked([run for _, run in ended])[0]
    return next(name for name, run in ended if run.objective >= first.objective), first
