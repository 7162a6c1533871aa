"""What an engine is: some rows, and a way to pass over them.

An engine owes ``accumulate`` (the sums of one pass), ``score_rows`` (a number or a line of numbers per row) and
``sample_rows`` (a few of its rows, to start from). It knows no covariance structure and no prior: it reads a
`WhitenedMixture` and returns `Moments`. ``gaussmix.testing.check_engine`` checks all of it.
"""

from abc import ABC, abstractmethod

import numpy as np

from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class AbstractEngine(ABC):
    """Rows with weights, and the passes over them."""

    n_rows: int
    n_features: int
    rough_helps: bool = False
    """Whether a rough pass is worth asking for."""

    @abstractmethod
    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        """The sums over all rows.

        Parameters
        ----------
        mixture : WhitenedMixture
            What the rows are scored by.
        log_prior : (n, k) array, optional
            Added to the scores: what is known of each row beside its values.
        rough : bool, default=False
            Sums off by about a millionth of their size will do, if they come sooner.

        Returns
        -------
        Moments
            About its means, in its whitened units.
        """

    @abstractmethod
    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        """Give a number, or a line of numbers, to each row.

        Parameters
        ----------
        mixture : WhitenedMixture
            What the rows are scored by.
        want : {"log_density", "responsibilities", "labels", "scores"}
            Which numbers.
        log_prior : (n, k) array, optional
            Added to the scores: what is known of each row beside its values.

        Returns
        -------
        array
            Log densities (n,), responsibilities (n, k), labels (n,), the first of equal scores, or scores (n, k),
            log w_k N(x given k) plus the log prior. A row whose density is zero in double precision has log density
            -inf and no responsibilities: all are 0.
        """

    @abstractmethod
    def sample_rows(
        self, limit: int, rng: Random, odds: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray | None]:
        """Draw rows of positive weight; all of them when they fit.

        One is drawn from each of ``limit`` equal stretches of the rows, so the weights still stand for what they stood
        for. With odds, stretches are equal in their sum of weights times odds, and weights are divided by the odds;
        rows that are drawn more than once appear more than once.

        Parameters
        ----------
        limit : int
            The most rows.
        rng : Generator or RandomState
            Where they are drawn from.
        odds : (n,) array, optional
            Positive.

        Returns
        -------
        rows : (m, d) array of floats
            At most ``limit`` of them.
        row_weights : (m,) array, or None
            Their weights.
        """


def draw_rows(
    rows: Rows, row_weights: FloatArray | None, limit: int, rng: Random, odds: FloatArray | None = None
) -> tuple[FloatArray, FloatArray | None]:
    """`AbstractEngine.sample_rows` for rows in memory."""
    if odds is not None:
        sums = np.cumsum(odds if row_weights is None else odds * row_weights)
        places = sums[-1] / limit * (np.arange(limit) + rng.uniform(size=limit))
        drawn = np.minimum(np.searchsorted(sums, places, side="right"), len(rows) - 1)
        return np.ascontiguousarray(rows[drawn], dtype=None if rows.dtype.kind == "f" else np.float64), 1 / odds[drawn]
    chosen = None if row_weights is None or row_weights.all() else row_weights.nonzero()[0]
    n_rows = len(rows) if chosen is None else len(chosen)
    if n_rows > limit:
        edges = np.arange(limit + 1) * n_rows // limit
        index = edges[:-1] + (rng.uniform(size=limit) * np.diff(edges)).astype(np.int64)
        chosen = index if chosen is None else chosen[index]
    some = rows if chosen is None else rows[chosen]
    some = np.ascontiguousarray(some, dtype=None if some.dtype.kind == "f" else np.float64)
    return some, row_weights if row_weights is None or chosen is None else row_weights[chosen]
