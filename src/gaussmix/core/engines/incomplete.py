"""The engine for rows with missing values or measurement errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.observed import ObservedMixture
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class _Group:
    """Rows with the same missing values and the same measurement errors."""

    positions: IntArray
    observed: IntArray
    noise_root: FloatArray | None
    engine: NativeEngine


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
        sums = []
        for group in self._groups:
            observed = ObservedMixture.of(mixture, group.observed, group.noise_root)
            prior = None if log_prior is None else log_prior[group.positions]
            sums.append(observed.lift(group.engine.accumulate(observed.whitened, prior), mixture.form))
        return reduce(add, sums)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        shape = (self.n_rows, mixture.n_components) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        for group in self._groups:
            observed = ObservedMixture.of(mixture, group.observed, group.noise_root)
            prior = None if log_prior is None else log_prior[group.positions]
            result[group.positions] = group.engine.score_rows(observed.whitened, want, prior)
        return result

    def sample_rows(self, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
        return draw_rows(self._rows, limit, rng, odds)

    @cached_property
    def _groups(self) -> list[_Group]:
        return [self._group(positions) for positions in self._positions()]

    def _positions(self) -> Iterator[IntArray]:
        """Yield the positions of the rows of each group."""
        rows = self._rows
        if rows.noise is not None and rows.noise.per_row:
            yield from np.arange(rows.n_rows)[:, None]
            return
        missing = np.zeros(rows.shape, dtype=bool) if rows.missing is None else rows.missing
        _, group = np.unique(missing, axis=0, return_inverse=True)
        order = np.argsort(group.ravel(), kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(group.ravel()[order])) + 1)

    def _group(self, positions: IntArray) -> _Group:
        some = self._rows.take(positions)
        observed = np.arange(self.n_features) if some.missing is None else np.flatnonzero(~some.missing[0])
        values = some.values[:, observed].astype(np.float64)
        if not len(observed):
            return _Group(positions, observed, None, NativeEngine(np.zeros((len(positions), 1)), some.weights))
        root = None if some.noise is None else _lower_root(some.noise.of_features(observed).dense(0))
        return _Group(positions, observed, root, NativeEngine(values, some.weights))


def _lower_root(covariance: FloatArray) -> FloatArray:
    """Return a root (o, o) of a positive semidefinite matrix."""
    scale = np.sqrt(covariance.diagonal())
    unit = np.where(scale > 0, scale, 1.0)
    values, axes = np.linalg.eigh(covariance / unit[:, None] / unit)
    return np.asarray(unit[:, None] * axes * np.sqrt(np.maximum(values, 0.0)))
