"""Two components in place of which there is one."""

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
        That of the first; one half of none.
    apart : (p,) array
        What the square of the difference of the means weighs in the covariance of the two together.
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
        """(p, ...) the means of values (k, ...) of the two."""
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return share * values[self.first] + (1 - share) * values[self.second]

    def costs(self, log_det: FloatArray, own: FloatArray) -> FloatArray:
        """(p,) from the log determinants of the covariances of two together (p,) and of each by itself (k,)."""
        first, second, counts = self.first, self.second, self.counts
        return 0.5 * (self.n * log_det - counts[first] * own[first] - counts[second] * own[second])
