"""Search of models that are more than normal mixtures, from their special cases and other starts.

Runs are those of `Multistart`, in Python. Models of a size go from simple to rich, so that each starts from the optima
of its special cases and has no lower likelihood.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from gaussmix.core.covariance import AbstractCovariance, covariance_class
from gaussmix.core.engines import AbstractEngine, distinct_rows, engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Form
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.coreset import draw_sample
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import LAST, Multistart, SearchSettings
from gaussmix.fitting.runs import Run, ranked
from gaussmix.fitting.sample import Sample
from gaussmix.fitting.settings import MAX_ITER, regularized_update
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.nesting import from_simple_to_rich, nearest_submodels

SEARCHED_ROWS = 5_000
"""Number of rows above which a sample is searched."""
NEAR = RemainingGain(1e-2)
"""Stopping rule of the runs of a search."""

Start = tuple[str, Mixture]
"""A description and a mixture."""

_FINISHERS = 2  # starts that run to convergence
_TOLERANCE = 1e-3  # nats by which a model may be below a special case


@dataclass(eq=False)
class AbstractFamilyCells(ABC):
    """Search of the models of a family on rows that they share.

    Attributes
    ----------
    rows : WeightedRows
        Rows of type float64; NaN is a missing value.
    models : collection of ModelSpec
        Models of the family.
    reg_covar : float or str
        Regularization, as in `GaussianMixture`.
    random_state : int, RandomState instance or None
        Seed or generator for the starts.
    deadline : float
        Time of ``time.perf_counter()`` after which no fit begins.
    """

    rows: WeightedRows
    models: Collection[ModelSpec]
    reg_covar: float | str = "auto"
    random_state: int | np.random.RandomState | None = None
    deadline: float = math.inf

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        distinct = distinct_rows(self.rows)
        self.engine: AbstractEngine = engine_for(self.rows if distinct is None else distinct)
        most = max(spec.n_components for spec in self.models)
        drawn = draw_sample(self.engine, covariance_class("full"), most, self.rng, SEARCHED_ROWS)
        self.sample: Sample = drawn[0]
        self.searched = engine_for(self.sample.as_observed)
        self._samples: dict[Form, Sample] = {}

    @underflow_to_zero
    def run(self, cells: Mapping[ModelSpec, Cell], done: Callable[[Cell], object]) -> None:
        """Find the best fit of each model.

        Parameters
        ----------
        cells : mapping
            Fitted cells of all families, which are starts. Those that ``done`` adds are starts of later ones.
        done : callable
            Called with each finished `Cell`.
        """
        structures = from_simple_to_rich({spec.structure for spec in self.models})
        for spec in sorted(self.models, key=lambda spec: (spec.n_components, structures.index(spec.structure))):
            if time.perf_counter() > self.deadline:
                done(Cell.failed(spec, "time_budget ended before it was fitted"))
            else:
                done(self._fit(spec, cells))

    def _fit(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Cell:
        began = time.perf_counter()
        data = self.sample_of(spec.structure.form)
        root = data.root_within(spec.n_components, spec.structure.form, np.random.default_rng(0))
        sizes = spec.structure, spec.n_components
        update = self.family_update(regularized_update(self.reg_covar, *sizes, self.rows.total, data, root))
        search = self.search(data, update, root, SearchSettings(0, NEAR, MAX_ITER, deadline=self.deadline))
        below = list(self.special_cases(spec, cells))
        try:
            begun = self.begin(search, [*below, *self.starts(spec, cells)])
            best = sorted(begun, key=lambda run: run[1].rank)[:_FINISHERS]
            ended = [(name, search.go_on(run, LAST)) for name, run in best]
        except FloatingPointError:
            return Cell.failed(spec, "EM failed from every start", time.perf_counter() - began)
        first = ranked([run for _, run in ended])[0]
        origin = next(name for name, run in ended if run.objective >= first.objective)
        accelerator, run = Accelerator(update), EMRun(deadline=self.deadline)
        fit = fit_em(
            self.engine, update, first.mixture, RemainingGain(), max_iter=MAX_ITER, accelerator=accelerator, run=run
        )
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        for name, mixture in below:
            moments = self.engine.accumulate(mixture.whitened())
            if moments.log_likelihood > fit.moments.log_likelihood + _TOLERANCE:
                origin = name
                fit = Fit.of_start(mixture, moments, moments.log_likelihood + update.log_prior(mixture))
        fit = fit.reordered(np.argsort(-fit.mixture.weights, kind="stable"))
        soundness = examine(fit.mixture, fit.moments.counts, fit.moments.weight, root)
        return Cell(spec, fit, update, soundness, origin, time.perf_counter() - began)

    def sample_of(self, form: Form) -> Sample:
        """Return the rows that are searched, in the units of a form."""
        sample = self._samples.get(form)
        if sample is None:
            sample = self._samples[form] = Sample.of(self.sample.rows, form)
        return sample

    def nearest_structures(self, spec: ModelSpec) -> list[str]:
        """Return the names of the nearest special cases of the structure among the models."""
        names: dict[type[AbstractCovariance], str] = {one.structure: one.covariance_type for one in self.models}
        return [names[structure] for structure in nearest_submodels(spec.structure, names)]

    def family_update(self, update: MaximumLikelihood) -> MaximumLikelihood:
        """Return the M-step of the family, from that of normal mixtures."""
        return update

    @abstractmethod
    def search(self, data: Sample, update: MaximumLikelihood, root: FloatArray, settings: SearchSettings) -> Multistart:
        """Return the runs of a search."""

    @abstractmethod
    def special_cases(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterable[Start]:
        """Yield the optima of special cases."""

    @abstractmethod
    def starts(self, spec: ModelSpec, cells: Mapping[ModelSpec, Cell]) -> Iterable[Start]:
        """Yield other starts."""

    @abstractmethod
    def begin(self, search: Multistart, starts: list[Start]) -> list[tuple[str, Run]]:
        """Return short runs from the starts, or from the best of them."""
