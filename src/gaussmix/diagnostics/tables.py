"""The numbers of a table with words, dates and missing cells, and facts about the columns that have them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.number_checks import check_columns, check_numbers
from gaussmix.core.text import counted, default_names, join_words
from gaussmix.core.typing import FloatArray, IntArray, Rows

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class NumericPart:
    """Rows and columns of a table that are numbers.

    Attributes
    ----------
    values : (m, c) array of numbers
        Complete rows of the columns that are examined.
    names : tuple of c str, or None
        Names of these columns, if the table has names.
    positions : (m,) array of int, or None
        Positions of these rows in the table; None if all rows are complete.
    facts : dict
        ``"not_numbers"``, ``"missing"`` and ``"n_given"``: the columns without numbers, those with missing cells, and
        the number of rows of the table.
    """

    values: Rows
    names: tuple[str, ...] | None
    positions: IntArray | None
    facts: dict[str, Any]


def numeric_part(X: Any) -> NumericPart:
    """Return the complete rows of the columns of numbers.

    Parameters
    ----------
    X : (n, d) array-like or table
        Arrays must be numbers; a table may also have columns of words or dates.

    Returns
    -------
    NumericPart
        Of a table without words, dates and missing cells, all values, without a copy.

    Raises
    ------
    ValueError
        If X is not two-dimensional, has no column of numbers, or no row is complete.
    """
    columns = getattr(X, "columns", None)
    names = None if columns is None else tuple(map(str, columns))
    given = np.asarray(X if names else check_numbers(X))
    if given.ndim != 2 or given.shape[0] < 1 or given.shape[1] < 1:
        raise ValueError(f"X must have the shape (n, d), got {given.shape}; a single column is X[:, None]")
    facts: dict[str, Any] = {"n_given": len(given), "not_numbers": [], "missing": []}
    if given.dtype.kind in "buif" and (given.dtype.kind != "f" or _is_finite(given)):
        check_numbers(X)
        return NumericPart(given, names, None, facts)
    if names is None:
        try:
            numbers = list(given.astype(np.float64).T)
        except (TypeError, ValueError) as error:
            raise ValueError(f"X must be numbers: {error}") from error
        kept = default_names(given.shape[1])
    else:
        numbers, kept = _columns_of_numbers(X, names, facts)
    if not numbers:
        reasons = join_words((f"{found['column']} has {found['kind']}" for found in facts["not_numbers"]), _SHOWN)
        raise ValueError(f"X has no column of numbers: {reasons}")
    return _complete_rows(numbers, kept, facts)


def _is_finite(values: Rows) -> bool:
    return bool(np.isfinite(values).all())


def _columns_of_numbers(
    X: Any, names: tuple[str, ...], facts: dict[str, Any]
) -> tuple[list[FloatArray], tuple[str, ...]]:
    """Return the columns of numbers with NaN for missing cells; add facts about the others."""
    numbers, kept = [], []
    for at, (name, label) in enumerate(zip(X.columns, names, strict=True)):
        column = X.iloc[:, at] if hasattr(X, "iloc") else X[name]
        given = np.asarray(column)
        values = _as_numbers(column)
        if given.dtype.kind == "c" or (values is not None and given.dtype.kind not in "fb"):
            check_columns(given.reshape(-1, 1), at, repr(name))
        if values is None:
            facts["not_numbers"].append({"column": label, **_describe_other(column)})
        else:
            numbers.append(values)
            kept.append(label)
    return numbers, tuple(kept)


def _as_numbers(column: Any) -> FloatArray | None:
    """Return a column as numbers, with NaN for missing cells; None if it has words, dates or durations."""
    if np.asarray(column).dtype.kind in "MmSUc":
        return None
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    cells = np.asarray(column, dtype=object)
    missing = np.array([_is_missing(cell) for cell in cells], dtype=np.bool_)
    values = np.full(len(cells), np.nan)
    try:
        values[~missing] = cells[~missing].astype(np.float64)
    except (TypeError, ValueError):
        return None
    return values


def _is_missing(cell: Any) -> bool:
    """Return whether a cell is None, NaN, NaT or NA: all of these but None differ from themselves, or cannot tell."""
    if cell is None:
        return True
    same = cell == cell
    return same is not True and not (isinstance(same, np.bool_) and bool(same))


def _describe_other(column: Any) -> dict[str, Any]:
    cells = np.asarray(column)
    if cells.dtype.kind in "SU":
        cells = cells.astype(object)
    kind = {"M": "dates", "m": "durations"}.get(cells.dtype.kind, "words")
    known = [cell for cell in (cells if kind == "words" else cells[~np.isnat(cells)]) if not _is_missing(cell)]
    if kind == "words" and known and all(hasattr(cell, "isoformat") for cell in known):
        kind = "dates"
    shown = [str(cell)[:30] for cell in known]
    return {
        "kind": kind,
        "n_distinct": len(set(map(str, known))),
        "n_missing": len(cells) - len(known),
        "example": shown[0].partition("T00:00:00")[0] if shown else None,
    }


def _complete_rows(numbers: list[FloatArray], names: tuple[str, ...], facts: dict[str, Any]) -> NumericPart:
    """Return the rows that are complete in all columns; columns are left out, emptiest first, until there is one."""
    finite = [np.isfinite(values) for values in numbers]
    left = list(range(len(numbers)))
    while left and not np.logical_and.reduce([finite[at] for at in left]).any():
        left.remove(min(left, key=lambda at: int(finite[at].sum())))
    facts["missing"] = [
        {
            "column": names[at],
            "n_missing": int(np.isnan(values).sum()),
            "n_infinite": int(np.isinf(values).sum()),
            "is_left_out": at not in left,
        }
        for at, values in enumerate(numbers)
        if not finite[at].all()
    ]
    if not left:
        raise ValueError(f"X has no finite number in {join_words(names, _SHOWN)}")
    complete = np.logical_and.reduce([finite[at] for at in left])
    values = np.column_stack([numbers[at][complete] for at in left])
    positions = np.flatnonzero(complete).astype(np.int64)
    return NumericPart(values, tuple(names[at] for at in left), positions, facts)


def describe_columns(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a label and a sentence for each column with words, dates or missing cells.

    Parameters
    ----------
    facts : dict
        Facts of `NumericPart`.

    Returns
    -------
    list of (str, str)
        In the order of the columns: those that are not numbers, then those with missing cells.
    """
    lines = [(found["kind"], _describe(found, facts["n_given"])) for found in facts["not_numbers"]]
    for found in facts["missing"]:
        counts = {"missing": found["n_missing"], "infinite": found["n_infinite"]}
        parts = [f"{kind} in {_share(n, facts['n_given'])}" for kind, n in counts.items() if n]
        rest = "; it is left out here" if found["is_left_out"] else ""
        lines.append(("missing", f"{found['column']} is {join_words(parts)}{rest}"))
    return lines


def _describe(found: dict[str, Any], n: int) -> str:
    if found["example"] is None:
        return f"{found['column']} has no values"
    different = "a different one in each row" if found["n_distinct"] == n else f"{found['n_distinct']:,} different"
    gaps = f", missing in {_share(found['n_missing'], n)}" if found["n_missing"] else ""
    return f"{found['column']} has {found['kind']}, such as {found['example']!r} ({different}){gaps}"


def _share(count: int, n: int) -> str:
    return f"{counted(count, 'row')} ({count / n:.1%})"
