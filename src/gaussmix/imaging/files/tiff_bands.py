"""TIFF files of labels that are not in memory as a whole."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.tiff import axes_of, ome_options, palette_options, tags_of
from gaussmix.imaging.files.tiff_geometry import TiffGeometry
from gaussmix.imaging.files.tiff_library import import_tifffile
from gaussmix.imaging.images.picture import Picture

TILE = 256
"""Height and width of the tiles."""

_CLASSIC = 1 << 31  # pixels up to which offsets of 32 bits suffice, even if nothing can be compressed
_OME_UNITS = {"um": "µm", "micron": "µm", "microns": "µm", "\\u00B5m": "µm", "inch": "in"}  # of ImageJ


def write_tiff_bands(
    path: Path, picture: Picture, bands: Iterator[Rows], *, background: int, classes: Sequence[int]
) -> None:
    """Write compressed tiles of labels.

    The file is an OME-TIFF if the picture was, or if it has pages, slices or a unit; else a plain one with the place on
    earth.

    Parameters
    ----------
    path : Path
        The file.
    picture : Picture
        The picture, which provides the geometry.
    bands : iterator of arrays of uint8
        Labels: each band is rows of a page, or slices of a volume, in their order.
    background : int
        The number of pixels without a class.
    classes : sequence of int
        Not used: there is a color for each number.
    """
    options: dict[str, Any] = tags_of(picture, background) | palette_options() | {"metadata": None}
    geometry, axes = band_geometry(picture), axes_of(picture)
    if geometry.sizes is not None:
        options |= ome_options(axes, geometry)
    import_tifffile().imwrite(
        path,
        _tiles(bands, picture),
        shape=picture.shape,
        dtype=np.uint8,
        tile=(TILE, TILE),
        compression="zlib",
        compressionargs={"level": 1},
        maxworkers=1,
        bigtiff=math.prod(picture.shape) > _CLASSIC,
        **options,
    )


def band_geometry(picture: Picture) -> TiffGeometry:
    """Return the geometry in the file; ``sizes`` are those of an OME-TIFF, or None for a plain file."""
    geometry = picture.geometry if isinstance(picture.geometry, TiffGeometry) else TiffGeometry.of(picture)
    if geometry.sizes is not None or (axes_of(picture) == "YX" and geometry.unit is None):
        return geometry
    sizes: dict[str, Any] = {}
    if geometry.unit is not None and picture.spacing is not None:
        unit = _OME_UNITS.get(geometry.unit, geometry.unit)
        for axis, length in zip("XYZ", picture.spacing[::-1], strict=False):
            sizes |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": unit}
    return replace(geometry, sizes=sizes)


def _tiles(bands: Iterator[Rows], picture: Picture) -> Iterator[Rows]:
    """Yield the tiles of the pages or slices, in the order of the file."""
    for part in _whole_tiles(bands, picture.shape[-2]) if picture.n_axes == 2 else itertools.chain.from_iterable(bands):
        for top in range(0, part.shape[0], TILE):
            for left in range(0, part.shape[1], TILE):
                yield part[top : top + TILE, left : left + TILE]


def _whole_tiles(bands: Iterator[Rows], height: int) -> Iterator[Rows]:
    """Divide the rows of pages of a height anew, so that parts end where tiles end."""
    rest: list[Rows] = []
    n_seen = 0
    for band in bands:
        n_seen += len(band)
        rows = np.concatenate([*rest, band]) if rest else band
        n_whole = len(rows) if n_seen == height else len(rows) // TILE * TILE
        yield rows[:n_whole]
        rest = [rows[n_whole:]] if n_whole < len(rows) else []
        n_seen %= height
