"""The search over models, as a job."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gaussmix.core.mixture import Mixture
from gaussmix.core.progress import Listener, progress_told
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.estimators import GaussianMixtureIC
from gaussmix.estimators.best_estimator import estimator_of_cell
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.rows import SearchRows
from gaussmix.tables import import_pandas

_RANGE = re.compile(r"\s*(\d+)\s*(?:[:-]\s*(\d+)\s*)?")
_MOST = 100  # components


@dataclass(frozen=True)
class SearchRequest:
    """What to search.

    Attributes
    ----------
    numbers : tuple of int
        Numbers of components, ascending.
    structures : str
        "sklearn" or "all", as in `GaussianMixtureIC`.
    seed : int
        Seed of the starts.
    """

    numbers: tuple[int, ...]
    structures: str
    seed: int


@dataclass(frozen=True, eq=False)
class FoundModels:
    """Models that a search found.

    Attributes
    ----------
    request : SearchRequest
        What was searched.
    search : GaussianMixtureIC
        The fitted search.
    mixtures : dict
        The mixture of each model that could be fitted, with the names of the columns.
    notes : tuple of str
        Texts of the warnings.
    """

    request: SearchRequest
    search: GaussianMixtureIC
    mixtures: dict[ModelSpec, Mixture]
    notes: tuple[str, ...]


def find_models(report: Listener, rows: FloatArray, names: Sequence[str], request: SearchRequest) -> FoundModels:
    """Search the models of a request, and report the progress."""
    search = GaussianMixtureIC(
        request.numbers, covariance_types=request.structures, random_state=request.seed, progress=True
    )
    with warnings.catch_warnings(record=True) as caught, progress_told(report):
        warnings.simplefilter("always")
        search.fit(import_pandas().DataFrame(rows, columns=list(names)))
    given = SearchRows.of(WeightedRows(rows, None).informative(), max(request.numbers))
    mixtures = {}
    for spec, cell in search.cells_.items():
        if cell.fit is not None:
            estimator = estimator_of_cell(
                cell, given.rows, given.columns, reg_covar=search.reg_covar, random_state=request.seed
            )
            mixtures[spec] = replace(estimator.mixture_, feature_names=tuple(names))
    return FoundModels(request, search, mixtures, texts_of(caught))


def texts_of(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return the texts of warnings, each once, except those of a limit on iterations, which the page sets itself."""
    told = (str(warning.message) for warning in caught if not issubclass(warning.category, ConvergenceWarning))
    return tuple(dict.fromkeys(told))


def numbers_in(text: str, n_rows: int) -> tuple[int, ...]:
    """Return the numbers of components in a text such as "1:9" or "2, 4, 8", up to the number of rows.

    Raises
    ------
    ValueError
        If the text has something else, or no number that is possible.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= _MOST:
            raise ValueError(
                f"Numbers of components must be from 1 to {_MOST}, such as 1:9 or 2,4,8; got {text.strip()[:40]!r}"
            )
        numbers.update(range(first, last + 1))
    possible = sorted(number for number in numbers if number <= n_rows)
    if n_rows < 2 or not possible:
        raise ValueError(f"The table has too few rows ({n_rows}) for these numbers of components")
    return tuple(possible)


def as_range(numbers: Sequence[int]) -> str:
    """Return numbers of components as the command line takes them: "1:9", or "2,4,8"."""
    whole = len(numbers) > 1 and bool((np.diff(numbers) == 1).all())
    return f"{numbers[0]}:{numbers[-1]}" if whole else ",".join(map(str, numbers))
