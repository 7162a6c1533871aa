"""A picture and the classes of its pixels."""

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import entr

from gaussmix.core.display import UNLABELED
from gaussmix.core.engines import NativeEngine
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.picture import Picture

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

_N_LABELS = UNLABELED + 1
_MAX_SAMPLED = 1 << 22  # pixels used to estimate mean colors
_FEATURE_NAMES = {"gray": ("gray",), "lab": ("lightness", "green to red", "blue to yellow")}
_MAX_COMPARED = 1 << 16  # pixels of which it is said how far they are
_FAR = 10.0  # standard deviations
_PIECE = 1 << 20  # pixels whose entropies are in memory at a time


@dataclass(frozen=True, eq=False)
class View:
    """Plane of a picture and of its segments, for display.

    Attributes
    ----------
    caption : str
        Caption with the number of the page or slice; empty if there is only one.
    picture, segments : (height, width, 3 or 4) arrays of uint8
        Display colors.
    aspect : float
        Height of a pixel divided by its width.
    """

    caption: str
    picture: Rows
    segments: Rows
    aspect: float


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Picture with the classes of its pixels. Results are computed on first use.

    Attributes
    ----------
    picture : Picture
        The segmented picture.
    segmenter : GaussianMixtureSegmenter
        Segmenter, fitted to this picture or to others.
    known : (shape) array of int, or None
        Known classes of pixels, -1 elsewhere.
    """

    picture: Picture
    segmenter: "GaussianMixtureSegmenter"
    known: IntArray | None = None

    @classmethod
    def of(cls, picture: Picture, segmenter: "GaussianMixtureSegmenter", known: IntArray | None = None) -> Self:
        """Return the segmentation of a picture by a fitted segmenter, with the spacing of the picture.

        Parameters
        ----------
        picture : Picture
            The picture to segment.
        segmenter : GaussianMixtureSegmenter
            A fitted segmenter.
        known : (shape) array of int, optional
            Known classes of pixels, -1 elsewhere.

        Returns
        -------
        Segmentation
            Segmentation whose results are computed on first use.
        """
        adapted = copy.copy(segmenter)
        adapted.channel_axis, adapted.alpha = -1, False
        adapted.stack, adapted.spacing = picture.stacked, picture.spacing
        return cls(picture, adapted, known)

    @cached_property
    def labels(self) -> Rows:
        """Class of each pixel, uint8; 255 where the picture is not visible."""
        return np.asarray(self.segmenter.predict(*self._image_and_mask, **self._labels_argument))

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.segmenter.n_components_

    @cached_property
    def counts(self) -> FloatArray:
        """Number of pixels of each class, ``(k,)``."""
        found = sum(np.bincount(page.reshape(-1), minlength=_N_LABELS) for page in self.labels)
        return np.asarray(found, dtype=np.float64)[: self.n_classes]

    @property
    def shares(self) -> FloatArray:
        """Share of each class among the visible pixels, ``(k,)``."""
        return np.asarray(self.counts / self.counts.sum())

    @cached_property
    @underflow_to_zero
    def colors(self) -> Rows:
        """Mean displayed color of the pixels of each class, ``(k, 3)``; black for a class without pixels."""
        labels = self.labels.reshape(-1)
        step = -(-labels.size // _MAX_SAMPLED)
        labels = labels[::step]
        rows = replace(self.picture, pixels=self._flat_pixels[::step][None], alpha=None, stacked=False, spacing=None)
        shown = rows.shown(self.picture.limits)[0]
        counts = np.maximum(np.bincount(labels, minlength=_N_LABELS), 1)
        sums = [np.bincount(labels, weights=shown[:, channel], minlength=_N_LABELS) for channel in range(3)]
        return np.rint(np.stack(sums, axis=1) / counts[:, None]).astype(np.uint8)[: self.n_classes]

    @cached_property
    def probabilities(self) -> Rows:
        """Probability of each class, ``(shape, k)`` of float32; 0 where the picture is not visible."""
        return np.asarray(self.segmenter.predict_proba(*self._image_and_mask, **self._labels_argument))

    @cached_property
    def fractions(self) -> Rows:
        """Fraction of each class in each pixel, ``(shape, k)`` of float32; 0 where the picture is not visible."""
        return np.asarray(self.segmenter.predict_fractions(*self._image_and_mask))

    @property
    @underflow_to_zero
    def uncertainty(self) -> Rows:
        """Entropy of the probabilities divided by log k, float32: 0 for certainty, 1 for equal probabilities."""
        rows = self.probabilities.reshape(-1, self.n_classes)
        entropy = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _PIECE):
            entropy[start : start + _PIECE] = entr(rows[start : start + _PIECE]).sum(axis=1)
        scale = np.float32(np.log(max(self.n_classes, 2)))
        return np.clip(np.abs(entropy) / scale, 0, 1).reshape(self.labels.shape)

    @underflow_to_zero
    def recolored(self) -> Rows:
        """Return each pixel in the mean color of its class.

        Returns
        -------
        (shape, 3 or 4) array of uint8
            Red, green, blue and, unless all pixels are visible, opacity.
        """
        return self._recolored(self.picture, self.labels)

    @underflow_to_zero
    def cut_out(self, segment: int) -> Rows:
        """Return the picture with all pixels outside one class transparent.

        Parameters
        ----------
        segment : int
            Number of the class.

        Returns
        -------
        (shape, 4) array of uint8
            Red, green, blue, opacity.
        """
        inside = self.labels == segment
        shown = self.picture.shown()
        alpha = inside * (shown[..., 3] if shown.shape[-1] == 4 else np.uint8(255))
        colors = np.where(inside[..., None], shown[..., :3], np.uint8(0))
        return np.concatenate([colors, alpha[..., None]], axis=-1)

    @property
    def maps(self) -> Rows:
        """Probabilities as pictures, ``(k, *shape)`` of uint8: 255 times the probabilities."""
        return np.ascontiguousarray(np.moveaxis(np.rint(255 * self.probabilities).astype(np.uint8), -1, 0))

    @property
    def mixture(self) -> Mixture:
        """Mixture with the shares of the classes as weights, and with named features."""
        return replace(named_mixture(self.segmenter, self.picture), weights=self.shares)

    @underflow_to_zero
    def features(self, most: int = 1 << 20) -> Rows:
        """Return the colors of visible pixels in the segmenter's color space.

        Parameters
        ----------
        most : int
            Greatest number of rows; the pixels are evenly spaced.

        Returns
        -------
        (n, d) array
            One row for each pixel.
        """
        rows = self.picture.rows
        return to_color_space(rows[:: -(-len(rows) // most)], self.segmenter.color_space)

    @property
    @underflow_to_zero
    def far_share(self) -> float:
        """Share of the pixels farther than 10 standard deviations from every class, from 65,536 pixels at most.

        It is large for pictures of another kind, or in another unit, than those that the segmenter was fitted to.
        """
        rows, mixture = self.features(_MAX_COMPARED), self.segmenter.mixture_
        if mixture.n_features > rows.shape[1]:
            mixture = mixture.marginal(range(rows.shape[1]))
        mixture = mixture.take(np.flatnonzero(mixture.weights))
        whitened = mixture.whitened()
        squares = 2 * (whitened.offsets - NativeEngine(rows).score_rows(whitened, "scores"))
        return float((squares.min(axis=1) > _FAR**2).mean())

    @underflow_to_zero
    def views(self, most: int = 3) -> list[View]:
        """Return planes for display: the picture, pages of a stack, or slices of a volume.

        Parameters
        ----------
        most : int, default=3
            Greatest number of planes.

        Returns
        -------
        list of View
            Planes in the order of the pages or slices.
        """
        picture, labels = self.picture, replace(self.picture, pixels=self.labels[..., None], alpha=None, names=None)
        views = []
        for page, share, caption in self.places(most):
            plane, plane_labels = picture.plane(page, share), labels.plane(page, share).pixels[..., 0]
            aspect = plane.spacing[0] / plane.spacing[1] if plane.spacing else 1.0
            segments = self._recolored(plane, plane_labels)
            views.append(View(caption, plane.shown(picture.limits), segments, aspect))
        return views

    def places(self, most: int) -> list[tuple[int, float, str]]:
        """Return the places of the planes of `views`.

        Parameters
        ----------
        most : int
            Greatest number of planes.

        Returns
        -------
        list of (int, float, str)
            Page and depth for `Picture.plane`, and the caption.
        """
        picture = self.picture
        if picture.stacked:
            pages = np.unique(np.linspace(0, len(picture.pixels) - 1, most).astype(int))
            return [(int(page), 0.5, f"page {page}") for page in pages]
        if picture.n_axes == 3:
            depth = picture.shape[picture.slice_axis]
            slices = np.unique(np.linspace(0.25, 0.75, most) * depth // 1).astype(int)
            return [(0, (position + 0.5) / depth, f"slice {position}") for position in slices]
        return [(0, 0.5, "")]

    @property
    def _image_and_mask(self) -> tuple[Rows, BoolArray | None]:
        return self.picture.pixels, self.picture.visible

    @property
    def _labels_argument(self) -> dict[str, IntArray]:
        return {} if self.known is None else {"labels": self.known}

    @property
    def _flat_pixels(self) -> Rows:
        return self.picture.pixels.reshape(-1, self.picture.pixels.shape[-1])

    def _recolored(self, picture: Picture, labels: Rows) -> Rows:
        palette = np.zeros((_N_LABELS, 3), dtype=np.uint8)
        palette[: self.n_classes] = self.colors
        shown = picture.shown(self.picture.limits)
        return np.concatenate([palette[labels], shown[..., 3:]], axis=-1)


def named_mixture(segmenter: "GaussianMixtureSegmenter", picture: Picture) -> Mixture:
    """Return the mixture of a segmenter with named features.

    Parameters
    ----------
    segmenter : GaussianMixtureSegmenter
        A fitted segmenter.
    picture : Picture
        Picture with the channels of the fitted pictures.

    Returns
    -------
    Mixture
        Mixture whose features are named after the channels or the axes of the color space.
    """
    mixture = segmenter.mixture_
    colors = _FEATURE_NAMES.get(segmenter.color_space) if len(picture.channels) == 3 else None
    names = colors or picture.channels
    return replace(mixture, feature_names=names if len(names) == mixture.n_features else None)
