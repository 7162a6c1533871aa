"""Pairs of components that are merged into one."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of components, with their numbers of rows.

    Attributes
    ----------
    first, second : (p,) array of int
        The two components of each pair.
    counts : (k,) array
        Number of rows of each component.
    n : (p,) array
        Number of rows of each pair.
    share : (p,) array
        Share of the first component in the rows of the pair; one half for a pair without rows.
    apart : (p,) array
        Weight of the squared difference of the means in the covariance of the merged component.
    """

    first: IntArray
    second: IntArray
    counts: FloatArray
    n: FloatArray
    share: FloatArray
    apart: FloatArray

    @classmethod
    def of(cls, first: IntArray, second: IntArray, counts: FloatArray) -> Self:
        n = counts[first] + counts[second]
        share = np.divide(counts[first], n, out=np.full(len(n), 0.5), where=n > 0)
        return cls(first, second, counts, n, share, share * (1 - share))

    def pooled(self, values: FloatArray) -> FloatArray:
        """Return the means (p, ...) of values (k, ...) of each pair, weighted by their shares."""
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return share * values[self.first] + (1 - share) * values[self.second]

    def costs(self, log_det: FloatArray, own: FloatArray) -> FloatArray:
        """Return costs (p,) in nats from log determinants of merged covariances (p,) and of single ones (k,)."""
        first, second, counts = self.first, self.second, self.counts
        return 0.5 * (self.n * log_det - counts[first] * own[first] - counts[second] * own[second])
