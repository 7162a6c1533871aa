"""From an image and the classes of its pixels to shares of classes within pixels, and to an image without its field."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.typing import BoolArray, FloatArray, Rows
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.partial_volume.fractions import Sheet, fit_partial_volume

_OF_WITHIN = 0.5  # the noise EM starts from: classes hold mixed pixels too
_MOST_MOVES = 30
_SAMPLE = 100_000  # pixels that the start is made of
_PIECE = 1 << 18


@dataclass(frozen=True, eq=False)
class Tissue:
    """What partial volume makes of one image.

    Attributes
    ----------
    fractions : (shape, k) array of float32
        The expected share of each class; 0 where a pixel does not count.
    field : (shape, channels) array of float32, or None
        What the image is divided by.
    """

    fractions: npt.NDArray[np.float32]
    field: Rows | None


def tissue_of(
    pixels: Pixels,
    labels: Rows,
    n_classes: int,
    spacing: Sequence[float] | None = None,
    *,
    stack: bool = False,
    bias_field: bool = False,
) -> Tissue:
    """Fit the partial-volume model to an image, from the means of the pixels of each label on.

    Channels are mixed as they are, whatever the color space of the labels: light adds up, L*a*b* does not. A class that
    no pixel has gets no share.

    Parameters
    ----------
    pixels : Pixels
    labels : (shape) array of int
        Others than 0 to k - 1 are not looked at.
    n_classes : int
    spacing : sequence of float, optional
        Of the axes of one image.
    stack : bool, default=False
    bias_field : bool, default=False
    """
    with one_blas_thread(int(np.prod(pixels.shape)), pixels.n_channels):
        return _tissue_of(pixels, labels, n_classes, spacing, stack, bias_field)


def _tissue_of(
    pixels: Pixels, labels: Rows, n_classes: int, spacing: Sequence[float] | None, stack: bool, bias_field: bool
) -> Tissue:
    shape, n = pixels.shape, int(np.prod(pixels.shape))
    visible = np.ones(n, dtype=bool) if pixels.visible is None else pixels.visible.ravel()
    values = pixels.values.reshape(n, -1)
    counts, means = _by_label(values, labels.ravel(), visible, n_classes)
    present = np.flatnonzero(counts)
    distances = np.ones(len(shape) - stack) if spacing is None else np.asarray(spacing, dtype=np.float64)
    weights = np.concatenate([np.zeros(int(stack)), distances.min() / distances])
    # About the mean, float32 has digits enough; a field is a factor, so that zero must stay zero.
    center = np.zeros(means.shape[1]) if bias_field else counts @ means / counts.sum()
    rows = np.empty((n, means.shape[1]), dtype=np.float32)
    np.subtract(values, center, out=rows, casting="unsafe")
    sheet = Sheet(shape, rows, visible, weights)
    counted = sheet.counted()
    step = max(1, int(np.count_nonzero(counted)) // _SAMPLE)
    starts, within = _settled(rows[::step][counted[::step]], means[present] - center)
    _, (fractions,), (field,) = fit_partial_volume([sheet], starts, _OF_WITHIN * within, bias_field=bias_field)
    if len(present) < n_classes:
        some, fractions = fractions, np.zeros((n_classes, n), dtype=np.float32)
        fractions[present] = some
    return Tissue(
        np.moveaxis(fractions.reshape(n_classes, *shape), 0, -1),
        None if field is None else field.reshape(*shape, -1),
    )


def without_field(pixels: Pixels, field: Rows) -> Pixels:
    """The image divided by its field."""
    return Pixels((pixels.values / field).astype(np.float32), pixels.visible)


def _by_label(values: Rows, labels: Rows, visible: BoolArray, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """The counts (k,) and means (k, d) of the labels."""
    counts, sums = np.zeros(n_classes), np.zeros((n_classes, values.shape[1]))
    for first in range(0, len(values), _PIECE):
        piece = slice(first, first + _PIECE)
        chosen = visible[piece] & (labels[piece] < n_classes)
        rows, of = values[piece][chosen], labels[piece][chosen]
        counts += np.bincount(of, minlength=n_classes)
        for channel, sum_of in enumerate(sums.T):
            sum_of += np.bincount(of, rows[:, channel], n_classes)
    return counts, sums / np.maximum(counts, 1.0)[:, None]


def _settled(rows: Rows, means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means (k, d) moved by k-means, in units of each channel's deviation, and the covariance within (d, d).

    Each is named after a given mean, the nearest by all: k-means may take classes past each other.

    A mixture may have one class for the pure pixels of two tissues and another for the mixed ones; with one noise for
    all there is no such class.
    """
    rows = rows.astype(np.float64)
    deviations = rows.std(axis=0)
    deviations[deviations == 0] = 1.0
    rows, means = rows / deviations, means / deviations
    given = means
    for _ in range(_MOST_MOVES):
        nearest = ((means**2).sum(axis=1) - 2.0 * rows @ means.T).argmin(axis=1)
        counts, moved = _by_label(rows, nearest, np.ones(len(rows), dtype=bool), len(means))
        moved[counts == 0] = means[counts == 0]
        change, means = np.abs(moved - means).max(), moved
        if change < 1e-3:
            break
    off = (rows - means[nearest]) * deviations
    _, nearest_given = linear_sum_assignment(((given[:, None] - means) ** 2).sum(axis=2))
    return means[nearest_given] * deviations, off.T @ off / len(off)
