"""`SegmentationDisplay`: a picture and its segmentation."""

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from gaussmix.core.display import UNLABELED, display_range, to_bytes
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import ArrayLike, BoolArray, FloatArray, Rows
from gaussmix.plots.drawing import INK, color_of, inks_of, new_axes, show_picture, shown_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SHOWN = ("segments", "picture", "certainty")
"""Views of `SegmentationDisplay.plot` besides the probability of a class."""

_CHECKS = np.array([0.90, 0.78])  # gray levels of masked pixels
_SQUARES = 48  # checks along the longer side
_LIGHT, _DARK = 0.98, 0.12  # gray levels of certain pixels, and of pixels with equally probable classes


class SegmentationDisplay:
    """Display of a picture or a slice of a volume: segments, certainty, or the probability of one class.

    Excluded pixels are drawn as a checkerboard.

    Parameters
    ----------
    picture : (h, w, 3) array-like of uint8
        Colors of the picture.
    labels : (h, w) array-like of int
        Class of each pixel, 255 at excluded pixels.
    probabilities : (h, w, k) array-like
        Probability of each class.
    colors : (k, 3) array-like of uint8
        Mean color of each class.
    shares : (k,) array-like
        Share of each class in the whole picture.
    plane : str, default=""
        Name of the slice or page, such as "slice 20, the middle of 40".
    aspect : float, default=1.0
        Height of a pixel divided by its width.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the last plot.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from gaussmix.imaging import GaussianMixtureSegmenter
    >>> from gaussmix.plots import SegmentationDisplay
    >>> rng = np.random.default_rng(0)
    >>> image = np.repeat([0.0, 1.0], 32) + rng.normal(scale=0.2, size=(64, 64))
    >>> segmenter = GaussianMixtureSegmenter(2, random_state=0).fit(image)
    >>> display = SegmentationDisplay.from_estimator(segmenter, image)
    >>> display.shares.round(1)
    array([0.5, 0.5])
    >>> plt.close()
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        *,
        picture: ArrayLike,
        labels: ArrayLike,
        probabilities: ArrayLike,
        colors: ArrayLike,
        shares: ArrayLike,
        plane: str = "",
        aspect: float = 1.0,
    ) -> None:
        self.picture: Rows = np.asarray(picture, dtype=np.uint8)
        self.labels: Rows = np.asarray(labels)
        self.probabilities: Rows = np.asarray(probabilities)
        self.colors: Rows = np.asarray(colors, dtype=np.uint8)
        self.shares: FloatArray = np.asarray(shares, dtype=np.float64)
        self.plane = plane
        self.aspect = float(aspect)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls, segmenter: Any, image: ArrayLike, mask: Any = None, *, ax: "Axes | None" = None, **shown: Any
    ) -> Self:
        """Draw the segmentation of an image; of a volume or a stack, the middle of the first axis.

        Parameters
        ----------
        segmenter : GaussianMixtureSegmenter
            Segmenter fitted to this image or to similar images.
        image : array-like
            Image, as for the segmenter.
        mask : array-like, optional
            Nonzero at pixels to use.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        SegmentationDisplay
            The drawn display.
        """
        if isinstance(image, list | tuple):
            raise ValueError("image must be a single array; got a list: make a display for each image")
        if not hasattr(segmenter, "smoothing"):
            raise TypeError(f"segmenter must be a fitted GaussianMixtureSegmenter; got {type(segmenter).__name__}")
        values = np.asarray(image)
        labels = np.asarray(segmenter.predict(values, mask))
        probabilities = segmenter.predict_proba(values, mask)
        k = probabilities.shape[-1]
        channels = _channels_last(values, labels.ndim, getattr(segmenter, "channel_axis", "auto"))
        visible = labels != UNLABELED
        picture = _displayed(channels, visible)
        counts = np.bincount(labels[visible], minlength=k)
        sums = [np.bincount(labels[visible], picture[visible][:, channel], k) for channel in range(3)]
        plane = ""
        if labels.ndim == 3:
            middle = len(labels) // 2
            noun = "page" if getattr(segmenter, "stack", False) else "slice"
            plane = f"{noun} {middle}, the middle of {len(labels)}"
            labels, picture, probabilities = labels[middle], picture[middle], probabilities[middle]
        spacing = getattr(segmenter, "spacing", None)
        display = cls(
            picture=picture,
            labels=labels,
            probabilities=probabilities,
            colors=np.rint(np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]),
            shares=counts / counts.sum(),
            plane=plane,
            aspect=1.0 if spacing is None else spacing[-2] / spacing[-1],
        )
        return display.plot(ax, **shown)

    @property
    def visible(self) -> BoolArray:
        """Pixels that are not excluded, ``(h, w)`` of bool."""
        return np.asarray(self.labels != UNLABELED)

    @property
    def certainty(self) -> Rows:
        """Probability of the most probable class, ``(h, w)``; 0 at excluded pixels."""
        return np.asarray(self.probabilities.max(axis=-1))

    @property
    def n_classes(self) -> int:
        """Number of classes of the segmenter, including those absent from this plane."""
        return len(self.shares)

    @underflow_to_zero
    def plot(self, ax: "Axes | None" = None, *, show: str | int = "segments", outlines: bool = False) -> Self:
        """Draw one view of the picture.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        show : "segments", "picture", "certainty" or int, default="segments"
            Each segment in its mean color; the picture itself; the probability of the most probable class, dark where
            it is 1 / k; or the probability of one class, in the color of its component in other displays.
        outlines : bool, default=False
            Whether to draw the borders of the segments.

        Returns
        -------
        SegmentationDisplay
            This display.
        """
        pixels, title = self._view(show)
        pixels = np.where(self.visible[..., None], pixels, _checks(self.labels.shape)[..., None])
        height, width = pixels.shape[0] * self.aspect, pixels.shape[1]
        axes = new_axes(*_size_of(height / width)) if ax is None else ax
        inks = inks_of(axes)
        self.ax_, self.figure_ = axes, axes.figure
        show_picture(axes, pixels.astype(np.uint8), aspect=self.aspect)
        if outlines:
            self._draw_outlines()
        axes.set_title(", ".join(filter(None, [title, self.plane])), loc="left", fontsize=11, color=inks.ink)
        return self

    def _draw_outlines(self) -> None:
        """Draw light lines with dark edges, visible on any color."""
        from matplotlib.patheffects import withStroke

        step = shown_step(self.labels)
        labels = self.labels[::step, ::step]
        if min(labels.shape) < 2:
            return  # contours need two lines of pixels
        for number in np.unique(labels)[1:].tolist():
            lines = self.ax_.contour(labels == number, levels=[0.5], colors="white", linewidths=0.9)
            lines.set(path_effects=[withStroke(linewidth=2.2, foreground=INK)])

    def _view(self, show: str | int) -> tuple[Rows, str]:
        """Return the colors (h, w, 3) and the title of a view."""
        match show:
            case "picture":
                return self.picture, "Picture"
            case "segments":
                palette = np.zeros((UNLABELED + 1, 3), dtype=np.uint8)
                palette[: self.n_classes] = self.colors
                return palette[self.labels], f"{self.n_classes} segments in their mean colors"
            case "certainty":
                least = 1 / self.n_classes
                sure = (self.certainty - least) / max(1 - least, 1e-9)
                gray = 255 * (_DARK + (_LIGHT - _DARK) * np.clip(sure, 0, 1))
                return np.repeat(gray[..., None], 3, axis=-1), f"Certainty: {least:.2g} (dark) to 1 (light)"
            case str():
                number = -1
            case _:
                number = index(show)
        if 0 <= number < self.n_classes:
            from matplotlib.colors import to_rgb

            color = 255 * np.array(to_rgb(color_of(number)))
            share = f"{100 * self.shares[number]:.0f} %"
            pixels = 255 + self.probabilities[..., number, None] * (color - 255)
            return pixels, f"Probability of class {number} ({share} of the pixels)"
        raise ValueError(
            f"show must be one of {SHOWN} or the number of a class, from 0 to {self.n_classes - 1}; got {show!r}"
        )


def _channels_last(values: npt.NDArray[Any], n_axes: int, channel_axis: Any) -> npt.NDArray[Any]:
    """Return the image (shape, channels), from the number of its axes without channels."""
    if values.ndim == n_axes:
        return values[..., None]
    return np.moveaxis(values, channel_axis if isinstance(channel_axis, int) else -1, -1)


def _displayed(values: npt.NDArray[Any], visible: BoolArray) -> Rows:
    """Return colors (shape, 3) of uint8: the mean of two channels, or of more than three unless they have opacity."""
    if values.shape[-1] == 4 and values.dtype == np.uint8:
        values = values[..., :3]
    if values.shape[-1] not in (1, 3):
        values = values.mean(axis=-1, keepdims=True)
    if values.dtype == np.bool_:
        values = 255 * values.astype(np.uint8)
    black, white = display_range(values[visible])
    if values.dtype != np.uint8 or white < 255:
        values = to_bytes(np.where(visible[..., None], values, np.float64(black)), black, white)
    return np.broadcast_to(values, (*values.shape[:-1], 3))


def _checks(shape: Sequence[int]) -> Rows:
    """Return the checkerboard of masked pixels, (h, w)."""
    side = max(1, max(shape) // _SQUARES)
    lines, columns = (np.arange(length) // side for length in shape)
    return 255 * _CHECKS[(lines[:, None] + columns) % 2]


def _size_of(tallness: float) -> tuple[float, float]:
    """Return the width and height of a figure, in inches."""
    width = min(6.4, 6.4 / tallness)
    return width, width * tallness + 0.35
