"""Search over mixtures of one class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.selection.cells import Cell
from gaussmix.selection.criteria import bic
from gaussmix.selection.model_names import ModelSpec, family_of
from gaussmix.selection.model_search import search_models
from gaussmix.selection.rows import SearchRows


@dataclass(frozen=True, eq=False)
class ClassCells:
    """Fitted mixtures of one class.

    Attributes
    ----------
    cells : dict from ModelSpec to Cell
        Sound fits by model.
    """

    cells: dict[ModelSpec, Cell]

    @classmethod
    def search(
        cls, rows: WeightedRows, sizes: Sequence[int], types: Sequence[str], random_state: Any, n_jobs: int | None
    ) -> "ClassCells":
        """Fit mixtures of the rows of a class; none if a column is constant in the class or a function of others."""
        rows = WeightedRows(np.ascontiguousarray(rows.values), rows.weights).positive()
        search = SearchRows.of(rows, max(sizes))
        if search.columns is not None:
            return cls({})
        different: dict[tuple[int, str], ModelSpec] = {}
        for size in sizes:
            for name in types:
                spec = ModelSpec(size, name)
                if not search.refusal(spec):
                    different.setdefault((size, family_of(name, size, rows.n_features)), spec)
        cells = search_models(rows, set(different.values()), random_state=random_state, n_jobs=n_jobs)
        sound = {spec: cell for spec, cell in cells.items() if cell.fit is not None and not cell.doubts()}
        return cls(sound)

    def best(self, n: float) -> Cell | None:
        """Return the fit with the least BIC for ``n`` rows, which are those of all classes; None if none is sound.

        The sum of these criteria over the classes is the BIC of the classifier.
        """
        return min(
            self.cells.values(),
            key=lambda cell: float(bic(cell.log_likelihood, cell.n_parameters, n)),
            default=None,
        )
