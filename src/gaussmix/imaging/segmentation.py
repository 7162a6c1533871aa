"""A picture and the classes of its pixels: what can be shown and written of them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.special import entr

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.picture import Picture

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

_MOST_LOOKED_AT = 1 << 22  # pixels from which mean colors are found
_FEATURES = {"gray": ("gray",), "lab": ("lightness", "green to red", "blue to yellow")}
_PIECE = 1 << 20  # pixels whose entropies are found at a time


@dataclass(frozen=True, eq=False)
class View:
    """A plane of a picture, and of its segments.

    Attributes
    ----------
    caption : str
        Which page or slice; empty if there is but one.
    picture, segments : (height, width, 3 or 4) arrays of uint8
        As a screen shows them.
    aspect : float
        How much taller than wide a pixel is.
    """

    caption: str
    picture: Rows
    segments: Rows
    aspect: float


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A picture and the classes of its pixels.

    Attributes
    ----------
    picture : Picture
        What is segmented.
    segmenter : GaussianMixtureSegmenter
        Fitted, to this picture or to others.
    known : (shape) array of int, or None
        The class of pixels where it is known, -1 elsewhere.
    """

    picture: Picture
    segmenter: "GaussianMixtureSegmenter"
    known: IntArray | None = None

    @classmethod
    def of(cls, picture: Picture, segmenter: "GaussianMixtureSegmenter", known: IntArray | None = None) -> Self:
        """The picture as a fitted segmenter sees it, which takes the picture's spacing for its own.

        Parameters
        ----------
        picture : Picture
            What is segmented.
        segmenter : GaussianMixtureSegmenter
            A fitted one.
        known : (shape) array of int, optional
            The class of pixels where it is known, -1 elsewhere.

        Returns
        -------
        Segmentation
            Computed when it is asked for.
        """
        fitting = copy.copy(segmenter)
        fitting.channel_axis, fitting.stack, fitting.spacing = -1, picture.stacked, picture.spacing
        return cls(picture, fitting, known)

    @cached_property
    def labels(self) -> Rows:
        """The class of each pixel, of uint8; 255 where the picture is not visible."""
        return np.asarray(self.segmenter.predict(*self._seen, **self._hints))

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return self.segmenter.n_components_

    @cached_property
    def counts(self) -> FloatArray:
        """The number of pixels of each class, ``(k,)``."""
        found = sum(np.bincount(page.reshape(-1), minlength=256) for page in self.labels)
        return np.asarray(found, dtype=np.float64)[: self.n_classes]

    @property
    def shares(self) -> FloatArray:
        """The share of the visible pixels that each class has, ``(k,)``."""
        return np.asarray(self.counts / self.counts.sum())

    @cached_property
    def colors(self) -> Rows:
        """The mean color of the pixels of each class as they are shown, ``(k, 3)``; black for a class without any."""
        labels = self.labels.reshape(-1)
        step = -(-labels.size // _MOST_LOOKED_AT)
        labels = labels[::step]
        rows = replace(self.picture, pixels=self._flat_pixels[::step][None], alpha=None, stacked=False, spacing=None)
        shown = rows.shown(self.picture.limits)[0]
        counts = np.maximum(np.bincount(labels, minlength=256), 1)
        sums = [np.bincount(labels, weights=shown[:, channel], minlength=256) for channel in range(3)]
        return np.rint(np.stack(sums, axis=1) / counts[:, None]).astype(np.uint8)[: self.n_classes]

    @cached_property
    def probabilities(self) -> Rows:
        """The probability of each class, ``(shape, k)`` of float32; 0 where the picture is not visible."""
        return np.asarray(self.segmenter.predict_proba(*self._seen, **self._hints))

    @cached_property
    def fractions(self) -> Rows:
        """How much of each class is in each pixel, ``(shape, k)`` of float32; 0 where it is not visible."""
        return np.asarray(self.segmenter.predict_fractions(*self._seen))

    @property
    def uncertainty(self) -> Rows:
        """The entropy of the probabilities, of float32: from 0, sure, to 1, all classes equal.

        Divided by log k.
        """
        rows = self.probabilities.reshape(-1, self.n_classes)
        entropy = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _PIECE):
            entropy[start : start + _PIECE] = entr(rows[start : start + _PIECE]).sum(axis=1)
        scale = np.float32(np.log(max(self.n_classes, 2)))
        return np.clip(np.abs(entropy) / scale, 0, 1).reshape(self.labels.shape)

    def recolored(self) -> Rows:
        """Each pixel in the mean color of its class.

        Returns
        -------
        (shape, 3 or 4) array of uint8
            The 4th channel is the opacity.
        """
        return self._recolored(self.picture, self.labels)

    def cut_out(self, segment: int) -> Rows:
        """The picture where it belongs to a class, transparent elsewhere.

        Parameters
        ----------
        segment : int
            Which class.

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
        """Probabilities as pictures: a ``(k, *shape)`` array of uint8, 255 times the probabilities."""
        return np.ascontiguousarray(np.moveaxis(np.rint(255 * self.probabilities).astype(np.uint8), -1, 0))

    @property
    def mixture(self) -> Mixture:
        """The components, named, with the shares of their classes for weights."""
        return replace(named_mixture(self.segmenter, self.picture), weights=self.shares)

    def features(self, most: int = 1 << 20) -> Rows:
        """The colors of visible pixels in the segmenter's color space.

        Parameters
        ----------
        most : int
            No more rows than this, evenly spaced.

        Returns
        -------
        (n, d) array
            A row for each pixel.
        """
        rows = self.picture.rows
        return to_color_space(rows[:: -(-len(rows) // most)], self.segmenter.color_space)

    def views(self, most: int = 3) -> list[View]:
        """Planes to look at: the picture, pages of a stack, slices of a volume.

        Parameters
        ----------
        most : int, default=3
            No more planes than this.

        Returns
        -------
        list of View
            In the order of the pages or slices.
        """
        picture, labels = self.picture, replace(self.picture, pixels=self.labels[..., None], alpha=None)
        if picture.stacked:
            pages = np.unique(np.linspace(0, len(picture.pixels) - 1, most).astype(int))
            places = [(int(page), 0.5, f"page {page}") for page in pages]
        elif picture.n_axes == 3:
            depth = picture.shape[picture.slice_axis]
            slices = np.unique(np.linspace(0.25, 0.75, most) * depth // 1).astype(int)
            places = [(0, (position + 0.5) / depth, f"slice {position}") for position in slices]
        else:
            places = [(0, 0.5, "")]
        views = []
        for page, share, caption in places:
            plane, plane_labels = picture.plane(page, share), labels.plane(page, share).pixels[..., 0]
            aspect = plane.spacing[0] / plane.spacing[1] if plane.spacing else 1.0
            segments = self._recolored(plane, plane_labels)
            views.append(View(caption, plane.shown(picture.limits), segments, aspect))
        return views

    @property
    def _seen(self) -> tuple[Rows, BoolArray | None]:
        return values_of(self.picture), self.picture.visible

    @property
    def _hints(self) -> dict[str, IntArray]:
        return {} if self.known is None else {"labels": self.known}

    @property
    def _flat_pixels(self) -> Rows:
        return self.picture.pixels.reshape(-1, self.picture.pixels.shape[-1])

    def _recolored(self, picture: Picture, labels: Rows) -> Rows:
        palette = np.zeros((256, 3), dtype=np.uint8)
        palette[: self.n_classes] = self.colors
        shown = picture.shown(self.picture.limits)
        return np.concatenate([palette[labels], shown[..., 3:]], axis=-1)


def fit_pictures(
    pictures: Sequence[Picture],
    segmenter: "GaussianMixtureSegmenter",
    known: Sequence[IntArray | None] | None = None,
) -> "GaussianMixtureSegmenter":
    """Fit one segmenter to pictures; it takes the spacing of the first for its own.

    Parameters
    ----------
    pictures : sequence of Picture
        Alike in their axes and channels.
    segmenter : GaussianMixtureSegmenter
        Is fitted.
    known : sequence of arrays of int, optional
        For each picture the class of pixels where it is known, -1 elsewhere; None for a picture without.

    Returns
    -------
    GaussianMixtureSegmenter
        The same.
    """
    first = pictures[0]
    segmenter.set_params(channel_axis=-1, stack=first.stacked, spacing=first.spacing)
    images, masks = [values_of(picture) for picture in pictures], [picture.visible for picture in pictures]
    if known is None or all(labels is None for labels in known):
        return segmenter.fit(images, masks)
    all_known = [
        np.full(picture.shape, -1) if labels is None else labels
        for picture, labels in zip(pictures, known, strict=True)
    ]
    return segmenter.fit(images, masks, labels=all_known)


def segment_picture(
    picture: Picture, segmenter: "GaussianMixtureSegmenter", known: IntArray | None = None
) -> Segmentation:
    """Fit a segmenter to a picture, of which some classes may be known, and see the picture with it.

    Parameters
    ----------
    picture : Picture
        What is segmented.
    segmenter : GaussianMixtureSegmenter
        Is fitted.
    known : (shape) array of int, optional
        The class of pixels where it is known, -1 elsewhere.

    Returns
    -------
    Segmentation
        Labels, probabilities, colors, ...

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix.imaging import GaussianMixtureSegmenter, Picture, segment_picture
    >>> rng = np.random.default_rng(0)
    >>> pixels = np.repeat([0.0, 1.0], 32)[None, :, None] + rng.normal(scale=0.2, size=(64, 64, 1))
    >>> segmentation = segment_picture(Picture(pixels), GaussianMixtureSegmenter(2, random_state=0))
    >>> segmentation.shares.round(2)
    array([0.5, 0.5])
    """
    return Segmentation.of(picture, fit_pictures([picture], segmenter, [known]), known)


def named_mixture(segmenter: "GaussianMixtureSegmenter", picture: Picture) -> Mixture:
    """The mixture of a segmenter of such pictures, its features named.

    Parameters
    ----------
    segmenter : GaussianMixtureSegmenter
        A fitted one.
    picture : Picture
        Such as it was fitted to.

    Returns
    -------
    Mixture
        Features have the names of channels, or of axes of the color space.
    """
    mixture = segmenter.mixture_
    colors = _FEATURES.get(segmenter.color_space) if len(picture.channels) == 3 else None
    names = colors or picture.channels
    return replace(mixture, feature_names=names if len(names) == mixture.n_features else None)


def values_of(picture: Picture) -> Rows:
    """The pixels as a segmenter takes them: it would take a fourth channel of bytes for opacity."""
    four_bytes = picture.pixels.shape[-1] == 4 and picture.pixels.dtype == np.uint8
    return picture.pixels.astype(np.uint16) if four_bytes else picture.pixels
