"""How strongly neighbors count, estimated together with the classes: simulated fields."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import AbstractUpdate
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid

STRENGTH_PIXELS = 1 << 16
"""The strength is estimated on no more pixels than about this; on 16,384 its standard error is 0.01 to 0.04."""

COMPONENT_PIXELS = 1 << 18
"""And means and covariances, given the strength, on no more than this."""

_WINDOW = 20  # iterations that are averaged
_MOST_WINDOWS = 20
_DRIFT = 0.01  # from one window to the next, of the strength by its size and of the means by their deviations: settled
_RACE = 30  # iterations before starts are compared
_MARGIN = 0.012  # nats per pixel; fields that are too strong flatter themselves by so much
_SETTLE = 20  # draws before a field is like one given its parameters

_FIRST_PULL = 4.0  # nats that all neighbors of a pixel add together: at the start
_MOST_PULL = 12.0  # and at most, when whatever disagrees with all neighbors is given up for sure
_LONGEST_STEP = 0.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """Classes, and how much more probable a class is, in nats, for each neighbor that has it.

    Attributes
    ----------
    classes : Classes
        Their weights are ``exp(a[c])``, normalized: what a class has beside its neighbors.
    strength : float
    strengths : tuple of float
        The path to it.
    """

    classes: Classes
    strength: float
    strengths: tuple[float, ...]


def estimate_field(
    few: list[Grid], lattices: list[Grid], starts: Sequence[Classes], update: AbstractUpdate, seed: int
) -> Estimate:
    """The strength of the neighbors and the preferences of the classes, with means and covariances.

    The class of every pixel is drawn given its neighbors. Given the neighbors that were drawn, pixels have
    responsibilities ``r[i, c] ~ p(c | s_i) p(x_i | c)`` with ``p(c | s_i) ~ exp(a[c] + strength s[i, c])``, s the
    weights of the neighbors that have the class; components have their M-step; preferences and strength move to the
    maximum of ``sum_ic r[i, c] log p(c | s_i)``, by Newton's method. Averages over many draws are returned: the
    simulated field of Celeux, Forbes and Peyrard, Pattern Recognition 36 (2003), 131-144. At the truth that gradient
    has the expectation zero, which it has not with a mean field: there the strength runs away where there is noise.

    Parameters
    ----------
    few : list of Grid
        At most about `STRENGTH_PIXELS` pixels, for the strength and the preferences.
    lattices : list of Grid
        At most about `COMPONENT_PIXELS`, for means and covariances; may be the same list.
    starts : sequence of Classes
        Of several, the last is taken unless an earlier one explains the pixels clearly better after some iterations, by
        ``sum_i log sum_c p(c | s_i) p(x_i | c)`` (Forbes and Peyrard, IEEE Transactions on Pattern Analysis and Machine
        Intelligence 25 (2003), 1089-1101).
    update : AbstractUpdate
    seed : int
    """
    weight = _mean_weight(few)
    simulations = []
    for start in starts:
        even = start.with_weights(np.full(start.n_classes, 1 / start.n_classes))
        simulations.append(_Simulation(few, even, _FIRST_PULL / weight, _MOST_PULL / weight, seed))
    fits = [float(np.mean([simulation.improve(update) for _ in range(_RACE)][-10:])) for simulation in simulations]
    fits[-1] += _MARGIN
    chosen = simulations[int(np.argmax(fits))]
    windows = [chosen.window(update)]
    for _ in range(_MOST_WINDOWS):
        windows.append(chosen.window(update))
        (before, strength_before), (classes, strength) = windows[-2:]
        moved = classes.mixture.covariance.whiten_each(classes.mixture.means - before.mixture.means)
        drift = max(float(np.abs(moved).max()), abs(strength - strength_before) / max(strength, _FIRST_PULL / weight))
        if drift <= _DRIFT:
            break
    classes, strength = _average([before, classes]), (strength_before + strength) / 2
    if lattices is not few:
        last = _Simulation(lattices, classes, strength, strength, seed)
        last.settle()
        classes, _ = last.window(update, _WINDOW // 2, field_too=False)
    return Estimate(classes, strength, tuple(chosen.strengths))


def clustered(lattices: list[Grid], classes: Classes, update: AbstractUpdate, seed: int) -> Classes:
    """Where else to start: the clusters of k-means.

    Where noise makes one heap of all classes, the best mixture of single pixels is often far from the classes;
    k-means cuts the heap into equal parts, from which fields find the way.
    """
    assert classes.per_class == 1
    rows = np.concatenate([lattice.rows for lattice in lattices])
    membership = draw_membership(NativeEngine(rows), classes.n_classes, "kmeans", np.random.default_rng(seed))
    mixture = mixture_from_membership(membership, type(classes.mixture.covariance), update)
    return Classes(replace(mixture, feature_names=classes.mixture.feature_names))


class _Simulation:
    """Classes of pixels that are drawn over and over again, and parameters that follow them."""

    def __init__(self, lattices: list[Grid], classes: Classes, strength: float, most: float, seed: int) -> None:
        self._lattices, self._most = lattices, most
        self._fields = [lattice.field(classes.n_classes) for lattice in lattices]
        for lattice, field in zip(lattices, self._fields, strict=True):
            lattice.load(field, classes)
            field.pool()
        self._n_rows = sum(len(lattice.rows) for lattice in lattices)
        self._rng = np.random.default_rng(seed)
        self.classes, self.strength = classes, strength
        self.strengths: list[float] = []

    def settle(self) -> None:
        """Draw, and leave the parameters as they are."""
        for lattice, field in zip(self._lattices, self._fields, strict=True):
            lattice.load(field, self.classes, keep=True)
            for _ in range(_SETTLE):
                field.draw(self.strength, int(self._rng.integers(1 << 63)))

    def window(self, update: AbstractUpdate, times: int = _WINDOW, *, field_too: bool = True) -> tuple[Classes, float]:
        """The averages of some iterations."""
        found = []
        for _ in range(times):
            self.improve(update, field_too=field_too)
            found.append(self.classes)
        return _average(found), float(np.mean(self.strengths[-times:]))

    def improve(self, update: AbstractUpdate, *, field_too: bool = True) -> float:
        """Draw all pixels, and follow them with all parameters or those of the components; the fit per pixel."""
        n = self.classes.n_classes
        moments: Moments | None = None
        fit, gradient, curvature = 0.0, np.zeros(n + 1), np.zeros((n + 1, n + 1))
        log_weights = np.log(self.classes.weights)
        for lattice, field in zip(self._lattices, self._fields, strict=True):
            lattice.load(field, self.classes, keep=True)
            field.draw(self.strength, int(self._rng.integers(1 << 63)))
            table, its_fit, its_gradient, its_curvature = field.condition(self.strength, log_weights)
            fit, gradient, curvature = fit + its_fit, gradient + its_gradient, curvature + its_curvature
            for rows, responsibilities in lattice.of_rows(field, table):
                more = self.classes.moments(rows, self.classes.scores(rows), responsibilities)
                moments = more if moments is None else moments + more
        assert moments is not None
        weights = self.classes.weights
        if field_too:
            step = self._step(gradient, curvature)
            log_weights += step[:n]
            weights = np.exp(log_weights - log_weights.max())
            self.strength = min(max(self.strength + step[n], 0.0), self._most)
        self.strengths.append(self.strength)
        mixture = update.maximize(self.classes.mixture, moments).mixture
        self.classes = replace(self.classes, mixture=mixture).with_weights(weights / weights.sum())
        return fit / self._n_rows

    def _step(self, gradient: FloatArray, curvature: FloatArray) -> FloatArray:
        """(c + 1,) Newton's step in log weights and strength.

        One pixel without neighbors is added, whose class nobody knows: a class that has no pixels keeps some weight.
        The log weights count up to a constant: their mean stays.
        """
        weights = self.classes.weights
        n = len(weights)
        gradient, curvature = gradient.copy(), curvature.copy()
        gradient[:n] += 1 / n - weights
        curvature[:n, :n] += np.diag(weights) - np.outer(weights, weights) + self._n_rows / n
        curvature[n, n] += 1.0
        step = np.linalg.solve(curvature, gradient)
        return np.asarray(step) * (_LONGEST_STEP / max(float(np.abs(step).max()), _LONGEST_STEP))


def _average(found: list[Classes]) -> Classes:
    """Classes with the means of weights, means and roots of covariances."""
    mixtures = [classes.mixture for classes in found]
    covariance = mixtures[0].covariance
    roots: FloatArray = np.mean([mixture.covariance.roots for mixture in mixtures], axis=0)
    weights: FloatArray = np.mean([mixture.weights for mixture in mixtures], axis=0)
    means: FloatArray = np.mean([mixture.means for mixture in mixtures], axis=0)
    mixture = Mixture(
        weights,
        means,
        type(covariance)(roots, covariance.n_components, covariance.n_features),
        mixtures[0].feature_names,
    )
    return replace(found[0], mixture=mixture)


def _mean_weight(lattices: list[Grid]) -> float:
    """What the neighbors of a pixel weigh together, on the mean."""
    total = 0.0
    for lattice in lattices:
        weights = lattice.neighborhood.weights
        if lattice.edges is not None:
            weights = weights * lattice.edges.reshape(len(weights), -1).mean(axis=1) / 255
        total += 2 * float(weights.sum()) * len(lattice.rows)
    return max(total, 1e-6) / sum(len(lattice.rows) for lattice in lattices)
