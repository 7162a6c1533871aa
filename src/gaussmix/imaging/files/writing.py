"""Write what fits on a picture."""

from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.imaging.files.nifti import write_nifti
from gaussmix.imaging.files.raster import write_raster
from gaussmix.imaging.files.tiff import write_tiff
from gaussmix.imaging.pictures import Picture
from gaussmix.typing import Rows


def write_picture(path: str | PathLike[str], pixels: Rows) -> None:
    """Write (height, width) gray of 8 or 16 bits, or 8-bit (height, width, 3 or 4) colors, in a format of pillow."""
    write_raster(Path(path), pixels)


def write_labels(path: str | PathLike[str], picture: Picture, labels: Rows) -> None:
    """Write labels (shape) of uint8 or uint16 so that they fit on the picture: the path ends with `Picture.suffix`."""
    target = Path(path)
    if picture.suffix.startswith(".nii"):
        write_nifti(target, picture, labels, labels=True)
    else:
        write_maps(target, picture, labels)


def write_maps(path: str | PathLike[str], picture: Picture, values: Rows) -> None:
    """Write numbers (shape) or, unless as PNG, (shape, maps), so that they fit on the picture."""
    target = Path(path)
    if picture.suffix.startswith(".nii"):
        write_nifti(target, picture, values)
    elif picture.suffix == ".tif":
        write_tiff(target, picture, values)
    elif picture.suffix == ".npy":
        with target.open("wb") as file:
            np.save(file, values, allow_pickle=False)
    else:
        write_raster(target, values)
