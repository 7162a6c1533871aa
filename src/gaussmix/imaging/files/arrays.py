"""Arrays of NumPy (.npy)."""

import math
from pathlib import Path
from typing import IO, Any

import numpy as np

from gaussmix.core.typing import Rows
from gaussmix.imaging.files.damage import UnreadableError, check_header, named_damage
from gaussmix.imaging.files.opacity import split_opacity
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.inputs import MAX_CHANNELS
from gaussmix.imaging.images.picture import Picture


def read_array(path: Path, options: ReadOptions) -> Picture:
    """Read an array; a last axis of at most four entries is channels, as in `GaussianMixtureSegmenter`."""
    with named_damage(path, ".npy file"):
        array = _load(path, options.max_bytes)
    if array.ndim < 2 or array.ndim > 4:
        raise UnreadableError(
            f"{path}: pixels must have 2 spatial axes (picture) or 3 (volume), then an axis of channels; got the shape "
            f"{array.shape}"
        )
    few = array.shape[-1] <= MAX_CHANNELS and not options.volume
    if array.ndim == 2 or (array.ndim == 3 and not (few or options.channels)):
        array = array[..., None]
    array, alpha = split_opacity(path, array, array.shape[-1] == 4 and array.dtype == np.uint8, options)
    try:
        return Picture(np.ascontiguousarray(array), alpha, suffix=".npy")
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from None


def write_array(path: Path, picture: Picture, values: Rows, *, background: int | None = None) -> None:
    """Write values of any axes; an array has no geometry and no place for the background of labels."""
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _load(path: Path, max_bytes: int) -> Rows:
    """Read the array of a file, after a comparison of its header with the size of the file."""
    with path.open("rb") as file:
        shape, is_fortran, dtype = _read_header(file)
        if dtype.kind not in "buif":
            raise UnreadableError(f"{path}: has values of type {dtype}; pixels are real numbers of at most 64 bits")
        count, held = math.prod(shape), path.stat().st_size - file.tell()
        check_header(path, shape, dtype.itemsize, max_bytes, needed=count * dtype.itemsize, held=held)
        values = np.fromfile(file, dtype, count)
    return values.reshape(shape[::-1]).T if is_fortran else values.reshape(shape)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
