"""Validation of user input: X and sample_weight."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.number_checks import as_numbers, check_numbers, column_names
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows

LARGEST = 1e150
"""Bound on absolute values: sums of squares of larger numbers may overflow."""

LARGEST_TOTAL = 1e303
"""Weights whose sum is as large overflow where they are multiplied by log densities and summed."""

_BLOCK = 1 << 14  # rows checked at a time, so that they stay in cache


def as_weighted_rows(
    X: Any,
    sample_weight: Any,
    n_features: int,
    names: Sequence[str] | None = None,
    noise_covariance: Any = None,
) -> WeightedRows:
    """Validate rows, weights and measurement errors, and return them as one value. NaN is a missing value.

    Its names are ``names`` or, by default, the column names of X.
    """
    rows = as_rows(X, n_features, names, allow_missing=True)
    columns = column_names(X) if names is None else names
    known = None if columns is None else tuple(map(str, columns))
    noise = NoiseCovariance.of_user(noise_covariance, *rows.shape)
    return WeightedRows(rows, check_sample_weight(sample_weight, len(rows)), known, noise)


def as_rows(
    X: Any,
    n_features: int,
    names: Sequence[str] | None = None,
    *,
    allow_missing: bool = False,
    argument: str = "X",
) -> Rows:
    """Return X as an (n, n_features) array, without a copy if its dtype is one of `KEPT_TYPES`.

    If X has named columns, select those in ``names``, in that order. ``argument`` is what the user calls X.

    Raises
    ------
    ValueError
        If the shape is wrong, a column is missing, or a value is infinite or, unless allowed, NaN; the message names
        the row and column.
    """
    if names is not None:
        X = _columns_named(X, names, argument)
    rows = np.asarray(check_numbers(X))
    if rows.dtype.type not in KEPT_TYPES:
        try:  # pandas has a missing value of its own
            rows = X.to_numpy(np.float64, na_value=np.nan) if hasattr(X, "iloc") else rows.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise _column_error(X, error) or ValueError(f"{argument} must be numbers: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise ValueError(
            f"{argument} must have the shape (n, {n_features}), got {rows.shape}; a single row is {argument}[None, :]"
        )
    require_finite(rows, X, allow_missing=allow_missing, argument=argument)
    return rows


def _columns_named(X: Any, names: Sequence[str], argument: str) -> Any:
    """Return the columns of X with the given names, in that order; if X has no column names, X itself."""
    columns = column_names(X)
    if not columns or not all(isinstance(name, str) for name in columns):
        return X
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"{argument} has no column {missing[0]!r}, a feature of the model; its columns are {columns}")
    return X.select(list(names)) if hasattr(type(X), "select") else X[list(names)]  # Polars and PyArrow; pandas


@contextmanager
def naming_columns(X: Any) -> Iterator[None]:
    """Turn an error of converting a table into a ValueError that names the first column that is not numeric."""
    try:
        yield
    except (TypeError, ValueError) as error:
        found = _column_error(X, error)
        if found is None:
            raise
        raise found from error


def _column_error(X: Any, error: Exception) -> ValueError | None:
    """What to say of a path, or of the first column that does not become numbers; None of anything else."""
    if isinstance(X, str | PathLike):
        return ValueError(f"X must be rows of numbers, got a path: read it first, pandas.read_csv({str(X)!r})")
    for name in column_names(X) or ():
        try:
            np.asarray(X[name], dtype=np.float64)
        except (TypeError, ValueError):
            return ValueError(
                f"column {name!r} of X does not hold numbers ({error}): choose columns that do, such as "
                'X.select_dtypes("number") in pandas'
            )
    return None


def check_sample_weight(sample_weight: Any, n_rows: int) -> FloatArray | None:
    """Return sample weights as an (n,) array, nonnegative and not all zero; None stays None."""
    if sample_weight is None:
        return None
    weights = as_numbers(sample_weight, "sample_weight")
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got an array of shape {weights.shape}")
    if len(weights) != n_rows:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected ({n_rows},)")
    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if bad.size:
        raise ValueError(
            f"sample_weight must be finite and at least 0; row {bad[0]} has {weights[bad[0]]} (0 leaves a row out)"
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not total < LARGEST_TOTAL:
        raise ValueError(
            f"sample_weight has the sum {total:g}, with which sums over rows overflow: divide the weights by their mean"
        )
    if not weights.any():
        raise ValueError("sample_weight is zero for every row: give some rows a positive weight")
    return weights


def as_generator(random_state: Any) -> Random:
    """Return a source of random numbers; ValueError that names the argument if it is none."""
    if isinstance(random_state, np.random.Generator | np.random.RandomState):
        return random_state
    if random_state is not None and not isinstance(random_state, int | np.integer):
        raise ValueError(f"random_state must be an int, a Generator, a RandomState or None; got {random_state!r}")
    if random_state is not None and random_state < 0:
        raise ValueError(f"random_state must not be negative; got {random_state}")
    return np.random.default_rng(random_state)


def as_responsibilities(values: Any, n_components: int | None = None) -> FloatArray:
    """Return probabilities (n, k) of components as float64; ValueError that names the first row that has none."""
    shares = as_numbers(values, "responsibilities")
    if shares.ndim != 2 or n_components not in (None, shares.shape[1]):
        raise ValueError(
            f"responsibilities must have the shape (n, {n_components or 'components'}), got {shares.shape}"
        )
    wrong = ~((shares >= 0).all(axis=1) & (np.abs(shares.sum(axis=1) - 1) < 1e-6))
    if wrong.any():
        raise ValueError(f"responsibilities must be probabilities: those of row {np.flatnonzero(wrong)[0]} are not")
    return shares


def require_finite(
    rows: Rows, table: Any = None, *, allow_missing: bool = False, argument: str = "X", first_row: int = 0
) -> None:
    """Raise a ValueError that names the first row and column with infinity or a number whose square overflows.

    NaN is an error, too, unless missing values are allowed. The name of the column comes from the table, if one is
    given, and ``argument`` is what the user calls it. The rows may be a piece of X that begins at ``first_row``. BLAS
    is avoided here because its threads would keep spinning during the first passes.
    """
    if rows.dtype.kind != "f" or rows.size == 0:
        return
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        if float(part.min()) > -LARGEST and float(part.max()) < LARGEST:
            continue
        bad = ~(np.abs(part.astype(np.float64)) < LARGEST)
        if allow_missing:
            bad &= ~np.isnan(part)
        if bad.any():
            _complain(part, np.argwhere(bad)[0], first_row + start, column_names(table), argument)


def _complain(part: Rows, place: IntArray, start: int, names: Any, argument: str) -> None:
    row, column = place
    name = "" if names is None else f" ({names[column]!r})"
    value, where = float(part[row, column]), f"at row {start + row}, column {column}{name}"
    if np.isfinite(value):
        raise ValueError(f"{argument} has {value:g} {where}: its square overflows. Divide the column by its scale")
    if np.isnan(value) and argument == "X":
        raise ValueError(
            f"X has NaN {where}: leave such rows out or fill them in first, with GaussianMixtureImputer "
            "or Mixture.impute"
        )
    found = "NaN" if np.isnan(value) else "infinity"
    raise ValueError(f"{argument} has {found} {where}: leave such rows out")
