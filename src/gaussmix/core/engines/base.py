"""What an engine is: some rows, and a way to pass over them.

An engine owes ``accumulate`` (the sums of one pass), ``score_rows`` (a number or a line of numbers per row) and
``sample_rows`` (a few of its rows, to start from). It knows no covariance structure and no prior: it reads a
`WhitenedMixture` and returns `Moments`. ``gaussmix.testing.check_engine`` checks all of it.
"""

from abc import ABC, abstractmethod

from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
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
    def sample_rows(self, limit: int, rng: Random, odds: FloatArray | None = None) -> WeightedRows:
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
        WeightedRows
            At most ``limit`` rows, as floats. `gaussmix.core.row_sampling.draw_rows` draws them from rows in memory.
        """
