"""`GaussianMixtureOutlierDetector`: rows whose density is improbably low, with p-values and reasons."""

import math
from dataclasses import replace
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.distribution import LogDensityDistribution
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.core.validation import as_rows
from gaussmix.diagnostics.outliers import (
    CalibrationScores,
    OutlierExplanation,
    explain_rows,
    flag_rows,
)
from gaussmix.estimators.checked_rows import checked_rows
from gaussmix.estimators.factor_checks import require_numbered_factors
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.gaussian_ic import GaussianMixtureIC
from gaussmix.estimators.parameter_checks import refuse_unknown, require_integer
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.set_by_fit import set_by_fit

_SIZES = 9  # the greatest number of components of a search
_ROWS_EACH = 10  # rows for each component of a search, at least
_SLACK = 1.2  # for weights of groups of outliers, which are estimates


class GaussianMixtureOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Outliers: rows whose density under a Gaussian mixture is improbably low.

    The p-value of a row is the probability that a row drawn from the mixture has a density at most as low. With
    ``calibration`` it is the rank among held-out ordinary rows, which is valid even if the mixture does not fit.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components. "auto" is the number up to 9 that BIC selects (`GaussianMixtureIC`).
    covariance_type : str, default="auto"
        As in `GaussianMixture`; with two factors, "factor(2)". "auto" is the one of "full", "tied", "diag" and
        "spherical" that BIC selects.
    alpha : float, default=0.05
        Bound for false flags; ``control`` says which.
    control : {"each", "fdr"}, default="each"
        What ``alpha`` bounds. "each": the probability that an ordinary row is flagged. "fdr": the expected share of
        ordinary rows among the flagged ones, by the procedure of Benjamini and Hochberg (1995) for all rows of X.
    contamination : "auto" or float, default="auto"
        Share of the rows of the fit that are outliers, up to 0.5. The mixture is then fitted again without the rows of
        lowest density, and ``predict`` flags this share of the rows of the fit instead of using ``alpha``. If
        ``n_components`` is "auto", the smallest components are groups of outliers as long as their weights together
        are not above this share.
    calibration : float or (m, d) array-like, optional
        Held-out ordinary rows for conformal p-values, or the share of the rows of the fit that is held out for this.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts, and of the choice of the held-out rows.

    Attributes
    ----------
    mixture_ : Mixture
        The fitted mixture.
    reference_ : LogDensityDistribution or CalibrationScores
        Distribution of the log density of ordinary rows, which gives p-values.
    offset_ : float
        Log density below which a row is flagged: ``decision_function`` is ``score_samples`` minus this.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    References
    ----------
    Benjamini and Hochberg, Controlling the false discovery rate, Journal of the Royal Statistical Society B 57 (1995),
    289-300. Bates, Candes, Lei, Romano and Sesia, Testing for outliers with conformal p-values, Annals of Statistics 51
    (2023), 149-178.

    Examples
    --------
    >>> from gaussmix import GaussianMixtureOutlierDetector
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, _ = load_old_faithful()
    >>> detector = GaussianMixtureOutlierDetector(n_components=2, random_state=0).fit(eruptions)
    >>> detector.predict([[4.4, 80], [3.0, 90]])  # short eruptions follow short waits
    array([ 1, -1])
    >>> bool(detector.p_values([[3.0, 90]]) < 1e-4)
    True
    """

    mixture_: Mixture = set_by_fit()
    reference_: LogDensityDistribution | CalibrationScores = set_by_fit()
    offset_: float = set_by_fit()

    @refuse_unknown
    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "auto",
        alpha: float = 0.05,
        control: str = "each",
        contamination: float | str = "auto",
        calibration: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.alpha = alpha
        self.control = control
        self.contamination = contamination
        self.calibration = calibration
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to rows, most of which are ordinary.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least two rows of finite numbers.
        y : ignored
            Present for scikit-learn's pipelines: no labels are used.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixtureOutlierDetector
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows or the weights are invalid, or there are so few rows for calibration that no
            p-value can be as low as ``alpha``.
        """
        with RestoredOnFailure(self, "mixture_"), np.errstate(under="ignore"):
            self._fit(X, sample_weight)
        return self

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log density of each row under the mixture.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            In nats; outliers have low values.
        """
        check_is_fitted(self)
        return self._scores(checked_rows(self, X, reset=False))

    def decision_function(self, X: Any) -> FloatArray:
        """Return the log density of each row minus ``offset_``.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            In nats; rows with negative values are flagged, unless ``control`` is "fdr".
        """
        return self.score_samples(X) - self.offset_

    def p_values(self, X: Any, *, return_error: bool = False) -> Any:
        """Return the probability that an ordinary row has a density at most as low as each row.

        Without ``calibration`` it is exact for a mixture of one component, and else estimated once per fit by
        importance sampling, which reaches tails below 1e-20 (`LogDensityDistribution`). It is never zero.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        return_error : bool, default=False
            Whether standard errors are returned, too: those of the estimate for this mixture, not those of the fit.

        Returns
        -------
        p_values : (n,) array
            P-values; they rise with the density.
        errors : (n,) array
            Standard errors, if wanted.
        """
        scores = self.score_samples(X)
        p_values = self.reference_.cdf(scores)
        return (p_values, self.reference_.cdf_error(scores)) if return_error else p_values

    def predict(self, X: Any, *, alpha: float | None = None, control: str | None = None) -> IntArray:
        """Return -1 for outliers and 1 for ordinary rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        alpha : float, optional
            Bound for false flags; by default that of the estimator.
        control : {"each", "fdr"}, optional
            What ``alpha`` bounds; by default that of the estimator.

        Returns
        -------
        (n,) array
            -1 or 1. With ``contamination`` and neither ``alpha`` nor ``control``, rows below ``offset_`` are outliers.
        """
        return np.where(self._flags(self.score_samples(X), alpha, control), -1, 1)

    def explain(self, X: Any, *, alpha: float | None = None, control: str | None = None) -> OutlierExplanation:
        """Explain which features of the flagged rows are unusual given the others.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        alpha, control : float and str, optional
            As in `predict`.

        Returns
        -------
        OutlierExplanation
            Table of the flagged rows; ``print`` shows it.
        """
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        scores = self._scores(rows)
        flagged = np.flatnonzero(self._flags(scores, alpha, control))
        return explain_rows(self.mixture_, rows.values[flagged], flagged, self.reference_.cdf(scores[flagged]))

    def _fit(self, X: Any, sample_weight: Any) -> None:
        self._check_parameters()
        rows = checked_rows(self, X, sample_weight, ensure_min_samples=2)
        rng = check_random_state(self.random_state)
        kept = np.ones(rows.n_rows, dtype=np.bool_)
        is_share = isinstance(self.calibration, Real)
        if is_share:
            kept = rng.permutation(rows.n_rows) >= round(float(self.calibration) * rows.n_rows)
        mixture = self._fitted(_part(rows, kept))
        if self.contamination != "auto":
            mixture = self._fitted(_part(rows, kept & self._probably_ordinary(mixture, rows)))
        self.mixture_ = mixture
        if is_share:
            self.reference_ = self._calibrated(_part(rows, ~kept))
        elif self.calibration is not None:
            held_out = as_rows(self.calibration, rows.n_features, rows.names, argument="calibration")
            self.reference_ = self._calibrated(WeightedRows(held_out, None, rows.names))
        else:
            self.reference_ = mixture.log_density_distribution()
        if self.contamination == "auto":
            self.offset_ = float(self.reference_.quantile(self.alpha))
        else:
            self.offset_ = self._lowest_share(self._scores(rows), rows)

    def _fitted(self, rows: WeightedRows) -> Mixture:
        """Return the mixture fitted to rows."""
        if not isinstance(self.n_components, str) and self.covariance_type != "auto":
            estimator: GaussianMixture | GaussianMixtureIC = GaussianMixture(
                self.n_components, covariance_type=self.covariance_type, random_state=self.random_state
            )
        else:
            sizes = range(1, 1 + max(1, min(_SIZES, int(rows.total) // _ROWS_EACH, rows.n_positive)))
            estimator = GaussianMixtureIC(
                sizes if isinstance(self.n_components, str) else self.n_components,
                covariance_types="sklearn" if self.covariance_type == "auto" else self.covariance_type,
                random_state=self.random_state,
            )
        mixture: Mixture = estimator.fit(rows.values, sample_weight=rows.weights).mixture_
        return replace(mixture, feature_names=rows.names)

    def _calibrated(self, rows: WeightedRows) -> CalibrationScores:
        """Return the reference for p-values from held-out rows."""
        reference = CalibrationScores.of(self._scores(rows), rows.weights)
        if self.contamination == "auto":
            reference.require(self.alpha)
        return reference

    def _lowest_share(self, scores: FloatArray, rows: WeightedRows) -> float:
        """Return the log density below which the share ``contamination`` of the rows is, or slightly less."""
        order = np.argsort(scores, kind="stable")
        counts = np.cumsum(rows.explicit_weights[order])
        n_below = np.searchsorted(counts, float(self.contamination) * counts[-1] * (1 + 1e-12), side="right")
        return float(scores[order][n_below])

    def _probably_ordinary(self, mixture: Mixture, rows: WeightedRows) -> BoolArray:
        """Return which rows are not of low density without the small groups, nor in groups that are the whole share."""
        share = float(self.contamination)
        is_small = np.zeros(mixture.n_components, dtype=np.bool_)
        if self.n_components == "auto":
            bound = min(share + 2 * math.sqrt(share * (1 - share) / rows.total), _SLACK * share)
            order = np.argsort(mixture.weights, kind="stable")
            is_small[order] = np.cumsum(mixture.weights[order]) <= bound
        scores = _log_density(mixture.take(np.flatnonzero(~is_small)), rows)
        kept = scores >= self._lowest_share(scores, rows)
        if mixture.weights[is_small].sum() * _SLACK > share:
            kept &= ~is_small[mixture.labels(rows.values)]
        return np.asarray(kept)

    def _scores(self, rows: WeightedRows) -> FloatArray:
        return _log_density(self.mixture_, rows)

    def _flags(self, scores: FloatArray, alpha: float | None, control: str | None) -> BoolArray:
        if alpha is None and control is None and (self.control == "each" or self.contamination != "auto"):
            return np.asarray(scores < self.offset_)
        bound, kind = self.alpha if alpha is None else alpha, self.control if control is None else control
        return flag_rows(self.reference_.cdf(scores), bound, kind)

    def _check_parameters(self) -> None:
        require_numbered_factors(self.covariance_type)
        if self.n_components != "auto":
            require_integer("n_components", self.n_components, 1)
        flag_rows(np.empty(0), self.alpha, self.control)
        if self.contamination != "auto" and not _is_share(self.contamination, 0.5):
            raise ValueError(
                f'contamination must be "auto" or a share above 0 and up to 0.5; got {self.contamination!r}'
            )
        is_rows = self.calibration is None or not isinstance(self.calibration, bool | str | Real)
        if not (is_rows or _is_share(self.calibration, 1 - 1e-9)):
            raise ValueError(
                "calibration must be held-out rows, or a share of the rows above 0 and below 1; got "
                f"{self.calibration!r}"
            )


def _log_density(mixture: Mixture, rows: WeightedRows) -> FloatArray:
    return NativeEngine.of(rows).score_rows(mixture.whitened(), "log_density")


def _is_share(value: Any, greatest: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and 0 < float(value) <= greatest


def _part(rows: WeightedRows, kept: BoolArray) -> WeightedRows:
    weights = None if rows.weights is None else rows.weights[kept]
    return WeightedRows(rows.values[kept], weights, rows.names)
