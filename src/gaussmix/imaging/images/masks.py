"""Which pixels of an image count: masks, masked arrays and opacity."""

import warnings
from typing import Any

import numpy as np

from gaussmix.core.typing import BoolArray, Rows

_MANY_VALUES = 16  # opacity of pictures has fewer, or is mostly 255
_HARDLY_EVER = 0.01  # share of the pixels that are not transparent


def as_mask(mask: Any, shape: tuple[int, ...], name: str = "mask") -> BoolArray:
    """Return a mask as bool; pixels that a masked array masks do not count.

    Parameters
    ----------
    mask : array-like of bool or numbers
        Not 0 at pixels that count.
    shape : tuple of int
        The shape that it must have.
    name : str
        Name of the argument in errors.

    Returns
    -------
    (shape) array of bool
        A new array unless it is bool already.

    Raises
    ------
    ValueError
        If it has another shape, has NaN, or holds no numbers.
    """
    values = np.ma.getdata(mask) if np.ma.isMaskedArray(mask) else np.asarray(mask)
    if values.shape != shape:
        raise ValueError(f"{name} must have the shape of the image without channels, {shape}; got {values.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be bool, or numbers that are not 0 where pixels count; got {values.dtype}")
    hidden = hidden_entries(mask)
    if values.dtype.kind == "f":
        bad = np.isnan(values) if hidden is None else np.isnan(values) & ~hidden
        if bad.any():
            where = tuple(int(position) for position in np.argwhere(bad)[0])
            raise ValueError(f"{name} has NaN at {where}: give 0 where pixels do not count, and 1 where they do")
    inside = values != 0
    return inside if hidden is None else inside & ~hidden


def hidden_entries(values: Any) -> BoolArray | None:
    """Return the entries that a masked array of NumPy masks, of its shape; None if it masks none."""
    if not np.ma.isMaskedArray(values) or np.ma.getmask(values) is np.ma.nomask:
        return None
    return np.asarray(np.ma.getmaskarray(values))


def to_opacity(alpha: Rows) -> Rows:
    """Convert opacity of any type to 8 bits; only 0 becomes 0."""
    if alpha.dtype == np.uint8:
        return np.ascontiguousarray(alpha)
    most = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1
    return np.ceil(np.clip(alpha / most, 0, 1) * 255).astype(np.uint8)


def has_opacity(alpha: bool | str, n_channels: int, *, declared: bool) -> bool:
    """Return whether the last channel is opacity.

    Parameters
    ----------
    alpha : bool or "auto"
        Whether it is; "auto": as declared.
    n_channels : int
        Number of channels, with opacity.
    declared : bool
        Whether the file says so, or the type and the number of channels are those of pictures with opacity.

    Returns
    -------
    bool
        Whether it is.

    Raises
    ------
    ValueError
        If `alpha` is none of these, or is True for a single channel.
    """
    if not isinstance(alpha, bool | np.bool_) and alpha != "auto":
        raise ValueError(f'alpha must be True, False or "auto"; got {alpha!r}')
    if isinstance(alpha, str):
        return declared
    if alpha and n_channels < 2:
        raise ValueError("alpha=True needs a channel of opacity after the others; there is one channel only")
    return bool(alpha)


def warn_of_doubtful_opacity(opacity: Rows, name: str) -> None:
    """Warn if bytes that were taken for opacity look like a channel: many values, and hardly ever 255.

    Parameters
    ----------
    opacity : array of uint8
        Opacity of each pixel.
    name : str
        What has this opacity.
    """
    counts = np.bincount(opacity.reshape(-1), minlength=256)[1:]
    n_values, total = np.count_nonzero(counts), counts.sum()
    if n_values > _MANY_VALUES and counts[-1] < _HARDLY_EVER * total:
        warnings.warn(
            f"{name}: the last channel is taken for opacity, but has {n_values} values and is hardly ever 255. If it "
            "is a channel like the others, say infrared, give alpha=False (--no-alpha); if not, alpha=True (--alpha)",
            stacklevel=2,
        )
