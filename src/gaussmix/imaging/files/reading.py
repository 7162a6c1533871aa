"""Reading of pictures, stacks and volumes; the suffix of a file determines its format, but TIFF is known by content."""

import errno
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.files.dicom import read_series
from gaussmix.imaging.files.formats import FORMATS, format_of
from gaussmix.imaging.files.options import MAX_BYTES, ReadOptions
from gaussmix.imaging.images.picture import Picture

SUFFIXES = tuple(suffix for known in FORMATS for suffix in known.suffixes)
"""Suffixes of the files read from a folder."""


def read_picture(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    volume: bool = False,
    channels: bool = False,
    nodata: float | None = None,
    alpha: bool | str = "auto",
    max_bytes: int = MAX_BYTES,
    level: int = 0,
) -> Picture:
    """Read a picture, a stack or a volume; the suffix of the file determines the format.

    Pixels are transparent where the file says so: by opacity, in TIFF also by GDAL's number for "no data" (if all
    channels have it) and by pages that are masks.

    Parameters
    ----------
    path : path, or sequence of paths
        ``.tif``, ``.tiff`` and any other file with the content of a TIFF: axes as named by ImageJ and OME; Z is
        spatial, time and unnamed pages are a stack. ``.nii`` and ``.nii.gz``: axes x, y, z, then channels. ``.npy``:
        (height, width), (height, width, channels) with at most four channels, (depth, height, width) or (depth, height,
        width, channels). ``.nrrd``, ``.nhdr``, ``.mha`` and ``.mhd``: volumes with the axes x, y, z, then channels, and
        flat pictures. DICOM: a folder or a sequence of the slices of one series is a volume with the axes x, y, z; a
        single file is one slice, or a picture without a position in space. The folder of an OME-Zarr image: axes by
        their types. All others are read by pillow.
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
    level : int, default=0
        Of OME-Zarr, which level of resolution is read; 0 is the finest.

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
    return read_for(path, ReadOptions(volume, channels, nodata, alpha, "picture", max_bytes, level))


def read_for(path: str | PathLike[str] | Sequence[str | PathLike[str]], options: ReadOptions) -> Picture:
    """Read a picture, a mask or labels, as `read_picture` does."""
    if not isinstance(path, str | PathLike):
        return read_series([Path(one) for one in path], options)
    source = Path(path)
    if not source.exists():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source))
    if source.is_file() and source.stat().st_size == 0:
        raise UnreadableError(f"{source} is empty: it has no bytes")
    found = format_of(source)
    if found is None:
        raise ValueError(f"{source} is {converter_for(source) or 'a folder, not a picture'}")
    picture = found.read(source, options)
    if picture.pixels.size == 0:
        raise ValueError(f"{source} has no pixels: its shape is {picture.shape}")
    return picture
