"""The rows of a search: which columns count, how many rows are different, and whether they are the rows of before."""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.selection.cells import Key

_HASHED_ROWS = 1000


@dataclass(frozen=True, eq=False)
class GivenRows:
    """What a search needs to know of its rows.

    Attributes
    ----------
    rows : WeightedRows
    data_range : ColumnReduction or None
        Where columns are left out of all models: constant ones, and functions of others. Where there are no more
        different rows than columns every column is a function of others: then constant ones alone.
    n_different : int
        Different rows that have a weight; not counted any further than what is asked.
    """

    rows: WeightedRows
    data_range: ColumnReduction | None
    n_different: int

    @classmethod
    def of(cls, rows: WeightedRows, most_components: int) -> Self:
        """What is to be known for numbers of components up to the one given."""
        n_different = _count_different(rows.positive().values, max(most_components, rows.n_features + 1))
        kind = "full" if n_different > rows.n_features else "diag"
        return cls(rows, ColumnReduction.of(rows, kind), n_different)

    @property
    def kept(self) -> WeightedRows:
        """The columns that count."""
        reduction = self.data_range
        return self.rows if reduction is None else self.rows.with_values(reduction.reduce(self.rows.values))

    @property
    def n_features(self) -> int:
        """How many columns count."""
        return self.rows.n_features if self.data_range is None else len(self.data_range.kept)

    def refusal(self, key: Key) -> str:
        """Why a model cannot be fitted to the rows; empty when it can."""
        k, name = key
        if k > self.n_different:
            return f"{k} components need as many different rows; there are {self.n_different}"
        if 1 < self.n_features >= self.n_different and covariance_class(name).letters[2] != "I":
            return f"{self.n_different} different rows in {self.n_features} columns are too few for correlations"
        return ""

    def fingerprint(self) -> tuple[tuple[int, ...], str]:
        """What tells data apart that are not the same: the shape, and a hash of some rows with their weights."""
        some = self.rows.take(np.unique(np.linspace(0, self.rows.n_rows - 1, _HASHED_ROWS).astype(np.int64)))
        digest = hashlib.blake2b(np.ascontiguousarray(some.values).tobytes(), digest_size=16)
        if some.weights is not None:
            digest.update(some.weights.tobytes())
        return self.rows.shape, digest.hexdigest()


def _count_different(rows: FloatArray, enough: int) -> int:
    """How many rows are different; no more are counted than are enough."""
    for n in (min(len(rows), 4 * enough), len(rows)):
        count = len(np.unique(rows[:n], axis=0))
        if count >= enough:
            return enough
    return count
