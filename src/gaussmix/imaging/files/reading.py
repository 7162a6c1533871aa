"""Reading of pictures, stacks and volumes; the suffix of a file determines its format."""

from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.imaging.files.nifti import read_nifti
from gaussmix.imaging.files.raster import read_raster, split_alpha
from gaussmix.imaging.files.tiff import read_tiff
from gaussmix.imaging.images.picture import Picture, narrow

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".jp2", ".tga", ".tif", ".tiff",
    ".nii", ".nii.gz", ".npy",
)  # fmt: skip
"""Suffixes of the files read from a folder."""


def read_picture(path: str | PathLike[str], *, volume: bool = False) -> Picture:
    """Read a picture, a stack or a volume; the suffix of the file determines the format.

    Parameters
    ----------
    path : path
        ``.tif`` and ``.tiff``: axes as named by ImageJ and OME; Z is spatial, time and unnamed pages are a stack.
        ``.nii`` and ``.nii.gz``: axes x, y, z, then channels. ``.npy``: (height, width), (height, width, 3 or 4) of
        uint8 or uint16, (depth, height, width) or (depth, height, width, channels). All others are read by pillow.
    volume : bool, default=False
        Whether the unnamed pages of a TIFF are the slices of a volume.

    Returns
    -------
    Picture
        16-bit and floating-point values keep their type; other integers become the narrowest type that holds them. The
        fourth channel of colors is opacity.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read; the message says why.

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
    source = Path(path)
    if source.is_dir():
        raise ValueError(f"{source} is a folder, not a picture")
    name = source.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        picture = read_nifti(source)
    elif name.endswith((".tif", ".tiff")):
        picture = read_tiff(source, volume=volume)
    elif name.endswith(".npy"):
        picture = _read_array(source)
    else:
        picture = read_raster(source)
    if picture.pixels.size == 0:
        raise ValueError(f"{source} has no pixels: its shape is {picture.shape}")
    return picture


def _read_array(path: Path) -> Picture:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a complete .npy file of numbers: {error}") from error
    try:
        if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype in (np.uint8, np.uint16):
            colors = split_alpha(array, array.shape[2] == 4)
            return Picture(colors.pixels, colors.alpha, suffix=".npy")
        return Picture(narrow(array if array.ndim == 4 else array[..., None]), suffix=".npy")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
