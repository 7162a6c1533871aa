"""Estimates of the fractions of classes and the bias field of an image, from the labels of its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.partial_volume.fractions import FractionGrid, fit_partial_volume

_NOISE_SHARE = 0.5  # share of the covariance within classes that is the initial noise: classes also have mixed pixels
_MAX_ITER = 30
_SAMPLE = 100_000  # approximate number of pixels used for the initialization
_PIECE = 1 << 18


@dataclass(frozen=True, eq=False)
class FractionEstimate:
    """Estimated fractions and bias field of one image.

    Attributes
    ----------
    fractions : (shape, k) array of float32
        Expected fraction of each class in each pixel; 0 where a pixel is not visible.
    bias_field : (shape, channels) array of float32, or None
        Estimated bias field, by which the image is divided.
    """

    fractions: npt.NDArray[np.float32]
    bias_field: Rows | None


@underflow_to_zero
def estimate_fractions(
    pixels: Pixels,
    labels: Rows,
    n_classes: int,
    spacing: Sequence[float] | None = None,
    *,
    stack: bool = False,
    bias_field: bool = False,
) -> FractionEstimate:
    """Fit the partial-volume model to an image, starting from the means of the pixels of each label.

    The original channels are used, whatever the color space of the labels: light is additive, L*a*b* is not. A class
    without pixels has fraction 0.

    Parameters
    ----------
    pixels : Pixels
        One image or one stack.
    labels : (shape) array of int
        Class of each pixel; values other than 0 to k - 1 are ignored.
    n_classes : int
        Number of classes, k.
    spacing : sequence of float, optional
        Distance between neighboring pixels along the axes of one image.
    stack : bool, default=False
        Whether the first axis is the images of a stack.
    bias_field : bool, default=False
        Whether to estimate a bias field.

    Returns
    -------
    FractionEstimate
        Arrays of the shape of the image.
    """
    with one_blas_thread():
        return _estimate_fractions(pixels, labels, n_classes, spacing, stack, bias_field)


def divide_by_bias_field(pixels: Pixels, bias_field: Rows) -> Pixels:
    """Return the image divided by its bias field (shape, channels)."""
    return replace(pixels, values=(pixels.values / bias_field).astype(np.float32))


def _estimate_fractions(
    pixels: Pixels, labels: Rows, n_classes: int, spacing: Sequence[float] | None, stack: bool, bias_field: bool
) -> FractionEstimate:
    shape, n = pixels.shape, int(np.prod(pixels.shape))
    visible = np.ones(n, dtype=bool) if pixels.visible is None else pixels.visible.ravel()
    values = pixels.values.reshape(n, -1)
    counts, means = _counts_and_means(values, labels.ravel(), visible, n_classes)
    present = np.flatnonzero(counts)
    distances = np.ones(len(shape) - stack) if spacing is None else np.asarray(spacing, dtype=np.float64)
    axis_weights = np.concatenate([np.zeros(int(stack)), distances.min() / distances])
    # float32 is precise enough for centered values; a bias field is a factor and requires uncentered ones
    center = np.zeros(means.shape[1]) if bias_field else counts @ means / counts.sum()
    rows = np.empty((n, means.shape[1]), dtype=np.float32)
    np.subtract(values, center, out=rows, casting="unsafe")
    grid = FractionGrid(shape, rows, visible, axis_weights)
    counted = grid.counted()
    step = max(1, int(np.count_nonzero(counted)) // _SAMPLE)
    start, within = _refine_means(rows[::step][counted[::step]], means[present] - center)
    fit = fit_partial_volume(grid, start, _NOISE_SHARE * within, bias_field=bias_field)
    fractions = fit.fractions
    if len(present) < n_classes:
        fractions = np.zeros((n_classes, n), dtype=np.float32)
        fractions[present] = fit.fractions
    return FractionEstimate(
        np.moveaxis(fractions.reshape(n_classes, *shape), 0, -1),
        None if fit.bias_field is None else fit.bias_field.reshape(*shape, -1),
    )


def _counts_and_means(values: Rows, labels: Rows, visible: BoolArray, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """Return the counts (k,) and means (k, d) of the visible pixels of each label."""
    counts, sums = np.zeros(n_classes), np.zeros((n_classes, values.shape[1]))
    for first in range(0, len(values), _PIECE):
        piece = slice(first, first + _PIECE)
        chosen = visible[piece] & (labels[piece] < n_classes)
        rows, numbers = values[piece][chosen], labels[piece][chosen]
        counts += np.bincount(numbers, minlength=n_classes)
        for channel, channel_sums in enumerate(sums.T):
            channel_sums += np.bincount(numbers, rows[:, channel], n_classes)
    return counts, sums / np.maximum(counts, 1.0)[:, None]


def _refine_means(rows: Rows, means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Refine means (k, d) by k-means on standardized channels; return them and the covariance within classes (d, d).

    A mixture may use one class for the pure pixels of two tissues and another for their mixed pixels. With one
    noise covariance for all classes this cannot occur. The refined means are matched to the given ones,
    because k-means may exchange classes.
    """
    rows = rows.astype(np.float64)
    deviations = rows.std(axis=0)
    deviations[deviations == 0] = 1.0
    rows, means = rows / deviations, means / deviations
    given = means
    # `fitting.kmeans.k_means` draws its seeds and moves empty centers, which is not wanted here
    for _ in range(_MAX_ITER):
        nearest = ((means**2).sum(axis=1) - 2.0 * rows @ means.T).argmin(axis=1)
        counts, moved = _counts_and_means(rows, nearest, np.ones(len(rows), dtype=bool), len(means))
        moved[counts == 0] = means[counts == 0]
        change, means = np.abs(moved - means).max(), moved
        if change < 1e-3:
            break
    off = (rows - means[nearest]) * deviations
    _, matched = linear_sum_assignment(((given[:, None] - means) ** 2).sum(axis=2))
    return means[matched] * deviations, off.T @ off / len(off)
