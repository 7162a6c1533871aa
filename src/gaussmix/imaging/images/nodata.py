"""The number that stands for "no data" in a picture, such as -9999 in maps."""

import math

import numpy as np

from gaussmix.core.typing import BoolArray, Rows

_HUGE = 1e38  # no measurement: such numbers are the limit of float32, often written with few digits ("-3.4e+38")
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
        number = float(cleaned)
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


def _equal(values: Rows, nodata: float) -> BoolArray:
    if values.dtype.kind != "f":
        number = int(nodata) if math.isfinite(nodata) and float(nodata).is_integer() else None
        limits = (0, 1) if values.dtype.kind == "b" else (np.iinfo(values.dtype).min, np.iinfo(values.dtype).max)
        if number is None or not limits[0] <= number <= limits[1]:
            return np.zeros(values.shape, dtype=bool)
        return np.asarray(values == values.dtype.type(number))
    if math.isnan(nodata):
        return np.isnan(values)
    if abs(nodata) >= _HUGE:
        huge = values.dtype.type(min(_HUGE, float(np.finfo(values.dtype).max)))
        return values <= -huge if nodata < 0 else values >= huge
    with np.errstate(over="ignore"):
        return np.abs(values - values.dtype.type(nodata)) <= _ROUNDING * abs(nodata)
