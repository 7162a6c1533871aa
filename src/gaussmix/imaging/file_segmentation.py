"""Segmentation of pictures that may be larger than the memory: fitted to a sample of tiles, labeled tile by tile."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.display import UNLABELED
from gaussmix.core.threads import mapped_in_threads
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.imaging.files.band_files import open_windows, write_bands
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.windows import Window, WindowedPicture
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.picture_fitting import fit_pictures
from gaussmix.imaging.random_field.labeling import REACH
from gaussmix.imaging.segmentation import Segmentation
from gaussmix.imaging.tile_plan import TilePlan

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

THUMBNAIL = 900
"""Pixels along the longer side of a thumbnail, at most."""

_THREADS = 2  # windows that are labeled at a time; each pass over one has threads of its own
_ROUNDS = 4  # samples that are drawn, until half of the pixels of one are visible


@dataclass(frozen=True, eq=False)
class Thumbnail(Segmentation):
    """Every n-th pixel of a picture, with the labels that these pixels have in the whole.

    Attributes
    ----------
    thinned : (shape) array of uint8
        The labels.
    totals : (k,) array
        Number of pixels of each class in the whole picture.
    """

    thinned: Rows = field(default_factory=lambda: np.empty(0, dtype=np.uint8))
    totals: FloatArray = field(default_factory=lambda: np.empty(0))

    @cached_property
    def labels(self) -> Rows:
        """Class of each pixel, uint8; 255 where the picture is not visible."""
        return self.thinned

    @cached_property
    def counts(self) -> FloatArray:
        """Number of pixels of each class in the whole picture, ``(k,)``."""
        return self.totals


@dataclass(frozen=True, eq=False)
class FileSegmentation:
    """Result of the segmentation of a file.

    Attributes
    ----------
    segmenter : GaussianMixtureSegmenter
        The fitted segmenter.
    counts : (k,) array
        Number of pixels of each class.
    n_pixels : int
        Number of pixels, with those that are not visible.
    thumbnail : Segmentation
        Every n-th pixel of the picture, of the first page of a stack, or of the slice in the middle of a volume, with
        their labels.
    """

    segmenter: "GaussianMixtureSegmenter"
    counts: FloatArray
    n_pixels: int
    thumbnail: Segmentation

    @property
    def n_visible(self) -> int:
        """Number of visible pixels."""
        return int(self.counts.sum())

    @property
    def shares(self) -> FloatArray:
        """Share of each class among the visible pixels, ``(k,)``."""
        return np.asarray(self.counts / self.counts.sum())


def segment_file(
    path: str | PathLike[str],
    out: str | PathLike[str],
    segmenter: "GaussianMixtureSegmenter",
    *,
    background: int = UNLABELED,
    volume: bool = False,
    channels: bool = False,
    nodata: float | None = None,
    alpha: bool | str = "auto",
    level: int = 0,
    callback: Callable[[int, int], None] | None = None,
) -> FileSegmentation:
    """Fit a segmenter to a sample of the tiles of a file, and write the labels of all of them.

    The sample has about 4 million pixels: 64 windows of 256 x 256 pixels (of a volume 16 of 64 x 64 x 64) at random
    places of a grid over the picture. Labels are those of `GaussianMixtureSegmenter.predict` for the whole picture.
    They are computed in windows of about 1024 x 1024 pixels (128 x 128 x 128) with the neighbors that they depend on,
    two at a time. Memory is needed for these windows, for 256 MB of decoded tiles, and for the labels of one row of
    windows, but not for the picture.

    Parameters
    ----------
    path : path
        TIFF, GeoTIFF or OME-TIFF in tiles, strips or uncompressed; or the folder of an OME-Zarr image.
    out : path
        File of the labels, with the geometry of the picture: a TIFF of compressed tiles (an OME-TIFF, ".ome.tif", for
        volumes, stacks and pictures with a unit), or for OME-Zarr a folder (".ome.zarr") with its levels.
    segmenter : GaussianMixtureSegmenter
        The segmenter to fit.
    background : {255, 0}, default=255
        Label of pixels that are not visible. With 0 the labels of the classes are counted from 1.
    volume, channels : bool, default=False
        As for `read_picture`, and so are the next three.
    nodata : float, optional
        Number of pixels that are not visible.
    alpha : bool or "auto", default="auto"
        Whether the last channel is opacity.
    level : int, default=0
        Of OME-Zarr, the level of resolution.
    callback : callable, optional
        Function of the number of bands (rows of windows) that are labeled and of that of all, called after each.

    Returns
    -------
    FileSegmentation
        The fitted segmenter, the number of pixels of each class, and a thumbnail.

    Raises
    ------
    ValueError
        If the file cannot be read in parts, no pixel of the sample is visible, or the segmenter needs the whole
        picture: with ``position`` or ``bias_field``.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import tifffile
    >>> from gaussmix.imaging import GaussianMixtureSegmenter, segment_file
    >>> rng = np.random.default_rng(0)
    >>> pixels = (np.repeat([60, 160], 300) + rng.normal(0, 20, (600, 600))).clip(0, 255).astype(np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/map.tif", pixels, tile=(256, 256))
    ...     segmenter = GaussianMixtureSegmenter(2, smoothing=1, random_state=0)
    ...     result = segment_file(f"{folder}/map.tif", f"{folder}/labels.tif", segmenter)
    >>> result.shares.round(2)
    array([0.5, 0.5])
    """
    with open_windows(Path(path), ReadOptions(volume, channels, nodata, alpha, level=level)) as picture:
        _fit(Path(path), picture, segmenter)
        return _label(Path(path), picture, Path(out), segmenter, background, callback)


def label_file(
    path: str | PathLike[str],
    out: str | PathLike[str],
    segmenter: "GaussianMixtureSegmenter",
    *,
    background: int = UNLABELED,
    volume: bool = False,
    channels: bool = False,
    nodata: float | None = None,
    alpha: bool | str = "auto",
    level: int = 0,
    callback: Callable[[int, int], None] | None = None,
) -> FileSegmentation:
    """Write the labels of a file by a fitted segmenter, tile by tile.

    Parameters
    ----------
    path, out : path
        As for `segment_file`.
    segmenter : GaussianMixtureSegmenter
        A fitted segmenter.
    background : {255, 0}, default=255
        As for `segment_file`, and so are all that follow.
    volume, channels : bool, default=False
        Axes of the file.
    nodata : float, optional
        Number of pixels that are not visible.
    alpha : bool or "auto", default="auto"
        Opacity.
    level : int, default=0
        Level of resolution.
    callback : callable, optional
        Function that hears of the progress.

    Returns
    -------
    FileSegmentation
        The segmenter, the number of pixels of each class, and a thumbnail.

    Raises
    ------
    ValueError
        As for `segment_file`; or if the segmenter was fitted to pictures of another kind, or to known pixels.
    """
    check_is_fitted(segmenter)
    if segmenter._fit_result.seeded:
        raise ValueError(f"{path}: a segmenter that was fitted with known pixels needs the whole picture: read it")
    with open_windows(Path(path), ReadOptions(volume, channels, nodata, alpha, level=level)) as picture:
        return _label(Path(path), picture, Path(out), segmenter, background, callback)


def _fit(path: Path, picture: WindowedPicture, segmenter: "GaussianMixtureSegmenter") -> None:
    """Fit a segmenter to a sample of windows."""
    _require_local(path, segmenter)
    plan = TilePlan.of(picture.layout.shape, picture.blocks, 0)
    rng = np.random.default_rng(0)
    found: list[Picture] = []
    for _ in range(_ROUNDS):
        drawn = [picture.read(window) for window in plan.sample(rng)]
        found += [part for part in drawn if part.n_visible]
        if sum(part.n_visible for part in found) >= 0.5 * sum(part.pixels[..., 0].size for part in drawn):
            break
    if not found:
        raise ValueError(f"{path} has no visible pixel in its sample: all are transparent, no data or NaN")
    try:
        fit_pictures(found, segmenter)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _require_local(path: Path, segmenter: "GaussianMixtureSegmenter") -> None:
    for name in ("position", "bias_field"):
        if getattr(segmenter, name):
            raise ValueError(f"{path}: {name} needs the whole picture; read it with read_picture, or leave {name} out")


def _label(
    path: Path,
    picture: WindowedPicture,
    out: Path,
    segmenter: "GaussianMixtureSegmenter",
    background: int,
    callback: Callable[[int, int], None] | None,
) -> FileSegmentation:
    """Label all windows, and write the labels."""
    _require_local(path, segmenter)
    if background not in (0, UNLABELED):
        raise ValueError(f"background must be 255, or 0 for classes from 1; got {background}")
    layout = picture.layout
    plan = TilePlan.of(layout.shape, picture.blocks, REACH if segmenter.smoothing_ > 0 else 0)
    labeling = _Labeling(path, picture, plan, segmenter, callback)
    shift = np.uint8(0 if background else 1)
    bands = (labels + shift for labels in labeling.bands())  # 255 becomes 0
    k = segmenter.n_components_
    write_bands(out, layout, bands, background=background, classes=range(int(shift), k + int(shift)))
    counts = labeling.counts[:k].astype(np.float64)
    return FileSegmentation(segmenter, counts, math.prod(layout.shape), labeling.thumbnail(counts))


class _Labeling:
    """Labels of the windows of a picture, with their counts and a thumbnail."""

    def __init__(
        self,
        path: Path,
        picture: WindowedPicture,
        plan: TilePlan,
        segmenter: "GaussianMixtureSegmenter",
        callback: Callable[[int, int], None] | None,
    ) -> None:
        self._path, self._picture, self._plan, self._segmenter = path, picture, plan, segmenter
        self._callback = callback
        self.counts = np.zeros(UNLABELED + 1, dtype=np.int64)
        self._step = -(-max(plan.space[-2:]) // THUMBNAIL)
        size = [-(-length // self._step) for length in plan.space[-2:]]
        self._small = {
            "labels": np.full(size, UNLABELED, dtype=np.uint8),
            "alpha": np.zeros(size, dtype=np.uint8),
            "pixels": np.zeros((*size, picture.layout.pixels.shape[-1]), dtype=picture.dtype),
        }

    def bands(self) -> Iterator[Rows]:
        """Yield the labels of each band."""
        bands = list(self._plan.bands())
        with mapped_in_threads(self._labels_of, [window for band in bands for window in band], _THREADS) as found:
            for number, windows in enumerate(bands, start=1):
                first = windows[0][self._plan.stacked]
                labels = np.empty((first.stop - first.start, *self._plan.space[1:]), dtype=np.uint8)
                for window in windows:
                    labels[(slice(None), *window[self._plan.stacked + 1 :])] = next(found)
                self.counts += np.bincount(labels.reshape(-1), minlength=UNLABELED + 1)
                yield labels
                if self._callback is not None:
                    self._callback(number, len(bands))

    def thumbnail(self, counts: FloatArray) -> Thumbnail:
        """Return the thumbnail, when all windows are labeled."""
        layout = self._picture.layout
        small = Picture(
            self._small["pixels"],
            self._small["alpha"],
            spacing=None if layout.spacing is None else tuple(self._step * length for length in layout.spacing[-2:]),
            names=layout.names,
        )
        return Thumbnail(small, self._segmenter, None, self._small["labels"], counts)

    def _labels_of(self, window: Window) -> Rows:
        """Return the labels of a window, (spatial axes)."""
        outer, inner = self._plan.padded(window)
        part = self._picture.read(outer)
        labels = np.full(part.shape, UNLABELED, dtype=np.uint8)
        if part.n_visible:
            try:
                labels = Segmentation.of(part, self._segmenter).labels
            except ValueError as error:
                raise ValueError(f"{self._path}: {error}") from None
        visible = np.ones(part.shape, dtype=bool) if part.visible is None else part.visible
        alpha = np.where(visible, np.uint8(255), np.uint8(0))
        self._thin(window, {"labels": labels[inner], "alpha": alpha[inner], "pixels": part.pixels[inner]})
        return labels[inner][0] if self._plan.stacked else labels[inner]

    def _thin(self, window: Window, values: dict[str, Rows]) -> None:
        """Put every n-th pixel of a window into the thumbnail, which no other window does."""
        *lead, rows, columns = window
        places = [length // 2 for length in self._plan.space[:-2]]
        shown = [place - part.start for place, part in zip([0] * self._plan.stacked + places, lead, strict=True)]
        if any(not 0 <= place < part.stop - part.start for place, part in zip(shown, lead, strict=True)):
            return
        step = self._step
        inside = tuple(slice(-part.start % step, None, step) for part in (rows, columns))
        there = tuple(slice(-(-part.start // step), -(-part.stop // step)) for part in (rows, columns))
        for name, array in self._small.items():
            array[there] = values[name][(*shown, *inside)]
