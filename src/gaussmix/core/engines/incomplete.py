"""The engine for rows with missing values or measurement errors."""

from functools import cached_property, reduce
from operator import add

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.observed import ObservedMixture, roots_of
from gaussmix.core.engines.row_groups import RowGroup, group_rows
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class IncompleteEngine(AbstractEngine):
    """Rows in memory with missing values or measurement errors.

    Sums are expectations over what is not observed, given what is, of the sums over complete and exact rows. So the
    M-step and the objective of a fit need no changes.

    Parameters
    ----------
    rows : WeightedRows
        Rows; NaN is a missing value.
    """

    def __init__(self, rows: WeightedRows) -> None:
        self._rows = rows
        self.n_rows, self.n_features = rows.shape

    @property
    def values(self) -> Rows:
        """The rows, (n, d), with NaN where values are missing."""
        return self._rows.values

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        sums, roots = [], roots_of(mixture)
        for group, engine in self._groups:
            observed = ObservedMixture.of(mixture, roots, group.observed, group.noise_root)
            prior = None if log_prior is None else log_prior[group.positions]
            sums.append(observed.lift(engine.accumulate(observed.whitened, prior), mixture.form))
        return reduce(add, sums)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        shape = (self.n_rows, mixture.n_components) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        roots = roots_of(mixture)
        for group, engine in self._groups:
            observed = ObservedMixture.of(mixture, roots, group.observed, group.noise_root)
            prior = None if log_prior is None else log_prior[group.positions]
            result[group.positions] = engine.score_rows(observed.whitened, want, prior)
        return result

    def sample_rows(self, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
        return draw_rows(self._rows, limit, rng, odds)

    @cached_property
    def _groups(self) -> list[tuple[RowGroup, NativeEngine]]:
        return [(group, NativeEngine.of(group.values)) for group in group_rows(self._rows)]
