"""Uniform noise beside the components of a mixture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.cached_values import cached_property
from gaussmix.core.typing import FloatArray, IntArray, Random

NOISE = -1
"""Label of rows that are noise."""


@dataclass(frozen=True, eq=False)
class WhitenedBackground:
    """Uniform noise in the form that engines read.

    A row has the score ``log_weight - log_lengths.sum()``. Where values are missing, the sum is over the others.

    Attributes
    ----------
    log_weight : float
        Log of the weight; ``-inf`` for weight zero.
    log_lengths : (d,) array
        Logs of the lengths of a box of the volume of the noise.
    """

    log_weight: float
    log_lengths: FloatArray

    def scores(self, rows: FloatArray) -> FloatArray:
        """Return the scores (n,) of rows (n, d), in which NaN is a missing value."""
        observed = ~np.isnan(rows)
        return self.log_weight - observed @ self.log_lengths

    def packed(self) -> FloatArray:
        """Return the log weight and the log lengths (1 + d,), as compiled passes read them."""
        return np.concatenate([[self.log_weight], self.log_lengths])

    def of_features(self, features: Sequence[int] | IntArray) -> "WhitenedBackground":
        """Return the noise of some of the features."""
        return WhitenedBackground(self.log_weight, self.log_lengths[np.asarray(features, dtype=np.int64)])


@dataclass(frozen=True, eq=False)
class Background:
    """Uniform noise beside the components of a mixture (Banfield and Raftery 1993).

    Its density is the inverse of its volume for every row, also outside its region: a row far from all components is
    noise. The region, a parallelepiped, tells where `sample` draws noise and how it depends on single features.

    Attributes
    ----------
    weight : float
        Share of the noise among all rows.
    center : (d,) array
        Center of the region.
    edges : (d, d) array
        Columns are the edges of the region.
    """

    weight: float
    center: FloatArray
    edges: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(self.weight))
        for name in ("center", "edges"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep copies read-only."""
        return type(self), (self.weight, self.center, self.edges)

    @property
    def n_parameters(self) -> int:
        """The number of parameters in criteria: one for the weight, and two for each of the 2 d bounds of the region.

        A bound at the outermost row raises the log-likelihood by one nat on average, twice as much as a parameter of a
        regular model does, and its error is of the order 1 / n. mclust counts two parameters in all, with which BIC
        prefers noise in many small tables without any.
        """
        return 1 + 4 * len(self.center)

    @property
    def log_volume(self) -> float:
        """The log of the volume, in the units of the features."""
        return float(np.linalg.slogdet(self.edges)[1])

    @property
    def volume(self) -> float:
        """The volume, in the units of the features; infinite or zero if double precision cannot hold it."""
        log_volume = self.log_volume
        return math.exp(log_volume) if log_volume < math.log(np.finfo(np.float64).max) else math.inf

    @cached_property
    def log_lengths(self) -> FloatArray:
        """The logs (d,) of the lengths of the box around the region, shrunk to the volume of the region."""
        logs = np.log(np.abs(self.edges).sum(axis=1))
        return np.asarray(logs + (self.log_volume - logs.sum()) / len(logs))

    def with_weight(self, weight: float) -> "Background":
        """Return the same noise with another weight.

        Parameters
        ----------
        weight : float
            The weight.

        Returns
        -------
        Background
            The noise.
        """
        result = Background(weight, self.center, self.edges)
        result.__dict__["log_lengths"] = self.log_lengths  # it is needed at every step of EM
        return result

    def whitened(self) -> WhitenedBackground:
        """Return the noise in the form that engines read.

        Returns
        -------
        WhitenedBackground
            Log weight and log lengths.
        """
        log_weight = math.log(self.weight) if self.weight > 0 else -math.inf
        return WhitenedBackground(log_weight, self.log_lengths)

    def of_features(self, features: Sequence[int] | IntArray) -> "Background":
        """Return the noise of some of the features, uniform in a box.

        Parameters
        ----------
        features : sequence of int
            Positions of the features.

        Returns
        -------
        Background
            The noise, with the same weight.
        """
        at = np.asarray(features, dtype=np.int64)
        return Background(self.weight, self.center[at], np.diag(np.exp(self.log_lengths[at])))

    def mapped(self, matrix: FloatArray, shift: FloatArray) -> "Background":
        """Return the noise of ``x @ matrix + shift``.

        Parameters
        ----------
        matrix : (d, d) array
            Invertible.
        shift : (d,) array
            Added to every row.

        Returns
        -------
        Background
            The noise, with the same weight.
        """
        return Background(self.weight, self.center @ matrix + shift, matrix.T @ self.edges)

    def lifted(
        self,
        columns: tuple[IntArray, IntArray],
        centers: FloatArray,
        scales: FloatArray,
        coefficients: FloatArray,
        deviations: FloatArray,
    ) -> "Background":
        """Return the noise of all columns, of which some are functions of those of this noise.

        With x_K the columns of this noise and x_D the others, in units of the scales about the centers,
        ``x_D = x_K @ coefficients + noise``, where components have normal noise. At its mean, where rows are, the
        uniform noise gets the same density, so that a row is noise with the same probability as without the columns.

        Parameters
        ----------
        columns : pair of (r,) and (m,) array of int
            Positions of the columns K and D.
        centers, scales : (r + m,) array
            Centers and scales of all columns.
        coefficients : (r, m) array
            Coefficients of the functions.
        deviations : (m,) array
            Standard deviations of the normal noise.

        Returns
        -------
        Background
            The noise, with the same weight.
        """
        kept, dropped = columns
        n_kept = len(kept)
        center, edges = np.empty(len(centers)), np.zeros((len(centers), len(centers)))
        center[kept], edges[kept, :n_kept] = self.center, self.edges
        shift = (self.center - centers[kept]) / scales[kept]
        center[dropped] = centers[dropped] + shift @ coefficients * scales[dropped]
        edges[dropped, :n_kept] = (coefficients * scales[dropped]).T @ (self.edges / scales[kept, None])
        edges[dropped, n_kept + np.arange(len(dropped))] = math.sqrt(2 * math.pi) * deviations
        return Background(self.weight, center, edges)

    def sample(self, n: int, rng: Random) -> FloatArray:
        """Draw rows from the region.

        Parameters
        ----------
        n : int
            Number of rows.
        rng : Generator or RandomState
            Source of random numbers.

        Returns
        -------
        (n, d) array
            Independent draws.
        """
        return self.center + rng.uniform(-0.5, 0.5, (n, len(self.center))) @ self.edges.T
