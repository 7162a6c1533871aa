"""From pictures to rows of pixels, and from a mixture of pixel colors to pictures of its segments.

A segment is a component, and the pixels for which it is the most probable one. Arrays of pictures are
(height, width) or (height, width, channels); rows are the visible pixels, line by line.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.errors import DegenerateComponentWarning
from gaussmix.imaging.pictures import Picture
from gaussmix.mixture import Mixture
from gaussmix.typing import FloatArray, IntArray, Rows

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture

UNLABELED = 255
"""The label of transparent pixels."""

MOST_SEGMENTS = 255
"""A label is one byte, and `UNLABELED` takes one of the 256."""

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_PIECE = 1 << 18  # rows for which responsibilities are held at a time


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A picture and a mixture of its pixels, darkest component first.

    Attributes
    ----------
    picture : Picture
    mixture : Mixture
        Its features are the picture's channels, in the picture's own units.
    labels : (height, width) array of uint8
        The segment of each pixel; `UNLABELED` where the picture is transparent.
    """

    picture: Picture
    mixture: Mixture
    labels: Rows

    @classmethod
    def of(cls, picture: Picture, mixture: Mixture) -> Self:
        """The picture's pixels labeled by a mixture of them, whose components are put in order."""
        mixture = replace(mixture.reordered(brightness_order(mixture)), feature_names=picture.channels)
        labels = mixture.labels(picture.rows).astype(np.uint8)
        return cls(picture, mixture, picture.placed(labels, UNLABELED))

    @property
    def shares(self) -> FloatArray:
        """(k,) the share of the visible pixels that each segment has."""
        counts = np.bincount(self.labels.reshape(-1), minlength=256)[: self.mixture.n_components]
        return np.asarray(counts / counts.sum())

    @property
    def colors(self) -> Rows:
        """(k, 3) the mean color of each component, as 8-bit red, green, blue."""
        means = self.picture.as_bytes(self.mixture.means)
        return np.ascontiguousarray(np.broadcast_to(means, (len(means), 3)))

    def recolored(self) -> Rows:
        """(height, width, 3 or 4) each pixel in the mean color of its segment; the 4th channel is the opacity."""
        palette = np.zeros((256, 3), dtype=np.uint8)
        palette[: len(self.colors)] = self.colors
        return _with_alpha(palette[self.labels], self.picture.alpha)

    def cut_out(self, segment: int) -> Rows:
        """(height, width, 4) the picture where it belongs to the segment, transparent elsewhere."""
        inside = self.labels == segment
        shown = self.picture.shown()
        alpha = inside * (shown[..., 3] if shown.shape[-1] == 4 else np.uint8(255))
        return _with_alpha(np.where(inside[..., None], shown[..., :3], np.uint8(0)), alpha)

    @cached_property
    def probability_maps(self) -> Rows:
        """(k, height, width) the probability of each component given the pixel: 0 is 0, 255 is 1."""
        rows = self.picture.rows
        maps = np.empty((len(rows), self.mixture.n_components), dtype=np.uint8)
        for start in range(0, len(rows), _PIECE):
            piece = slice(start, start + _PIECE)
            maps[piece] = np.rint(255 * self.mixture.responsibilities(rows[piece]))
        return np.ascontiguousarray(np.moveaxis(self.picture.placed(maps, 0), 2, 0))


def segment_picture(picture: Picture, estimator: "GaussianMixture") -> Segmentation:
    """Fit a mixture to the pixels and label them: `fit_picture`, then `Segmentation.of`."""
    fit_picture(picture, estimator)
    return Segmentation.of(picture, estimator.mixture_)


def fit_picture(picture: Picture, estimator: "GaussianMixture") -> None:
    """Fit a mixture to the pixels.

    Parameters
    ----------
    picture : Picture
    estimator : GaussianMixture
        Is fitted; its components keep the order of the fit.

    Raises
    ------
    ValueError
        If the picture has fewer visible pixels than the estimator components, or no visible pixel.

    Warns
    -----
    ConvergenceWarning, DegenerateDataWarning
    DegenerateComponentWarning
        With the numbers of the segments.
    """
    n_components, n_rows = estimator.n_components, len(picture.rows)
    if n_components > MOST_SEGMENTS:
        raise ValueError(f"There can be at most {MOST_SEGMENTS} segments (a label is one byte), got {n_components}")
    if n_rows < max(2, n_components):
        raise ValueError(f"The picture has {n_rows} visible pixels; {n_components} segments need more")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(picture.rows)
    order = brightness_order(estimator.mixture_)
    for warning in caught:
        _warn_again(warning.message, order)


def in_gray(picture: Picture) -> Picture:
    """Colors as one channel (luma of ITU-R BT.601)."""
    if picture.pixels.shape[-1] == 1:
        return picture
    return replace(picture, pixels=np.rint(picture.pixels @ _LUMA)[..., None].astype(picture.pixels.dtype))


def brightness_order(mixture: Mixture) -> IntArray:
    """(k,) the components of a mixture of gray or RGB pixels, darkest mean first (luma of ITU-R BT.601)."""
    brightness = mixture.means @ (_LUMA if mixture.n_features == 3 else np.ones(mixture.n_features))
    return np.argsort(brightness, kind="stable")


def _with_alpha(colors: Rows, alpha: Rows | None) -> Rows:
    return colors if alpha is None else np.concatenate([colors, alpha[:, :, None]], axis=2)


def _warn_again(message: Any, order: IntArray) -> None:
    """The estimator's warning, with the numbers of the segments in place of the components'."""
    if isinstance(message, DegenerateComponentWarning):
        rank = np.argsort(order)
        segments = sorted(int(rank[component]) for component in message.components)
        message = DegenerateComponentWarning(segments, message.trouble, "Segment")
    warnings.warn(message, stacklevel=3)
