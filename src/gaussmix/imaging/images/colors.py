"""Color spaces."""

import numpy as np
import numpy.typing as npt

from gaussmix.core.typing import Rows

COLOR_SPACES = ("rgb", "gray", "lab")

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

_THOUSANDTHS = np.array([299, 587, 114], dtype=np.uint32)

# CIE XYZ of the primaries of sRGB (ITU-R BT.709), and of its white, D65 at 2 degrees.
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])

_BLOCK = 1 << 16  # pixels converted at a time
_OUTSIDE = 1e-3  # by which floats may lie outside 0 to 1


def to_color_space(values: Rows, color_space: str, *, is_bounded: bool = True) -> Rows:
    """Convert pixels to a color space.

    Parameters
    ----------
    values : (..., channels) array
        Three channels are red, green and blue (sRGB): uint8, uint16, or floats from 0 to 1. Pixels of one channel are
        gray and are returned unchanged.
    color_space : {"rgb", "gray", "lab"}
        "rgb" returns any number of channels unchanged. "gray" is luma (ITU-R BT.601) in the type of the colors, rounded
        if they are integers. "lab" is CIE 1976 L*a*b* (L* from 0 to 100), in which equal distances look about equal, as
        float32.
    is_bounded : bool, default=True
        Whether floats outside 0 to 1 are refused for "lab".

    Returns
    -------
    (..., channels) array
        One channel for "gray", three for "lab".

    Raises
    ------
    ValueError
        If the color space is not one of these, or needs colors that the pixels do not have; for "lab" also if floats
        are not from 0 to 1.

    References
    ----------
    IEC 61966-2-1 (1999), section 5.2 (sRGB to XYZ); CIE 15:2004, equations 8.3 to 8.8 (XYZ to L*a*b*).

    Examples
    --------
    >>> import numpy as np
    >>> orange = np.array([[255, 128, 0]], dtype=np.uint8)
    >>> to_color_space(orange, "gray")
    array([[151]], dtype=uint8)
    >>> to_color_space(orange, "lab").round()
    array([[67., 43., 74.]], dtype=float32)
    """
    if color_space not in COLOR_SPACES:
        raise ValueError(f"color_space must be one of {', '.join(map(repr, COLOR_SPACES))}; got {color_space!r}")
    n_channels = values.shape[-1]
    if color_space == "rgb" or n_channels == 1:
        return values
    if n_channels != 3:
        raise ValueError(
            f'color_space={color_space!r} needs red, green and blue; got {n_channels} channels: use "rgb" (as they are)'
        )
    rows = values.reshape(-1, 3)
    if color_space == "gray":
        converted = np.empty((len(rows), 1), dtype=values.dtype)
        convert = _luma
    else:
        if is_bounded:
            _require_shares(rows)
        converted = np.empty((len(rows), 3), dtype=np.float32)
        convert = _Lab(values.dtype)
    for start in range(0, len(rows), _BLOCK):
        piece = slice(start, start + _BLOCK)
        converted[piece] = convert(rows[piece])
    return converted.reshape(*values.shape[:-1], converted.shape[1])


def _luma(rows: Rows) -> Rows:
    """Return the luma of each row, (n, 1)."""
    luma = (rows @ _THOUSANDTHS + 500) // 1000 if rows.dtype.kind == "u" else rows @ LUMA.astype(rows.dtype)
    return np.asarray(luma)[:, None]


def _require_shares(rows: Rows) -> None:
    """ValueError that names the first color that is not from 0 to 1, if colors are floats."""
    if rows.dtype.kind != "f" or rows.size == 0 or (rows.min() >= -_OUTSIDE and rows.max() <= 1 + _OUTSIDE):
        return
    found = rows[(rows < -_OUTSIDE) | (rows > 1 + _OUTSIDE)][0]
    raise ValueError(
        f'color_space="lab" takes floats from 0 (black) to 1 (white); got {found:g}: divide the image by its white, '
        'such as 255, or give uint8 or uint16. With bias_field=True use "rgb"'
    )


class _Lab:
    """Converts rows of sRGB to L*a*b*."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._linear = None
        if np.dtype(dtype).kind == "u":
            greatest = np.iinfo(np.dtype(dtype)).max
            self._linear = _to_linear(np.arange(greatest + 1) / greatest).astype(np.float32)
        self._primaries = (_XYZ / _WHITE[:, None]).astype(np.float32)

    def __call__(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return L*a*b*, (n, 3)."""
        # no matrix product: the threads of BLAS would cost more than they save
        linear = _to_linear(rows) if self._linear is None else self._linear.take(rows)
        red, green, blue = np.ascontiguousarray(linear.T, dtype=np.float32)
        x, y, z = (_root(red * row[0] + green * row[1] + blue * row[2]) for row in self._primaries)
        return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _root(t: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.where(t > np.float32(0.008856), np.cbrt(t), np.float32(7.787) * t + np.float32(16 / 116))


def _to_linear(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.where(values > 0.04045, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4, values / 12.92)
