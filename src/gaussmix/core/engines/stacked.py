"""The stacked engine: passes for several mixtures over the same rows."""

import math
from dataclasses import replace

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class StackedEngine(AbstractEngine):
    """An engine that makes each pass for several mixtures with the same number of components.

    A stack of R mixtures is one mixture of R k components whose weights are divided by R. The M-step and other work
    besides the pass, which takes most of the time on few rows, is then done for all R at once. Components of different
    mixtures must not share parameters, so only structures without an E in their letters can be stacked.

    Parameters
    ----------
    engine : AbstractEngine
        Engine with the rows.
    n_mixtures : int
        Number R of mixtures.

    Attributes
    ----------
    passes : list of tuple of Moments
        Sums of each mixture, for each pass.
    """

    def __init__(self, engine: AbstractEngine, n_mixtures: int) -> None:
        self._engine = engine
        self._n_mixtures = n_mixtures
        self.n_rows, self.n_features = engine.n_rows, engine.n_features
        self.weight = engine.weight * n_mixtures
        self.passes: list[tuple[Moments, ...]] = []

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        parts = tuple(self._engine.accumulate(part, log_prior, rough=rough) for part in self._parts(mixture))
        self.passes.append(parts)
        return Moments(
            mixture.form,
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.shifts for part in parts]),
            np.concatenate([part.scatter for part in parts]),
            sum(part.log_likelihood for part in parts),
            sum(part.entropy for part in parts),
            sum(part.weight for part in parts),
            scaled_counts=_joined([part.scaled_counts for part in parts]),
            slopes=_joined([part.slopes for part in parts]),
        )

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        """Return the results (R n, ...) of one mixture after the other."""
        return np.concatenate([self._engine.score_rows(part, want, log_prior) for part in self._parts(mixture)])

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        return self._engine.sample_rows(limit, rng, center)

    def _parts(self, mixture: WhitenedMixture) -> list[WhitenedMixture]:
        if mixture.form == "tied" or mixture.common is not None or mixture.background is not None:
            raise ValueError("mixtures whose components share a covariance, axes or a background cannot be stacked")
        k = mixture.n_components // self._n_mixtures
        whole = replace(mixture, offsets=mixture.offsets + math.log(self._n_mixtures))
        return [whole.take(range(start, start + k)) for start in range(0, mixture.n_components, k)]


def _joined(parts: list[FloatArray | None]) -> FloatArray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
