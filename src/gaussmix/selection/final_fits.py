"""EM on all rows from the peaks that a search has settled on, and the order among the cells that results have.

A mixture is one of every richer structure, and with a component doubled one of more components. So the likelihood of a
cell can be no lower than that of a cell below it, and where it is, the search has missed something. Where nothing sound
is as high as the sound fits below, the highest of these stands in the place of the cell, as it is: what is above it has
components that are accidents, whose likelihood says nothing.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaussmix.core.engines import AbstractEngine
from gaussmix.core.mixture import Mixture
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.degeneracy import Soundness
from gaussmix.fitting.em import EMRun, Fit, fit_em
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.selection.cells import Cell
from gaussmix.selection.grid_sweep import TOLERANCE, GridSweep, LocalOptimum, Place
from gaussmix.selection.model_names import as_origin
from gaussmix.selection.partitions import SearchData
from gaussmix.selection.warm_starts import doubled

_PLAIN = 6  # iterations without acceleration: most fits are at the top after three
_MOST = 500  # iterations more, of sound components


@dataclass(frozen=True, eq=False)
class FinalFit:
    """What is said of a cell.

    Attributes
    ----------
    fit : Fit
    soundness : Soundness
    origin : str
        What it was started from.
    """

    fit: Fit
    soundness: Soundness
    origin: str

    @cached_property
    def is_sound(self) -> bool:
        return not self.soundness.n_unsound and self.fit.stop.is_converged

    @property
    def log_likelihood(self) -> float:
        return self.fit.moments.log_likelihood


class FinalFits:
    """The fits of all cells.

    Parameters
    ----------
    engine : AbstractEngine
        All rows.
    data : SearchData
    sweep : GridSweep
    known : mapping from (int, structure) to Cell
        Cells that stay as they are.
    deadline : float
        As ``time.perf_counter()`` counts.

    Attributes
    ----------
    fits : dict from (int, structure) to FinalFit
        Of the cells that were fitted, and of those that were known.
    seconds : dict from (int, structure) to float
        What each fit took.
    interrupted : bool
        Whether Ctrl-C has ended a fit: then the others stay where they start.
    """

    def __init__(
        self,
        engine: AbstractEngine,
        data: SearchData,
        sweep: GridSweep,
        known: Mapping[Place, Cell],
        deadline: float,
    ) -> None:
        self._engine, self._data, self._sweep, self._deadline = engine, data, sweep, deadline
        self.fits: dict[Place, FinalFit] = {}
        for place, cell in known.items():
            if cell.fit is not None and cell.soundness is not None:
                self.fits[place] = FinalFit(cell.fit, cell.soundness, cell.origin)
        self.seconds: dict[Place, float] = {}
        self.interrupted = False

    def fit(self, place: Place, optimum: LocalOptimum) -> None:
        """A fit of a cell; they come from few components and simple structures to many and rich ones."""
        began = time.perf_counter()
        highest = self._highest_special_case(place)
        floor = -math.inf if highest is None else highest.log_likelihood
        final = self._examined(self._run(place, optimum.mixture, _PLAIN), optimum.origin)
        if highest is not None and final.log_likelihood < floor - TOLERANCE:
            again = self._examined(
                self._run(place, self._as_model(highest, place), _PLAIN), as_origin(highest.fit.mixture)
            )
            final = again if again.log_likelihood > final.log_likelihood else final
        if final.fit.stop is Stop.LIMIT and not final.soundness.n_unsound:
            final = self._examined(self._run(place, final.fit.mixture, _MOST, final.fit), final.origin)
        if highest is not None and (final.soundness.n_unsound or final.log_likelihood < floor - TOLERANCE):
            final = self._examined(self._run(place, self._as_model(highest, place), 0), as_origin(highest.fit.mixture))
        self.fits[place] = final
        self.seconds[place] = time.perf_counter() - began

    def _run(self, place: Place, start: Mixture, max_iter: int, earlier: Fit | None = None) -> Fit:
        """Plain EM; a run that goes on is accelerated."""
        update = self._data.update(*place)
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

    def _examined(self, fit: Fit, origin: str) -> FinalFit:
        fit = fit.reordered(np.argsort(-fit.mixture.weights, kind="stable"))
        return FinalFit(fit, self._data.examine(fit.mixture, fit.moments.counts, fit.moments.weight), origin)

    def _highest_special_case(self, place: Place) -> FinalFit | None:
        """The highest sound one."""
        below = [self.fits[other] for other in self._sweep.under(place) if other in self.fits]
        return max((final for final in below if final.is_sound), key=lambda final: final.log_likelihood, default=None)

    def _as_model(self, final: FinalFit, place: Place) -> Mixture:
        """The mixture of a cell below as one of the place."""
        size, structure = place
        mixture = final.fit.mixture
        while mixture.n_components < size:
            mixture = doubled(mixture)
        return mixture.promote_to(structure)
