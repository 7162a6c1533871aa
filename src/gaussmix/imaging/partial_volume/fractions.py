"""Partial volume: how much of each class is in a pixel, where a pixel can hold two."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.linalg import solve_triangular

import gaussmix.core._native as _native
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.partial_volume.bias_field import SmoothField

_BETWEEN = 5  # mixed states of a pair of classes: in sixths
_MOST_ITERATIONS = 16
_SETTLED = 0.01  # of the means, in units of the noise, and a tenth of it of the strengths
_LEAST_LOG_WEIGHT = -20.0


@dataclass(frozen=True, eq=False)
class Sheet:
    """The pixels of one image, n = 0, 1, ... in C order of the shape.

    Attributes
    ----------
    shape : tuple of int
    rows : (n, d) array of float32
    visible : (n,) array of bool
    axis_weights : (axes,) array
        Of the neighbors along each axis; 0 where there are none.
    """

    shape: tuple[int, ...]
    rows: Rows
    visible: BoolArray
    axis_weights: FloatArray

    def counted(self) -> BoolArray:
        """(n,) pixels to estimate from: not those at the edge of what is visible, which hold some of what is not."""
        around = np.ones([3 if weight else 1 for weight in self.axis_weights], dtype=bool)
        inner = ndimage.binary_erosion(self.visible.reshape(self.shape), around, border_value=1).ravel()
        return inner if inner.sum() >= 0.25 * self.visible.sum() else self.visible


@dataclass(frozen=True, eq=False)
class PartialVolume:
    """Pixels as mixtures of classes: ``row = fractions' means + noise``.

    The shares of a pixel are one of a list of states: one class alone, or two in sixths (Santago and Gage, IEEE
    Transactions on Medical Imaging 12 (1993), 566-574, with a list in place of their integral). With h
    the sums of the expected shares of its nearest neighbors along the axes, g those of the second, a state with the
    shares f has the prior probability ``~ weight exp(f (strengths[0] h + strengths[1] g))``.

    Attributes
    ----------
    means : (k, d) array
    noise : (d, d) array
        Covariance of the noise, the same for all classes.
    fractions : (s, k) array
        Of the states.
    log_weights : (s,) array
    strengths : (2,) array
        The second is usually negative: what second neighbors say, nearest ones have said.
    """

    means: FloatArray
    noise: FloatArray
    fractions: FloatArray
    log_weights: FloatArray
    strengths: FloatArray

    @property
    def n_classes(self) -> int:
        return len(self.means)

    @classmethod
    def start(cls, means: FloatArray, noise: FloatArray) -> "PartialVolume":
        """Where EM starts: two pixels of three are pure, and neighbors alike."""
        fractions = states_of(means, noise)
        weights = np.full(len(fractions), 0.4 / max(len(fractions) - len(means), 1))
        weights[: len(means)] = 0.6 / len(means)
        return cls(means, noise, fractions, np.log(weights), np.array([2.0, -1.0]))


def states_of(means: FloatArray, noise: FloatArray) -> FloatArray:
    """(s, k) shares of the states: the classes alone, then pairs of classes with nothing between them.

    Between two classes there is a third when its mean lies in the ball that has the line between them for a diameter
    (Gabriel and Sokal, Systematic Zoology 18 (1969), 259-278), in units of the noise: a mixture of the two could not be
    told from the third.
    """
    k = len(means)
    whitened = solve_triangular(np.linalg.cholesky(noise), means.T, lower=True).T
    squared = ((whitened[:, None] - whitened[None, :]) ** 2).sum(axis=2)
    states = [np.eye(k)]
    for a, b in itertools.combinations(range(k), 2):
        if any(squared[a, c] + squared[c, b] < squared[a, b] for c in range(k) if c not in (a, b)):
            continue
        shares = np.arange(1, _BETWEEN + 1) / (_BETWEEN + 1)
        mixed = np.zeros((_BETWEEN, k))
        mixed[:, a], mixed[:, b] = 1.0 - shares, shares
        states.append(mixed)
    return np.concatenate(states)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What a sweep adds up over the pixels that count, rows in units of the noise and about an origin."""

    gradient: FloatArray
    curvature: FloatArray
    counts: FloatArray
    expected: FloatArray
    rows: FloatArray
    squares: FloatArray
    n: float

    @classmethod
    def read(cls, sums: FloatArray, n_states: int, d: int) -> "_Sums":
        """From the list that the compiled code fills (cpp/fraction_kernels.hpp)."""
        counts, expected, rows, squares = np.split(sums[7:], np.cumsum([n_states, n_states, n_states * d]))
        curvature = sums[[4, 5, 5, 6]].reshape(2, 2)
        return cls(
            sums[2:4], curvature, counts, expected, rows.reshape(n_states, d), squares.reshape(d, d), float(sums[1])
        )


class _Estimate:
    """The expected shares of the pixels of one image under a model that changes, and its field."""

    def __init__(self, sheet: Sheet, n_classes: int, *, bias_field: bool) -> None:
        self.sheet, self.rows = sheet, sheet.rows
        self.counted = sheet.counted()
        self.standing = sheet.visible.astype(np.uint8) + (self.counted & sheet.visible)
        self.fractions = np.zeros((n_classes, len(sheet.visible)), dtype=np.float32)
        self.smooth = SmoothField(sheet.shape, sheet.visible) if bias_field else None
        n_terms = self.smooth.n_terms if self.smooth else 0
        self.coefficients = np.zeros((n_terms, sheet.rows.shape[1]))

    def sweep(self, model: PartialVolume, origin: FloatArray, strengths: FloatArray, sums: FloatArray) -> None:
        factor = _factor(model.noise)
        _native.update_fractions(
            np.array(self.sheet.shape, dtype=np.int64),
            self.sheet.axis_weights,
            self.rows,
            origin,
            factor,
            self.standing,
            np.ascontiguousarray(model.fractions, dtype=np.float32),
            np.ascontiguousarray(model.fractions @ (model.means - origin) @ factor, dtype=np.float32),
            model.log_weights.astype(np.float32),
            strengths,
            self.fractions,
            sums,
        )

    def follow_field(self, model: PartialVolume) -> float:
        """Improve the field; returns the greatest change of its logarithm, about."""
        if self.smooth is None:
            return 0.0
        better = self.smooth.improve(
            self.coefficients, self.sheet.rows, self.fractions, model.means, np.diag(model.noise), self.counted
        )
        change = float(np.abs(better - self.coefficients).max())
        self.coefficients = better
        field = np.exp(self.smooth.log_field(better))
        self.rows = np.ascontiguousarray(self.sheet.rows / field, dtype=np.float32)
        return change

    def field(self) -> Rows | None:
        """(n, d) array of float32: what the rows are divided by."""
        return None if self.smooth is None else np.exp(self.smooth.log_field(self.coefficients))


def _factor(noise: FloatArray) -> FloatArray:
    """(d, d) ``(row - origin) @ factor`` is in units of the noise."""
    inverse = solve_triangular(np.linalg.cholesky(noise), np.eye(len(noise)), lower=True)
    return np.ascontiguousarray(inverse.T)


def _mean_and_scatter(sheets: Sequence[Sheet]) -> tuple[FloatArray, FloatArray]:
    """Of each channel, about: from some hundred thousand of the visible pixels."""
    steps = [max(1, int(np.count_nonzero(sheet.visible)) // 100_000) for sheet in sheets]
    some = [sheet.rows[::step][sheet.visible[::step]] for sheet, step in zip(sheets, steps, strict=True)]
    rows = np.concatenate(some)
    return rows.mean(axis=0, dtype=np.float64), rows.var(axis=0, dtype=np.float64)


def _n_sums(model: PartialVolume) -> int:
    n_states, d = len(model.fractions), len(model.noise)
    return 7 + 2 * n_states + n_states * d + d * d


def _maximize(model: PartialVolume, sums: _Sums, origin: FloatArray, floor: FloatArray) -> PartialVolume:
    """The M-step: means and noise in closed form, weights and strengths by a step up the pseudo-likelihood.

    Weights and strengths make each pixel's prior given its neighbors' shares: multinomial logistic regression. The
    strengths take Newton's step, the weights the step of iterative scaling.
    """
    root = np.linalg.cholesky(model.noise)
    means = (model.means - origin) @ _factor(model.noise)
    shares = model.fractions.T @ (sums.counts[:, None] * model.fractions)
    by_class = model.fractions.T @ sums.rows
    ridge = 1e-9 * sums.n * np.eye(len(means))  # a class without pixels keeps its mean
    means = means + np.linalg.solve(shares + ridge, by_class - shares @ means)
    crossed = means.T @ by_class
    scatter = sums.squares - crossed - crossed.T + means.T @ shares @ means
    noise = root @ (scatter / sums.n) @ root.T
    log_weights = model.log_weights + np.log(np.maximum(sums.counts, 1e-3) / np.maximum(sums.expected, 1e-3))
    step = np.linalg.solve(sums.curvature + 1e-6 * sums.n * np.eye(2), sums.gradient)
    return replace(
        model,
        means=origin + means @ root.T,
        noise=0.5 * (noise + noise.T) + floor,
        log_weights=np.maximum(log_weights - log_weights.max(), _LEAST_LOG_WEIGHT),
        strengths=model.strengths + np.clip(step, -1.0, 1.0),
    )


def fit_partial_volume(
    sheets: Sequence[Sheet], means: FloatArray, noise: FloatArray, *, bias_field: bool = False
) -> tuple[PartialVolume, list[Rows], list[Rows | None]]:
    """Estimate the model by EM, its E-step one mean-field sweep over all pixels.

    Parameters
    ----------
    sheets : sequence of Sheet
    means : (k, d) array
        To start from: a mixture's.
    noise : (d, d) array
        To start from: more than the noise, less than the covariance within classes.
    bias_field : bool, default=False
        Whether each image is multiplied by a smooth field, to be estimated and divided out.

    Returns
    -------
    model : PartialVolume
        Classes in the order of ``means``.
    fractions : list of (k, n) array of float32
        The expected shares of the pixels of each image; 0 where they are not visible.
    fields : list of (n, d) array of float32, or of None
    """
    origin, scatter = _mean_and_scatter(sheets)
    floor = np.diag(np.where(scatter > 0, 1e-6 * scatter, 1.0))
    model = PartialVolume.start(np.asarray(means, dtype=np.float64), noise + floor)
    estimates = [_Estimate(sheet, len(means), bias_field=bias_field) for sheet in sheets]
    unused = np.zeros(_n_sums(model))
    for estimate in estimates:
        estimate.sweep(model, origin, np.zeros(2), unused)
    for iteration in range(_MOST_ITERATIONS):
        sums = np.zeros(_n_sums(model))
        for estimate in estimates:
            estimate.sweep(model, origin, model.strengths, sums)
        found = _Sums.read(sums, len(model.fractions), len(origin))
        better = _maximize(model, found, origin, floor)
        moved = np.abs((better.means - model.means) @ _factor(better.noise)).max()
        strengthened = np.abs(better.strengths - model.strengths).max()
        model = better
        changed = max(estimate.follow_field(model) for estimate in estimates) if iteration else np.inf
        if max(moved, 0.1 * strengthened) < _SETTLED and (not bias_field or changed < 0.1 * _SETTLED):
            break
    return model, [estimate.fractions for estimate in estimates], [estimate.field() for estimate in estimates]
