"""Files that are read in windows, and written in bands."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from os import PathLike
from pathlib import Path

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.formats import FORMATS, format_of
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.tiff_bands import band_geometry
from gaussmix.imaging.files.windows import WindowedPicture
from gaussmix.imaging.files.writing import complete_result
from gaussmix.imaging.images.picture import Picture


def open_windows(path: Path, options: ReadOptions) -> AbstractContextManager[WindowedPicture]:
    """Return a context of the picture in a file, of which windows are read.

    Parameters
    ----------
    path : Path
        A TIFF, or the folder of an OME-Zarr image.
    options : ReadOptions
        How the file is read; its size is not limited.

    Raises
    ------
    UnreadableError
        If files of this format cannot be read in parts.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
    found = format_of(path)
    if found is None or found.open_windows is None:
        raise UnreadableError(f"{path} cannot be read in parts: convert it to a TIFF in tiles or to OME-Zarr")
    return found.open_windows(path, options)


def can_be_windowed(path: Path) -> bool:
    """Return whether a file is of a format that is read in windows."""
    found = format_of(path) if path.exists() else None
    return found is not None and found.open_windows is not None


def label_suffix(layout: Picture) -> str:
    """Return the suffix of the file of labels: ".tif", ".ome.tif" or ".ome.zarr"."""
    is_ome = layout.suffix == ".tif" and band_geometry(layout).sizes is not None
    return ".ome.tif" if is_ome else layout.suffix


def write_bands(
    path: str | PathLike[str], layout: Picture, bands: Iterator[Rows], *, background: int, classes: Sequence[int]
) -> None:
    """Write labels of uint8 with the geometry of a picture, band by band.

    Parameters
    ----------
    path : str or path
        File to write; its name ends with `label_suffix`.
    layout : Picture
        The layout of a `WindowedPicture`.
    bands : iterator of arrays of uint8
        Each band is rows of a page, or slices of a volume, in their order.
    background : int
        The number of pixels without a class.
    classes : sequence of int
        Numbers of the classes.
    """
    write = next(one.write_bands for one in FORMATS if layout.suffix in one.results)
    assert write is not None
    with complete_result(path, layout) as partial:
        write(partial, layout, bands, background=background, classes=classes)
