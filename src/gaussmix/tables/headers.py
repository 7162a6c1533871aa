"""Whether the first line of a CSV file is a header or a row."""

import math
import re
from collections.abc import Sequence

import numpy as np

from gaussmix.core.typing import FloatArray

_YEARS = range(1800, 2200)
_LEAST_ROWS = 3
_UNLIKE = 10.0  # distance from the numbers below, in ranges of these
_CHANCE = 1e-3  # probability that all numbers of a row are whole
_STEPS = 4  # numbers with equal steps


def is_number(text: str) -> bool:
    """Return whether a text is a number with a decimal point."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def all_numbers(cells: Sequence[str], separator: str) -> bool:
    """Return whether all cells are numbers; beside semicolons, the decimal sign may be a comma."""
    return all(map(is_number, _pointed(cells, separator)))


def is_header(lines: Sequence[str], records: Sequence[Sequence[str]], separator: str) -> bool | None:
    """Return whether the first line is a header; None if that is doubtful.

    It is a header if a cell is a word, or if an empty cell precedes whole numbers, as in a data frame with an index. It
    is doubtful with other empty cells, and if the numbers are all different and

    * are in quotes, and those of the second line are not;
    * are 0, 1, 2, ..., or 1, 2, 3, ... with at least three, or at least four with equal steps, unlike all lines below;
    * are years, and no line below has years only;
    * are whole, and all numbers below have a decimal sign, or so many that this row occurs once in a thousand;
    * are all farther from the numbers below than ten times their range.

    Parameters
    ----------
    lines : sequence of str
        The first lines, without comments and empty lines.
    records : sequence of sequences of str
        Their cells, without spaces around them.
    separator : str
        The separator.
    """
    first, below = records[0], records[1:]
    filled = [cell for cell in first if cell]
    if not filled or not all_numbers(filled, separator):
        return True
    if len(filled) < len(first):
        return True if not first[0] and len(filled) == len(first) - 1 and all(map(_is_whole, filled)) else None
    if not below:
        return False
    quoted = lines[0].lstrip().startswith('"') and not lines[1].lstrip().startswith('"')
    return None if quoted or _may_be_header(first, below, separator) else False


@np.errstate(over="ignore", invalid="ignore")  # differences of numbers near 1e308
def _may_be_header(first: Sequence[str], below: Sequence[Sequence[str]], separator: str) -> bool:
    numbers = _numbers(first, separator)
    if len(set(numbers)) < len(numbers):
        return False
    rows = [_numbers(cells, separator) for cells in below if len(cells) == len(first) and all_numbers(cells, separator)]
    counted = len(numbers) > 1 and bool((np.diff(numbers) == 1).all())
    if counted and (numbers[0] == 0 or (numbers[0] == 1 and len(numbers) > 2)):
        return True
    if len(numbers) >= _STEPS and _has_equal_steps(numbers) and not any(map(_has_equal_steps, rows)):
        return True
    if _are_years(numbers) and not any(map(_are_years, rows)):
        return True
    if len(below) >= _LEAST_ROWS and all(map(_is_whole, first)):
        decimal = "[.,eE]" if separator == ";" else "[.eE]"
        columns = list(zip(*below, strict=False))
        whole = [sum(re.search(decimal, cell) is None for cell in column) for column in columns]
        if not any(whole) or math.prod((count + 1) / (len(below) + 1) for count in whole) < _CHANCE:
            return True
    return len(rows) >= _LEAST_ROWS and _is_unlike(numbers, np.array(rows))


def _pointed(cells: Sequence[str], separator: str) -> list[str]:
    return [cell.replace(",", ".") if separator == ";" else cell for cell in cells]


def _numbers(cells: Sequence[str], separator: str) -> FloatArray:
    return np.array([float(cell) for cell in _pointed(cells, separator)])


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"\d+", cell) is not None


def _are_years(numbers: FloatArray) -> bool:
    return len(numbers) > 1 and len(set(numbers)) == len(numbers) and all(number in _YEARS for number in numbers)


def _has_equal_steps(numbers: FloatArray) -> bool:
    steps = np.diff(numbers) if np.isfinite(numbers).all() else np.zeros(1)
    return bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0))


def _is_unlike(numbers: FloatArray, rows: FloatArray) -> bool:
    """Return whether all numbers are far outside the range of their column, and some column varies."""
    if not (np.isfinite(numbers).all() and np.isfinite(rows).all()):
        return False
    low, high = rows.min(axis=0), rows.max(axis=0)
    away = np.maximum(low - numbers, numbers - high)
    return bool((away > _UNLIKE * (high - low)).all() and (high > low).any())
