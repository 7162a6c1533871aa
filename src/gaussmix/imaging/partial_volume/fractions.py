"""EM for the partial-volume model: mean-field sweeps over the fractions, M-steps, and bias field updates."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

import gaussmix.core._native as _native
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.partial_volume.bias_field import BiasFieldModel
from gaussmix.imaging.partial_volume.model import FractionSums, PartialVolumeModel, whitening

_MAX_ITER = 16
_TOLERANCE = 0.01  # change of the means in units of the noise; ten times as much for the smoothing
_SCALE_PIXELS = 100_000  # approximate number of visible pixels used to estimate the scale of the channels


@dataclass(frozen=True, eq=False)
class FractionGrid:
    """Pixels of an image with their neighbors along the axes, n = 0, 1, ... in C order of the shape.

    Attributes
    ----------
    shape : tuple of int
        Shape of the image without channels.
    rows : (n, d) array of float32
        Channels of all pixels.
    visible : (n,) array of bool
        Visible pixels.
    axis_weights : (axes,) array
        Weight of the neighbors along each axis; 0 on an axis without neighbors.
    """

    shape: tuple[int, ...]
    rows: Rows
    visible: BoolArray
    axis_weights: FloatArray

    def counted(self) -> BoolArray:
        """Return the pixels used for the estimates, (n,): those not at the edge of the visible ones.

        Pixels at the edge are mixed with invisible ones. If fewer than a quarter of the visible pixels are not at
        the edge, all visible pixels are returned.
        """
        around = np.ones([3 if weight else 1 for weight in self.axis_weights], dtype=bool)
        inner = ndimage.binary_erosion(self.visible.reshape(self.shape), around, border_value=1).ravel()
        return inner if inner.sum() >= 0.25 * self.visible.sum() else self.visible


@dataclass(frozen=True, eq=False)
class PartialVolumeFit:
    """Result of EM for one image.

    Attributes
    ----------
    model : PartialVolumeModel
        Fitted model, with the classes in the order of the initial means.
    fractions : (k, n) array of float32
        Expected fractions of the classes in each pixel; 0 where a pixel is not visible.
    bias_field : (n, d) array of float32, or None
        Estimated bias field, by which the rows are divided.
    """

    model: PartialVolumeModel
    fractions: Rows
    bias_field: Rows | None


def fit_partial_volume(
    grid: FractionGrid, means: FloatArray, noise: FloatArray, *, bias_field: bool = False
) -> PartialVolumeFit:
    """Fit the model by EM, with one mean-field sweep over all pixels as the E-step.

    Parameters
    ----------
    grid : FractionGrid
        Pixels with their neighbors.
    means : (k, d) array
        Initial means, such as those of a mixture.
    noise : (d, d) array
        Initial covariance of the noise, between its true value and the covariance within classes.
    bias_field : bool, default=False
        Whether to estimate a smooth bias field and divide the image by it.

    Returns
    -------
    PartialVolumeFit
        Fit after convergence of the means, the smoothing and the bias field, or after 16 iterations.
    """
    origin, scatter = _mean_and_variance(grid)
    floor = np.diag(np.where(scatter > 0, 1e-6 * scatter, 1.0))
    model = PartialVolumeModel.start(np.asarray(means, dtype=np.float64), noise + floor)
    estimate = _Estimate(grid, len(means), bias_field=bias_field)
    estimate.sweep(model, origin, np.zeros(2))
    for iteration in range(_MAX_ITER):
        sums = estimate.sweep(model, origin, model.smoothing)
        better = model.maximize(sums, origin, floor)
        moved = np.abs((better.means - model.means) @ whitening(better.noise)).max()
        smoothed = np.abs(better.smoothing - model.smoothing).max()
        model = better
        changed = estimate.update_bias_field(model) if iteration else np.inf
        if max(moved, 0.1 * smoothed) < _TOLERANCE and (not bias_field or changed < 0.1 * _TOLERANCE):
            break
    return PartialVolumeFit(model, estimate.fractions, estimate.bias_field())


class _Estimate:
    """Current expected fractions of the pixels, and the bias field."""

    def __init__(self, grid: FractionGrid, n_classes: int, *, bias_field: bool) -> None:
        self._grid, self._rows = grid, grid.rows
        self._counted = grid.counted()
        self._status = grid.visible.astype(np.uint8) + (self._counted & grid.visible)
        self.fractions = np.zeros((n_classes, len(grid.visible)), dtype=np.float32)
        self._bias_model = BiasFieldModel(grid.shape, grid.visible) if bias_field else None
        n_terms = self._bias_model.n_terms if self._bias_model else 0
        self._coefficients = np.zeros((n_terms, grid.rows.shape[1]))

    def sweep(self, model: PartialVolumeModel, origin: FloatArray, smoothing: FloatArray) -> FractionSums:
        """Update the fractions of all pixels and return the sums over the counted ones."""
        n_states, d = len(model.fractions), len(origin)
        factor = whitening(model.noise)
        sums = np.zeros(FractionSums.size(n_states, d))
        _native.update_fractions(
            np.array(self._grid.shape, dtype=np.int64),
            self._grid.axis_weights,
            self._rows,
            origin,
            factor,
            self._status,
            np.ascontiguousarray(model.fractions, dtype=np.float32),
            np.ascontiguousarray(model.fractions @ (model.means - origin) @ factor, dtype=np.float32),
            model.log_weights.astype(np.float32),
            smoothing,
            self.fractions,
            sums,
        )
        return FractionSums.read(sums, n_states, d)

    def update_bias_field(self, model: PartialVolumeModel) -> float:
        """Improve the bias field; return the greatest change of a coefficient."""
        if self._bias_model is None:
            return 0.0
        better = self._bias_model.improve(
            self._coefficients, self._grid.rows, self.fractions, model.means, np.diag(model.noise), self._counted
        )
        change = float(np.abs(better - self._coefficients).max())
        self._coefficients = better
        bias_field = np.exp(self._bias_model.log_bias_field(better))
        self._rows = np.ascontiguousarray(self._grid.rows / bias_field, dtype=np.float32)
        return change

    def bias_field(self) -> Rows | None:
        """Return the bias field, (n, d) of float32."""
        return None if self._bias_model is None else np.exp(self._bias_model.log_bias_field(self._coefficients))


def _mean_and_variance(grid: FractionGrid) -> tuple[FloatArray, FloatArray]:
    """Return the approximate mean and variance of each channel, (d,)."""
    step = max(1, int(np.count_nonzero(grid.visible)) // _SCALE_PIXELS)
    rows = grid.rows[::step][grid.visible[::step]]
    return rows.mean(axis=0, dtype=np.float64), rows.var(axis=0, dtype=np.float64)
