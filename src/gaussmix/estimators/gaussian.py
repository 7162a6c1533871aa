"""`GaussianMixture`: validate, call the loop, copy results. No algorithm lives here."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.blas import one_blas_thread
from gaussmix.covariance import covariance_class
from gaussmix.em import Fit, Progress, Stop, fit_em
from gaussmix.engines import NativeEngine, distinct_rows
from gaussmix.errors import DegenerateComponentWarning
from gaussmix.estimators.checks import (
    check_sample_weight,
    require_integer,
    require_nonnegative,
    with_given_parameters,
)
from gaussmix.initial import METHODS, draw_membership, membership_from_user, mixture_from_membership
from gaussmix.mixture import Mixture
from gaussmix.rows import KEPT_TYPES, require_finite
from gaussmix.typing import FloatArray, IntArray, Random, Rows
from gaussmix.updates import MaximumLikelihood


class GaussianMixture(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian mixture fitted by expectation-maximization, with scikit-learn's interface.

    Parameters, methods and attributes are those of ``sklearn.mixture.GaussianMixture``, and mean the same but for the
    few differences that docs/differences.md lists. Beside them: ``sample_weight``, responsibilities as a transform, the
    frozen ``mixture_``, and ``stop_reason_``.

    Parameters
    ----------
    n_components : int, default=1
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        A covariance matrix for each component, one for all, a variance for each feature, or one for each component.
    tol : float, default=1e-3
        EM ends when an iteration changes the mean log-likelihood by less than this (nats per row).
    reg_covar : float, default=1e-6
        Added to every variance, in squared units of the data.
    max_iter : int, default=100
    n_init : int, default=1
        Starts; the one that ends with the greatest likelihood is kept. Each draws anew from ``random_state``.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"} or array-like, default="kmeans"
        How to start: k-means clusters; the cells about k-means++ seeds; random responsibilities; the cells about
        randomly chosen rows; or labels (n,) or responsibilities (n, k) of your own. Starts are drawn on a part of
        large data: docs/starting-and-stopping.md.
    weights_init : (k,) array-like, optional
    means_init : (k, d) array-like, optional
    precisions_init : array-like, optional
        Inverse covariances, in the shape of ``covariance_type``.
    random_state : int, RandomState instance or None, default=None
    warm_start : bool, default=False
        Go on from the parameters of the previous fit.
    verbose : int, default=0
        1 prints the starts and some iterations, 2 also gains.
    verbose_interval : int, default=10
    callback : callable, optional
        Called with a `gaussmix.em.Progress` after every pass over the rows.

    Attributes
    ----------
    weights_ : (k,) array
    means_ : (k, d) array
    covariances_, precisions_, precisions_cholesky_ : array
        Covariances, their inverses, and upper triangular W with ``W W' = precision``: full (k, d, d), tied (d, d),
        diag (k, d), spherical (k,). Like ``weights_`` and ``means_`` they are read from ``mixture_``; to make a
        model from known numbers use `Mixture.from_parameters`.
    mixture_ : Mixture
        The fitted model, frozen: save it, sample it, take marginals.
    converged_ : bool
        Whether the fit that was kept converged.
    stop_reason_ : str
        Why it stopped, in a sentence.
    n_iter_ : int
        Iterations of the fit that was kept.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters: ``score(X, sample_weight=sample_weight)``, but for the last
        digits where rows repeat.
    lower_bounds_ : list of float
        The same after each iteration.
    n_features_in_ : int
    feature_names_in_ : (d,) array of str
        When X had names.

    See Also
    --------
    gaussmix.Mixture : a mixture with known parameters.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning (2006), section 9.2.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(1, 1, (100, 2)), rng.normal(10, 2, (200, 2))])
    >>> gm = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(gm.weights_).round(2)
    array([0.33, 0.67])
    >>> np.sort(gm.means_[:, 0]).round()
    array([ 1., 10.])
    >>> gm.predict([[0, 0], [12, 3]]) == gm.predict([[1, 1], [9, 9]])
    array([ True,  True])
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Any = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        callback: Callable[[Progress], object] | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.callback = callback

    # fitting

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Estimate the mixture.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least ``n_components`` rows of finite numbers. float64, float32, uint8 and uint16 are not copied; where
            rows repeat three times or more, the distinct ones are.
        y : ignored
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixture
            Itself.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` ended the fit.
        DegenerateComponentWarning
            When a component collapsed or has no rows; the model is valid all the same.
        """
        with _unchanged_on_failure(self):
            self._fit(X, sample_weight)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """`fit`, then the label of each row: the same as ``fit(X).predict(X)``."""
        with _unchanged_on_failure(self):
            return self._fit(X, sample_weight).score_rows(self.mixture_.whitened(), "labels")

    def _fit(self, X: Any, sample_weight: Any) -> NativeEngine:
        self._check_parameters()
        rows = validate_data(self, X, dtype=list(KEPT_TYPES), ensure_min_samples=2, ensure_all_finite=False)
        require_finite(rows)
        if len(rows) < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {len(rows)}"
            )
        row_weights = check_sample_weight(sample_weight, len(rows))
        if row_weights is not None and np.count_nonzero(row_weights) < self.n_components:
            raise ValueError(
                f"sample_weight leaves {np.count_nonzero(row_weights)} rows for n_components = {self.n_components}; "
                "give weight to more rows or use fewer components"
            )
        engine = NativeEngine(rows, row_weights)
        distinct = distinct_rows(rows, row_weights)
        fitted_engine = engine if distinct is None else NativeEngine(*distinct)
        update = MaximumLikelihood(ridge=float(self.reg_covar))
        rng = check_random_state(self.random_state)
        previous: Mixture | None = getattr(self, "mixture_", None) if self.warm_start else None
        wanted = (self.covariance_type, self.n_components, rows.shape[1])
        if previous is not None and (previous.covariance_type, *previous.means.shape) != wanted:
            raise ValueError(
                f"warm_start goes on with {(previous.covariance_type, *previous.means.shape)}, this fit asks for "
                f"{wanted} (covariance_type, n_components, n_features): set warm_start=False"
            )

        best: Fit | None = None
        with one_blas_thread(*rows.shape):
            for start in range(self.n_init if previous is None and self._start_is_drawn() else 1):
                mixture = previous or self._draw_start(engine, rows, row_weights, update, rng)
                fit = fit_em(
                    fitted_engine,
                    update,
                    mixture,
                    tol=self.tol,
                    max_iter=self.max_iter,
                    start=start,
                    last_log_likelihood=self._last_log_likelihood if previous else -np.inf,
                    watch=self._watch,
                )
                if self.verbose:
                    print(f"Initialization {'converged' if fit.stop is Stop.CONVERGED else 'did not converge'}.")
                if best is None or fit.moments.log_likelihood > best.moments.log_likelihood:
                    best = fit
        assert best is not None
        self._keep(best)
        self._warn(best)
        return engine

    def _start_is_drawn(self) -> bool:
        """Whether another start would be another one."""
        given = (self.weights_init, self.means_init, self.precisions_init)
        return isinstance(self.init_params, str) and any(parameter is None for parameter in given)

    def _draw_start(
        self,
        engine: NativeEngine,
        rows: Rows,
        row_weights: FloatArray | None,
        update: MaximumLikelihood,
        rng: Random,
    ) -> Mixture:
        structure = covariance_class(self.covariance_type)
        given = (self.weights_init, self.means_init, self.precisions_init)
        drawn = None
        if any(parameter is None for parameter in given):
            if isinstance(self.init_params, str):
                membership = draw_membership(engine, self.n_components, self.init_params, rng)  # type: ignore[arg-type]
            else:
                membership = membership_from_user(np.asarray(self.init_params), rows, row_weights, self.n_components)
            drawn = mixture_from_membership(membership, structure, update)
        return with_given_parameters(drawn, structure, (self.n_components, rows.shape[1]), *given)

    def _keep(self, fit: Fit) -> None:
        names = getattr(self, "feature_names_in_", None)
        feature_names = None if names is None else tuple(map(str, names))
        self.mixture_ = Mixture(fit.mixture.weights, fit.mixture.means, fit.mixture.covariance, feature_names)
        self.converged_ = fit.stop is Stop.CONVERGED
        self.stop_reason_ = fit.reason
        self.n_iter_ = fit.n_iter
        self.lower_bound_ = fit.moments.mean_log_likelihood
        self.lower_bounds_ = list(fit.trace)
        self._last_log_likelihood = fit.moments.mean_log_likelihood - fit.gain  # what a warm start goes on from

    def _warn(self, fit: Fit) -> None:
        if fit.stop in (Stop.LIMIT, Stop.LIMIT_AT_THE_TOP):
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase "
                f"max_iter, tol, or check for degenerate data. {fit.reason}",
                ConvergenceWarning,
                stacklevel=4,
            )
        if fit.last_step is None:
            return
        for which, trouble in (
            (
                fit.last_step.collapsed & ~fit.last_step.empty,
                "collapsed: the rows do not vary in some direction. The variances were raised to a millionth of those "
                "of the other components. Use fewer components, a larger reg_covar or a simpler covariance_type, or "
                "leave out constant and duplicate columns.",
            ),
            (
                fit.last_step.ridged & ~fit.last_step.empty,
                f"kept regular by reg_covar={self.reg_covar:g} alone: in some direction the rows vary no more than "
                "that. Check the units of the columns, leave out constant and duplicate ones, or use fewer components.",
            ),
            (fit.last_step.empty, "left without rows: the weight is 0. Use fewer components or another start."),
        ):
            if which.any():
                warnings.warn(DegenerateComponentWarning(np.flatnonzero(which), trouble), stacklevel=4)

    def _watch(self, progress: Progress) -> None:
        if self.callback is not None:
            self.callback(progress)
        if not self.verbose:
            return
        if progress.n_iter == 0:
            print(f"Initialization {progress.start}")
        elif progress.n_iter % self.verbose_interval == 0:
            gain = f"\t gain {progress.gain:.5g}" if self.verbose > 1 else ""
            print(f"  Iteration {progress.n_iter}\t mean log-likelihood {progress.log_likelihood:.8g}{gain}")

    def _check_parameters(self) -> None:
        covariance_class(self.covariance_type)
        require_integer("n_components", self.n_components, 1)
        require_integer("max_iter", self.max_iter, 0)
        require_integer("n_init", self.n_init, 1)
        require_integer("verbose_interval", self.verbose_interval, 1)
        require_nonnegative("tol", self.tol)
        require_nonnegative("reg_covar", self.reg_covar)
        if isinstance(self.init_params, str) and self.init_params not in METHODS:
            raise ValueError(f"init_params must be one of {METHODS} or an array; got {self.init_params!r}")
        if self.callback is not None and not callable(self.callback):
            raise ValueError(f"callback must be callable or None; got {self.callback!r}")

    # using the fit

    def predict(self, X: Any) -> IntArray:
        """(n,) the most probable component of each row."""
        return self._engine(X).score_rows(self.mixture_.whitened(), "labels")

    def predict_proba(self, X: Any) -> FloatArray:
        """(n, k) the probability of each component given the row."""
        return self._engine(X).score_rows(self.mixture_.whitened(), "responsibilities")

    def transform(self, X: Any) -> FloatArray:
        """`predict_proba`, as features for a pipeline; a data frame after ``set_output(transform="pandas")``."""
        return self.predict_proba(X)

    def score_samples(self, X: Any) -> FloatArray:
        """(n,) the log density of each row, in nats."""
        return self._engine(X).score_rows(self.mixture_.whitened(), "log_density")

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The (weighted) mean of `score_samples`."""
        return self._log_likelihood(X, sample_weight)[0]

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion (Schwarz 1978): lower is better.

        Weights count rows: ``n`` in ``log n`` is their sum.
        """
        mean, weight = self._log_likelihood(X, sample_weight)
        return float(-2 * mean * weight + self.mixture_.n_parameters * np.log(weight))

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion (Akaike 1974): lower is better."""
        mean, weight = self._log_likelihood(X, sample_weight)
        return float(-2 * mean * weight + 2 * self.mixture_.n_parameters)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.Generator | np.random.RandomState | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Draw rows from the fitted mixture, in random order.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, Generator, RandomState or None
            None uses the estimator's ``random_state``, so an int there gives the same rows at every call.

        Returns
        -------
        X : (n, d) array
        y : (n,) array
            The component of each row.
        """
        check_is_fitted(self)
        seed = check_random_state(self.random_state) if random_state is None else random_state
        return self.mixture_.sample(n_samples, seed)

    def _engine(self, X: Any, sample_weight: Any = None) -> NativeEngine:
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=list(KEPT_TYPES), reset=False, ensure_all_finite=False)
        require_finite(rows)
        return NativeEngine(rows, check_sample_weight(sample_weight, len(rows)))

    def _log_likelihood(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        moments = self._engine(X, sample_weight).accumulate(self.mixture_.whitened())
        return moments.mean_log_likelihood, moments.weight

    # fitted attributes, read from the frozen mixture

    @property
    def weights_(self) -> FloatArray:
        return self.mixture_.weights

    @property
    def means_(self) -> FloatArray:
        return self.mixture_.means

    @property
    def covariances_(self) -> FloatArray:
        return _read_only(self.mixture_.covariance.covariances)

    @property
    def precisions_(self) -> FloatArray:
        return _read_only(self.mixture_.covariance.precisions)

    @property
    def precisions_cholesky_(self) -> FloatArray:
        return _read_only(self.mixture_.covariance.factors())

    @property
    def _n_features_out(self) -> int:
        return self.mixture_.n_components


@contextmanager
def _unchanged_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """A fit that fails leaves the estimator, and the model it may have had, as they were."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _read_only(array: FloatArray) -> FloatArray:
    """A computed attribute that refuses to be written to, for the writing would be lost."""
    array.flags.writeable = False
    return array
