"""Classes of pixels: each one component of a mixture, or several."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, IntArray, Rows

OUTLIERS = 0.2
"""The share of the rows of a class that need not look like it, if it has outliers."""


@dataclass(frozen=True, eq=False)
class Classes:
    """A mixture whose components are shared out among classes.

    Attributes
    ----------
    mixture : Mixture
        The components of a class stand together, those of class 0 first. Within an image with neighbors, the weight of
        a class is its own preference ``exp(a[c])``, normalized: what its pixels have beside their neighbors.
    per_class : int
        Components of each class.
    outliers : Mixture, optional
        What a share of `OUTLIERS` of any class's rows comes from in place of its components, which those rows do not
        move.
    """

    mixture: Mixture
    per_class: int = 1
    outliers: Mixture | None = None

    @property
    def n_classes(self) -> int:
        return self.mixture.n_components // self.per_class

    @property
    def weights(self) -> FloatArray:
        """(c,)"""
        return self.mixture.weights.reshape(-1, self.per_class).sum(axis=1)

    def with_weights(self, weights: FloatArray) -> "Classes":
        """The same with other weights of the classes; within them components keep their shares."""
        found = self.mixture.weights.reshape(-1, self.per_class)
        totals = found.sum(axis=1, keepdims=True)
        shares = np.where(totals > 0, found / np.where(totals > 0, totals, 1.0), 1 / self.per_class)
        return replace(self, mixture=replace(self.mixture, weights=(weights[:, None] * shares).ravel()))

    def reordered(self, order: IntArray) -> "Classes":
        """The same with the classes in another order."""
        components = (np.asarray(order)[:, None] * self.per_class + np.arange(self.per_class)).ravel()
        return replace(self, mixture=self.mixture.reordered(components.tolist()))

    def scores(self, rows: Rows) -> FloatArray:
        """(n, c) log weight and density of each class: the sum over its components, and its outliers."""
        engine, whitened = NativeEngine(rows), self.mixture.whitened()
        if self.per_class == 1:
            scores = engine.score_rows(whitened, "scores")
        else:
            parts = [
                whitened.take(range(at, at + self.per_class)) for at in range(0, whitened.n_components, self.per_class)
            ]
            scores = np.stack([engine.score_rows(part, "log_density") for part in parts], axis=1)
        if self.outliers is None:
            return scores
        anything = engine.score_rows(self.outliers.whitened(), "log_density")
        with np.errstate(divide="ignore"):  # a class without weight
            least = np.log(OUTLIERS * self.weights) + anything[:, None]
        return np.logaddexp(np.log1p(-OUTLIERS) + scores, least)

    def labels(self, rows: Rows) -> IntArray:
        """(n,) the class of greatest score."""
        if self.per_class == 1 and self.outliers is None:
            return NativeEngine(rows).score_rows(self.mixture.whitened(), "labels")
        return self.scores(rows).argmax(axis=1)

    def moments(self, rows: Rows, scores: FloatArray, probabilities: npt.NDArray[np.floating]) -> Moments:
        """The sums over rows whose classes have the probabilities (n, c), shared by components as their densities say.

        Adding ``log q - scores`` to the scores of its components gives a class the share q, less that of its outliers.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            log_prior = np.log(probabilities.astype(np.float64)) - scores
        log_prior[probabilities == 0] = -np.inf
        if self.outliers is not None:
            log_prior += np.log1p(-OUTLIERS)
        if self.per_class > 1:
            log_prior = np.repeat(log_prior, self.per_class, axis=1)
        return NativeEngine(rows).accumulate(self.mixture.whitened(), log_prior)
