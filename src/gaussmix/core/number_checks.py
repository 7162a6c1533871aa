"""Values that conversion to float64 would drop or change: masks, dates, complex numbers, large integers."""

from collections.abc import Iterator
from datetime import date, time, timedelta
from numbers import Real
from typing import Any

import numpy as np

from gaussmix.core.typing import FloatArray, Rows

LARGEST_INTEGER = 2**53
"""Beyond it float64 does not hold every integer."""

_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
_COMPLEX = (complex, np.complexfloating)

_CONTAINERS = {
    "toarray": ("a sparse matrix, and dense data is required", "X.toarray()"),
    "collect": ("a lazy table, and dense data is required", "X.collect()"),
    "colnames": ("a table of astropy", "X.to_pandas()"),
    "data_vars": ("a dataset of xarray", "X.to_dataframe(), without its rows that have missing cells"),
    "obsm": ("an AnnData object", 'one of its matrices, such as X.obsm["X_pca"]'),
}
"""Attribute of a class that is neither an array nor a table -> what it is, and what to pass instead."""


def check_numbers(given: Any) -> Any:
    """Return the rows X as they were given, but a list of rows as an array, and masked values as NaN.

    Raises
    ------
    ValueError
        If a cell is a date, a time, a duration, complex, or an integer beyond 2**53. It names the column, and the row.
        Also if X is a list of rows of different lengths, or a table two of whose columns have the same name.
    TypeError
        If X is a sparse matrix, a lazy table, or a container of another package. It says what to pass instead.
    """
    if isinstance(given, list | tuple):
        given = _as_array(given, "X")
    for attribute, (kind, remedy) in _CONTAINERS.items():
        if hasattr(type(given), attribute):
            raise TypeError(f"X is {kind}: pass {remedy}")
    names = column_names(given)
    if names is not None:
        _require_different(names)
        for column, name, values in _columns(given):
            check_columns(values.reshape(len(values), -1), column, repr(name))
    elif hasattr(given, "__array__"):
        values = np.asanyarray(given)
        check_columns(values)
        if isinstance(values, np.ma.MaskedArray) and values.mask is not np.ma.nomask:
            return with_nan(values)
    return given


def with_nan(values: np.ma.MaskedArray[Any, Any]) -> Rows:
    """Return a masked array as an array of floats in which masked values are NaN."""
    kept = values.data if values.dtype.kind == "f" else values.data.astype(np.float64)
    return np.where(np.ma.getmaskarray(values), np.nan, kept).astype(kept.dtype, copy=False)


def column_names(table: Any) -> list[Any] | None:
    """Return the names of the columns of a table of pandas, Polars or PyArrow; None of anything else."""
    kind = type(table)  # attributes of a table of pandas may be its columns
    if hasattr(kind, "column_names"):  # PyArrow, whose columns are arrays
        return None if table.column_names is None else list(table.column_names)
    return list(table.columns) if not hasattr(kind, "collect") and hasattr(table, "columns") else None


def check_columns(values: Rows, first: int = 0, name: str = "") -> None:
    """Raise a ValueError for values that float64 does not hold.

    Parameters
    ----------
    values : (n, c) array
        Columns of X.
    first : int
        Position of the first of them in X.
    name : str
        Name of a single column, as it is shown.
    """
    kind = values.dtype.kind
    if kind in "mM":
        raise _date_error(values.dtype, name)
    if kind == "c":
        raise _complex_error(name)
    if kind in "US" and not name:
        as_numbers(values, "X")
    if kind == "V":
        what = f"column {name} of X" if name else "X"
        raise ValueError(f"{what} holds records ({values.dtype}): pass an array with an axis for their fields")
    inexact = first_inexact(values)
    if inexact is not None:
        raise _integer_error(values[inexact], inexact, first, name)
    if kind == "O":
        for place, value in np.ndenumerate(values):
            if isinstance(value, _DATES):
                raise _date_error(type(value).__name__, name)
            if isinstance(value, _COMPLEX):
                raise _complex_error(name)
            if isinstance(value, int | np.integer) and abs(int(value)) > LARGEST_INTEGER:
                raise _integer_error(value, place, first, name)


def require_unmasked(values: Any, name: str) -> None:
    """Raise a ValueError that names the first masked element, if there is one."""
    if isinstance(values, list | tuple):
        values = _as_array(values, name)
    if not isinstance(values, np.ma.MaskedArray) or values.dtype.names is not None:
        return
    masked = np.argwhere(np.ma.getmaskarray(values))
    if len(masked):
        place = _place(tuple(masked[0].tolist()))
        raise ValueError(f"{name} is masked {place}: leave masked values out or fill them in first")


def as_numbers(values: Any, name: str) -> FloatArray:
    """Return an argument as float64; ValueError that names it if it is masked or does not hold real numbers."""
    require_unmasked(values, name)
    try:
        given = np.asarray(values)
        if given.dtype.kind in "mMc":
            raise TypeError(f"got {given.dtype}")
        return given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from error


def first_inexact(values: Rows) -> tuple[int, ...] | None:
    """Return the position of the first integer beyond 2**53; None if there is none, or if the type is too small."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return None
    if int(values.min()) >= -LARGEST_INTEGER and int(values.max()) <= LARGEST_INTEGER:
        return None
    place = np.argwhere((values < -LARGEST_INTEGER) | (values > LARGEST_INTEGER))[0]
    return tuple(place.tolist())


def _as_array(given: Any, name: str) -> Rows:
    """Return a list as an array; a list of masked arrays keeps their masks."""
    try:
        return np.ma.array(given) if any(isinstance(row, np.ma.MaskedArray) for row in given) else np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{name} must be rows of equal length: {error}") from error


def _require_different(names: list[Any]) -> None:
    """Raise a ValueError that names the first column with the name of another one."""
    first: dict[Any, int] = {}
    for column, name in enumerate(names):
        if first.setdefault(name, column) != column:
            raise ValueError(
                f"columns {first[name]} and {column} of X have the same name {name!r}: rename one of them, or pass "
                "X.to_numpy()"
            )


def _columns(table: Any) -> Iterator[tuple[int, Any, Rows]]:
    """Yield position, name and values of the columns of a table that may hold other than floating-point numbers."""
    names = column_names(table) or []
    dtypes = getattr(table, "dtypes", [None] * len(names))
    for column, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
        if not (isinstance(dtype, np.dtype) and dtype.kind in "fb"):
            yield column, name, np.asarray(table.iloc[:, column] if hasattr(table, "iloc") else table[name])


def _date_error(dtype: Any, name: str) -> ValueError:
    what = f"column {name} of X" if name else "X"
    return ValueError(
        f"{what} does not hold numbers but {dtype}: choose other columns, or convert it to numbers first, such as days "
        "since a date"
    )


def _complex_error(name: str) -> ValueError:
    what = f"column {name} of X" if name else "X"
    return ValueError(f"Complex data not supported: {what} holds complex numbers. Take their real parts first")


def _integer_error(value: Any, place: tuple[int, ...], first: int, name: str) -> ValueError:
    if len(place) == 2:
        place = (place[0], first + place[1])
    known = f" ({name})" if name else ""
    return ValueError(
        f"X has {value} {_place(place)}{known}: float64 does not hold every integer beyond 2**53. Subtract an offset "
        "from the column, or divide it"
    )


def _place(place: tuple[int, ...]) -> str:
    if len(place) == 1:
        return f"at row {place[0]}"
    return f"at row {place[0]}, column {place[1]}" if len(place) == 2 else f"at {place}"


def require_level(level: Any) -> None:
    """Raise a ValueError if the level of an interval or a test is not a number between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ValueError(f"level must be between 0 and 1; got {level!r}")


def as_finite_numbers(values: Any, name: str) -> FloatArray:
    """Return numbers as a float array; raise a ValueError that names a parameter unless they are finite."""
    array = as_numbers(values, name)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def check_degrees(values: Any, n_components: int) -> FloatArray | None:
    """Return degrees of freedom (k,), one for all or one each, after checks; None as it is."""
    if values is None:
        return None
    degrees = as_numbers(values, "degrees_of_freedom")
    if degrees.shape not in ((), (n_components,)):
        raise ValueError(
            f"degrees_of_freedom must be a number or {n_components} numbers, got the shape {degrees.shape}"
        )
    if not (degrees > 0).all():  # NaN included
        raise ValueError(f"degrees_of_freedom must be positive or infinite, got {degrees.min()}")
    return np.broadcast_to(degrees, (n_components,))


def check_weights(weights: FloatArray, n_components: int) -> FloatArray:
    """Return the weights divided by their sum; raise a ValueError unless they are k probabilities."""
    if weights.shape != (n_components,):
        raise ValueError(f"The parameter 'weights' should have the shape of ({n_components},), but got {weights.shape}")
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {weights.max():.5f}, min value {weights.min():.5f}"
        )
    if abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}")
    return weights / weights.sum()
