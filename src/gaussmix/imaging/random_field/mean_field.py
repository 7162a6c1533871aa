"""EM for classes with neighbors: mean-field sweeps in place of the E-step."""

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.fitting.m_step import AbstractUpdate, Step
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid

SWEEPS = 10
"""With which the pixels of an image are labeled."""

_MAX_ITER = 100
_LEAST_GAIN = 1e-5  # nats per pixel


@dataclass(frozen=True, eq=False)
class FieldFit:
    """What EM with neighbors returns.

    Attributes
    ----------
    classes : Classes
    free_energies : tuple of float
        After each iteration, log prior included; it never falls.
    converged : bool
    last_step : Step or None
        The last M-step, with what it had to repair.
    """

    classes: Classes
    free_energies: tuple[float, ...]
    converged: bool
    last_step: Step | None


def fit_field(
    lattices: list[Grid],
    classes: Classes,
    strength: float,
    update: AbstractUpdate,
    *,
    max_iter: int = _MAX_ITER,
    sweeps: int = 2,
) -> FieldFit:
    """Means and covariances that fit the pixels and their neighbors; the preferences of the classes stay.

    Each iteration raises the free energy twice: by sweeps, in the probabilities, and by the M-step, in the parameters.

    Parameters
    ----------
    lattices : list of Grid
    classes : Classes
        Where to start.
    strength : float
    update : AbstractUpdate
    max_iter, sweeps : int
        Iterations at most, and sweeps in each.
    """
    fields = [lattice.field(classes.n_classes) for lattice in lattices]
    n_rows = sum(len(lattice.rows) for lattice in lattices)
    energies: list[float] = []
    step = None
    for iteration in range(max_iter):
        moments = None
        for lattice, field in zip(lattices, fields, strict=True):
            lattice.load(field, classes, keep=iteration > 0)
            if iteration == 0:
                field.pool()
            field.sweep(strength, sweeps)
            for rows, probabilities in lattice.probabilities(field):
                more = classes.moments(rows, classes.scores(rows), probabilities)
                moments = more if moments is None else moments + more
        energies.append(sum(field.free_energy(strength) for field in fields) + update.log_prior(classes.mixture))
        if iteration and energies[-1] - energies[-2] < _LEAST_GAIN * n_rows:
            return FieldFit(classes, tuple(energies), True, step)
        assert moments is not None
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
    return FieldFit(classes, tuple(energies), False, step)


def troubles(fit: FieldFit) -> list[DegenerateComponentWarning]:
    """What to warn of: classes that neighbors have left without pixels, or without variance."""
    if fit.last_step is None:
        return []
    found = []
    for which, trouble in (
        (fit.last_step.empty, "left without pixels by their neighbors: use a smaller smoothing or n_components."),
        (fit.last_step.collapsed, "collapsed among their neighbors: use a smaller smoothing or n_components."),
    ):
        numbers = np.flatnonzero(which.reshape(-1, fit.classes.per_class).all(axis=1))
        if numbers.size:
            found.append(DegenerateComponentWarning(numbers, trouble, "Class"))
    return found
