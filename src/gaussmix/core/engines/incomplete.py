"""The engine for rows with missing values or measurement errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.incomplete_rows import IncompleteRows
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.observed import ObservedMixture
from gaussmix.core.forms import FORMS
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture

_LEAST_ROWS = 512  # of a group: with fewer, the decompositions in Python take longer than those of each row
_LEAST_MISSING = 2048  # values of a group that are missing


@dataclass(frozen=True, eq=False)
class _Group:
    """Rows that are passed over together: `IncompleteRows`, or rows for which the same values are observed.

    Without ``observed``, the engine takes the mixture of all features; else the mixture of those.
    """

    positions: IntArray | slice
    engine: NativeEngine
    observed: IntArray | None = None
    noise_root: FloatArray | None = None

    def accumulate(self, mixture: WhitenedMixture, log_prior: FloatArray | None) -> Moments:
        prior = None if log_prior is None else log_prior[self.positions]
        if self.observed is None:
            return self.engine.accumulate(mixture, prior)
        observed = ObservedMixture.of(mixture, self.observed, self.noise_root)
        return observed.lift(self.engine.accumulate(observed.whitened, prior), mixture.form)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None) -> Rows:
        prior = None if log_prior is None else log_prior[self.positions]
        if self.observed is not None:
            mixture = ObservedMixture.of(mixture, self.observed, self.noise_root).whitened
        return self.engine.score_rows(mixture, want, prior)


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

    @property
    def values(self) -> Rows:
        """The rows, (n, d), with NaN where values are missing."""
        return self._rows.values

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        return reduce(add, (group.accumulate(mixture, log_prior) for group in self._groups(mixture)))

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        shape = (self.n_rows, mixture.n_components) if want in ("responsibilities", "scores") else (self.n_rows,)
        result: Rows = np.empty(shape, dtype=np.int64 if want == "labels" else np.float64)
        for group in self._groups(mixture):
            result[group.positions] = group.score_rows(mixture, want, log_prior)
        return result

    def sample_rows(self, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
        return draw_rows(self._rows, limit, rng, odds)

    def _groups(self, mixture: WhitenedMixture) -> list[_Group]:
        if FORMS[mixture.form].is_diagonal and (self._rows.noise is None or self._rows.noise.is_diagonal):
            return self._by_completeness
        return self._by_pattern

    @cached_property
    def _by_completeness(self) -> list[_Group]:
        """Complete rows and others: if covariances are diagonal, every missing value is on its own."""
        return list(self._grouped(self._missing.any(axis=1).astype(np.int64), together=False))

    @cached_property
    def _by_pattern(self) -> list[_Group]:
        return list(self._grouped(_patterns(self._missing), together=True))

    @property
    def _missing(self) -> BoolArray:
        missing = self._rows.missing
        return np.zeros(self._rows.shape, dtype=bool) if missing is None else missing

    def _grouped(self, patterns: IntArray, *, together: bool) -> Iterator[_Group]:
        """Yield groups of rows from numbers of their patterns, 0 for complete rows."""
        noise, missing = self._rows.noise, self._missing
        if noise is not None and (noise.per_row or not together):
            yield _Group(slice(None), IncompleteRows(self._rows))
            return
        order = np.argsort(patterns, kind="stable")
        others = []
        for positions in np.split(order, np.flatnonzero(np.diff(patterns[order])) + 1):
            count = np.count_nonzero(missing[positions[0]])
            if count == 0 and noise is None:
                yield _Group(positions, NativeEngine.of(self._rows.take(positions)))
            elif together and _is_large(len(positions), count, noise is not None):
                yield self._group(positions)
            else:
                others.append(positions)
        if others:
            positions = np.concatenate(others)
            yield _Group(positions, IncompleteRows(self._rows.take(positions)))

    def _group(self, positions: IntArray) -> _Group:
        some = self._rows.take(positions)
        observed = np.arange(self.n_features) if some.missing is None else np.flatnonzero(~some.missing[0])
        if not len(observed):
            return _Group(positions, NativeEngine(np.zeros((len(positions), 1)), some.weights), observed)
        values = some.values[:, observed].astype(np.float64)
        root = None if some.noise is None else _lower_root(some.noise.of_features(observed).dense(0))
        return _Group(positions, NativeEngine(values, some.weights), observed, root)


def _is_large(n_rows: int, n_missing: int, noisy: bool) -> bool:
    return n_rows >= _LEAST_ROWS and (noisy or n_rows * n_missing >= _LEAST_MISSING)


def _patterns(missing: BoolArray) -> IntArray:
    """Return a number (n,) for the missing values of each row: 0 for none, and ascending with how many they are."""
    n = len(missing)
    packed = np.packbits(missing, axis=1)
    words = np.zeros((n, -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    keys = [missing.sum(axis=1), *words.view(np.uint64).T]
    order = np.lexsort(keys[::-1])
    new = np.zeros(n, dtype=bool)
    for key in keys:
        new[1:] |= np.diff(key[order]) != 0
    patterns = np.empty(n, dtype=np.int64)
    patterns[order] = np.cumsum(new) + (keys[0][order[0]] > 0)
    return patterns


def _lower_root(covariance: FloatArray) -> FloatArray:
    """Return a root (o, o) of a positive semidefinite matrix."""
    scale = np.sqrt(covariance.diagonal())
    unit = np.where(scale > 0, scale, 1.0)
    values, axes = np.linalg.eigh(covariance / unit[:, None] / unit)
    return np.asarray(unit[:, None] * axes * np.sqrt(np.maximum(values, 0.0)))
