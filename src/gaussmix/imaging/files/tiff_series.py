"""Series of pages in a TIFF file: which one is read, whether it can be read, and the meaning of its axes."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.orientation import ORIENTATION, UPRIGHT
from gaussmix.imaging.files.tiff_tags import COLORMAP, INK_SET, NODATA, PALETTE, SEPARATED

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_YCBCR = 6  # photometric interpretation
_MOST_PACKED = {  # by compression: times that pixels are larger than the file
    1: 1, 5: 4096, 8: 1032, 32946: 1032, 32773: 128, 7: 4096, 34925: 1 << 17, 50000: 1 << 17,
}  # none, LZW, deflate, old deflate, PackBits, JPEG, LZMA, zstd  # fmt: skip


@dataclass(frozen=True)
class AxisRoles:
    """Roles of the axes of a series.

    Attributes
    ----------
    pages, slices, channels : tuple of str
        Names of the axes that are pages of a stack, slices of a volume, and channels.
    """

    pages: tuple[str, ...]
    slices: tuple[str, ...]
    channels: tuple[str, ...]

    @classmethod
    def of(cls, axes: str, options: ReadOptions) -> Self:
        """Return the roles of axes, of which those of no known name are pages unless the options say otherwise."""
        pages = tuple(axis for axis in axes if axis not in "ZYXCS")
        slices = tuple(axis for axis in axes if axis == "Z")
        channels = tuple(axis for axis in axes if axis in "CS")
        if options.volume and not slices:
            pages, slices = pages[:-1], pages[-1:]
        elif options.channels:
            pages, channels = pages[:-1], pages[-1:] + channels
        return cls(pages, slices, channels)


def find_series(path: Path, file: Any) -> tuple[Any, list[Any]]:
    """Return the first series of pictures, and the pages that are masks."""
    if not file.series:
        raise UnreadableError(f"{path} is a TIFF file without an image, or damaged")
    masks = [page for series in file.series for page, is_mask in masks_among(series) if is_mask]
    pictures = [series for series in file.series if not all(is_mask for _, is_mask in masks_among(series))]
    if not pictures:
        return file.series[0], []  # a file of masks alone
    whole = [series for series in pictures if not int(series.keyframe.subfiletype) & _REDUCED]
    pictures = whole or pictures  # without thumbnails
    if len(pictures) > 1:
        shapes = [series.shape for series in pictures]
        warnings.warn(f"{path} holds images of the shapes {shapes}; the first is read", stacklevel=2)
    return pictures[0], masks


def masks_among(series: Any) -> list[tuple[Any, bool]]:
    """Return pages, and whether each is a mask: all pages of a plain file, else the first, as the others are alike."""
    pages = list(series) if series.kind == "generic" else [series.keyframe]
    kinds = [int(page.subfiletype) for page in pages]
    return [(page, bool(kind & _MASK) and not kind & _REDUCED) for page, kind in zip(pages, kinds, strict=True)]


def check_kind(path: Path, series: Any, page: Any) -> None:
    """Refuse colors and axes of no known meaning."""
    axes, shape = str(series.axes), series.shape
    if page.photometric in (8, 9) or (page.photometric == SEPARATED and not _is_cmyk(page)):  # CIELAB, ICCLAB
        raise UnreadableError(
            f"{path} cannot be read: its colors are {page.photometric.name}; convert it to RGB or gray"
        )
    if len(set(axes)) < len(axes):
        raise UnreadableError(
            f"{path} has {len(axes)} axes of the lengths {shape}, of which several have no name ({axes}): write it "
            'with names, as tifffile.imwrite(path, array, metadata={"axes": "TZCYX"}) does, or as several files'
        )


def _is_cmyk(page: Any) -> bool:
    """Return whether separated colors are cyan, magenta, yellow and black in unsigned numbers."""
    n_inks = int(page.samplesperpixel) - len(page.extrasamples)
    return n_inks == 4 and page.tags.valueof(INK_SET, 1) == 1 and page.dtype in (np.uint8, np.uint16)


def check_sizes(path: Path, series: Any, page: Any, options: ReadOptions) -> None:
    """Refuse sizes that exceed the limit or the file."""
    is_palette = page.photometric == PALETTE and page.colormap is not None and options.purpose != "labels"
    pixel_bytes = max(series.dtype.itemsize, 3 if is_palette else 1)
    needed, held = _least_stored(series, page), path.stat().st_size
    if needed > held and not all(count for each in series if each is not None for count in each.databytecounts):
        needed = 0  # empty tiles, as GDAL writes them
    check_header(path, series.shape, pixel_bytes, options.max_bytes, needed=needed, held=held)


def require_alike(path: Path, series: Any, options: ReadOptions) -> None:
    """Refuse pages of one size that are turned, colored or without data in another way than the first.

    Pages without such an entry are as the first, since some programs write it only there.
    """
    first, *others = (page for page, is_mask in masks_among(series) if not is_mask)
    for name, code in (("orientation", ORIENTATION), ("palette", COLORMAP), ('number for "no data"', NODATA)):
        if code == COLORMAP and options.purpose == "labels":
            continue
        expected = first.tags.valueof(code, UPRIGHT if code == ORIENTATION else None)
        found = [page.tags.valueof(code, expected) for page in others]
        if not all(np.array_equal(value, expected) for value in found):
            raise UnreadableError(f"{path} has pages that differ in {name}: save them as separate files")


def _least_stored(series: Any, page: Any) -> float:
    """Return how many bytes the pixels take at least, compressed; 0 if that is not known."""
    packed = _MOST_PACKED.get(int(page.compression))
    if packed is None or series.is_multifile:
        return 0
    subsampled = 4 if page.photometric == _YCBCR else 1
    return float(math.prod(series.shape) * page.bitspersample / 8 / packed / subsampled)


def arranged(series: Any, options: ReadOptions) -> Rows:
    """Return the stored numbers with the axes (pages), (Z), Y, X and channels."""
    values, axes = series.asarray(), str(series.axes)
    are_masks = [is_mask for _, is_mask in masks_among(series)]
    if any(are_masks) and not all(are_masks):
        values = values[~np.array(are_masks)]  # of a file of pages and their masks by turns, the pages
        if len(values) == 1:
            values, axes = values[0], axes[1:]
    roles = AxisRoles.of(axes, options)
    values = values.transpose([axes.index(axis) for axis in [*roles.pages, *roles.slices, "Y", "X", *roles.channels]])
    stack = (math.prod(values.shape[: len(roles.pages)]),) if roles.pages else ()
    space = values.shape[len(roles.pages) : len(roles.pages) + len(roles.slices) + 2]
    return values.reshape(*stack, *space, -1)
