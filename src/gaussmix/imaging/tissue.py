"""From an image and the classes of its pixels to shares of classes within pixels, and to an image without its field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gaussmix.blas import one_blas_thread
from gaussmix.imaging.arrays import Pixels
from gaussmix.imaging.fractions import Sheet, fit_partial_volume
from gaussmix.typing import BoolArray, FloatArray, Rows

_OF_WITHIN = 0.5  # the noise EM starts from: classes hold mixed pixels too
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
    """Fit the partial-volume model to an image, from the means of the pixels of each label.

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
    counts, means, noise = _by_label(pixels.values.reshape(n, -1), labels.ravel(), visible, n_classes)
    present = np.flatnonzero(counts)
    distances = np.ones(len(shape) - stack) if spacing is None else np.asarray(spacing, dtype=np.float64)
    weights = np.concatenate([np.zeros(int(stack)), distances.min() / distances])
    # About the mean, float32 has digits enough; a field is a factor, so that zero must stay zero.
    center = np.zeros(means.shape[1]) if bias_field else counts @ means / counts.sum()
    rows = np.empty((n, means.shape[1]), dtype=np.float32)
    np.subtract(pixels.values.reshape(n, -1), center, out=rows, casting="unsafe")
    sheet = Sheet(shape, rows, visible, weights)
    _, (fractions,), (field,) = fit_partial_volume(
        [sheet], means[present] - center, _OF_WITHIN * noise, bias_field=bias_field
    )
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


def _by_label(
    values: Rows, labels: Rows, visible: BoolArray, n_classes: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The counts (k,) and means (k, d) of the labels, and the covariance within them (d, d)."""
    d = values.shape[1]
    counts, sums = np.zeros(n_classes), np.zeros((n_classes, d))
    for rows, of in _pieces(values, labels, visible, n_classes):
        counts += np.bincount(of, minlength=n_classes)
        for channel in range(d):
            sums[:, channel] += np.bincount(of, rows[:, channel], n_classes)
    means = sums / np.maximum(counts, 1.0)[:, None]
    scatter = np.zeros((d, d))
    for rows, of in _pieces(values, labels, visible, n_classes):
        off = rows - means[of]
        scatter += off.T @ off
    return counts, means, scatter / counts.sum()


def _pieces(values: Rows, labels: Rows, visible: BoolArray, n_classes: int) -> Iterator[tuple[FloatArray, Rows]]:
    for first in range(0, len(values), _PIECE):
        piece = slice(first, first + _PIECE)
        chosen = visible[piece] & (labels[piece] < n_classes)
        yield values[piece][chosen].astype(np.float64), labels[piece][chosen]
