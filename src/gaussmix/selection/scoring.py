"""Criteria of cells: lower is better, for all of them."""

import math

from gaussmix.selection.cells import Cell

CRITERIA = ("bic", "icl", "aic", "aicc", "cv")


def score(cell: Cell, criterion: str) -> float:
    """The value of "bic", "icl", "aic" or "aicc"; infinite where it is not defined, NaN without a fit."""
    if cell.fit is None:
        return math.nan
    n, p = cell.fit.moments.weight, cell.n_parameters
    deviance = -2 * cell.log_likelihood
    match criterion:
        case "bic":
            return deviance + p * math.log(n)
        case "icl":
            return deviance + p * math.log(n) + 2 * cell.entropy
        case "aic":
            return deviance + 2 * p
        case _:
            return deviance + 2 * p + 2 * p * (p + 1) / (n - p - 1) if n > p + 1 else math.inf
