"""`GaussianMixtureRegressor`: the distribution of targets given features, from their joint mixture."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.core.conditionals import Conditionals
from gaussmix.core.covariance import covariance_class, refuse_factor_type
from gaussmix.core.engines import NativeEngine
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import check_numbers, column_names
from gaussmix.core.regressions import with_scaled_residuals
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.validation import as_generator, check_sample_weight, naming_columns, require_finite
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.parameter_checks import refuse_unknown, require_integer, require_n_jobs, require_reg_covar
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.set_by_fit import set_by_fit
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.predictive import PredictiveSearch

N_FOLDS = 5
"""Number of folds of the cross-validation."""
MOST_COMPARED_ROWS = 5_000
"""Number of rows above which a sample is cross-validated."""

_TYPES = ("full", "tied", "diag", "VEV")
_SIZES = (1, 2, 3, 4, 6, 8)
_LARGER_SIZES = (12, 16, 24, 32, 48, 64)


class GaussianMixtureRegressor(RegressorMixin, MultiOutputMixin, BaseEstimator):  # type: ignore[misc]
    """Regression by a Gaussian mixture of features and targets: the whole distribution of y given x.

    The joint density of the features and the targets is a mixture. Given the features it is a mixture of the targets,
    whose mean is a smooth combination of linear regressions. It may have several modes, and a spread that depends on x.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components. "auto" compares 1, 2, 3, 4, 6, 8, and more as long as these are better, by the log density
        of held-out targets given the features, in five folds. BIC of the joint density would also reward components
        that describe the features only.
    covariance_type : str, default="auto"
        One of the types of `GaussianMixture`; "auto" compares "full", "tied", "diag" and "VEV" in the same way.
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        As in `GaussianMixture`.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts and of the folds.
    n_jobs : int, optional
        Number of threads; by default, and for -1, as many as there are processors.

    Attributes
    ----------
    mixture_ : Mixture
        Joint distribution of the features and, last, the targets. Its residuals are calibrated; everything else is that
        of the fit.
    residual_factor_ : float
        Factor by which the standard deviations of the targets given the features were multiplied, so that 90 %
        intervals contain 90 % of held-out targets. A fit to few rows makes them too small.
    held_out_log_density_ : float
        Mean log density of held-out targets given the features, in nats, before the calibration; NaN if there are too
        few rows to compare.
    n_components_, covariance_type_ : int, str
        The model, as it was chosen.
    model_ : GaussianMixture
        The fit of the joint distribution, with its report.
    target_names_ : tuple of str
        Names of the targets.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    See Also
    --------
    gaussmix.Mixture.condition : The same for any mixture and any features.

    References
    ----------
    Ghahramani and Jordan, Supervised learning from incomplete data via an EM approach, NIPS 6 (1994), 120-127.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixtureRegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-3, 3, (400, 1))
    >>> y = np.sin(x[:, 0]) + 0.1 * rng.standard_normal(400)
    >>> model = GaussianMixtureRegressor(random_state=0).fit(x, y)
    >>> model.predict([[0.0], [1.5]]).round(1) + 0.0
    array([0., 1.])
    >>> model.predict_interval([[1.5]], coverage=0.9).round(1)
    array([[0.8, 1.2]])
    """

    @refuse_unknown
    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "auto",
        reg_covar: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.random_state = random_state
        self.n_jobs = n_jobs

    mixture_: Mixture = set_by_fit()
    n_components_ = covariance_type_ = model_ = target_names_ = set_by_fit()
    residual_factor_ = held_out_log_density_ = set_by_fit()

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the joint distribution of features and targets.

        Parameters
        ----------
        X : (n, d) array-like or table
            Features: at least two rows of finite numbers.
        y : (n,) or (n, q) array-like or table
            Targets.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixtureRegressor
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows, the targets or the weights are not valid.

        Warns
        -----
        DegenerateComponentWarning, DegenerateDataWarning, ConvergenceWarning
            As in `GaussianMixture.fit`, about the joint distribution.
        """
        with RestoredOnFailure(self, "mixture_"), np.errstate(under="ignore"):
            self._fit(X, y, sample_weight)
        return self

    def predict(self, X: Any, return_std: bool = False) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Return the expected targets, and their standard deviations if wanted.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        return_std : bool, default=False
            Whether to return the standard deviations, too.

        Returns
        -------
        mean : (n,) or (n, q) array
            In the shape of the y of the fit.
        std : array
            Standard deviations in the same shape; only with ``return_std``.
        """
        given = self.condition(X)
        mean = self._shaped(given.means)
        return (mean, self._shaped(given.standard_deviations)) if return_std else mean

    def predict_quantiles(self, X: Any, q: Any) -> FloatArray:
        """Return quantiles of the targets.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        q : float or (m,) array-like
            Probabilities from 0 to 1, whose quantiles are -inf and inf.

        Returns
        -------
        (n, m) or (n, q, m) array
            Quantiles, of each target by itself; without the last axis for a single probability.
        """
        given = self.condition(X)
        found = np.stack([given.quantiles(q, target) for target in range(len(given.targets))], axis=1)
        return found[:, 0] if self._is_flat else found

    def predict_interval(self, X: Any, coverage: float = 0.9) -> FloatArray:
        """Return central intervals that contain the targets with a given probability.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        coverage : float, default=0.9
            Probability between 0 and 1.

        Returns
        -------
        (n, 2) or (n, q, 2) array
            Lower and upper ends, for each target by itself.
        """
        given = self.condition(X)
        found = np.stack([given.interval(coverage, target) for target in range(len(given.targets))], axis=1)
        return found[:, 0] if self._is_flat else found

    def log_density(self, X: Any, y: Any) -> FloatArray:
        """Return the log density of the targets given the features.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        y : (n,) or (n, q) array-like
            Targets.

        Returns
        -------
        (n,) array
            In nats.
        """
        return self.condition(X).log_density(y)

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> FloatArray:
        """Draw targets for each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        n_samples : int, default=1
            Number of draws for each row.
        random_state : int, Generator, RandomState or None
            None uses the estimator's ``random_state``, so that an int there gives the same draws at every call.

        Returns
        -------
        (n, n_samples) or (n, q, n_samples) array
            Independent draws.
        """
        require_integer("n_samples", n_samples, 1)
        given = self.condition(X)
        rng = as_generator(check_random_state(self.random_state) if random_state is None else random_state)
        drawn = np.stack([given.sample(rng) for _ in range(n_samples)], axis=2)
        return drawn[:, 0] if self._is_flat else drawn

    def condition(self, X: Any) -> Conditionals[Mixture]:
        """Return the distribution of the targets for each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        gaussmix.core.conditionals.Conditionals
            Moments, quantiles, densities, and the mixture for each row.
        """
        check_is_fitted(self)
        with naming_columns(X):
            rows = validate_data(
                self, check_numbers(X), dtype=np.float64, order="C", ensure_all_finite=False, reset=False
            )
        require_finite(rows, X)
        return self.mixture_.condition(rows, on=list(range(rows.shape[1])))

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._check_parameters()
        rows, names = self._joint_rows(X, y, sample_weight)
        n_targets = len(names)
        seed = int(check_random_state(self.random_state).randint(2**31))
        sample = NativeEngine.of(rows.positive()).sample_rows(MOST_COMPARED_ROWS, np.random.default_rng(seed))
        search = PredictiveSearch(sample, n_targets, N_FOLDS, self.reg_covar, seed, self.n_jobs)
        with one_blas_thread():
            spec = self._choose(search)
        self.n_components_, self.covariance_type_ = spec
        self.held_out_log_density_ = search.mean_log_densities.get(spec, np.nan)
        self.residual_factor_ = search.residual_factor(spec) if np.isfinite(self.held_out_log_density_) else 1.0
        self.model_ = GaussianMixture(
            spec.n_components, covariance_type=spec.covariance_type, reg_covar=self.reg_covar, random_state=seed
        ).fit(rows)
        joint = self.model_.mixture_
        covariance = with_scaled_residuals(joint.covariance, n_targets, self.residual_factor_)
        self.target_names_ = names
        self.mixture_ = replace(joint, covariance=covariance, feature_names=rows.names)

    def _choose(self, search: PredictiveSearch) -> ModelSpec:
        """Compare the models, and return the best one."""
        types = _TYPES if self.covariance_type == "auto" else (self.covariance_type,)
        if self.n_components != "auto":
            sizes: tuple[int, ...] = (int(self.n_components),)
        else:
            sizes = tuple(size for size in _SIZES if size <= search.rows.n_rows)
        if search.folds.max() > 0:
            search.add([ModelSpec(size, name) for size in sizes for name in types])
        for size in _LARGER_SIZES if len(sizes) == len(_SIZES) else ():
            best = search.best
            if best is None or best.n_components < max(spec.n_components for spec in search.mean_log_densities):
                break
            search.add([ModelSpec(size, best.covariance_type)])
        simplest = "diag" if "diag" in types else types[0]
        return search.best or ModelSpec(sizes[0], simplest)

    def _joint_rows(self, X: Any, y: Any, sample_weight: Any) -> tuple[WeightedRows, tuple[str, ...]]:
        """Return features and targets side by side, and the names of the targets."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        given = column_names(y) or ([y.name] if isinstance(getattr(y, "name", None), str) else None)
        options = {"dtype": np.float64, "order": "C", "ensure_min_samples": 2, "ensure_all_finite": False}
        with naming_columns(X):
            features, targets = validate_data(
                self, check_numbers(X), y, validate_separately=(options, options | {"ensure_2d": False})
            )
        check_consistent_length(features, targets)
        self._is_flat = targets.ndim == 1
        targets = np.asarray(targets, dtype=np.float64).reshape(len(features), -1)
        require_finite(features, X)
        require_finite(targets, y, argument="y")
        known = getattr(self, "feature_names_in_", None)
        names = tuple(_names_of_targets(given, targets.shape[1], () if known is None else known))
        columns = None if known is None else (*map(str, known), *names)
        weights = check_sample_weight(sample_weight, len(features))
        return WeightedRows(np.concatenate([features, targets], axis=1), weights, columns), names

    def _shaped(self, values: FloatArray) -> FloatArray:
        return values[:, 0] if self._is_flat else values

    def _check_parameters(self) -> None:
        if self.n_components != "auto":
            require_integer("n_components", self.n_components, 1)
        if self.covariance_type != "auto":
            refuse_factor_type(self.covariance_type, "regression")
            covariance_class(self.covariance_type)
        require_reg_covar(self.reg_covar)
        require_n_jobs(self.n_jobs)


def _names_of_targets(given: list[Any] | None, n_targets: int, taken: Any) -> Iterator[str]:
    """Yield names that no feature has: those given, or "y", or "y0", "y1", ..."""
    default = ["y"] if n_targets == 1 else [f"y{at}" for at in range(n_targets)]
    used = set(map(str, taken))
    for name in default if given is None or len(given) != n_targets else map(str, given):
        while name in used:
            name += "_"
        used.add(name)
        yield name
