"""Methods of a mixture that fill in missing values and remove measurement errors."""

from typing import Literal

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.imputation import covariances_of_rows, draw_true_rows, expected_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import ArrayLike, FloatArray, Seed
from gaussmix.core.validation import as_generator, as_weighted_rows
from gaussmix.core.whitened import WhitenedMixture

ImputationKind = Literal["mean", "draw"]


class ImputingMixin:
    """Methods that `Mixture` has for rows that are not observed completely or exactly."""

    means: FloatArray
    feature_names: tuple[str, ...] | None

    def whitened(self) -> WhitenedMixture:
        """Return the mixture in the form that engines read."""
        raise NotImplementedError

    def refuse_noise(self, purpose: str) -> None:
        """Raise a ValueError if the mixture has noise."""
        raise NotImplementedError

    def impute(
        self, X: ArrayLike, kind: ImputationKind = "mean", *, n_draws: int | None = None, random_state: Seed = None
    ) -> FloatArray:
        """Fill in missing values.

        A conditional mean is the best single value for squared errors, but filled-in means vary less than the data.
        Draws have the variances and correlations of the data. Multiple imputation (Rubin 1987) analyses several
        draws, each as a complete table, and combines the results; the parameters of the mixture are taken as known.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture; NaN is a missing value.
        kind : {"mean", "draw"}, default="mean"
            Conditional mean of the missing values given the others, or a draw from their conditional distribution.
        n_draws : int, optional
            Number of independent draws; needs ``kind="draw"``.
        random_state : int, numpy Generator or RandomState, optional
            Source of random numbers of the draws.

        Returns
        -------
        (n, d) array, or (n_draws, n, d) array
            The rows as float64. Observed values are unchanged.

        Raises
        ------
        ValueError
            If X has other features than the mixture or an infinite value, or an option is not valid.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0, 10.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> mixture.impute([[2.0, float("nan")]])
        array([[ 2., 11.]])
        """
        self.refuse_noise("impute")
        rows = as_weighted_rows(X, None, self.means.shape[1], self.feature_names)
        return impute_rows(self.whitened().as_full(), rows, kind, n_draws, random_state)

    @underflow_to_zero
    def denoise(self, X: ArrayLike, noise_covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the mean and the covariance of each true row, given the observed row with its measurement error.

        Parameters
        ----------
        X : (n, d) array-like
            Rows with the features of the mixture; NaN is a missing value.
        noise_covariance : array-like
            Covariance of the measurement errors, as in `log_density`.

        Returns
        -------
        means : (n, d) array
            Means of the true rows.
        covariances : (n, d, d) array
            Covariances of the true rows.

        Raises
        ------
        ValueError
            If X or the noise covariance is not valid.
        """
        self.refuse_noise("denoise")
        rows = as_weighted_rows(X, None, self.means.shape[1], self.feature_names, noise_covariance)
        whitened = self.whitened().as_full()
        return expected_rows(whitened, rows), covariances_of_rows(whitened, rows)


@underflow_to_zero
def impute_rows(
    mixture: WhitenedMixture, rows: WeightedRows, kind: str, n_draws: int | None, random_state: Seed
) -> FloatArray:
    """Fill in missing values, as `ImputingMixin.impute` describes."""
    if kind not in ("mean", "draw"):
        raise ValueError(f"kind must be 'mean' or 'draw', got {kind!r}")
    if n_draws is not None and kind == "mean":
        raise ValueError("n_draws needs kind='draw': there is one conditional mean")
    if n_draws is not None and (not isinstance(n_draws, int | np.integer) or n_draws < 1):
        raise ValueError(f"n_draws must be an int of at least 1, got {n_draws!r}")
    if kind == "mean":
        return expected_rows(mixture, rows)
    given = as_generator(random_state)
    rng = given if isinstance(given, np.random.Generator) else np.random.default_rng(given.randint(2**31))
    draws = draw_true_rows(mixture, rows, n_draws or 1, rng)
    return draws if n_draws else draws[0]
