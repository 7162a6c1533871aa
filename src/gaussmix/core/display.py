"""Labels and gray levels of displayed images, shared by `gaussmix.plots` and `gaussmix.imaging`."""

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import Rows

UNLABELED = 255
"""Label of pixels that are ignored."""

_FEW_LEVELS = 64
_PERCENTILES = (0.1, 99.9)


def central_range(values: Rows) -> tuple[float, float]:
    """Return percentiles 0.1 and 99.9 of an array of any shape."""
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)


def display_range(values: Rows) -> tuple[float, float]:
    """Return the values shown as black and as white: 0 and 255 for uint8, else the central range.

    For uint8 values below 64, such as counts, classes and grays of few bits, white is the greatest value, unless there
    are three channels, which are colors. White is above black even if all values are equal or there are none.

    Parameters
    ----------
    values : (n,) or (n, channels) array
        Values of pixels.
    """
    if values.size == 0:
        return 0.0, 255.0
    if values.dtype == np.uint8:
        greatest = float(values.max())
        return 0.0, greatest if 0 < greatest < _FEW_LEVELS and values.shape[1:] != (3,) else 255.0
    black, white = central_range(values)
    return (black, white) if white > black else (black, black + 1)


def to_bytes(values: npt.NDArray[np.floating], black: float, white: float) -> npt.NDArray[np.uint8]:
    """Return gray levels: 0 for black, 255 for white, linear in between, computed in the dtype of the values."""
    shares = (values - black) / (white - black)
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)
