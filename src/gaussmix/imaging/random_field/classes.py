"""Classes of pixels, each of one or several components of a mixture."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, IntArray, Rows

OUTLIERS = 0.2
"""Share of outliers in a class, if it has an outlier density."""


@dataclass(frozen=True, eq=False)
class Classes:
    """A mixture whose components are grouped into classes.

    Attributes
    ----------
    mixture : Mixture
        Components ordered by class. In a random field, the weight of a class is its preference ``exp(a[c])``,
        normalized: its prior probability without the influence of neighbors.
    per_class : int
        Number of components of each class.
    outliers : Mixture, optional
        Density of the share `OUTLIERS` of the rows of each class. These rows do not affect the components of the class.
    """

    mixture: Mixture
    per_class: int = 1
    outliers: Mixture | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.mixture.n_components // self.per_class

    @property
    def weights(self) -> FloatArray:
        """Weight of each class, ``(c,)``."""
        return self.mixture.weights.reshape(-1, self.per_class).sum(axis=1)

    def with_weights(self, weights: FloatArray) -> "Classes":
        """Return the classes with new weights (c,); the shares of components within a class are kept."""
        found = self.mixture.weights.reshape(-1, self.per_class)
        totals = found.sum(axis=1, keepdims=True)
        shares = np.where(totals > 0, found / np.where(totals > 0, totals, 1.0), 1 / self.per_class)
        return replace(self, mixture=replace(self.mixture, weights=(weights[:, None] * shares).ravel()))

    def reordered(self, order: IntArray) -> "Classes":
        """Return the classes in another order."""
        components = (np.asarray(order)[:, None] * self.per_class + np.arange(self.per_class)).ravel()
        return replace(self, mixture=self.mixture.reordered(components.tolist()))

    def scores(self, rows: Rows) -> FloatArray:
        """Return the log of weight times density of each class, (n, c), with the density summed over components."""
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
        outlier_density = engine.score_rows(self.outliers.whitened(), "log_density")
        with np.errstate(divide="ignore"):  # a class without weight
            outlier_scores = np.log(OUTLIERS * self.weights) + outlier_density[:, None]
        return np.logaddexp(np.log1p(-OUTLIERS) + scores, outlier_scores)

    def labels(self, rows: Rows) -> IntArray:
        """Return the class with the greatest score for each row, (n,)."""
        if self.per_class == 1 and self.outliers is None:
            return NativeEngine(rows).score_rows(self.mixture.whitened(), "labels")
        return self.scores(rows).argmax(axis=1)

    def moments(self, rows: Rows, scores: FloatArray, probabilities: npt.NDArray[np.floating]) -> Moments:
        """Return the moments of rows (n, d) whose classes have the probabilities (n, c).

        The log prior ``log q - scores`` of the components of a class gives the class the responsibility q, of which
        outliers have their share. Within a class, q is divided among components in proportion to their densities.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            log_prior = np.log(probabilities) - scores
        log_prior[probabilities == 0] = -np.inf
        if self.outliers is not None:
            log_prior += np.log1p(-OUTLIERS)
        if self.per_class > 1:
            log_prior = np.repeat(log_prior, self.per_class, axis=1)
        return NativeEngine(rows).accumulate(self.mixture.whitened(), log_prior)
