"""Acceleration of EM by extrapolation of the sufficient statistics.

EM is the fixed-point iteration ``s -> F(s)``: the M-step computes parameters from sums ``s``, and a pass computes new
sums ``F(s)`` from the parameters. Any affine combination of previous sums with positive counts and positive-definite
scatter gives valid parameters again, for every covariance structure and prior. Two such combinations are proposed. A
proposal that is accepted costs nothing, because its pass replaces the next pass of EM:

* A Newton step in the span of the last moves, with curvature from their residuals ``F(s) - s`` (Anderson mixing, type I
  in Fang and Saad, Numerical Linear Algebra with Applications 16 (2009), 197-221; absolute eigenvalues as in Dauphin et
  al., NeurIPS 27 (2014), to avoid convergence to saddle points), and a longer EM step in the orthogonal complement. A
  trust region (Conn, Gould and Toint, Trust-Region Methods (2000), section 6.1) limits the step length, in standard
  deviations of the component that moves farthest. The radius and the number of moves kept depend on how well previous
  gains were predicted.
* SQUAREM (Varadhan and Roland, Scandinavian Journal of Statistics 35 (2008), 335-353, scheme S3): a squared
  Barzilai-Borwein step along two EM steps. It is used if the Newton step cannot be.

Other lengths are those of the Fisher metric of independent components, in which the guaranteed gain of a step is half
its squared length (to second order).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import AbstractUpdate

MEMORY = 12
"""Number of moves that span the space of the Newton step."""

_LARGEST_SUM = 1e120  # in standard deviations: squares of sums over rows so far away overflow
_LARGEST_HISTORY = 2**24  # numbers stored; with many large components the memory is shorter
_FAR_SCALE, _FAR_SHIFT = 1.3, 0.3  # ratio of standard deviations, and shift in these, at which the anchor is replaced
_LEAST_CURVATURE = 0.003  # relative to that of EM, which is 1; smaller curvatures are unreliable
_STIFFER = 1.5  # factor by which the least curvature is raised until the step is within the radius
_RADIUS, _WIDEST, _NARROWEST = 0.3, 2.0, 0.01  # standard deviations; beyond 0.5, most steps are refused
_WIDER, _NARROWER, _REFUSED = 1.5, 2.0, 3.0  # factors after a good gain, a bad gain, and a refused step
_GOOD, _BAD = 0.5, 0.1  # shares of the predicted gain: above, the radius grows; below, it shrinks
_STRAIGHT = (0.9, 1.8)  # ratios to the predicted gain; outside, the curvature has changed and old moves are dropped
_BENT_HISTORY, _REFUSED_HISTORY = 3, 2  # points kept then, and after a refused step
_DIGITS = 1e-12  # relative to the objective; smaller gains are rounding
_ACROSS = 1.5  # factor of the EM step in the orthogonal complement; up to 2 it converges wherever EM does
_INDEPENDENT = 1e-10  # relative length of the part of a move that is independent of newer moves
_LONGEST, _LONGEST_GROWTH = 4.0, 4.0  # initial limit of SQUAREM steps, and the factor by which it changes
_LEAST_SHARE = 0.1  # share of its rows that a component keeps at least in a proposal


class AbstractAccelerator(ABC):
    """Source of proposals that replace EM steps, for one run of EM."""

    @abstractmethod
    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        """Propose a mixture to try instead of the result of the M-step.

        If it returns a mixture, call `accept` or `refuse` next.

        Parameters
        ----------
        mixture : Mixture
            Parameters of the last pass.
        moments : Moments
            Sums of the last pass.
        objective : float
            Log-likelihood plus log prior of the parameters, in nats.

        Returns
        -------
        Mixture or None
            None if there is no proposal.
        """

    @abstractmethod
    def accept(self) -> None:
        """Record that the proposal was accepted."""

    @abstractmethod
    def refuse(self) -> None:
        """Record that the proposal was refused and the M-step was used."""

    @abstractmethod
    def restart(self) -> None:
        """Discard the history, because the next passes are of another kind."""

    @property
    @abstractmethod
    def stretch(self) -> float:
        """The estimated gain ahead, relative to the guaranteed gain of the next EM step; infinite if unknown."""

    @property
    @abstractmethod
    def step_length(self) -> float:
        """The length of the next EM step in the Fisher metric; infinite if unknown."""


class Accelerator(AbstractAccelerator):
    """Accelerator that extrapolates the sums of earlier passes.

    Parameters
    ----------
    update : AbstractUpdate
        M-step of the run.
    memory : int, default=12
        Number of moves that span the space of the Newton step; 0 disables it.
    squared : bool, default=True
        Whether to use SQUAREM.
    """

    def __init__(self, update: AbstractUpdate, *, memory: int = MEMORY, squared: bool = True) -> None:
        self._update = update
        self._memory = memory
        self._squared = squared
        self._longest = _LONGEST
        self._clear()

    def _clear(self) -> None:
        self._anchor: Mixture | None = None
        self._scale: FloatArray = np.empty(0)
        self._sums: list[FloatArray] = []  # s, in the units of the anchor
        self._results: list[FloatArray] = []  # F(s)
        self._next: FloatArray | None = None  # the s of the parameters of the next pass
        self._proposed: FloatArray | None = None
        self._curved = False  # whether it is a Newton step
        self._plain = 0  # EM steps since the last accepted proposal
        self._radius = _RADIUS
        self._length = 0.0  # of the Newton step, in standard deviations
        self._predicted = 0.0  # predicted gain in nats; 0 without a prediction
        self._objective = -math.inf  # before the step

    def restart(self) -> None:
        self._clear()

    def propose(self, mixture: Mixture, moments: Moments, objective: float) -> Mixture | None:
        self._remember(mixture, self._update.as_normal(mixture, moments))
        if self._predicted > _DIGITS * abs(objective):
            self._learn((objective - self._objective) / self._predicted)
        self._objective, self._predicted = objective, 0.0
        candidate = None
        if self._memory:
            looked_back = len(self._sums)
            while candidate is None and looked_back > 1:  # fewer moves give a smaller step
                self._curved = True
                candidate = self._mixture(self._newton(looked_back))
                looked_back = (looked_back + 1) // 2 if looked_back > 2 else 1
        if candidate is None and self._squared:
            self._curved, self._predicted = False, 0.0
            candidate = self._mixture(self._square())
        if candidate is None and mixture.degrees_of_freedom is not None and self._results:
            candidate = self._mixture(self._results[-1])  # the scoring step of the degrees of freedom
        if candidate is None:
            self._plain, self._predicted = self._plain + 1, 0.0
        return candidate

    def accept(self) -> None:
        self._next, self._plain = self._proposed, 0

    def refuse(self) -> None:
        self._plain = 1
        if self._curved:
            self._radius = max(min(self._length, self._radius) / _REFUSED, _NARROWEST)
            self._predicted = 0.0
            self._forget(_REFUSED_HISTORY)
        else:
            self._longest = max(1.0, self._longest / _LONGEST_GROWTH)

    @property
    def stretch(self) -> float:
        """The estimated distance to the optimum in EM steps: 1 / (1 - rate), by the slowest move kept.

        The secant along a move, ``|s - s'| / |f - f'|`` with ``f = F(s) - s``, is Aitken's estimate, for any moves.
        It is infinite if there are no moves.
        """
        if len(self._sums) < 2:
            return math.inf
        sums = np.stack(self._sums) * self._scale
        moves = np.diff(sums, axis=0)
        changes = np.diff(np.stack(self._results) * self._scale - sums, axis=0)
        lengths = np.linalg.norm(changes, axis=1)
        moved = lengths > 0
        return float((np.linalg.norm(moves[moved], axis=1) / lengths[moved]).max(initial=1.0))

    @property
    def step_length(self) -> float:
        """The length of the next EM step; half its square is the gain to second order, with more accuracy."""
        if not self._sums:
            return math.inf
        return float(np.linalg.norm((self._results[-1] - self._sums[-1]) * self._scale))

    def _remember(self, mixture: Mixture, moments: Moments) -> None:
        if self._anchor is None or self._next is None:
            self._anchor, self._scale, self._next = mixture, moments.fisher_scales(), moments.flat()
            return
        if _is_far(mixture, self._anchor):
            self._move_anchor(mixture)
        self._next = _with_degrees_of(mixture, self._next, self._anchor)
        self._sums.append(self._next)
        self._results.append(in_units_of(self._anchor, moments, mixture).flat())
        self._next = self._results[-1]
        most = max(3, min(self._memory + 1, _LARGEST_HISTORY // (2 * len(self._next))))
        self._forget(most)
        if mixture.degrees_of_freedom is not None:
            points = np.abs(np.stack([*self._sums, *self._results]) * self._scale)
            if not points.max() < _LARGEST_SUM:
                self._clear()

    def _learn(self, ratio: float) -> None:
        """Adapt the radius and the history to the ratio of the actual to the predicted gain of a Newton step."""
        if ratio < _BAD:
            length = self._length if math.isfinite(self._length) else self._radius  # of a component without rows
            self._radius = max(length / _NARROWER, _NARROWEST)
        elif ratio > _GOOD and self._length > self._radius / 2:
            self._radius = min(self._radius * _WIDER, _WIDEST)
        if not _STRAIGHT[0] <= ratio <= _STRAIGHT[1]:
            self._forget(_BENT_HISTORY)

    def _forget(self, kept: int) -> None:
        del self._sums[:-kept], self._results[:-kept]

    def _move_anchor(self, mixture: Mixture) -> None:
        """Transform the history to the units of a nearer mixture, by an exact affine map."""
        old = self._anchor
        assert old is not None
        assert self._next is not None

        def moved(vector: FloatArray) -> FloatArray:
            return in_units_of(mixture, _moments_of(vector, old), old).flat()

        self._sums = [moved(vector) for vector in self._sums]
        self._results = [moved(vector) for vector in self._results]
        self._next = moved(self._next)
        self._anchor, self._scale = mixture, _moments_of(self._next, mixture).fisher_scales()

    def _newton(self, looked_back: int) -> FloatArray | None:
        """Return the Newton step in the span Q of the last moves, plus a longer EM step on the remaining residual.

        With ``f = F(s) - s`` and H its negative Jacobian, symmetric in this metric at the optimum, moves give H Q, and

            s + Q c + 1.5 (f - H Q c),  |Q' H Q| c = Q' f

        where ``|.|`` takes absolute eigenvalues. They are raised to `_LEAST_CURVATURE` or more, up to 1 (that of EM),
        until the step is within the radius.
        """
        sums = np.stack(self._sums[-looked_back:]) * self._scale
        residuals = np.stack(self._results[-looked_back:]) * self._scale - sums
        moves, changes = (np.diff(points, axis=0)[::-1][: points.shape[1]] for points in (sums, residuals))
        span, turn = np.linalg.qr(moves.T)  # the newest first
        old = np.abs(turn.diagonal()) <= _INDEPENDENT * np.linalg.norm(moves, axis=1)
        used = int(old.argmax()) if old.any() else len(moves)
        if used == 0:
            return None
        span = span[:, :used]
        bent = -np.linalg.solve(turn[:used, :used].T, changes[:used])  # (H Q)'
        projected = bent @ span
        curvature, axes = np.linalg.eigh(0.5 * (projected + projected.T))
        slope = axes.T @ (span.T @ residuals[-1])
        least, self._length = _LEAST_CURVATURE, math.inf
        while self._length > self._radius and least < 1:
            held = np.maximum(np.abs(curvature), least)
            along = axes @ (slope / held)
            left = residuals[-1] - along @ bent
            step = span @ along + _ACROSS * left
            self._length = self._deviations(step)
            least *= _STIFFER
        across = left - span @ (span.T @ left)
        gain = (slope / held) @ (slope - 0.5 * curvature * slope / held)
        self._predicted = float(gain + _ACROSS * (1 - 0.5 * _ACROSS) * (across @ across))
        return np.asarray(self._sums[-1] + step / self._scale)

    def _deviations(self, step: FloatArray) -> float:
        """Return how far a step moves the component that it moves farthest, in standard deviations."""
        assert self._anchor is not None
        k, d = self._anchor.means.shape
        counts = np.maximum(self._results[-1][:k], np.finfo(np.float64).tiny)
        parts = step**2
        moved = parts[:k] + parts[k : k + k * d].reshape(k, d).sum(axis=1)
        noise, scatter = 0.0, parts[k + k * d :]
        if self._anchor.background is not None:
            noise, scatter = parts[-1] / max(self._results[-1][-1], np.finfo(np.float64).tiny), scatter[:-1]
        if self._anchor.degrees_of_freedom is not None:
            scatter, moved = scatter[:-k], moved + scatter[-k:]
        with np.errstate(over="ignore"):  # any move of a component with hardly any rows is infinitely far
            greatest = FORMS[self._anchor.covariance.form].greatest_length(moved, scatter, counts)
        return math.sqrt(max(greatest, noise))

    def _square(self) -> FloatArray | None:
        """Return the SQUAREM step (Varadhan and Roland 2008, equation 8, length S3), if two EM steps precede it."""
        if self._plain < 1 or len(self._sums) < 2:
            return None
        first = self._sums[-2]
        step = self._results[-2] - first
        bend = self._results[-1] - self._sums[-1] - step
        bent = float(np.linalg.norm(bend * self._scale))
        if bent == 0:
            return None
        length = float(np.linalg.norm(step * self._scale)) / bent
        if length >= self._longest:
            length, self._longest = self._longest, _LONGEST_GROWTH * self._longest
        if length <= 1:
            return None
        return np.asarray(first + 2 * length * step + length**2 * bend)

    def _mixture(self, proposed: FloatArray | None) -> Mixture | None:
        """Return the M-step from proposed sums, or None if these are not valid."""
        if proposed is None:
            return None
        assert self._anchor is not None
        moments, k = _moments_of(proposed, self._anchor), self._anchor.n_components
        counts = self._results[-1][:k]
        if not ((moments.counts > _LEAST_SHARE * counts) | (counts == 0)).all():
            return None
        if moments.background is not None and not moments.background > _LEAST_SHARE * self._results[-1][-1]:
            return None
        step = self._update.maximize(self._anchor, moments)
        if step.collapsed.any():
            return None
        self._proposed = proposed
        return step.mixture


def _with_degrees_of(mixture: Mixture, vector: FloatArray, anchor: Mixture) -> FloatArray:
    """Return a vector with the degrees of freedom of a mixture, which a step of EM does not take from the sums."""
    if mixture.degrees_of_freedom is None:
        return vector
    return replace(_moments_of(vector, anchor), inverse_degrees=1 / mixture.degrees_of_freedom).flat()


def _is_far(mixture: Mixture, anchor: Mixture) -> bool:
    ratios = mixture.covariance.pivots() / anchor.covariance.pivots()
    if ratios.max() > _FAR_SCALE**2 or ratios.min() < _FAR_SCALE**-2:
        return True
    return bool(np.abs(anchor.covariance.whiten_each(mixture.means - anchor.means)).max() > _FAR_SHIFT)


def in_units_of(anchor: Mixture, moments: Moments, mixture: Mixture) -> Moments:
    """Return the same sums about the means and in the whitened units of the anchor."""
    if anchor is mixture:
        return moments
    centers = anchor.covariance.whiten_each(mixture.means - anchor.means)
    return moments.in_other_units(mixture.covariance.roots, anchor.covariance.factors(), centers)


def _moments_of(vector: FloatArray, anchor: Mixture) -> Moments:
    """Return the sums that a vector in the units of the anchor represents."""
    has_degrees = anchor.degrees_of_freedom is not None
    return Moments.from_flat(vector, anchor.covariance.form, *anchor.means.shape, has_degrees=has_degrees)
