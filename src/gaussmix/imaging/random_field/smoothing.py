"""Joint estimation of the smoothing and the classes by simulated fields."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.core.student import degrees_of_inverse
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.initialization import draw_membership, mixture_from_membership
from gaussmix.fitting.m_step import AbstractUpdate
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid

SMOOTHING_PIXELS = 1 << 16
"""Approximate greatest number of pixels used to estimate smoothing; 16,384 give a standard error of 0.01 to 0.04."""

COMPONENT_PIXELS = 1 << 18
"""Approximate greatest number of pixels used to estimate means and covariances given the smoothing."""

_WINDOW = 20  # number of averaged iterations
_MAX_WINDOWS = 20
_DRIFT = 0.01  # change between converged windows: smoothing relative to its size, means in standard deviations
_RACE = 30  # iterations before the comparison of starts
_MARGIN = 0.012  # nats per pixel by which excessive smoothing overestimates the fit
_SETTLE = 20  # draws until a field is in equilibrium with its parameters

_FIRST_TOTAL = 4.0  # nats of all neighbors of a pixel together, at the start
_MAX_TOTAL = 12.0  # upper bound, at which a pixel almost surely takes the class of its neighbors
_MAX_STEP = 0.5


@dataclass(frozen=True, eq=False)
class SmoothingEstimate:
    """Classes and smoothing of a random field.

    Attributes
    ----------
    classes : Classes
        Classes with the weights ``exp(a[c])``, normalized: prior probabilities without the influence of neighbors.
    smoothing : float
        Interaction strength: nats that each neighbor of a class adds to the log-probability of the class.
    """

    classes: Classes
    smoothing: float


def estimate_smoothing(
    grids: list[Grid], component_grids: list[Grid], starts: Sequence[Classes], update: AbstractUpdate, seed: int
) -> SmoothingEstimate:
    """Estimate the smoothing and the preferences (external field), means and covariances of the classes.

    The class of every pixel is drawn given its neighbors. Given the drawn neighbors, the responsibilities ``r[i, c]``
    are proportional to ``p(c | s_i) p(x_i | c)``, and ``p(c | s_i)`` to ``exp(a[c] + smoothing s[i, c])``, where
    ``s[i, c]`` is the total weight of the neighbors in class c. The M-step updates the components; Newton's method
    moves preferences and smoothing to the maximum of ``sum_ic r[i, c] log p(c | s_i)``. Averages over many draws are
    returned: the simulated field of Celeux, Forbes and Peyrard, Pattern Recognition 36 (2003), 131-144. At the true
    parameters, the expectation of the gradient of this sum is zero. With mean-field probabilities instead of draws it
    is not, and the estimate of the smoothing diverges for noisy images.

    Parameters
    ----------
    grids : list of Grid
        Grids of about `SMOOTHING_PIXELS` pixels at most, for the smoothing and the preferences.
    component_grids : list of Grid
        Grids of about `COMPONENT_PIXELS` pixels at most, for means and covariances; may be the same list.
    starts : sequence of Classes
        Starts, of which the last is chosen unless an earlier one fits clearly better after 30 iterations. The fit is
        ``sum_i log sum_c p(c | s_i) p(x_i | c)`` (Forbes and Peyrard, IEEE Transactions on Pattern Analysis and Machine
        Intelligence 25 (2003), 1089-1101).
    update : AbstractUpdate
        The M-step.
    seed : int
        Seed of the draws.

    Returns
    -------
    SmoothingEstimate
        Averages over the last windows of iterations.
    """
    weight = _mean_weight(grids)
    simulations = []
    for start in starts:
        even = start.with_weights(np.full(start.n_classes, 1 / start.n_classes))
        simulations.append(_Simulation(grids, even, _FIRST_TOTAL / weight, _MAX_TOTAL / weight, seed))
    fits = [float(np.mean([simulation.iterate(update) for _ in range(_RACE)][-10:])) for simulation in simulations]
    fits[-1] += _MARGIN
    chosen = simulations[int(np.argmax(fits))]
    windows = [chosen.average(update)]
    for _ in range(_MAX_WINDOWS):
        windows.append(chosen.average(update))
        (before, smoothing_before), (classes, smoothing) = windows[-2:]
        moved = classes.mixture.covariance.whiten_each(classes.mixture.means - before.mixture.means)
        change = abs(smoothing - smoothing_before) / max(smoothing, _FIRST_TOTAL / weight)
        if max(float(np.abs(moved).max()), change) <= _DRIFT:
            break
    classes, smoothing = _average([before, classes]), (smoothing_before + smoothing) / 2
    if component_grids is not grids:
        last = _Simulation(component_grids, classes, smoothing, smoothing, seed)
        last.settle()
        classes, _ = last.average(update, _WINDOW // 2, components_only=True)
    return SmoothingEstimate(classes, smoothing)


def k_means_classes(grids: list[Grid], classes: Classes, update: AbstractUpdate, seed: int) -> Classes:
    """Return the clusters of k-means as an alternative start.

    In strong noise the best mixture of single pixels is often far from the classes. k-means divides the pixels into
    similar parts, from which simulated fields reach the classes.
    """
    assert classes.per_class == 1
    rows = np.concatenate([grid.rows for grid in grids])
    membership = draw_membership(NativeEngine(rows), classes.n_classes, "kmeans", np.random.default_rng(seed))
    mixture = mixture_from_membership(membership, type(classes.mixture.covariance), update)
    return Classes(replace(update.prepared(mixture), feature_names=classes.mixture.feature_names))


class _Simulation:
    """Random fields that are drawn repeatedly, and the parameters updated from the draws."""

    def __init__(self, grids: list[Grid], classes: Classes, smoothing: float, max_smoothing: float, seed: int) -> None:
        self._grids, self._max_smoothing = grids, max_smoothing
        self._fields = [grid.random_field(classes.n_classes) for grid in grids]
        for grid, field in zip(grids, self._fields, strict=True):
            grid.load(field, classes)
            field.pool()
        self._n_rows = sum(len(grid.rows) for grid in grids)
        self._rng = np.random.default_rng(seed)
        self.classes, self.smoothing = classes, smoothing

    def settle(self) -> None:
        """Draw repeatedly with fixed parameters, until the fields are in equilibrium."""
        for grid, field in zip(self._grids, self._fields, strict=True):
            grid.load(field, self.classes, keep=True)
            for _ in range(_SETTLE):
                field.draw(self.smoothing, int(self._rng.integers(1 << 63)))

    def average(
        self, update: AbstractUpdate, times: int = _WINDOW, *, components_only: bool = False
    ) -> tuple[Classes, float]:
        """Iterate and return the averages."""
        classes, smoothings = [], []
        for _ in range(times):
            self.iterate(update, components_only=components_only)
            classes.append(self.classes)
            smoothings.append(self.smoothing)
        return _average(classes), float(np.mean(smoothings))

    def iterate(self, update: AbstractUpdate, *, components_only: bool = False) -> float:
        """Draw all pixels, update all parameters or those of the components, and return the fit per pixel."""
        n = self.classes.n_classes
        moments: Moments | None = None
        fit, gradient, curvature = 0.0, np.zeros(n + 1), np.zeros((n + 1, n + 1))
        log_weights = np.log(self.classes.weights)
        for grid, field in zip(self._grids, self._fields, strict=True):
            grid.load(field, self.classes, keep=True)
            field.draw(self.smoothing, int(self._rng.integers(1 << 63)))
            found = field.pseudo_likelihood(self.smoothing, log_weights)
            fit, gradient = fit + found.log_likelihood, gradient + found.gradient
            curvature = curvature + found.curvature
            for rows, responsibilities in grid.split_rows(found.responsibilities):
                more = self.classes.moments(rows, self.classes.scores(rows), responsibilities)
                moments = more if moments is None else moments + more
        assert moments is not None
        weights = self.classes.weights
        if not components_only:
            step = self._newton_step(gradient, curvature)
            log_weights += step[:n]
            weights = np.exp(log_weights - log_weights.max())
            self.smoothing = min(max(self.smoothing + step[n], 0.0), self._max_smoothing)
        mixture = update.maximize(self.classes.mixture, moments).mixture
        self.classes = replace(self.classes, mixture=mixture).with_weights(weights / weights.sum())
        return fit / self._n_rows

    def _newton_step(self, gradient: FloatArray, curvature: FloatArray) -> FloatArray:
        """Return a Newton step of bounded length in the log weights and the smoothing, (c + 1,).

        One pixel of unknown class without neighbors is added, so a class without pixels keeps some weight. Log weights
        are determined up to a constant; their mean is kept.
        """
        weights = self.classes.weights
        n = len(weights)
        gradient, curvature = gradient.copy(), curvature.copy()
        gradient[:n] += 1 / n - weights
        curvature[:n, :n] += np.diag(weights) - np.outer(weights, weights) + self._n_rows / n
        curvature[n, n] += 1.0
        step = np.linalg.solve(curvature, gradient)
        return np.asarray(step) * (_MAX_STEP / max(float(np.abs(step).max()), _MAX_STEP))


def _average(found: list[Classes]) -> Classes:
    """Return classes with the average weights, means and roots of covariances."""
    mixtures = [classes.mixture for classes in found]
    covariance = mixtures[0].covariance
    roots: FloatArray = np.mean([mixture.covariance.roots for mixture in mixtures], axis=0)
    weights: FloatArray = np.mean([mixture.weights for mixture in mixtures], axis=0)
    means: FloatArray = np.mean([mixture.means for mixture in mixtures], axis=0)
    degrees = None
    if mixtures[0].degrees_of_freedom is not None:
        inverse = [1 / np.asarray(mixture.degrees_of_freedom, dtype=np.float64) for mixture in mixtures]
        degrees = degrees_of_inverse(np.mean(inverse, axis=0))
    mixture = mixtures[0].with_components(
        weights, means, type(covariance)(roots, covariance.n_components, covariance.n_features), degrees
    )
    return replace(found[0], mixture=mixture)


def _mean_weight(grids: list[Grid]) -> float:
    """Return the mean total weight of the neighbors of a pixel."""
    total = 0.0
    for grid in grids:
        weights = grid.neighborhood.weights
        if grid.edges is not None:
            weights = weights * grid.edges.reshape(len(weights), -1).mean(axis=1) / 255
        total += 2 * float(weights.sum()) * len(grid.rows)
    return max(total, 1e-6) / sum(len(grid.rows) for grid in grids)
