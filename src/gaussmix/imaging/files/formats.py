"""The formats of picture files: how each is known, read and written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.arrays import read_array, write_array
from gaussmix.imaging.files.converters import is_tiff
from gaussmix.imaging.files.nifti import read_nifti, write_nifti
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.raster import read_raster, write_png
from gaussmix.imaging.files.tiff import read_tiff, write_tiff
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture

Reader = Callable[[Path, ReadOptions], Picture]


class Writer(Protocol):
    """Function that writes labels or maps with the geometry of a picture."""

    def __call__(self, path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
        """Write values (shape) or (shape, maps); labels have a background, the number of pixels without a class."""


@dataclass(frozen=True)
class Format:
    """A format of picture files.

    Attributes
    ----------
    suffixes : tuple of str
        Suffixes of its files, in lower case.
    read : callable
        Function of a path and `ReadOptions` that returns a `Picture`.
    results : tuple of str
        The `Picture.suffix` of pictures whose results are in this format.
    write : callable or None
        The `Writer` of results; None if the results of its pictures are in another format.
    holds : callable or None
        Whether a file or folder is of this format by its content, whatever its name.
    """

    suffixes: tuple[str, ...]
    read: Reader
    results: tuple[str, ...] = ()
    write: Writer | None = None
    holds: Callable[[Path], bool] | None = None


def hiding_nodata(read: Reader) -> Reader:
    """Return a reader that makes pixels with `ReadOptions.nodata` transparent, for one that does not."""

    def read_and_hide(path: Path, options: ReadOptions) -> Picture:
        picture = read(path, options)
        if options.nodata is None:
            return picture
        return picture.with_transparent(lacks_data(picture.pixels, options.nodata))

    return read_and_hide


RASTER = Format(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".jp2", ".tga"),
    hiding_nodata(read_raster),
    (".png",),
    write_png,
)
"""Format of pillow, which reads the files that no other format knows."""

FORMATS = (
    RASTER,
    Format((".tif", ".tiff"), read_tiff, (".tif",), write_tiff, is_tiff),
    Format((".nii", ".nii.gz"), hiding_nodata(read_nifti), (".nii", ".nii.gz"), write_nifti),
    Format((".npy",), hiding_nodata(read_array), (".npy",), write_array),
)


def format_of(path: Path) -> Format | None:
    """Return the format of a file or folder by its content, or else by its suffix; None for a folder of no format."""
    by_content = [one for one in FORMATS if one.holds is not None and one.holds(path)]
    if by_content:
        return by_content[0]
    if path.is_dir():
        return None
    name = path.name.lower()
    return next((one for one in FORMATS if name.endswith(one.suffixes)), RASTER)


def writer_for(picture: Picture) -> Writer:
    """Return the writer of the results of a picture; that of PNG for an unknown suffix."""
    return next((one.write for one in FORMATS if one.write and picture.suffix in one.results), write_png)
