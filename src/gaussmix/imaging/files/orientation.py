"""Orientation of pictures (tag 274 of TIFF and Exif)."""

import numpy as np

from gaussmix.core.typing import Rows

ORIENTATION = 274
"""Tag of the orientation."""

UPRIGHT = 1
"""Orientation of files that are stored as they are shown."""

_TRANSPOSED = (5, 6, 7, 8)
_FLIPPED_ROWS = (3, 4, 7, 8)  # after the transposition
_FLIPPED_COLUMNS = (2, 3, 6, 7)


def swaps_axes(orientation: int) -> bool:
    """Return whether the rows of the file are the columns of the upright picture."""
    return orientation in _TRANSPOSED


def upright(values: Rows, orientation: int, axes: tuple[int, int]) -> Rows:
    """Return a picture upright.

    Parameters
    ----------
    values : array
        Pixels in the order of the file.
    orientation : int
        From 1 to 8: where the first row and the first column of the file lie (TIFF 6.0, page 36); other numbers mean
        upright.
    axes : tuple of two ints
        The axes of the rows and of the columns.

    Returns
    -------
    array
        A view.
    """
    rows, columns = axes
    if orientation in _TRANSPOSED:
        values = np.swapaxes(values, rows, columns)
    if orientation in _FLIPPED_ROWS:
        values = np.flip(values, rows)
    if orientation in _FLIPPED_COLUMNS:
        values = np.flip(values, columns)
    return values
