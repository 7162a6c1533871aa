"""Rows of a search: kept columns, number of distinct rows, and a fingerprint."""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.incomplete_columns import find_redundant, reduce_rows
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.selection.model_names import ModelSpec

_HASHED_ROWS = 1000


@dataclass(frozen=True, eq=False)
class SearchRows:
    """Rows of a search.

    Attributes
    ----------
    rows : WeightedRows
        The rows with all columns.
    columns : ColumnReduction or None
        The kept columns, or None if there are no redundant ones. If there are no more distinct rows than columns, only
        constant columns are left out, because every column is a function of others.
    n_different : int
        Number of distinct rows of positive weight, counted up to the number needed.
    """

    rows: WeightedRows
    columns: ColumnReduction | None
    n_different: int

    @classmethod
    def of(cls, rows: WeightedRows, most_components: int) -> Self:
        """Examine rows for a search of up to ``most_components`` components."""
        n_different = _count_different(rows.positive().values, max(most_components, rows.n_features + 1))
        kind = "full" if n_different > rows.n_features else "diag"
        return cls(rows, find_redundant(rows, kind), n_different)

    @property
    def kept(self) -> WeightedRows:
        """Rows of the kept columns."""
        columns = self.columns
        return self.rows if columns is None else reduce_rows(columns, self.rows)

    @property
    def n_features(self) -> int:
        """Number of kept columns."""
        return self.rows.n_features if self.columns is None else len(self.columns.kept)

    def refusal(self, spec: ModelSpec) -> str:
        """Return why a model cannot be fitted to the rows; empty if it can."""
        if spec.n_components > self.n_different:
            return f"{spec.n_components} components need as many distinct rows; there are {self.n_different}"
        if issubclass(spec.structure, Factor):
            n_factors = spec.structure.n_factors
            few = n_factors >= self.n_features
            return f"{n_factors} factors need more columns; there are {self.n_features}" if few else ""
        if 1 < self.n_features >= self.n_different and spec.structure.letters[2] != "I":
            return f"{self.n_different} distinct rows of {self.n_features} columns are too few to estimate correlations"
        return ""

    def fingerprint(self) -> tuple[tuple[int, ...], str]:
        """Return the shape and a hash of some rows, weights and measurement errors."""
        some = self.rows.take(np.unique(np.linspace(0, self.rows.n_rows - 1, _HASHED_ROWS).astype(np.int64)))
        digest = hashlib.blake2b(np.ascontiguousarray(some.values).tobytes(), digest_size=16)
        if some.weights is not None:
            digest.update(some.weights.tobytes())
        if some.noise is not None:
            digest.update(some.noise.values.tobytes())
        return self.rows.shape, digest.hexdigest()


def _count_different(rows: FloatArray, enough: int) -> int:
    """Return the number of distinct rows, at most ``enough``."""
    for n in (min(len(rows), 4 * enough), len(rows)):
        count = len(np.unique(rows[:n], axis=0))
        if count >= enough:
            return enough
    return count
