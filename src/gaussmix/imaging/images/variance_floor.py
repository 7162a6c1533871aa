"""The covariance that every class has at least: what rounding and compression may have taken from its colors."""

from collections.abc import Sequence

import numpy as np

from gaussmix.core.display import central_range
from gaussmix.core.engines import distinct_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import Pixels

WINDOW = 8
"""Pixels along both axes of a window in which noise is estimated: a block of JPEG."""

CHROMA_SHARE = 1 / 8
"""Least variance of the noise of chroma, as a share of that of lightness."""

_MAX_WINDOWS = 1 << 12  # of an image
_MAX_SAMPLED = 1 << 16  # pixels of an image from which its range and most frequent color are estimated
_FREQUENT = 0.01  # a color with this share may be a class
_NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
_COLOR_STEP = 3  # levels of 255
_GRAY = np.full((3, 3), 1 / 3)  # projects red, green and blue on gray


def variance_floor(images: Sequence[Pixels], color_space: str) -> FloatArray | None:
    """Return a covariance that is added to that of each class: what rounding and compression may have taken.

    The variance of rounding is 1/12 of the squared step (Sheppard, Proceedings of the London Mathematical Society 29
    (1898), 353-380). Floats are treated as numbers of 12 bits over their range without 0.1 % on both sides. Colors have
    steps of 3 levels of 255: those of JPEG are 1 to 2 levels of chroma, which are 2 to 4 levels of blue.

    JPEG also drops most of the noise of chroma. Decoded colors of a block lie on lines and planes that contain the
    direction of gray. Full covariances on these would be almost singular, and classes would be blocks. In directions of
    chroma the floor is therefore greater by `CHROMA_SHARE` of the variance of the noise of lightness, as far as chroma
    has less noise than that. Noise is the lower quartile, over windows of 8 x 8 pixels, of the squared median absolute
    deviation, so edges and texture count little.

    Parameters
    ----------
    images : sequence of Pixels
        Images of one kind.
    color_space : {"rgb", "gray", "lab"}
        Color space of the features.

    Returns
    -------
    (channels, channels) array or None
        In squared units of the features. None where no class can be one color: if no value has a share of 1 % of the
        pixels, and they are not colors of 8 bits or floats.
    """
    first = images[0]
    n_channels = 1 if color_space == "gray" else first.n_channels
    is_color = n_channels == 3
    may_be_jpeg = is_color and (first.values.dtype == np.uint8 or first.values.dtype.kind == "f")
    if not may_be_jpeg and max(map(_greatest_share, images)) < _FREQUENT:
        return None
    step = _step(images, color_space)
    if step == 0:
        return None
    if not may_be_jpeg:
        return step**2 / 12 * np.eye(n_channels)
    lightness, chroma = _noise(images, color_space)
    missing = max(0.0, CHROMA_SHARE * lightness - chroma)
    gray = np.diag([1.0, 0.0, 0.0]) if color_space == "lab" else _GRAY
    return np.asarray((_COLOR_STEP * step) ** 2 / 12 * np.eye(3) + missing * (np.eye(3) - gray))


def _step(images: Sequence[Pixels], color_space: str) -> float:
    """Return the step of values: of colors that are not integers, a level of 255."""
    first = images[0]
    if color_space == "lab" and first.n_channels == 3:
        return 100 / 255
    if first.values.dtype.kind == "u":
        return 1.0
    low, high = central_range(np.concatenate([_thinned_rows(pixels) for pixels in images]))
    return (high - low) / (255 if first.n_channels == 3 and color_space == "rgb" else 4095)


def _noise(images: Sequence[Pixels], color_space: str) -> tuple[float, float]:
    """Return the variance of the noise of lightness, and of chroma in the direction of less noise."""
    windows = np.concatenate([_windows(pixels) for pixels in images])
    if not len(windows):
        return 0.0, 0.0
    colors = to_color_space(windows, color_space).astype(np.float64)
    if color_space == "rgb":
        red, green, blue = np.moveaxis(colors, -1, 0)
        lightness = (red + green + blue) / 3
        colors = np.stack([lightness, (red - green) / 2**0.5, (red + green - 2 * blue) / 6**0.5], axis=-1)
    spread = np.median(np.abs(colors - np.median(colors, axis=1, keepdims=True)), axis=1)
    each = np.quantile((_NORMAL_MAD * spread) ** 2, 0.25, axis=0)
    return float(each[0]), float(each[1:].min())


def _windows(pixels: Pixels) -> Rows:
    """Return windows (n, pixels, channels) of the last two axes whose pixels are all visible."""
    height, width = (min(WINDOW, length) for length in pixels.shape[-2:])
    pages = np.arange(int(np.prod(pixels.shape[:-2])))
    tops, lefts = np.arange(0, pixels.shape[-2] - height + 1, height), np.arange(0, pixels.shape[-1] - width + 1, width)
    corners = np.stack(np.meshgrid(pages, tops, lefts, indexing="ij"), axis=-1).reshape(-1, 3)
    if len(corners) > _MAX_WINDOWS:
        corners = np.random.default_rng(0).choice(corners, _MAX_WINDOWS, replace=False)
    page, top, left = corners.T[:, :, None, None]
    where = page, top + np.arange(height)[:, None], left + np.arange(width)
    windows = pixels.values.reshape(-1, *pixels.shape[-2:], pixels.n_channels)[where]
    if pixels.visible is not None:
        windows = windows[pixels.visible.reshape(-1, *pixels.shape[-2:])[where].all(axis=(1, 2))]
    return windows.reshape(len(windows), height * width, pixels.n_channels)


def _thinned_rows(pixels: Pixels) -> Rows:
    """Return some of the visible pixels, evenly spaced."""
    return pixels.rows[:: max(1, pixels.n_visible // _MAX_SAMPLED)]


def _greatest_share(pixels: Pixels) -> float:
    """Return the share of the most frequent color, estimated from some of the pixels."""
    rows = _thinned_rows(pixels)
    distinct = distinct_rows(WeightedRows(rows))
    counts = np.unique(rows, axis=0, return_counts=True)[1] if distinct is None else distinct.explicit_weights
    return float(counts.max()) / len(rows)
