"""Lightweight coresets: weighted samples of rows, drawn in two passes that keep only sums of segments.

Rows are drawn with probability proportional to their weights times their odds, one from each block of equal sums of
this product, and get the weight 1 / odds. A row may be drawn more than once. The odds of a row are one plus its squared
distance to a center, relative to the mean of all: Bachem, Lucic and Krause, Scalable k-means clustering via lightweight
coresets, KDD 2018, algorithm 1. If the weights are equal, half of the rows are drawn by their distance.

Squared distances are differences of log densities under a normal distribution to the greatest one. The first pass sums
them in each segment of `SEGMENT_ROWS` rows (`segment_sums`). The second one computes them again and draws from the
segments (`CoresetDraws`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gaussmix.core.engines.pass_sums import SEGMENT_ROWS
from gaussmix.core.file_pages import pieces
from gaussmix.core.row_sampling import as_floats
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random, Rows


def segments_of(n_rows: int) -> list[slice]:
    """Return the positions of the segments of rows, in their order."""
    return [slice(start, min(start + SEGMENT_ROWS, n_rows)) for start in range(0, n_rows, SEGMENT_ROWS)]


def segment_sums(log_density: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Return the sums of a segment that determine how many rows are drawn from it.

    Parameters
    ----------
    log_density : (m,) array
        Log densities of its rows.
    weights : (m,) array or None
        Their weights.

    Returns
    -------
    (5,) array
        The number of rows, the greatest log density, the sum of the differences to it, the sum of the weights, and that
        of weights times differences.
    """
    highest = log_density.max()
    below = highest - log_density
    size, total = float(len(below)), below.sum()
    weighted = (size, total) if weights is None else (weights.sum(), weights @ below)
    return np.array([size, highest, total, *weighted])


@dataclass(frozen=True, eq=False)
class CoresetDraws:
    """Where the rows of a coreset are.

    Attributes
    ----------
    highest : float
        The greatest log density of all rows.
    mean : float
        Mean difference to it.
    places : (m,) array
        Draws, in ascending order: the sum of odds times weights up to each of them, from the begin of its segment.
    cuts : (s + 1,) array of int
        Positions in ``places`` at which the draws of each of the segments begin, and the end of the last one.
    """

    highest: float
    mean: float
    places: FloatArray
    cuts: IntArray

    @classmethod
    def of(cls, sums: FloatArray, limit: int, rng: Random) -> Self:
        """Draw places from segments.

        Parameters
        ----------
        sums : (s, 5) array
            Results of `segment_sums` for all segments.
        limit : int
            Number of rows.
        rng : Generator or RandomState
            Source of random numbers.

        Returns
        -------
        CoresetDraws
            The draws of all segments.
        """
        sizes, highests, below, weights, weighted = sums.T
        highest = float(highests.max())
        lower = highest - highests
        mean = float((below + sizes * lower).sum() / sizes.sum()) or 1.0
        edges = np.cumsum(np.concatenate([[0.0], weights + (weighted + weights * lower) / mean]))
        places = edges[-1] / limit * (np.arange(limit) + rng.uniform(size=limit))
        cuts = np.searchsorted(places, edges)
        cuts[-1] = limit
        return cls(highest, mean, places - np.repeat(edges[:-1], np.diff(cuts)), cuts)

    def of_segments(self, first: int, last: int) -> Self:
        """Return the draws of the segments from ``first`` up to, but not including, ``last``."""
        begin, end = self.cuts[first], self.cuts[last]
        return replace(self, places=self.places[begin:end], cuts=self.cuts[first : last + 1] - begin)

    def has(self, segment: int) -> bool:
        """Return whether rows are drawn from a segment."""
        return bool(self.cuts[segment] < self.cuts[segment + 1])

    def draw(self, segment: int, log_density: FloatArray, weights: FloatArray | None) -> tuple[IntArray, FloatArray]:
        """Draw rows from a segment.

        Parameters
        ----------
        segment : int
            Its number.
        log_density : (m,) array
            Log densities of its rows.
        weights : (m,) array or None
            Their weights.

        Returns
        -------
        positions : array of int
            Positions of the rows in the segment, in ascending order.
        new_weights : array
            Their weights in the coreset.
        """
        odds = 1 + (self.highest - log_density) / self.mean
        sums = np.cumsum(odds if weights is None else odds * weights)
        places = self.places[self.cuts[segment] : self.cuts[segment + 1]]
        drawn = np.searchsorted(sums, np.minimum(places, np.nextafter(sums[-1], 0)), side="right")
        return drawn, 1 / odds[drawn]


def coreset_positions(
    n_rows: int, log_density: Callable[[slice], FloatArray], weights: FloatArray | None, limit: int, rng: Random
) -> tuple[IntArray, FloatArray]:
    """Draw the positions of the rows of a coreset.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    log_density : callable
        Function that returns the log densities of a part of the rows; it is called twice for each segment.
    weights : (n,) array or None
        Weights of the rows.
    limit : int
        Number of rows to draw.
    rng : Generator or RandomState
        Source of random numbers.

    Returns
    -------
    positions : (m,) array of int
        Positions in ascending order.
    new_weights : (m,) array
        Their weights in the coreset.
    """
    parts = [(part, None if weights is None else weights[part]) for part in segments_of(n_rows)]
    sums = np.stack([segment_sums(log_density(part), own) for part, own in parts])
    draws, positions, found = CoresetDraws.of(sums, limit, rng), [], []
    for at, (part, own) in enumerate(parts):
        if draws.has(at):
            drawn, new_weights = draws.draw(at, log_density(part), own)
            positions.append(part.start + drawn)
            found.append(new_weights)
    return np.concatenate(positions), np.concatenate(found)


def coreset_of(rows: WeightedRows, log_density: FloatArray, limit: int, rng: Random) -> WeightedRows:
    """Return a coreset of rows whose log densities (n,) are known."""
    positions, new_weights = coreset_positions(rows.n_rows, log_density.__getitem__, rows.weights, limit, rng)
    some = rows.take(positions)
    return replace(some, values=as_floats(some.values), weights=new_weights)


def coreset_sums(rows: WeightedRows, score: Callable[[Rows], FloatArray]) -> FloatArray:
    """Return the sums (s, 5) of the segments of rows, given a function that returns their log densities."""
    return np.stack([segment_sums(score(values), weights) for values, weights in _segments(rows)])


def drawn_rows(rows: WeightedRows, score: Callable[[Rows], FloatArray], draws: CoresetDraws) -> WeightedRows:
    """Return the rows that are drawn from the segments of rows, with their weights in the coreset."""
    values, new_weights = [as_floats(rows.values[:0])], [np.empty(0)]
    for at, (own, weights) in enumerate(_segments(rows)):
        if draws.has(at):
            positions, found = draws.draw(at, score(own), weights)
            values.append(as_floats(own[positions]))
            new_weights.append(found)
    return WeightedRows(np.concatenate(values), np.concatenate(new_weights), rows.names)


def _segments(rows: WeightedRows) -> Iterator[tuple[Rows, FloatArray | None]]:
    for part, values in pieces(rows.values, SEGMENT_ROWS):
        yield values, None if rows.weights is None else rows.weights[part]
