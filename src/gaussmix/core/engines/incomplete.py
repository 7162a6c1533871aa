"""The engine for rows with missing values or measurement errors."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Self

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.coresets import coreset_of
from gaussmix.core.engines.incomplete_rows import IncompleteRows
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.observed import ObservedMixture, roots_of
from gaussmix.core.engines.row_groups import RowGroup, group_of, positions_by_pattern
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

LEAST_ROWS = 64
"""Minimum number of rows of a group."""

LEAST_WORK = 1 << 17
"""Minimum of rows x features x missing values of a group; with less, a decomposition of every few rows takes less
time."""


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows that one compiled pass takes.

    With a ``group``, its mixture is that of the observed values; else it is the mixture of all features.
    """

    positions: IntArray | slice
    engine: NativeEngine
    group: RowGroup | None = None


class IncompleteEngine(AbstractEngine):
    """Rows in memory with missing values or measurement errors.

    Sums are expectations over what is not observed, given what is, of the sums over complete and exact rows. So the
    M-step and the objective of a fit need no changes.

    Complete and exact rows take the passes of `NativeEngine`. So do many rows in which the same values are missing:
    their mixture is that of the observed values. Each of the other rows has a decomposition of its own.

    Parameters
    ----------
    rows : WeightedRows
        Rows; NaN is a missing value.
    """

    def __init__(self, rows: WeightedRows) -> None:
        self._rows = rows
        self.n_rows, self.n_features = rows.shape
        self.weight = rows.total

    @property
    def values(self) -> Rows:
        """The rows, (n, d), with NaN where values are missing."""
        return self._rows.values

    def reweighted(self, row_weights: FloatArray) -> Self:
        """Return an engine for the same rows with other weights.

        Parameters
        ----------
        row_weights : (n,) array
            Nonnegative weights.

        Returns
        -------
        IncompleteEngine
            The engine; it does not group the rows again.
        """
        other = copy(self)
        other._rows = replace(self._rows, weights=row_weights)
        for name in ("_ungrouped", "_grouped"):
            if name in self.__dict__:
                other.__dict__[name] = [
                    replace(part, engine=part.engine.reweighted(row_weights[part.positions]))
                    for part in self.__dict__[name]
                ]
        return other

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        if mixture.form == "factor":
            raise ValueError("factor covariances are fitted to complete rows: fill in the missing values")
        sums = []
        for part, observed in self._with_observed(mixture):
            prior = None if log_prior is None else log_prior[part.positions]
            if observed is None:
                sums.append(part.engine.accumulate(mixture, prior))
            else:
                sums.append(observed.lift(part.engine.accumulate(observed.whitened, prior), mixture.form))
        return reduce(add, sums)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        shape = (self.n_rows, mixture.n_scores) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        mixture = mixture.as_full()
        for part, observed in self._with_observed(mixture):
            prior = None if log_prior is None else log_prior[part.positions]
            seen = mixture if observed is None else observed.whitened
            result[part.positions] = part.engine.score_rows(seen, want, prior)
        return result

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        if center is None:
            return draw_rows(self._rows, limit, rng)
        return coreset_of(self._rows, self.score_rows(center, "log_density"), limit, rng)

    def _with_observed(self, mixture: WhitenedMixture) -> Iterator[tuple[_Part, ObservedMixture | None]]:
        """Yield the parts, those that are groups with their mixtures."""
        parts = self._parts(mixture)
        roots = roots_of(mixture) if any(part.group for part in parts) else None
        for part in parts:
            if part.group is None or roots is None:
                yield part, None
            else:
                yield part, ObservedMixture.of(mixture, roots, part.group.observed, part.group.noise_root)

    def _parts(self, mixture: WhitenedMixture) -> list[_Part]:
        if FORMS[mixture.form].is_diagonal and (self._rows.noise is None or self._rows.noise.is_diagonal):
            return self._ungrouped
        return self._grouped

    @cached_property
    def _ungrouped(self) -> list[_Part]:
        """The parts for mixtures under which every missing value is on its own."""
        return list(self._divided(may_group=False))

    @cached_property
    def _grouped(self) -> list[_Part]:
        return list(self._divided(may_group=True))

    def _divided(self, *, may_group: bool) -> Iterator[_Part]:
        rows, others = self._rows, []
        if rows.noise is not None and (rows.noise.per_row or not may_group):
            yield _Part(slice(None), IncompleteRows(rows))
            return
        for positions in positions_by_pattern(rows):
            n_missing = 0 if rows.missing is None else int(rows.missing[positions[0]].sum())
            if rows.noise is None and n_missing == 0:
                yield _Part(positions, NativeEngine.of(rows.take(positions)))
            elif may_group and self._is_large(len(positions), n_missing):
                group = group_of(rows, positions)
                yield _Part(positions, NativeEngine.of(group.values), group)
            else:
                others.append(positions)
        if others:
            positions = np.concatenate(others)
            yield _Part(positions, IncompleteRows(rows.take(positions)))

    def _is_large(self, n_rows: int, n_missing: int) -> bool:
        n_uncertain = n_missing if self._rows.noise is None else self.n_features
        return n_rows >= LEAST_ROWS and n_rows * self.n_features * n_uncertain >= LEAST_WORK
