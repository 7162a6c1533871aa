"""The steps of a search in compiled code: starts, runs of EM, splits, moves and swaps (cpp/em/search.hpp).

They are for the structures of `MODELS`, few features, and priors without pseudo-rows at a mean.
"""

import itertools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.cached_values import cached_property
from gaussmix.core.covariance import AbstractCovariance, is_model
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample

_MOST_FEATURES = int(_native.em_constants()["most_features"])
_NUMBERS = 3  # objective, log-likelihood and entropy, at the beginning of a state
_SOUND, _REPEATS = 1, 2  # signs of a run
_WORK_OF_THREAD = 1e7  # floating-point operations of one thread that pay for waking it


@dataclass(frozen=True)
class Limits:
    """When compiled runs end.

    Attributes
    ----------
    max_iter : int
        Maximum number of iterations.
    nats : float
        Estimated remaining gain below which a run ends (`RemainingGain`); NaN runs all iterations of plain EM.
    accelerate : bool
        Whether to accelerate.
    target, hope : float
        A run is abandoned if its objective plus ``hope`` times the estimated remaining gain is below ``target``.
    distance : float
        If positive, only this ends a run: the estimated distance of the parameters from the optimum, in nats^(1/2).
    seconds : float
        Time after which all runs end.
    """

    max_iter: int
    nats: float = math.nan
    accelerate: bool = False
    target: float = -math.inf
    hope: float = 0.0
    distance: float = 0.0
    seconds: float = math.inf


ENDS = ("limit", "optimum", "rounding", "abandoned", "failed", "stopped")
"""Names of the reasons for which a compiled run ends."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of one compiled run.

    Attributes
    ----------
    state : (size,) array
        Where the run ended.
    end : str
        One of `ENDS`.
    n_passes : int
        Number of passes.
    trace : (lines, 2) array
        Log-likelihood in nats after each iteration, from the start on, and a bound on the gain of the next one.
    is_clearly_sound : bool
        Whether bounds alone tell that `examine` finds nothing.
    may_repeat : bool
        Whether two components may be the same.
    """

    state: FloatArray
    end: str
    n_passes: int
    trace: FloatArray
    is_clearly_sound: bool
    may_repeat: bool


@dataclass(frozen=True, eq=False)
class CompiledRows:
    """The rows of a search, about their mean and scaled, for compiled code.

    Attributes
    ----------
    structure : type of AbstractCovariance
        One of `MODELS`.
    n_components, n_features : int
        Numbers of components and of features.
    n_rows : int
        Number of rows.
    weight : float
        Sum of the weights of the rows.
    center : (d,) array
        Mean of the rows.
    exponent : int
        Rows are divided by 2 to this power.
    pseudo_rows : float
        Pseudo-rows of the prior in all components.
    native : EmSearch
        The compiled object.
    """

    structure: type[AbstractCovariance]
    n_components: int
    n_features: int
    n_rows: int
    weight: float
    center: FloatArray
    exponent: int
    pseudo_rows: float
    native: _native.EmSearch

    @staticmethod
    def can_hold(structure: type[AbstractCovariance], n_features: int, update: MaximumLikelihood) -> bool:
        """Return whether there is compiled code for a structure, a number of features and an M-step."""
        has_means = update.prior is not None and update.prior.mean_strength > 0
        is_plain = update.is_plain and update.initial_degrees is None
        return is_model(structure) and n_features <= _MOST_FEATURES and is_plain and not has_means

    @classmethod
    def of(
        cls,
        data: Sample,
        structure: type[AbstractCovariance],
        n_components: int,
        update: MaximumLikelihood,
        target_root: FloatArray,
    ) -> Self:
        """Return the rows of a sample.

        Parameters
        ----------
        data : Sample
            The rows.
        structure : type of AbstractCovariance
            One of `MODELS`.
        n_components : int
            Number of components.
        update : MaximumLikelihood
            M-step with ridge and prior, but no prior on the means.
        target_root : (d, d) array
            Lower root of the covariance within clusters.
        """
        scaled, exponent = data.scaled
        d = data.rows.n_features
        prior, strength = np.zeros((d, d)), 0.0
        if update.prior is not None:
            root = np.ldexp(dense_root(update.prior.root), -exponent)
            prior, strength = root @ root.T, update.prior.strength
        native = _native.EmSearch(
            scaled,
            data.rows.weights,
            structure.letters,
            n_components,
            prior,
            strength,
            math.ldexp(update.ridge, -2 * exponent),
            np.ldexp(dense_root(data.root), -exponent),
            np.ldexp(dense_root(target_root), -exponent),
        )
        total = strength * (n_components // FORMS[structure.form].components_per_scatter(n_components))
        return cls(structure, n_components, d, data.rows.n_rows, data.rows.total, data.center, exponent, total, native)

    def start(self, labels: IntArray) -> FloatArray | None:
        """Return the state of a partition (n,) of the rows, or None if a cluster is empty."""
        state = np.empty(self.native.state_size)
        return state if self.native.start(labels, state) else None

    def state_of(self, mixture: Mixture, counts: FloatArray | None = None) -> FloatArray:
        """Return the state of a mixture, before its pass; moves need the counts (k,) of a pass."""
        state = np.full(self.native.state_size, np.nan)
        means = np.ldexp(mixture.means - self.center, -self.exponent)
        roots = np.ldexp(mixture.covariance.roots, -self.exponent)
        for place, part in zip(self._places, (mixture.weights, means.ravel(), roots.ravel()), strict=False):
            state[place] = part
        if counts is not None:
            state[self._places[3]] = counts
        return state

    def mixture_of(self, state: FloatArray) -> Mixture:
        """Return the mixture of a state."""
        k, d = self.n_components, self.n_features
        weights, means, roots = self._parts(state)[:3]
        roots = np.ldexp(roots, self.exponent).reshape(self.structure.root_shape(k, d))
        means = np.ldexp(means.reshape(k, d), self.exponent) + self.center
        return Mixture(weights, means, self.structure(roots, k, d))

    def moments_of(self, state: FloatArray) -> Moments:
        """Return the sums of the last pass of a state."""
        k, d = self.n_components, self.n_features
        counts, shifts, scatter = self._parts(state)[3:]
        scatter = scatter.reshape(self.structure.root_shape(k, d))
        if not FORMS[self.structure.form].is_diagonal:
            scatter = np.tril(scatter) + np.tril(scatter, -1).swapaxes(-1, -2)
        log_likelihood = self.log_likelihood_of(state)
        shifts = shifts.reshape(k, d)
        return Moments(self.structure.form, counts, shifts, scatter, log_likelihood, float(state[2]), self.weight)

    def counts_of(self, state: FloatArray) -> FloatArray:
        """Return the counts (k,) of the last pass of a state."""
        return state[self._places[3]]

    def objective_of(self, state: FloatArray) -> float:
        """Return the objective of a state, in nats."""
        return float(state[0]) - self._log_units_of_objective

    def log_likelihood_of(self, state: FloatArray) -> float:
        """Return the log-likelihood of the last pass of a state, in nats."""
        return float(state[1]) - self.weight * self._log_unit

    def mean_log_likelihoods(self, log_likelihoods: FloatArray) -> FloatArray:
        """Return the mean log-likelihoods for log-likelihoods of a trace."""
        return log_likelihoods / self.weight - self._log_unit

    def run(self, states: Sequence[FloatArray], limits: Limits) -> list[Outcome]:
        """Run EM from states; runs are distributed over threads if they have enough work."""
        m = len(states)
        ended, told = np.array(states), np.empty((m, 4), dtype=np.int64)
        trace = np.empty((m, limits.max_iter + 1, 2))
        all_steps = math.isnan(limits.nats)
        self.native.run(
            ended,
            limits.max_iter,
            all_steps,
            0.0 if all_steps else limits.nats,
            limits.accelerate,
            limits.target + self._log_units_of_objective,
            limits.hope,
            limits.distance,
            limits.seconds,
            threading.current_thread() is threading.main_thread(),
            self._threads(m * min(limits.max_iter, 20)),
            told,
            trace,
        )
        return [
            Outcome(state, ENDS[end], n_passes, lines[:n_lines], bool(signs & _SOUND), bool(signs & _REPEATS))
            for state, lines, (end, n_passes, n_lines, signs) in zip(ended, trace, told.tolist(), strict=True)
        ]

    def split(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Split every component of a state in two.

        Returns
        -------
        gains : (k,) array
            Gains in nats; NaN for components that cannot be split.
        halves : (k, 1 + 2 d + 2 d^2) array
            Share of the first half, means and covariances of both.
        """
        k, d = self.n_components, self.n_features
        gains, halves = np.empty(k), np.zeros((k, 1 + 2 * d * (1 + d)))
        self.native.split(state, self._threads(16), gains, halves)
        return gains, halves

    def overlap(self, state: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return how the components of a state overlap.

        Returns
        -------
        counts : (k,) array
            Sums of the weighted responsibilities.
        unknown : (k, k) array
            What the rows do not tell about which of two components they are from, in nats (`losses_of`).
        log_density : (n,) array
            That of the rows, up to a constant.
        """
        k = self.n_components
        counts, unknown, log_density = np.empty(k), np.empty((k, k)), np.empty(self.n_rows)
        self.native.overlap(state, counts, unknown, log_density)
        return counts, unknown, log_density

    def moved(self, state: FloatArray, halves: FloatArray, pair: tuple[int, int], component: int) -> FloatArray | None:
        """Return the state after a pair is merged and a component is split; None if it is singular."""
        to = np.full(self.native.state_size, np.nan)
        return to if self.native.move(state, halves, *pair, component, to) else None

    def transferred(
        self, state: FloatArray, halves: FloatArray, component: int, half: int, to: int
    ) -> FloatArray | None:
        """Return the state after one half of a component is merged into another one; None if it is singular."""
        moved = np.full(self.native.state_size, np.nan)
        return moved if self.native.transfer(state, halves, component, half, to, moved) else None

    def swapped(self, state: FloatArray, component: int, row: int) -> FloatArray | None:
        """Return the state after a component has moved to a row; None if it is singular."""
        to = np.full(self.native.state_size, np.nan)
        return to if self.native.swap(state, component, row, to) else None

    def is_clearly_sound(self, mixture: Mixture, counts: FloatArray) -> bool:
        """Return whether bounds alone tell that `examine` finds nothing, given the counts (k,) of the last pass."""
        return bool(self.native.signs(self.state_of(mixture, counts)) & _SOUND)

    @cached_property
    def _log_unit(self) -> float:
        return self.exponent * math.log(2.0) * self.n_features

    @cached_property
    def _log_units_of_objective(self) -> float:
        return (self.weight + self.pseudo_rows) * self._log_unit

    def _parts(self, state: FloatArray) -> list[FloatArray]:
        return [state[place] for place in self._places]

    @cached_property
    def _places(self) -> list[slice]:
        """Where weights, means, roots, counts, shifts and scatter are in a state."""
        k, d = self.n_components, self.n_features
        size = (self.native.state_size - _NUMBERS) // 2 - k * (1 + d)
        ends = itertools.accumulate((k, k * d, size, k, k * d, size), initial=_NUMBERS)
        return list(itertools.starmap(slice, itertools.pairwise(ends)))

    def _threads(self, n_passes: int) -> int:
        """Return the number of threads for so many passes."""
        flops = self.weight * self.n_components * (100.0 + 4 * self.n_features**2) * n_passes
        return max(1, min(_native.max_threads(), int(flops / _WORK_OF_THREAD)))
