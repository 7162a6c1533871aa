"""The interface of engines, which hold rows and make passes over them.

An engine defines ``accumulate`` (the sums of one pass), ``score_rows`` (one or several numbers per row) and
``sample_rows`` (a subsample for starts). It does not depend on covariance structures or priors: it reads a
`WhitenedMixture` and returns `Moments`. ``gaussmix.testing.check_engine`` checks an engine.
"""

from abc import ABC, abstractmethod

from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Random, Rows, Want
from gaussmix.core.whitened import WhitenedMixture


class AbstractEngine(ABC):
    """Rows with weights, and passes over them."""

    n_rows: int
    n_features: int
    weight: float
    """Sum of the weights of the rows."""
    rough_helps: bool = False
    """Whether a rough pass is faster."""

    @abstractmethod
    def accumulate(
        self, mixture: WhitenedMixture, log_prior: FloatArray | None = None, *, rough: bool = False
    ) -> Moments:
        """Return the sums over all rows.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture that scores the rows.
        log_prior : (n, n_scores) array, optional
            Log prior of each row and component, and of the background if there is one, which is added to the scores.
        rough : bool, default=False
            Whether relative errors of about a millionth are allowed if that is faster.

        Returns
        -------
        Moments
            Sums about the means of the mixture, in its whitened units.
        """

    @abstractmethod
    def score_rows(self, mixture: WhitenedMixture, want: Want, log_prior: FloatArray | None = None) -> Rows:
        """Return one or several numbers for each row.

        Parameters
        ----------
        mixture : WhitenedMixture
            Mixture that scores the rows.
        want : {"log_density", "responsibilities", "labels", "scores"}
            Result to compute.
        log_prior : (n, n_scores) array, optional
            Log prior of each row and component, and of the background if there is one, which is added to the scores.

        Returns
        -------
        array
            Log densities (n,), responsibilities (n, n_scores), labels (n,) (the first among equal scores), or scores
            (n, n_scores), which are log w_k N(x given k) plus the log prior. The background has the last column and the
            label k. A row whose density is zero in double precision has log
            density -inf and responsibilities 0.
        """

    @abstractmethod
    def sample_rows(self, limit: int, rng: Random, center: WhitenedMixture | None = None) -> WeightedRows:
        """Draw rows of positive weight; return all of them when they fit.

        One row is drawn from each of ``limit`` equal blocks of the rows, and keeps its weight. With a center, rows are
        drawn by their distance to it, and get new weights (`gaussmix.core.engines.coresets`).

        Parameters
        ----------
        limit : int
            Maximum number of rows.
        rng : Generator or RandomState
            Source of random numbers.
        center : WhitenedMixture, optional
            A normal distribution about which rows are drawn: always ``limit`` of them, some perhaps several times.

        Returns
        -------
        WeightedRows
            At most ``limit`` rows, as floats. `gaussmix.core.row_sampling.draw_rows` draws them from rows in memory.
        """
