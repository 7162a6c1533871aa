"""`GaussianMixtureImputer` estimator: fills in missing values by a fitted mixture."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from gaussmix.core.covariance import factor_class_of_name
from gaussmix.core.imputing import ImputationKind
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import check_numbers
from gaussmix.core.rows import KEPT_TYPES
from gaussmix.core.typing import Rows
from gaussmix.core.validation import naming_columns, require_finite
from gaussmix.estimators.factor_checks import require_numbered_factors
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.gaussian_ic import GaussianMixtureIC
from gaussmix.estimators.parameter_checks import refuse_unknown, require_flag, require_integer
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.set_by_fit import set_by_fit

_MOST_COMPONENTS = 9  # of a search, as in `GaussianMixtureIC`


class GaussianMixtureImputer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Transformer that fills in missing values by a Gaussian mixture fitted to the incomplete rows.

    The mixture is the maximum likelihood estimate from all observed values, if values are missing at random: whether a
    value is missing may depend on observed values, but not on the missing value itself. A missing value is replaced by
    its conditional mean given the observed values of its row, or by a draw from its conditional distribution.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components. "auto" chooses from 1 to 9 by BIC.
    covariance_type : str, default="full"
        Covariance type, as in `GaussianMixture`, or "auto" for a choice among all by BIC. With "factor(2)" and other
        numbers of factors, the rows of the fit must be complete.
    sample_posterior : bool, default=False
        Whether missing values are drawn instead of replaced by their conditional mean.
    add_indicator : bool, default=False
        Whether columns are appended that say where values were missing, for each column in which some were missing in
        the fit.
    random_state : int, RandomState instance or None, default=None
        Random state of the fit and of the draws. With an int, each call of `transform` makes the same draws.

    Attributes
    ----------
    mixture_ : Mixture
        The fitted mixture.
    estimator_ : GaussianMixture or GaussianMixtureIC
        The estimator that fitted it.
    indicator_ : sklearn.impute.MissingIndicator or None
        What `add_indicator` appends.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    See Also
    --------
    gaussmix.Mixture.impute : The same for a mixture that is known; several draws at once.

    References
    ----------
    Little and Rubin, Statistical Analysis with Missing Data, 3rd edition, Wiley 2019, chapters 8 and 11. Ghahramani
    and Jordan, Supervised learning from incomplete data via an EM approach, NIPS 6 (1994), 120-127.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixtureImputer
    >>> x = np.linspace(0, 1, 50)
    >>> rows = np.column_stack([x, 2 * x + 0.1 * np.sin(40 * x)])
    >>> rows[25, 1] = np.nan
    >>> GaussianMixtureImputer(1).fit_transform(rows)[25].round(1)
    array([0.5, 1. ])
    """

    estimator_ = indicator_ = set_by_fit()

    @refuse_unknown
    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "full",
        sample_posterior: bool = False,
        add_indicator: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.sample_posterior = sample_posterior
        self.add_indicator = add_indicator
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to the observed values.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows; NaN is a missing value.
        y : ignored
            Present for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixtureImputer
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows or the weights are not valid, or a column has no value.
        """
        require_flag("add_indicator", self.add_indicator)
        require_flag("sample_posterior", self.sample_posterior)
        if self.n_components != "auto":
            require_integer("n_components", self.n_components, 1)
        with RestoredOnFailure(self, "estimator_"):
            values = self._checked(X, reset=True)
            self._require_type(values)
            estimator = self._estimator(*values.shape)
            self.estimator_ = estimator.fit(X, sample_weight=sample_weight)
            self.indicator_ = MissingIndicator(error_on_new=False).fit(values) if self.add_indicator else None
        return self

    def transform(self, X: Any) -> Rows:
        """Fill in the missing values of rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.

        Returns
        -------
        (n, d) or (n, d + i) array
            The rows, followed by the columns of the indicator.
        """
        check_is_fitted(self)
        values = self._checked(X, reset=False)
        kind: ImputationKind = "draw" if self.sample_posterior else "mean"
        filled: Rows = self.mixture_.impute(values, kind, random_state=check_random_state(self.random_state))
        if values.dtype.kind == "f":
            filled = filled.astype(values.dtype)
        if self.indicator_ is None:
            return filled
        return np.hstack([filled, self.indicator_.transform(values).astype(filled.dtype)])

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : (d,) array-like of str, optional
            Names of the columns of X; by default those of the fit, or ``x0, x1, ...``.

        Returns
        -------
        (d,) or (d + i,) array of str
            The names.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.indicator_ is None:
            return names
        return np.concatenate([names, self.indicator_.get_feature_names_out(names)])

    @property
    def mixture_(self) -> Mixture:
        """The fitted mixture."""
        mixture: Mixture = self.estimator_.mixture_
        return mixture

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags: missing values are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _estimator(self, n_rows: int, n_features: int) -> GaussianMixture | GaussianMixtureIC:
        most = max(1, min(_MOST_COMPONENTS, n_rows // (n_features + 1)))
        number = self.n_components if isinstance(self.n_components, int | np.integer) else None
        if most == 1 and number is None:
            number = 1
        if number is not None and self.covariance_type != "auto":
            return GaussianMixture(number, covariance_type=self.covariance_type, random_state=self.random_state)
        types = "all" if self.covariance_type == "auto" else self.covariance_type
        return GaussianMixtureIC(number or range(1, most + 1), covariance_types=types, random_state=self.random_state)

    def _require_type(self, values: Rows) -> None:
        """Raise a ValueError if factor covariances have no number of factors, or rows with missing values."""
        require_numbered_factors(self.covariance_type)
        if factor_class_of_name(self.covariance_type) is not None and np.isnan(values).any():
            raise ValueError(
                f"covariance_type={self.covariance_type!r} needs complete rows in fit: fit to the complete rows, or "
                'use another covariance_type, such as "full"'
            )

    def _checked(self, X: Any, *, reset: bool) -> Rows:
        rows = check_numbers(X)
        with naming_columns(X):
            values: Rows = validate_data(
                self, rows, reset=reset, dtype=list(KEPT_TYPES), ensure_all_finite=False, ensure_min_samples=1 + reset
            )
        require_finite(values, X, allow_missing=True)
        return values
