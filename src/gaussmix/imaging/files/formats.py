"""The formats of picture files: how each is known, read and written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.arrays import read_array, write_array
from gaussmix.imaging.files.converters import begins_with, is_tiff
from gaussmix.imaging.files.dicom import is_dicom, read_dicom
from gaussmix.imaging.files.meta_image import read_meta_image, write_meta_image
from gaussmix.imaging.files.nifti import read_nifti, write_nifti
from gaussmix.imaging.files.nrrd import read_nrrd, write_nrrd
from gaussmix.imaging.files.ome_zarr import is_zarr, read_ome_zarr, write_ome_zarr, write_ome_zarr_bands
from gaussmix.imaging.files.ome_zarr_windows import open_ome_zarr_windows
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.raster import read_raster, write_png
from gaussmix.imaging.files.tiff import read_tiff, write_tiff
from gaussmix.imaging.files.tiff_bands import write_tiff_bands
from gaussmix.imaging.files.tiff_windows import open_tiff_windows
from gaussmix.imaging.files.windows import WindowedPicture
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture

Reader = Callable[[Path, ReadOptions], Picture]


class Writer(Protocol):
    """Function that writes labels or maps with the geometry of a picture."""

    def __call__(self, path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
        """Write values (shape) or (shape, maps); labels have a background, the number of pixels without a class."""


class BandWriter(Protocol):
    """Function that writes labels, band by band, with the geometry of a picture."""

    def __call__(
        self, path: Path, picture: Picture, bands: Iterator[Rows], *, background: int, classes: Sequence[int]
    ) -> None:
        """Write uint8 labels, of which each band is rows of a page, or slices of a volume, in their order."""


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
    open_windows : callable or None
        Function of a path and `ReadOptions` that returns a context of a `WindowedPicture`.
    write_bands : callable or None
        The `BandWriter` of labels that are not in memory as a whole.
    """

    suffixes: tuple[str, ...]
    read: Reader
    results: tuple[str, ...] = ()
    write: Writer | None = None
    holds: Callable[[Path], bool] | None = None
    open_windows: Callable[[Path, ReadOptions], AbstractContextManager[WindowedPicture]] | None = None
    write_bands: BandWriter | None = None


def hiding_nodata(read: Reader) -> Reader:
    """Return a reader that makes pixels with `ReadOptions.nodata` transparent, for one that does not."""

    def read_and_hide(path: Path, options: ReadOptions) -> Picture:
        picture = read(path, options)
        if options.nodata is None:
            return picture
        return picture.with_transparent(lacks_data(picture.pixels, options.nodata))

    return read_and_hide


def is_nrrd(path: Path) -> bool:
    """Return whether a file is NRRD by its beginning."""
    return begins_with(path, b"NRRD00")


RASTER = Format(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".jp2", ".tga"),
    hiding_nodata(read_raster),
    (".png",),
    write_png,
)
"""Format of pillow, which reads the files that no other format knows."""

FORMATS = (
    RASTER,
    # DICOM comes before TIFF, because a DICOM file may begin as a TIFF does.
    Format((".dcm", ".dicom", ".ima"), hiding_nodata(read_dicom), holds=is_dicom),
    Format(
        (".tif", ".tiff", ".ome.tif", ".ome.tiff"),
        read_tiff,
        (".tif", ".ome.tif"),
        write_tiff,
        is_tiff,
        open_tiff_windows,
        write_tiff_bands,
    ),
    Format((".nii", ".nii.gz"), hiding_nodata(read_nifti), (".nii", ".nii.gz"), write_nifti),
    Format((".nrrd", ".nhdr"), hiding_nodata(read_nrrd), (".nrrd",), write_nrrd, is_nrrd),
    Format((".mha", ".mhd"), hiding_nodata(read_meta_image), (".mha",), write_meta_image),
    Format((".npy",), hiding_nodata(read_array), (".npy",), write_array),
    Format(
        (".zarr", ".ome.zarr"),
        hiding_nodata(read_ome_zarr),
        (".ome.zarr",),
        write_ome_zarr,
        is_zarr,
        open_ome_zarr_windows,
        write_ome_zarr_bands,
    ),
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
