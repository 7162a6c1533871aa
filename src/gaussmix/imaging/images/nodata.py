"""The number that stands for "no data" in a picture, such as -9999 in maps."""

import math
import re
from typing import Any

import numpy as np

from gaussmix.core.typing import BoolArray, Rows

_HUGE = 1e38  # no measurement: such numbers are the limit of float32, often written with few digits ("-3.4e+38")
_NAN = re.compile(r"[+-]?1\.#(QNAN|SNAN|NAN|IND)\d*", re.IGNORECASE)  # as Windows writes it
_ROUNDING = 2.0**-23  # of float32, whose numbers are often those of a float64 or of a text


def parse_nodata(text: str) -> int | float:
    """Return the number in a text such as "-9999", " 0 ", "nan" or "-3.4028234663852886e+38".

    Raises
    ------
    ValueError
        If it is not a number.
    """
    cleaned = text.strip(" \t\r\n\0")
    try:
        return int(cleaned)
    except ValueError:
        pass
    try:
        number = math.nan if _NAN.fullmatch(cleaned) else float(cleaned)
    except ValueError:
        raise ValueError(f"nodata must be a number or nan; got {text!r}") from None
    return int(number) if number.is_integer() and abs(number) < _HUGE else number


def lacks_data(values: Rows, nodata: float) -> BoolArray:
    """Return the pixels that have the number for "no data" in all channels, (shape) of bool.

    Integers must be equal. Floats must be equal as float32; those beyond 1e38 are one number for each sign.

    Parameters
    ----------
    values : (shape, channels) array
        Numbers of any type.
    nodata : int or float
        The number, or NaN.
    """
    lacking = np.ones(values.shape[:-1], dtype=bool)
    for channel in range(values.shape[-1]):
        lacking &= _equal(values[..., channel], nodata)
    return lacking


def can_hold(dtype: np.dtype[Any], nodata: float) -> bool:
    """Return whether numbers of a type can be equal to a number."""
    if dtype.kind == "f":
        return True
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return math.isfinite(nodata) and float(nodata).is_integer() and limits[0] <= nodata <= limits[1]


def _equal(values: Rows, nodata: float) -> BoolArray:
    if not can_hold(values.dtype, nodata):
        return np.zeros(values.shape, dtype=bool)
    if values.dtype.kind != "f":
        return np.asarray(values == values.dtype.type(nodata))
    if math.isnan(nodata):
        return np.isnan(values)
    if abs(nodata) >= _HUGE:
        huge = values.dtype.type(min(_HUGE, float(np.finfo(values.dtype).max)))
        return values <= -huge if nodata < 0 else values >= huge
    with np.errstate(over="ignore"):
        return np.abs(values - values.dtype.type(nodata)) <= _ROUNDING * abs(nodata)
