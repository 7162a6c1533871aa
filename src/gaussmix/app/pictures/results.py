"""A segmentation in memory, with what the page asks of it more than once."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.app.pictures.histograms import channel_histograms
from gaussmix.app.pictures.merged import Labeled
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.imaging.picture_fitting import fit_pictures

if TYPE_CHECKING:
    from collections.abc import Callable

    from gaussmix.core.typing import IntArray
    from gaussmix.imaging.images.picture import Picture
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter


@dataclass(frozen=True, eq=False)
class Result:
    """Result of a fit.

    Attributes
    ----------
    segmentation : Labeled
        Segmentation of the picture, or of a thinned one.
    is_full : bool
        Whether it is that of the picture itself.
    """

    segmentation: Labeled
    is_full: bool
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @cached_property
    def uncertainty(self) -> Rows:
        """Uncertainty of each pixel, 255 for equal probabilities, uint8."""
        with self._lock:
            return np.rint(255 * self.segmentation.uncertainty).astype(np.uint8)

    @cached_property
    def histograms(self) -> list[dict[str, Any]]:
        """Histograms of the channels with the densities of the classes."""
        return channel_histograms(self.segmentation)

    def probabilities(self, place: tuple[int, ...], shape: tuple[int, ...]) -> FloatArray:
        """Return the probabilities of the classes at a pixel of the whole picture, whose shape is given."""
        with self._lock:
            table = self.segmentation.probabilities
        steps = [-(-length // n) for length, n in zip(shape, table.shape, strict=False)]
        found = table[tuple(position // step for position, step in zip(place, steps, strict=True))]
        return np.asarray(found, dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of the result."""
        segmentation = self.segmentation
        return {
            "is_full": self.is_full,
            "n_classes": segmentation.n_classes,
            "smoothing": float(segmentation.segmenter.smoothing_),
            "colors": [f"#{bytes(color).hex()}" for color in segmentation.colors],
            "shares": [float(share) for share in segmentation.shares],
            "n_visible": segmentation.picture.n_visible,
        }


def fit_labels(
    report: "Callable[[float | None, str], None]",
    picture: "Picture",
    parameters: dict[str, Any],
    known: "IntArray | None",
) -> "tuple[GaussianMixtureSegmenter, Rows]":
    """Fit a segmenter to a picture and label its pixels: the work of a job.

    Parameters
    ----------
    report : callable
        Tells how far the work is.
    picture : Picture
        The picture.
    parameters : dict
        Parameters of `GaussianMixtureSegmenter`.
    known : (shape) array of int, or None
        Known classes, -1 elsewhere.

    Returns
    -------
    GaussianMixtureSegmenter, (shape) array of uint8
        The fitted segmenter and the labels.
    """
    from gaussmix.imaging import GaussianMixtureSegmenter

    report(0.1, "fitting the classes")
    segmenter = fit_pictures([picture], GaussianMixtureSegmenter(**parameters), [known])
    report(0.8, "labeling the pixels")
    return segmenter, Labeled.by(picture, segmenter, known).labels


def fit_small(
    picture: "Picture", parameters: dict[str, Any], known: "IntArray | None" = None
) -> "GaussianMixtureSegmenter":
    """Fit a segmenter to a small picture; warnings are left to the full fit.

    Parameters
    ----------
    picture : Picture
        The picture.
    parameters : dict
        Parameters of `GaussianMixtureSegmenter`.
    known : (shape) array of int, optional
        Known classes, -1 elsewhere.

    Returns
    -------
    GaussianMixtureSegmenter
        The fitted segmenter.
    """
    from gaussmix.imaging import GaussianMixtureSegmenter

    with collected_warnings():
        return fit_pictures([picture], GaussianMixtureSegmenter(**parameters), [known])
