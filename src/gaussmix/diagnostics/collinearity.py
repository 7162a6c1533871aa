"""Columns that other columns determine: linear functions, and products and ratios."""

from typing import Any

import numpy as np

from gaussmix.core.typing import FloatArray

_COLLINEAR = 1e3  # variance inflation factor: the others explain all but a thousandth of the variance
_CLEARER = 10.0  # ratio of the inflations of a product in logarithms and in the given numbers
_SHARE = 0.05  # share of the greatest coefficient; columns with smaller ones are not named
_POSITIVE = 0.9  # least share of positive numbers of a column whose logarithm is examined


def condition_of(correlations: FloatArray, n_rows: int) -> float | None:
    """Return the condition number of correlations (c, c), or None if there are too few rows or columns."""
    if len(correlations) < 2 or n_rows <= len(correlations):
        return None
    values = np.linalg.eigvalsh(correlations)
    return float(values[-1] / max(values[0], np.finfo(np.float64).eps))


def determined_columns(correlations: FloatArray, n_rows: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the columns that are nearly linear functions of the others, the worst first.

    With ``P = inverse(correlations)``, column c is predicted by ``-P[c, o] / P[c, c]`` times the others, with
    ``1 - R^2 = 1 / P[c, c]``: Belsley, Kuh and Welsch, Regression Diagnostics (1980), chapter 3.
    """
    found: list[dict[str, Any]] = []
    left = np.arange(len(correlations))
    while len(left) > 1 and n_rows > len(correlations):
        precision = _precision(correlations[np.ix_(left, left)])
        worst = int(np.diagonal(precision).argmax())
        inflation = float(precision[worst, worst])
        if inflation < _COLLINEAR:
            break
        coefficients = np.abs(np.delete(precision[worst], worst))
        others = np.delete(left, worst)
        named = np.argsort(-coefficients)[: int((coefficients > _SHARE * coefficients.max()).sum())]
        of = [names[others[at]] for at in sorted(named)]
        found.append({"column": names[left[worst]], "of": of, "unexplained": 1 / inflation})
        left = others
    return found


def products(rows: FloatArray, weights: FloatArray, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the columns whose logarithm is nearly a linear function of the logarithms of others, the worst first.

    Such a column is a product or ratio of powers of others. Only columns of positive numbers are examined, and columns
    with a few zeros in the rows without zeros. A column is not reported if it is nearly as close to a linear function,
    as numbers that vary little are.

    Parameters
    ----------
    rows : (n, c) array
        Columns that vary, none of which is determined by the others.
    weights : (n,) array
        Weights of the rows.
    names : tuple of c str
        Names of the columns.

    Returns
    -------
    list of dict
        ``"column"``, the others ``"of"`` which it is made, and the share of variance that is ``"unexplained"``.
    """
    if not rows.size:
        return []
    able = np.flatnonzero((rows.min(axis=0) >= 0) & ((rows > 0).mean(axis=0) >= _POSITIVE))
    if len(able) < 2:
        return []
    positive = (rows[:, able] > 0).all(axis=1)
    some, some_weights = rows[positive][:, able], weights[positive]
    logarithms = _correlations(np.log(some), some_weights) if some_weights.sum() > 0 else None
    numbers = None if logarithms is None else _correlations(some, some_weights)
    if logarithms is None or numbers is None:
        return []
    some_names = tuple(names[at] for at in able)
    found = determined_columns(logarithms, len(some), some_names)
    linear = dict(zip(some_names, np.diagonal(_precision(numbers)), strict=True))
    return [each for each in found if 1 / each["unexplained"] > _CLEARER * linear[each["column"]]]


def _precision(correlations: FloatArray) -> FloatArray:
    """Return the inverse of correlations, with rounding on the diagonal so that it exists."""
    n = len(correlations)
    return np.asarray(np.linalg.inv(correlations + 1e-14 * n * np.eye(n)))


def _correlations(rows: FloatArray, weights: FloatArray) -> FloatArray | None:
    """Return the correlations (c, c) of columns, or None if one is constant."""
    shares = weights / weights.sum()
    centered = rows - shares @ rows
    deviations = np.sqrt(shares @ centered**2)
    if not (deviations > 0).all():
        return None
    standard = centered / deviations
    return np.asarray((standard * shares[:, None]).T @ standard)
