"""EM for classes in a random field: mean-field sweeps replace the E-step."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.fitting.m_step import AbstractUpdate, Step
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid

_MAX_ITER = 100
_SWEEPS = 2  # in each iteration
_LEAST_GAIN = 1e-5  # nats per pixel


@dataclass(frozen=True, eq=False)
class MeanFieldFit:
    """Result of EM in a random field.

    Attributes
    ----------
    classes : Classes
        The fitted classes.
    free_energies : tuple of float
        Free energy (`RandomField.free_energy`) plus the log prior after each iteration, in nats; it never decreases.
    last_step : Step or None
        The last M-step, with its repairs.
    """

    classes: Classes
    free_energies: tuple[float, ...]
    last_step: Step | None

    def degenerate_classes(self) -> tuple[DegenerateComponentWarning, ...]:
        """Return warnings about classes left without pixels or variance by their neighbors."""
        if self.last_step is None:
            return ()
        found = []
        for which, trouble in (
            (self.last_step.empty, "ended without pixels: use a smaller smoothing or n_components."),
            (self.last_step.collapsed, "ended without variance: use a smaller smoothing or n_components."),
        ):
            numbers = np.flatnonzero(which.reshape(-1, self.classes.per_class).all(axis=1))
            if numbers.size:
                found.append(DegenerateComponentWarning(numbers, trouble, "Class"))
        return tuple(found)


def fit_mean_field(grids: list[Grid], classes: Classes, smoothing: float, update: AbstractUpdate) -> MeanFieldFit:
    """Fit means and covariances in a random field; the weights of the classes stay fixed.

    Sweeps raise the free energy over the probabilities, and the M-step raises it over the parameters.

    Parameters
    ----------
    grids : list of Grid
        Pixels with their neighbors.
    classes : Classes
        Initial classes.
    smoothing : float
        Interaction strength of neighboring pixels.
    update : AbstractUpdate
        The M-step.

    Returns
    -------
    MeanFieldFit
        After the free energy has gained less than 1e-5 nats per pixel in an iteration, or after 100 iterations. A ridge
        is not part of it, so an M-step near the end may lower it; that step is undone.
    """
    fields = [grid.random_field(classes.n_classes) for grid in grids]
    n_rows = sum(len(grid.rows) for grid in grids)
    energies: list[float] = []
    step, previous = None, classes
    for iteration in range(_MAX_ITER):
        moments = None
        for grid, field in zip(grids, fields, strict=True):
            grid.load(field, classes, keep=iteration > 0)
            if iteration == 0:
                field.pool()
            field.sweep(smoothing, _SWEEPS)
            for rows, probabilities in grid.probabilities(field):
                more = classes.moments(rows, classes.scores(rows), probabilities)
                moments = more if moments is None else moments + more
        energy = sum(field.free_energy(smoothing) for field in fields) + update.log_prior(classes.mixture)
        if iteration and energy < energies[-1]:
            classes = previous
            break
        energies.append(energy)
        if iteration and energies[-1] - energies[-2] < _LEAST_GAIN * n_rows:
            break
        assert moments is not None
        previous = classes
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
    return MeanFieldFit(classes, tuple(energies), step)
