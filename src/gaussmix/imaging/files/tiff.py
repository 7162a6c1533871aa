"""TIFF pictures, stacks and volumes, read and written with tifffile."""

import logging
import math
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.typing import BoolArray, Rows
from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.orientation import upright
from gaussmix.imaging.files.tiff_geometry import TiffGeometry, orientation_of, read_geometry
from gaussmix.imaging.images.class_colors import class_colors
from gaussmix.imaging.images.nodata import can_hold, lacks_data, parse_nodata
from gaussmix.imaging.images.picture import Picture, narrow

_NODATA = 42113  # GDAL: the number that stands for "no data", as a text
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_MINISWHITE, _PALETTE, _YCBCR = 0, 3, 6  # photometric interpretations
_OPACITY = (1, 2)  # kinds of extra samples that are opacity
_MOST_PACKED = {  # by compression: times that pixels are larger than the file
    1: 1, 5: 4096, 8: 1032, 32946: 1032, 32773: 128, 7: 4096, 34925: 1 << 17, 50000: 1 << 17,
}  # none, LZW, deflate, old deflate, PackBits, JPEG, LZMA, zstd  # fmt: skip


def read_tiff(path: Path, options: ReadOptions) -> Picture:
    """Read the first series of a TIFF.

    Axis Z of ImageJ and OME files is spatial, and C is the channels. Time and unnamed pages are a stack, unless
    `options` says that unnamed pages are slices or channels.
    """
    tifffile = _import_tifffile()
    errors = _ErrorLog()
    logger = logging.getLogger("tifffile")
    logger.addHandler(errors)
    try:
        with named_damage(path, "TIFF file or of an unsupported kind"):
            try:
                with tifffile.TiffFile(path) as file:
                    picture = _read(path, file, options)
            except tifffile.TiffFileError as error:
                raise UnreadableError(f"{path} is {converter_for(path) or f'not a TIFF file: {error}'}") from error
            except (ValueError, RuntimeError) as error:
                if "imagecodecs" in str(error) and not isinstance(error, UnreadableError):
                    raise MissingDependencyError("imagecodecs", "images", f"Reading {path}") from error
                raise
            if errors.texts:
                raise ValueError(errors.texts[0])
    finally:
        logger.removeHandler(errors)
    return picture


def write_tiff(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values (shape) or (shape, maps): an ImageJ file if there are slices, pages or maps, else a plain file.

    Labels have a background, the number of pixels without a class, which GDAL reads as "no data"; bytes have a color
    for each class.
    """
    tifffile = _import_tifffile()
    geometry = picture.geometry or TiffGeometry.of(picture)
    axes = ("T" if picture.stacked else "") + ("Z" if picture.n_axes == 3 else "") + "YX"
    if values.ndim > len(axes):
        values = np.ascontiguousarray(np.moveaxis(values, -1, -3))
        axes = axes[:-2] + "CYX"
    options: dict[str, Any] = {"resolution": geometry.resolution, "resolutionunit": geometry.resolution_unit}
    options |= {"extratags": [(*tag, True) for tag in geometry.tags], "photometric": "minisblack"}
    colors = class_colors().T if background is not None and values.dtype == np.uint8 else None
    if background is not None:
        options["extratags"].append((_NODATA, 2, 0, str(background), True))
    if axes != "YX" or geometry.unit is not None:
        unit = geometry.unit and geometry.unit.replace("µ", "u").encode("ascii", "ignore").decode()
        described: dict[str, Any] = {"axes": axes, "spacing": geometry.spacing_of_slices, "unit": unit}
        described["LUTs"] = None if colors is None else [np.ascontiguousarray(colors)]
        options |= {"imagej": True, "metadata": {name: value for name, value in described.items() if value is not None}}
    else:
        options |= {"metadata": None}
        options |= {} if colors is None else {"photometric": "palette", "colormap": colors.astype(np.uint16) * 257}
    tifffile.imwrite(path, values, **options)


class _ErrorLog(logging.Handler):
    """Collector of the errors that tifffile logs when it reads damaged parts as zeros."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:  # other threads read other files
            self.texts.append(record.getMessage())


def _read(path: Path, file: Any, options: ReadOptions) -> Picture:
    series, masks = _find_series(path, file)
    page = series.keyframe
    _check_kind_and_sizes(path, series, page, options)
    values = _arranged(series, options)
    values, alpha = _split_opacity(path, values, page, str(series.axes), options)
    nodata = _read_nodata(path, page, values.dtype)
    lacking = _lacks_data(values, [number for number in (nodata, options.nodata) if number is not None])
    if masks:
        outside = ~_read_masks(path, masks, values.shape[:-1])
        lacking = outside if lacking is None else lacking | outside
    if lacking is not None:
        alpha = np.where(lacking, np.uint8(0), np.uint8(255) if alpha is None else alpha)
    values, orientation = _as_colors(values, page, options), orientation_of(page)
    geometry, spacing = read_geometry(file, page)
    stacked = values.ndim - 3 - _has_slices(series, options) > 0
    known = [spacing.get(axis, 0.0) for axis in ("ZYX" if values.ndim - stacked == 4 else "YX")]
    try:
        return Picture(
            narrow(upright(values, orientation, (-3, -2))),
            None if alpha is None else np.ascontiguousarray(upright(alpha, orientation, (-2, -1))),
            stacked=stacked,
            spacing=tuple(known) if all(number > 0 for number in known) else None,
            suffix=".tif",
            geometry=geometry,
            nodata=nodata,
        )
    except ValueError as error:
        raise UnreadableError(f"{path} {error}") from None


def _find_series(path: Path, file: Any) -> tuple[Any, list[Any]]:
    """Return the first series of pictures, and the pages that are masks."""
    if not file.series:
        raise UnreadableError(f"{path} is a TIFF file without an image, or damaged")
    masks = [page for series in file.series for page, is_mask in _masks_among(series) if is_mask]
    pictures = [series for series in file.series if not all(is_mask for _, is_mask in _masks_among(series))]
    if not pictures:
        return file.series[0], []  # a file of masks alone
    if len(pictures) > 1:
        shapes = [series.shape for series in pictures]
        warnings.warn(f"{path} holds images of the shapes {shapes}; the first is read", stacklevel=2)
    return pictures[0], masks


def _masks_among(series: Any) -> list[tuple[Any, bool]]:
    """Return pages, and whether each is a mask: all pages of a plain file, else the first, as the others are alike."""
    pages = list(series) if series.kind == "generic" else [series.keyframe]
    kinds = [int(page.subfiletype) for page in pages]
    return [(page, bool(kind & _MASK) and not kind & _REDUCED) for page, kind in zip(pages, kinds, strict=True)]


def _check_kind_and_sizes(path: Path, series: Any, page: Any, options: ReadOptions) -> None:
    """Refuse colors and axes of no known meaning, and sizes that exceed the limit or the file."""
    axes, shape = str(series.axes), series.shape
    if page.photometric in (5, 8, 9):  # SEPARATED, CIELAB, ICCLAB
        raise UnreadableError(
            f"{path} cannot be read: its colors are {page.photometric.name}; convert it to RGB or gray"
        )
    if len(set(axes)) < len(axes):
        raise UnreadableError(
            f"{path} has {len(axes)} axes of the lengths {shape}, of which several have no name ({axes}): write it "
            'with names, as tifffile.imwrite(path, array, metadata={"axes": "TZCYX"}) does, or as several files'
        )
    is_palette = page.photometric == _PALETTE and page.colormap is not None and options.purpose != "labels"
    pixel_bytes = max(series.dtype.itemsize, 3 if is_palette else 1)
    needed, held = _least_stored(series, page), path.stat().st_size
    if needed > held and not all(count for each in series if each is not None for count in each.databytecounts):
        needed = 0  # empty tiles, as GDAL writes them
    check_header(path, shape, pixel_bytes, options.max_bytes, needed=needed, held=held)


def _least_stored(series: Any, page: Any) -> float:
    """Return how many bytes the pixels take at least, compressed; 0 if that is not known."""
    packed = _MOST_PACKED.get(int(page.compression))
    if packed is None or series.is_multifile:
        return 0
    subsampled = 4 if page.photometric == _YCBCR else 1
    return float(math.prod(series.shape) * page.bitspersample / 8 / packed / subsampled)


def _has_slices(series: Any, options: ReadOptions) -> bool:
    axes = str(series.axes)
    return "Z" in axes or (options.volume and any(axis not in "YXCS" for axis in axes))


def _arranged(series: Any, options: ReadOptions) -> Rows:
    """Return the stored numbers with the axes (pages), (Z), Y, X and channels."""
    values, axes = series.asarray(), str(series.axes)
    are_masks = [is_mask for _, is_mask in _masks_among(series)]
    if any(are_masks) and not all(are_masks):
        values = values[~np.array(are_masks)]  # of a file of pages and their masks by turns, the pages
        if len(values) == 1:
            values, axes = values[0], axes[1:]
    pages = [axis for axis in axes if axis not in "ZYXCS"]
    slices = [axis for axis in axes if axis == "Z"]
    channels = [axis for axis in axes if axis in "CS"]
    if options.volume and not slices:
        pages, slices = pages[:-1], pages[-1:]
    elif options.channels:
        pages, channels = pages[:-1], pages[-1:] + channels
    values = values.transpose([axes.index(axis) for axis in [*pages, *slices, "Y", "X", *channels]])
    stack = (math.prod(values.shape[: len(pages)]),) if pages else ()
    space = values.shape[len(pages) : len(pages) + len(slices) + 2]
    return values.reshape(*stack, *space, -1)


def _split_opacity(path: Path, values: Rows, page: Any, axes: str, options: ReadOptions) -> tuple[Rows, Rows | None]:
    """Return the channels without opacity, and opacity: the last extra sample of such a kind."""
    n_samples, extra = int(page.samplesperpixel), [int(kind) for kind in page.extrasamples]
    places = [n_samples - len(extra) + place for place, kind in enumerate(extra) if kind in _OPACITY]
    declared = bool(places) and "S" in axes and values.shape[-1] == n_samples
    if declared and options.alpha is not False:
        order = [channel for channel in range(n_samples) if channel != places[-1]]
        values = values[..., [*order, places[-1]]]
    return split_opacity(path, values, declared, options)


def _read_nodata(path: Path, page: Any, dtype: np.dtype[Any]) -> float | None:
    """Return the number for "no data" of a file, unless its pixels cannot have it."""
    tag = page.tags.get(_NODATA)
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


def _read_masks(path: Path, masks: list[Any], shape: tuple[int, ...]) -> BoolArray:
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
    if page.photometric == _PALETTE and page.colormap is not None:
        if options.purpose == "labels":
            return values
        numbers = values[..., 0].astype(np.uint8) if values.dtype == bool else values[..., 0]
        return np.moveaxis(page.colormap >> 8, 0, -1).astype(np.uint8)[numbers]
    is_negative = page.photometric == _MINISWHITE and options.purpose == "picture"
    if values.dtype == bool:
        scale = np.uint8(1 if options.purpose == "labels" else 255)
        return (values != is_negative).astype(np.uint8) * scale
    if not is_negative:
        return values
    if values.dtype.kind == "u":
        return values.dtype.type((1 << int(page.bitspersample)) - 1) - values
    return ~values if values.dtype.kind == "i" else -values


def _import_tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise MissingDependencyError("tifffile", "images", "Reading and writing TIFF files") from error
    return tifffile
