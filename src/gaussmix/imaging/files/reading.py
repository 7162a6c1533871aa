"""Reading of pictures, stacks and volumes; the suffix of a file determines its format."""

import errno
from os import PathLike
from pathlib import Path

from gaussmix.imaging.files.arrays import read_array
from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.nifti import read_nifti
from gaussmix.imaging.files.options import MAX_BYTES, ReadOptions
from gaussmix.imaging.files.raster import read_raster
from gaussmix.imaging.files.tiff import read_tiff
from gaussmix.imaging.images.nodata import lacks_data
from gaussmix.imaging.images.picture import Picture

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".jp2", ".tga", ".tif", ".tiff",
    ".nii", ".nii.gz", ".npy",
)  # fmt: skip
"""Suffixes of the files read from a folder."""


def read_picture(
    path: str | PathLike[str],
    *,
    volume: bool = False,
    channels: bool = False,
    nodata: float | None = None,
    alpha: bool | str = "auto",
    max_bytes: int = MAX_BYTES,
) -> Picture:
    """Read a picture, a stack or a volume; the suffix of the file determines the format.

    Pixels are transparent where the file says so: by opacity, in TIFF also by GDAL's number for "no data" (if all
    channels have it) and by pages that are masks.

    Parameters
    ----------
    path : path
        ``.tif`` and ``.tiff``: axes as named by ImageJ and OME; Z is spatial, time and unnamed pages are a stack.
        ``.nii`` and ``.nii.gz``: axes x, y, z, then channels. ``.npy``: (height, width), (height, width, channels) with
        at most four channels, (depth, height, width) or (depth, height, width, channels). All others are read by
        pillow.
    volume : bool, default=False
        Whether the unnamed pages of a TIFF are the slices of a volume, and three axes of .npy a volume whatever the
        last.
    channels : bool, default=False
        Whether the unnamed pages of a TIFF, or the last of three axes of .npy, are channels.
    nodata : float, optional
        Pixels that have this number, or NaN, in all channels are transparent too.
    alpha : bool or "auto", default="auto"
        Whether the last channel is opacity. "auto": as the file says; in .npy if there are four of uint8.
    max_bytes : int, default=16_000_000_000
        Greatest size of the decoded pixels. A file whose header says more is refused before anything is decoded.

    Returns
    -------
    Picture
        Upright. 16-bit and floating-point values keep their type; other integers become the narrowest type that holds
        them.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read; the message says why, and for formats of other programs what converts them.

    Warns
    -----
    UserWarning
        With ``alpha="auto"``, if opacity in TIFF or .npy has many values and is hardly ever 255; if only the first of
        several images in a file is read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from gaussmix.imaging import read_picture, write_picture
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(Path(folder) / "gray.png", np.zeros((4, 6), dtype=np.uint8))
    ...     read_picture(Path(folder) / "gray.png").shape
    (4, 6)
    """
    return read_for(path, ReadOptions(volume, channels, nodata, alpha, "picture", max_bytes))


def read_for(path: str | PathLike[str], options: ReadOptions) -> Picture:
    """Read a picture, a mask or labels, as `read_picture` does."""
    source = Path(path)
    if source.is_dir():
        raise ValueError(f"{source} is {converter_for(source) or 'a folder, not a picture'}")
    if not source.exists():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source))
    name = source.name.lower()
    if name.endswith((".tif", ".tiff")):
        picture = read_tiff(source, options)
    elif name.endswith((".nii", ".nii.gz")):
        picture = _without_nodata(read_nifti(source, options), options)
    elif name.endswith(".npy"):
        picture = _without_nodata(read_array(source, options), options)
    else:
        picture = _without_nodata(read_raster(source, options), options)
    if picture.pixels.size == 0:
        raise ValueError(f"{source} has no pixels: its shape is {picture.shape}")
    return picture


def _without_nodata(picture: Picture, options: ReadOptions) -> Picture:
    """Return the picture with pixels transparent that have the number for "no data"."""
    if options.nodata is None:
        return picture
    return picture.with_transparent(lacks_data(picture.pixels, options.nodata))
