"""Final runs of EM on all rows, and the order of likelihoods of nested models.

A mixture of a structure is also a mixture of every richer structure, and, with a component duplicated, of more
components. The maximum likelihood of a model is therefore at least that of its special cases; if a fit has less, the
search has missed an optimum. If no sound fit of a model is as high as the sound fits of its special cases, the highest
of these replaces it, because the likelihood of higher fits is due to spurious components.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.selection.cells import Cell
from gaussmix.selection.compiled_cells import CompiledCells
from gaussmix.selection.grid_sweep import GridSweep
from gaussmix.selection.model_names import ModelSpec, as_origin
from gaussmix.selection.optima import TOLERANCE, LocalOptimum
from gaussmix.selection.partitions import SearchData
from gaussmix.selection.warm_starts import doubled

_PLAIN = 6  # iterations without acceleration: most fits have converged after three
_MOST = 500  # more iterations, if the components are sound


@dataclass(frozen=True, eq=False)
class FinalFit:
    """Final fit of a model.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    fit : Fit
        Result of EM on all rows.
    soundness : Soundness
        Degenerate components.
    origin : str
        Start that led to the fit.
    """

    spec: ModelSpec
    fit: Fit
    soundness: Soundness
    origin: str

    @property
    def name(self) -> str:
        """The model as the origin of a start."""
        return as_origin(self.spec, self.fit.mixture.n_features)

    @cached_property
    def is_sound(self) -> bool:
        return not self.soundness.n_unsound and self.fit.stop.is_converged

    @property
    def log_likelihood(self) -> float:
        return self.fit.moments.log_likelihood


class FinalFits:
    """Final fits of all models of a table.

    Parameters
    ----------
    engine : AbstractEngine
        Engine of all rows.
    data : SearchData
        Rows, initial partitions and penalties.
    sweep : GridSweep
        Search that found the optima.
    known : mapping from ModelSpec to Cell
        Cells that are not fitted again.
    deadline : float
        Time of ``time.perf_counter()`` at which fits end.
    compiled : CompiledCells or None
        The search, if its optima are those of all rows: they are final where they are near enough.

    Attributes
    ----------
    fits : dict from ModelSpec to FinalFit
        Final fits of the fitted and the known models.
    seconds : dict from ModelSpec to float
        Time of each fit.
    interrupted : bool
        Whether Ctrl-C has ended a fit; later fits then have no iterations.
    """

    def __init__(
        self,
        engine: AbstractEngine,
        data: SearchData,
        sweep: GridSweep,
        known: Mapping[ModelSpec, Cell],
        deadline: float,
        compiled: CompiledCells | None,
    ) -> None:
        self._engine, self._data, self._sweep, self._deadline = engine, data, sweep, deadline
        self._compiled = compiled
        self.fits: dict[ModelSpec, FinalFit] = {}
        self._sound: dict[ModelSpec, float] = {}  # log-likelihoods of sound fits
        for spec, cell in known.items():
            if cell.fit is not None and cell.soundness is not None:
                self._keep(spec, FinalFit(spec, cell.fit, cell.soundness, cell.origin))
        self.seconds: dict[ModelSpec, float] = {}
        self._refining: dict[ModelSpec, float] = {}  # seconds
        self.interrupted = False

    def refine(self, optima: Mapping[ModelSpec, LocalOptimum]) -> None:
        """Continue the runs of sound optima of a compiled search of all rows: the first part of `fit`."""
        if self._compiled is not None:
            self._refining = self._compiled.refine({spec: one for spec, one in optima.items() if one.is_sound})

    def fit(self, spec: ModelSpec, optimum: LocalOptimum | None) -> None:
        """Fit a model from an optimum; its special cases must have been fitted before.

        The optimum is None if covariances became singular from every start. If there is none, or it is not sound, the
        highest sound special case is used in its place.
        """
        began = time.perf_counter() - self._refining.get(spec, 0.0)
        below = self._highest_special_case(spec)
        if optimum is None or (below is not None and not optimum.is_sound):
            if below is not None:
                self._keep(spec, self._unchanged(spec, below))
                self.seconds[spec] = time.perf_counter() - began
            return
        floor = -math.inf if below is None else below.log_likelihood
        final = self._of_search(spec, optimum)
        if final is None:
            final = self._examined(spec, self._run(spec, optimum.mixture, _PLAIN), optimum.origin)
        if below is not None and final.log_likelihood < floor - TOLERANCE:
            again = self._examined(spec, self._run(spec, _as_model(below, spec), _PLAIN), below.name)
            final = again if again.log_likelihood > final.log_likelihood else final
        if final.fit.stop is Stop.LIMIT and not final.soundness.n_unsound:
            final = self._examined(spec, self._run(spec, final.fit.mixture, _MOST, final.fit), final.origin)
        if below is not None and (final.soundness.n_unsound or final.log_likelihood < floor - TOLERANCE):
            final = self._unchanged(spec, below)
        self._keep(spec, final)
        self.seconds[spec] = time.perf_counter() - began

    def _keep(self, spec: ModelSpec, final: FinalFit) -> None:
        self.fits[spec] = final
        if final.is_sound:
            self._sound[spec] = final.log_likelihood

    def _unchanged(self, spec: ModelSpec, below: FinalFit) -> FinalFit:
        """Return the fit of a special case as a fit of a richer model."""
        mixture = _as_model(below, spec)
        moments = self._engine.accumulate(mixture.whitened())
        objective = moments.log_likelihood + self._data.update(spec).log_prior(mixture)
        fit = Fit.of_start(mixture, moments, objective)
        if self._compiled is not None and self._compiled.is_sound(spec, mixture, moments.counts):
            fit = fit.reordered(np.argsort(-mixture.weights, kind="stable"))
            return FinalFit(spec, fit, Soundness.of_sound(spec.n_components), below.name)
        return self._examined(spec, fit, below.name)

    def _run(self, spec: ModelSpec, start: Mixture, max_iter: int, earlier: Fit | None = None) -> Fit:
        """Run plain EM, or accelerated EM to continue an earlier run."""
        update = self._data.update(spec)
        fit = fit_em(
            self._engine,
            update,
            start,
            RemainingGain(),
            max_iter=0 if self.interrupted else max_iter,
            accelerator=Accelerator(update) if earlier else None,
            earlier=earlier,
            run=EMRun(deadline=self._deadline),
        )
        self.interrupted = self.interrupted or fit.stop is Stop.INTERRUPTED
        return fit

    def _of_search(self, spec: ModelSpec, optimum: LocalOptimum) -> FinalFit | None:
        """Return the optimum of a compiled search of all rows as the final fit; None if it is not near enough."""
        if self._compiled is None:
            return None
        found = self._compiled.final_fit(spec, optimum)
        if found is None:
            return None
        fit, is_sound = found
        if is_sound:
            return FinalFit(spec, fit, Soundness.of_sound(spec.n_components), optimum.origin)
        return self._examined(spec, fit, optimum.origin)

    def _examined(self, spec: ModelSpec, fit: Fit, origin: str) -> FinalFit:
        fit = fit.reordered(np.argsort(-fit.mixture.weights, kind="stable"))
        return FinalFit(spec, fit, self._data.examine(fit.mixture, fit.moments.counts, fit.moments.weight), origin)

    def _highest_special_case(self, spec: ModelSpec) -> FinalFit | None:
        """Return the final fit of the sound special case with the greatest likelihood."""
        highest, best = -math.inf, None
        for other in self._sweep.special_cases(spec):
            if (value := self._sound.get(other, -math.inf)) > highest:
                highest, best = value, other
        return None if best is None else self.fits[best]


def _as_model(final: FinalFit, spec: ModelSpec) -> Mixture:
    """Return the mixture of a special case as a mixture of a richer model."""
    mixture = final.fit.mixture
    while mixture.n_components < spec.n_components:
        mixture = doubled(mixture)
    return mixture.promote_to(spec.structure)
