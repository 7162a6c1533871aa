"""From the stored numbers of a TIFF to a picture: opacity, "no data", masks, scales, colors and orientation."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import BoolArray, Rows
from gaussmix.imaging.files.band_notes import BandNotes
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.names import different_names
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.orientation import upright
from gaussmix.imaging.files.tiff_geometry import TiffGeometry, channel_names, orientation_of, read_geometry
from gaussmix.imaging.files.tiff_series import AxisRoles
from gaussmix.imaging.files.tiff_tags import MINISWHITE, NODATA, PALETTE, SEPARATED
from gaussmix.imaging.images.nodata import can_hold, lacks_data, parse_nodata
from gaussmix.imaging.images.picture import Picture, narrow

_OPACITY = (1, 2)  # kinds of extra samples that are opacity


@dataclass(frozen=True, eq=False)
class SeriesNotes:
    """What a file says about a series.

    Attributes
    ----------
    page : tifffile.TiffPage
        The first page.
    axes : str
        Names of the axes.
    bands : BandNotes
        Names, scales and offsets of the bands.
    geometry : TiffGeometry
        For the results.
    spacing : dict of str to float
        Distance between neighbors along the axes for which it is known.
    channels : tuple of str
        Names of the channels of an OME file.
    """

    page: Any
    axes: str
    bands: BandNotes
    geometry: TiffGeometry
    spacing: dict[str, float]
    channels: tuple[str, ...]

    @classmethod
    def of(cls, file: Any, series: Any) -> Self:
        """Return what an open file says about one of its series."""
        page = series.keyframe
        return cls(page, str(series.axes), BandNotes.of(page), *read_geometry(file, page), channel_names(file))


def as_picture(
    path: Path,
    notes: SeriesNotes,
    values: Rows,
    inside: BoolArray | None,
    options: ReadOptions,
    *,
    convert: Callable[[Rows], Rows] = narrow,
) -> Picture:
    """Return the picture of stored numbers.

    Parameters
    ----------
    path : Path
        The file, for errors.
    notes : SeriesNotes
        What the file says about the series.
    values : (..., channels) array
        Stored numbers of the whole series or of a window, with the axes (pages), (Z), Y, X and channels.
    inside : (...) array of bool, or None
        Pixels inside the masks of the file; None: it has none.
    options : ReadOptions
        How the file is read.
    convert : callable
        Conversion of the numbers to those of a picture.
    """
    page = notes.page
    bands = _bands(page, notes.axes, values.shape[-1])
    values, alpha, bands = _split_opacity(path, values, page, bands, options)
    nodata = _read_nodata(path, page, values.dtype)
    lacking = _lacks_data(values, [number for number in (nodata, options.nodata) if number is not None])
    if inside is not None:
        lacking = ~inside if lacking is None else lacking | ~inside
    if lacking is not None:
        alpha = np.where(lacking, np.uint8(0), np.uint8(255) if alpha is None else alpha)
        if values.dtype.itemsize == 8 and values.dtype.kind in "iu":
            values = np.where(lacking[..., None], values.dtype.type(0), values)  # float64 may not hold "no data"
    values, orientation = _as_colors(values, page, options), orientation_of(page)
    values = notes.bands.values(values, bands) if bands and options.purpose == "picture" else values
    roles = AxisRoles.of(notes.axes, options)
    known = [notes.spacing.get(axis, 0.0) for axis in ("ZYX" if roles.slices else "YX")]
    try:
        return Picture(
            convert(upright(values, orientation, (-3, -2))),
            None if alpha is None else np.ascontiguousarray(upright(alpha, orientation, (-2, -1))),
            stacked=values.ndim - 3 - len(roles.slices) > 0,
            spacing=tuple(known) if all(number > 0 for number in known) else None,
            suffix=".ome.tif" if notes.geometry.sizes is not None else ".tif",
            geometry=notes.geometry,
            nodata=nodata,
            names=notes.bands.channel_names(bands) or different_names(notes.channels, values.shape[-1]),
        )
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None


def _bands(page: Any, axes: str, n_channels: int) -> list[int]:
    """Return the number of the band of each channel; empty unless the channels are the samples of a page."""
    n_samples = int(page.samplesperpixel)
    return list(range(n_samples)) if n_channels == n_samples and ("S" in axes or n_samples == 1) else []


def _split_opacity(
    path: Path, values: Rows, page: Any, bands: list[int], options: ReadOptions
) -> tuple[Rows, Rows | None, list[int]]:
    """Return the channels without opacity, opacity (the last extra sample of such a kind), and the bands left."""
    n_samples, extra = int(page.samplesperpixel), [int(kind) for kind in page.extrasamples]
    places = [n_samples - len(extra) + place for place, kind in enumerate(extra) if kind in _OPACITY]
    declared = bool(places) and n_samples > 1 and bool(bands)
    if declared and options.alpha is not False:
        bands = [band for band in bands if band != places[-1]] + places[-1:]
        values = values[..., bands]
    values, alpha = split_opacity(path, values, declared, options)
    return values, alpha, bands[: values.shape[-1]]


def _read_nodata(path: Path, page: Any, dtype: np.dtype[Any]) -> float | None:
    """Return the number for "no data" of a file, unless its pixels cannot have it."""
    tag = page.tags.get(NODATA)
    text = "" if tag is None else str(tag.value).strip(" \0")
    if not text:
        return None
    try:
        number = parse_nodata(text)
    except ValueError:
        warnings.warn(f'{path}: its "no data" is {text!r}, no number, and is ignored', stacklevel=2)
        return None
    return number if can_hold(dtype, number) else None


def _lacks_data(values: Rows, numbers: list[float]) -> BoolArray | None:
    """Return the pixels that have one of the numbers for "no data"; None if there are none."""
    lacking = [lacks_data(values, number) for number in numbers]
    return np.logical_or.reduce(lacking) if lacking else None


def read_masks(path: Path, masks: list[Any], shape: tuple[int, ...]) -> BoolArray:
    """Return the pixels (shape) inside the masks of a file: one for each page, or one for all."""
    wrong = [page.shape for page in masks if page.shape != shape[-2:]]
    if wrong:
        raise UnreadableError(f"{path} has a mask of the shape {wrong[0]} for pictures of the shape {shape[-2:]}")
    inside = [np.asarray(page.asarray()) != 0 for page in masks]
    if len(inside) == 1:
        return np.broadcast_to(inside[0], shape)
    if len(inside) != math.prod(shape[:-2]):
        raise UnreadableError(
            f"{path} has {len(inside)} masks for {math.prod(shape[:-2])} pages; it needs one or as many"
        )
    return np.stack(inside).reshape(shape)


def _as_colors(values: Rows, page: Any, options: ReadOptions) -> Rows:
    """Return gray levels or red, green and blue, with black at 0; of labels the numbers."""
    if page.photometric == PALETTE and page.colormap is not None:
        if options.purpose == "labels":
            return values
        numbers = values[..., 0].astype(np.uint8) if values.dtype == bool else values[..., 0]
        return np.moveaxis(page.colormap >> 8, 0, -1).astype(np.uint8)[numbers]
    if page.photometric == SEPARATED:
        return _without_inks(values)
    is_negative = page.photometric == MINISWHITE and options.purpose == "picture"
    if values.dtype == bool:
        scale = np.uint8(1 if options.purpose == "labels" else 255)
        return (values != is_negative).astype(np.uint8) * scale
    if not is_negative:
        return values
    if values.dtype.kind == "u":
        return values.dtype.type((1 << int(page.bitspersample)) - 1) - values
    return ~values if values.dtype.kind == "i" else -values


def _without_inks(inks: Rows) -> Rows:
    """Return red, green and blue of cyan, magenta, yellow and black, the light that each leaves, as pillow does."""
    most = np.iinfo(inks.dtype).max
    light = most - inks[..., :4].astype(np.uint64)
    return ((light[..., :3] * light[..., 3:] + most // 2) // most).astype(inks.dtype)
