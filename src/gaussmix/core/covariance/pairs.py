"""Pairs of components that are merged into one."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Some pairs of components, and the rows of each.

    Attributes
    ----------
    first, second : (p,) array of int
        The two components of each pair.
    counts : (k,) array
        Rows of each component.
    n : (p,) array
        Rows of the two together.
    share : (p,) array
        The share of the first; one half where there are no rows.
    apart : (p,) array
        The weight of the squared difference of the means in the covariance of the two together.
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
        """(p, ...) the means of values (k, ...) of the two, by their shares."""
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return share * values[self.first] + (1 - share) * values[self.second]

    def costs(self, log_det: FloatArray, own: FloatArray) -> FloatArray:
        """(p,) nats, from the log determinants of the covariances of both together (p,) and of each component (k,)."""
        first, second, counts = self.first, self.second, self.counts
        return 0.5 * (self.n * log_det - counts[first] * own[first] - counts[second] * own[second])
