"""The engine for rows in partitions, each in the memory of some worker.

A pass sends the mixture to the workers, and gets the sums of each segment of `SEGMENT_ROWS` rows. These are added
in the order of the rows. Partitions end at multiples of `SEGMENT_ROWS`, so the result has the bits of a pass over the
same rows in memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.coresets import CoresetDraws, coreset_sums, drawn_rows
from gaussmix.core.engines.native import NativeEngine, PassPlan, plan_pass, rough_pass_helps, score_segment
from gaussmix.core.engines.pass_sums import SEGMENT_ROWS, PassSums
from gaussmix.core.moments import Moments
from gaussmix.core.row_sampling import as_floats, stratified_positions
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class AbstractPartitions(ABC):
    """Rows in partitions, and functions of each partition.

    Attributes
    ----------
    edges : (p + 1,) array of int
        Numbers of the first rows of the partitions, and the number of rows. All but the last are multiples of
        `SEGMENT_ROWS`.
    n_features : int
        Number of columns.
    dtype : dtype
        Type of the rows, one of `gaussmix.core.rows.KEPT_TYPES`.
    """

    edges: IntArray
    n_features: int
    dtype: np.dtype[Any]

    @abstractmethod
    def run(self, function: Callable[..., Any], *shared: Any, each: Sequence[Any] | None = None) -> list[Any]:
        """Call a function on partitions, where they are.

        Parameters
        ----------
        function : callable
            Function of a partition (m, d), of ``shared``, and of its element of ``each``, if that is given.
        *shared : object
            Further arguments of all calls.
        each : sequence of p objects, optional
            An argument of each call. None leaves the partition out.

        Returns
        -------
        list
            The results in the order of the partitions, without those that were left out.
        """


class PartitionedEngine(AbstractEngine):
    """Complete rows of equal weight in partitions.

    Parameters
    ----------
    partitions : AbstractPartitions
        The rows.
    greatest : (d,) array
        The greatest absolute value of each feature.
    """

    def __init__(self, partitions: AbstractPartitions, greatest: FloatArray) -> None:
        self._partitions, self._greatest = partitions, greatest
        self.n_rows, self.n_features = int(partitions.edges[-1]), partitions.n_features
        self.weight = float(self.n_rows)
        self.rough_helps = rough_pass_helps(partitions.dtype, self.n_rows)

    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        rough = rough and self.rough_helps and mixture.degrees_of_freedom is None
        plan = plan_pass(mixture, self.n_rows, self._greatest if rough else None)
        sums = PassSums(mixture)
        sums.add_in_order(self._partitions.run(_segment_sums, mixture, plan, each=self._pieces_of(log_prior)))
        return sums.moments(plan.common, self.weight)

    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        return np.concatenate(self._partitions.run(_scores, mixture, want, each=self._pieces_of(log_prior)))

    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        if center is None:
            return WeightedRows(as_floats(self.fetch(stratified_positions(self.n_rows, limit, rng))))
        sums = self._partitions.run(_coreset_sums, center)
        draws = CoresetDraws.of(np.concatenate(sums), limit, rng)
        ends = np.cumsum([len(part) for part in sums]).tolist()
        own = [draws.of_segments(first, last) for first, last in zip([0, *ends], ends, strict=False)]
        parts = self._partitions.run(_drawn_rows, center, each=own)
        values, weights = zip(*parts, strict=True)
        return WeightedRows(np.concatenate(values), np.concatenate(weights))

    def fetch(self, positions: IntArray) -> Rows:
        """Return some of the rows.

        Parameters
        ----------
        positions : (m,) array of int
            Their positions, in ascending order; repeats are allowed.

        Returns
        -------
        (m, d) array
            The rows in this order.
        """
        edges = self._partitions.edges
        cuts = np.searchsorted(positions, edges)
        each = [
            positions[begin:end] - start if end > begin else None
            for begin, end, start in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)
        ]
        return np.concatenate(self._partitions.run(_rows_at, each=each))

    def _pieces_of(self, log_prior: FloatArray | None) -> list[FloatArray] | None:
        return None if log_prior is None else np.split(log_prior, self._partitions.edges[1:-1])


def aligned_edges(sizes: Sequence[int]) -> IntArray:
    """Return edges of partitions at multiples of `SEGMENT_ROWS`, as near as possible to those of given sizes.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of rows of the partitions.

    Returns
    -------
    (p + 1,) array of int
        Edges; the last one is the number of rows.
    """
    ends = np.cumsum(np.asarray(sizes, dtype=np.int64))
    n_rows = int(ends[-1])
    inner = (ends[:-1] + SEGMENT_ROWS // 2) // SEGMENT_ROWS * SEGMENT_ROWS
    return np.concatenate([[0], np.unique(inner[(inner > 0) & (inner < n_rows)]), [n_rows]])


def _rows_at(rows: Rows, positions: IntArray) -> Rows:
    return rows[positions]


def _segment_sums(
    rows: Rows, mixture: WhitenedMixture, plan: PassPlan, log_prior: FloatArray | None = None
) -> FloatArray:
    return NativeEngine(rows).segment_sums(mixture, plan, log_prior)


def _coreset_sums(rows: Rows, center: WhitenedMixture) -> FloatArray:
    return coreset_sums(WeightedRows(rows), partial(score_segment, mixture=center))


def _drawn_rows(rows: Rows, center: WhitenedMixture, draws: CoresetDraws) -> tuple[Rows, FloatArray]:
    drawn = drawn_rows(WeightedRows(rows), partial(score_segment, mixture=center), draws)
    return drawn.values, drawn.explicit_weights


def _scores(rows: Rows, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
    return NativeEngine(rows).score_rows(mixture, want, log_prior)
