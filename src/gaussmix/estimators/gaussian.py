"""`GaussianMixture`: validate, call the loop, copy results. No algorithm lives here."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.components.matching import order_components
from gaussmix.core.covariance import covariance_class, free_of
from gaussmix.core.engines import NativeEngine, distinct_rows
from gaussmix.core.environment import one_blas_thread
from gaussmix.core.errors import DegenerateDataWarning
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import KEPT_TYPES, WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Random
from gaussmix.core.validation import check_sample_weight, naming_columns, require_finite
from gaussmix.diagnostics import FitRecord, Report, inspect_fit
from gaussmix.estimators.fit_warnings import warn_of
from gaussmix.estimators.parameter_checks import (
    require_integer,
    require_nonnegative,
    require_order,
    with_given_parameters,
)
from gaussmix.fitting.em import Fit, Progress
from gaussmix.fitting.initialization import (
    METHODS,
    Method,
    draw_membership,
    membership_from_user,
    mixture_from_membership,
)
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import Found
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.settings import PENALTIES, Settings, fit_by_search, fit_from_starts
from gaussmix.fitting.stopping import Stop
from gaussmix.selection import criteria


class GaussianMixture(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian mixture fitted by expectation-maximization, with scikit-learn's interface.

    Parameters, methods and attributes are those of ``sklearn.mixture.GaussianMixture``, and mean the same but for the
    few differences that docs/from-scikit-learn.md lists. Beside them: ``sample_weight``, responsibilities as a
    transform, the frozen ``mixture_``, and ``stop_reason_``.

    Parameters
    ----------
    n_components : int, default=1
        How many normal distributions the mixture has.
    covariance_type : str, default="full"
        "full", "tied", "diag" or "spherical": a covariance matrix for each component, one for all, a variance for each
        feature, or one for each component. Or three of mclust's letters, for the volume, the shape and the orientation
        of the components, E when they are equal, V when they vary, I when there are none: EII VII EEI VEI EVI VVI EEE
        VEE EVE VVE EEV VEV EVV VVV.
    tol : "auto" or float, default="auto"
        "auto" ends EM when the top is an estimated 1e-4 nats ahead, of all rows together. A number means what it means
        in scikit-learn: EM ends when an iteration changes the mean log-likelihood by less (nats per row).
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        What keeps covariances regular. "auto" is a penalty in the data's own units, far too weak to change a sound
        component: 1e-10 rows of the covariance within clusters. A number is added to every variance, in squared units
        of the data, as in scikit-learn. "chen-tan" is the penalty of Chen and Tan (2009) with 1/sqrt(n) rows of the
        covariance of the data, "inverse-wishart" the prior of Fraley and Raftery (2007), for components of few rows.
    max_iter : "auto" or int, default="auto"
        "auto" is 10,000.
    n_init : "auto" or int, default="auto"
        "auto" is 8 starts that race (16 for more than 12 components), or one where ``init_params`` names a method. With
        a method, each start is run to the end and draws anew from ``random_state``; the one that ends with the greatest
        likelihood is kept.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"} or array-like, default="auto"
        "auto" is a search: starts of several kinds race, components are merged and split where that leads higher. Or
        one method: k-means clusters; the cells about k-means++ seeds; random responsibilities; the cells about
        randomly chosen rows; or labels (n,) or responsibilities (n, k) of your own. Large data are searched on a part:
        docs/starting-and-stopping.md.
    weights_init : (k,) array-like, optional
        Weights to start from.
    means_init : (k, d) array-like, optional
        Means to start from.
    precisions_init : array-like, optional
        Inverse covariances to start from, in the shape of ``covariance_type``.
    random_state : int, RandomState instance or None, default=None
        Where starts are drawn from; with an int, a fit to the same rows gives the same numbers.
    warm_start : bool, default=False
        Go on from the parameters of the previous fit.
    verbose : int, default=0
        1 prints the starts and some iterations, 2 also gains.
    verbose_interval : int, default=10
        Iterations between two that are printed.
    callback : callable, optional
        Called with a `gaussmix.fitting.em.Progress` at every start and after every iteration.
    acceleration : {"auto", "none"}, default="auto"
        "none" takes plain EM steps: with numbers for the others, the iterations of scikit-learn.
    time_budget : float, optional
        Seconds after which the best model so far is returned.
    order_by : "auto", "weight", "principal", or a feature's name or position, default="auto"
        The order of the components (`gaussmix.components.matching.order_components`). "auto" is by descending weight
        after a search, and the order of the start where there is a start. A warm start keeps the order of the model it
        goes on from, whatever this says: the names stay.

    Attributes
    ----------
    weights_ : (k,) array
        How probable each component is.
    means_ : (k, d) array
        Where each component lies.
    covariances_, precisions_, precisions_cholesky_ : array
        Covariances, their inverses, and upper triangular W with ``W W' = precision``: full (k, d, d), tied (d, d),
        diag and EEI, VEI, EVI (k, d), spherical and EII (k,); the other letters as full. Like ``weights_`` and
        ``means_`` they are read from ``mixture_``; to make a model from known numbers use `Mixture.from_parameters`.
    mixture_ : Mixture
        The fitted model, frozen: save it, sample it, take marginals.
    converged_ : bool
        Whether the fit that was kept converged.
    stop_reason_ : str
        Why it stopped, in a sentence.
    n_iter_ : int
        Iterations of the run that was kept.
    history_ : dict of arrays
        The run that was kept, its start and every iteration: "log_likelihood" in nats per row, "gain" that another EM
        step would guarantee, in nats over all rows (NaN where it was not asked for), "seconds" since the fit began.
    start_log_likelihoods_ : (s,) array
        Log-likelihood, in nats, that each start reached, the greatest first; of those that race, the ones that were
        not given up early, on the rows that were searched.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters: ``score(X, sample_weight=sample_weight)``, but for the last
        digits where rows repeat.
    lower_bounds_ : list of float
        The same after each iteration.
    n_features_in_ : int
        How many columns X had.
    feature_names_in_ : (d,) array of str
        When X had names.

    See Also
    --------
    gaussmix.Mixture : A mixture with known parameters.

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
        tol: float | str = "auto",
        reg_covar: float | str = "auto",
        max_iter: int | str = "auto",
        n_init: int | str = "auto",
        init_params: Any = "auto",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        callback: Callable[[Progress], object] | None = None,
        acceleration: str = "auto",
        time_budget: float | None = None,
        order_by: int | str = "auto",
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
        self.acceleration = acceleration
        self.time_budget = time_budget
        self.order_by = order_by

    # fitting

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Estimate the mixture.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least ``n_components`` rows of finite numbers. float64, float32, uint8 and uint16 are not copied; where
            rows repeat three times or more, the distinct ones are.
        y : ignored
            There for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        GaussianMixture
            Itself.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C. When there is a model already, the estimator keeps the best so far.

        Warns
        -----
        ConvergenceWarning
            When ``max_iter`` or ``time_budget`` ended the fit.
        DegenerateComponentWarning
            When a component has collapsed, has too few rows or looks like a chance finding; the model is valid all the
            same.
        DegenerateDataWarning
            When columns are constant or follow from others: the fit left them out, the model covers them.
        """
        with _unchanged_on_failure(self):
            self._fit(X, sample_weight)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """`fit`, then the label of each row: the same as ``fit(X).predict(X)``.

        Parameters
        ----------
        X : (n, d) array-like or table
            The rows to fit and to label.
        y : ignored
            There for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        (n,) array
            The component that is most probable for the row, from 0 on.
        """
        with _unchanged_on_failure(self):
            return self._fit(X, sample_weight).score_rows(self.mixture_.whitened(), "labels")

    def _fit(self, X: Any, sample_weight: Any) -> NativeEngine:
        self._check_parameters()
        with naming_columns(X):
            rows = self._checked_rows(X, sample_weight, ensure_min_samples=2)
        if rows.n_rows < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {rows.n_rows}"
            )
        if rows.n_positive < self.n_components:
            raise ValueError(
                f"sample_weight leaves {rows.n_positive} rows for n_components = {self.n_components}; "
                "give weight to more rows or use fewer components"
            )
        names = self._feature_names()
        require_order(self.order_by, names, rows.n_features)
        previous = self._previous(rows.n_features)
        given = any(value is not None for value in (self.weights_init, self.means_init, self.precisions_init))
        search = isinstance(self.init_params, str) and self.init_params == "auto" and not given and previous is None
        settings = Settings.of(
            covariance_class(self.covariance_type),
            self.n_components,
            tol=self.tol,
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            n_init=self.n_init if previous is None and self._start_is_drawn() else 1,
            search=search,
            acceleration=self.acceleration,
            time_budget=self.time_budget,
            watch=self._watch,
        )
        data_range = None
        if isinstance(self.reg_covar, str) and not given and previous is None:
            data_range = ColumnReduction.of(rows, free_of(settings.structure).name)
        fitted_rows = rows if data_range is None else rows.with_values(data_range.reduce(rows.values))
        if rows.weights is not None:
            scale = min(1.0, rows.weights[rows.weights > 0].mean())
            fitted_rows = replace(fitted_rows, weights=rows.weights / scale)
        distinct = distinct_rows(fitted_rows)
        engine = NativeEngine.of(fitted_rows if distinct is None else distinct)
        rng = check_random_state(self.random_state)

        def draw_start(update: MaximumLikelihood) -> Mixture:
            return previous or self._draw_start(fitted_rows, update, rng)

        with one_blas_thread(*rows.shape):
            if search:
                found = fit_by_search(engine, fitted_rows.total, settings, rng)
            else:
                last = self._last_log_likelihood if previous else -np.inf
                found = fit_from_starts(engine, fitted_rows.total, settings, draw_start, last, self._print_end)
            fit = found.fit
            lifted, engine = fit.mixture, NativeEngine.of(rows)
            log_likelihood = fit.moments.mean_log_likelihood
            if data_range is not None:
                lifted = data_range.lift(fit.mixture)
                log_likelihood = engine.accumulate(lifted.whitened()).mean_log_likelihood
        lifted = replace(lifted, feature_names=names)
        if self.order_by != "auto" and previous is None:
            order = order_components(lifted, self.order_by)
            found, lifted = found.reordered(order), lifted.reordered(order)
            fit = found.fit
        self._keep(found, lifted, log_likelihood)
        self._data_range, self._reduced = data_range, fit.mixture
        if fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        if data_range is not None:
            reasons = data_range.describe(names)
            warnings.warn(DegenerateDataWarning(data_range.dropped, reasons, rows.shape), stacklevel=3)
        warn_of(found, self.reg_covar)
        return engine

    def _previous(self, n_features: int) -> Mixture | None:
        """What a warm start goes on from."""
        previous: Mixture | None = getattr(self, "mixture_", None) if self.warm_start else None
        wanted = (covariance_class(self.covariance_type).name, self.n_components, n_features)
        if previous is not None and (previous.covariance_type, *previous.means.shape) != wanted:
            raise ValueError(
                f"warm_start goes on with {(previous.covariance_type, *previous.means.shape)}, this fit asks for "
                f"{wanted} (covariance_type, n_components, n_features): set warm_start=False"
            )
        return previous

    def _feature_names(self) -> tuple[str, ...] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else tuple(map(str, names))

    def _start_is_drawn(self) -> bool:
        """Whether another start would be another one."""
        given = (self.weights_init, self.means_init, self.precisions_init)
        return isinstance(self.init_params, str) and any(parameter is None for parameter in given)

    def _draw_start(self, rows: WeightedRows, update: MaximumLikelihood, rng: Random) -> Mixture:
        structure = covariance_class(self.covariance_type)
        given = (self.weights_init, self.means_init, self.precisions_init)
        drawn = None
        if any(parameter is None for parameter in given):
            if isinstance(self.init_params, str):
                method: Method = "kmeans" if self.init_params == "auto" else self.init_params  # type: ignore[assignment]
                membership = draw_membership(NativeEngine.of(rows), self.n_components, method, rng)
            else:
                membership = membership_from_user(np.asarray(self.init_params), rows, self.n_components)
            drawn = mixture_from_membership(membership, structure, update)
        return with_given_parameters(drawn, structure, (self.n_components, rows.n_features), *given)

    def _keep(self, found: Found, mixture: Mixture, log_likelihood: float) -> None:
        fit = found.fit
        shift = log_likelihood - fit.moments.mean_log_likelihood  # of columns that were left out
        self.mixture_ = mixture
        self.converged_ = fit.stop.is_converged
        self.stop_reason_ = fit.reason
        self.n_iter_ = fit.n_iter
        self.history_ = {
            name: np.array([getattr(record, name) for record in fit.history])
            for name in ("log_likelihood", "gain", "seconds")
        }
        self.history_["log_likelihood"] += shift
        self.lower_bound_ = log_likelihood
        self.lower_bounds_ = [float(value) for value in self.history_["log_likelihood"][1:]]
        self._update = found.update
        self.start_log_likelihoods_ = np.array(found.optima)
        self._last_log_likelihood = log_likelihood - fit.change  # what a warm start goes on from

    def _print_end(self, fit: Fit) -> None:
        if self.verbose:
            print(f"Initialization {'converged' if fit.stop is Stop.CONVERGED else 'did not converge'}.")

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
        require_integer("verbose_interval", self.verbose_interval, 1)
        if self.max_iter != "auto":
            require_integer("max_iter", self.max_iter, 0)
        if self.n_init != "auto":
            require_integer("n_init", self.n_init, 1)
        if self.tol != "auto":
            require_nonnegative("tol", self.tol)
        if isinstance(self.reg_covar, str):
            if self.reg_covar not in ("auto", *PENALTIES):
                raise ValueError(
                    f"reg_covar must be a number, at least 0, or one of {('auto', *PENALTIES)}; got {self.reg_covar!r}"
                )
        else:
            require_nonnegative("reg_covar", self.reg_covar)
        if self.time_budget is not None:
            require_nonnegative("time_budget", self.time_budget)
        if self.acceleration not in ("auto", "none"):
            raise ValueError(f'acceleration must be "auto" or "none"; got {self.acceleration!r}')
        if isinstance(self.init_params, str) and self.init_params not in ("auto", *METHODS):
            raise ValueError(f"init_params must be one of {('auto', *METHODS)} or an array; got {self.init_params!r}")
        if self.callback is not None and not callable(self.callback):
            raise ValueError(f"callback must be callable or None; got {self.callback!r}")

    # using the fit

    def predict(self, X: Any) -> IntArray:
        """The most probable component of each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            The component that is most probable for the row, from 0 on.
        """
        return self._engine(X).score_rows(self.mixture_.whitened(), "labels")

    def predict_proba(self, X: Any) -> FloatArray:
        """The probability of each component given the row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n, k) array
            Responsibilities; every row sums to one.
        """
        return self._engine(X).score_rows(self.mixture_.whitened(), "responsibilities")

    def transform(self, X: Any) -> FloatArray:
        """`predict_proba`, as features for a pipeline.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n, k) array or data frame
            Responsibilities; a data frame after ``set_output(transform="pandas")``.
        """
        return self.predict_proba(X)

    def score_samples(self, X: Any) -> FloatArray:
        """The log density of each row: how usual it is.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            Natural logarithms.
        """
        return self._engine(X).score_rows(self.mixture_.whitened(), "log_density")

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The (weighted) mean of `score_samples`.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        y : ignored
            There for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            Log-likelihood in nats per row; higher is better.
        """
        return self._moments(X, sample_weight).mean_log_likelihood

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion: lower is better (`gaussmix.selection.criteria.bic`).

        Weights count rows: ``n`` in ``log n`` is their sum.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            The criterion of these rows; only models of the same rows compare.
        """
        return self._criterion("bic", X, sample_weight)

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood (ICL), BIC plus twice the entropy: lower is better.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            The criterion of these rows; only models of the same rows compare.
        """
        return self._criterion("icl", X, sample_weight)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion (Akaike 1974): lower is better.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            The criterion of these rows; only models of the same rows compare.
        """
        return self._criterion("aic", X, sample_weight)

    def aicc(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's criterion corrected for few rows: lower is better (`gaussmix.selection.criteria.aicc`).

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            The criterion of these rows; only models of the same rows compare.
        """
        return self._criterion("aicc", X, sample_weight)

    def entropy(self, X: Any, sample_weight: Any = None) -> float:
        """How unsure the labels are: the entropy of the responsibilities, summed over the (weighted) rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.

        Returns
        -------
        float
            In nats; 0 where every row is sure.
        """
        return self._moments(X, sample_weight).entropy

    def fitted_parts(self) -> tuple[Mixture, Mixture, MaximumLikelihood, ColumnReduction | None]:
        """What a refit needs; for the package itself (`gaussmix.inference`).

        Returns
        -------
        tuple
            The mixture, that of the columns the fit kept, its M-step, and which columns these are.
        """
        check_is_fitted(self)
        return self.mixture_, self._reduced, self._update, self._data_range

    def _criterion(self, name: str, X: Any, sample_weight: Any) -> float:
        moments, p = self._moments(X, sample_weight), self.mixture_.n_parameters
        return float(criteria.CRITERIA[name](moments.log_likelihood, p, moments.weight, moments.entropy))

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.Generator | np.random.RandomState | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Draw rows from the fitted mixture, in random order.

        Parameters
        ----------
        n_samples : int, default=1
            How many rows.
        random_state : int, Generator, RandomState or None
            None uses the estimator's ``random_state``, so an int there gives the same rows at every call.

        Returns
        -------
        X : (n, d) array
            The rows.
        y : (n,) array
            The component of each row.
        """
        check_is_fitted(self)
        seed = check_random_state(self.random_state) if random_state is None else random_state
        return self.mixture_.sample(n_samples, seed)

    def _engine(self, X: Any, sample_weight: Any = None) -> NativeEngine:
        check_is_fitted(self)
        return NativeEngine.of(self._checked_rows(X, sample_weight, reset=False))

    def _checked_rows(self, X: Any, sample_weight: Any, **options: Any) -> WeightedRows:
        """What the user gives, checked; ``options`` are those of scikit-learn's ``validate_data``."""
        rows = validate_data(self, X, dtype=list(KEPT_TYPES), ensure_all_finite=False, **options)
        require_finite(rows, X)
        return WeightedRows(rows, check_sample_weight(sample_weight, len(rows)))

    def _moments(self, X: Any, sample_weight: Any) -> Moments:
        return self._engine(X, sample_weight).accumulate(self.mixture_.whitened())

    def report(self, X: Any = None, sample_weight: Any = None) -> Report:
        """What is to be known about the fit, and about its rows when they are given again: docs/report.md.

        Parameters
        ----------
        X : (n, d) array-like or table, optional
            The rows of the fit.
        sample_weight : (n,) array-like, optional
            The weights of the fit.

        Returns
        -------
        Report
            ``str(report)`` is its text, ``report.facts`` what it says as numbers.
        """
        check_is_fitted(self)
        if X is None:
            return inspect_fit(self.mixture_, FitRecord.of(self))
        rows = self._checked_rows(X, sample_weight, reset=False)
        return inspect_fit(self.mixture_, FitRecord.of(self), rows.values, rows.weights)

    # fitted attributes, read from the frozen mixture

    @property
    def weights_(self) -> FloatArray:
        """How probable each component is, ``(k,)``."""
        return self.mixture_.weights

    @property
    def means_(self) -> FloatArray:
        """Where each component lies, ``(k, d)``."""
        return self.mixture_.means

    @property
    def covariances_(self) -> FloatArray:
        """Covariances, in the shape of ``covariance_type``."""
        return _read_only(self.mixture_.covariance.covariances)

    @property
    def precisions_(self) -> FloatArray:
        """Inverse covariances, in the shape of ``covariance_type``."""
        return _read_only(self.mixture_.covariance.precisions)

    @property
    def precisions_cholesky_(self) -> FloatArray:
        """Upper triangular ``W`` with ``W W' = precision``, in the shape of ``covariance_type``."""
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
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and vars(estimator).get("mixture_") is not before.get("mixture_"):
            raise  # interrupted, with a model to keep
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _read_only(array: FloatArray) -> FloatArray:
    """A computed attribute that refuses to be written to, for the writing would be lost."""
    array.flags.writeable = False
    return array
