"""`BayesianGaussianMixture` estimator: checks its input, calls `fit_posterior` and keeps the result."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.engines import engine_for
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import require_unmasked
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, IntArray, Random
from gaussmix.core.warning_values import warn
from gaussmix.diagnostics import Report
from gaussmix.diagnostics.posterior import inspect_posterior
from gaussmix.estimators.bayesian_checks import check_bayesian_mixture, prior_settings
from gaussmix.estimators.checkpoints import opened_checkpoint
from gaussmix.estimators.fit_warnings import warn_of_singular_prior
from gaussmix.estimators.fitted_posterior import FittedPosteriorMixin
from gaussmix.estimators.parameter_checks import of_used, require_enough_rows, require_observed_columns
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.verbose import VerbosePrinter
from gaussmix.fitting.em import Progress
from gaussmix.fitting.fit_posterior import GivenStates, PosteriorFit, fit_posterior
from gaussmix.fitting.initialization import Method, draw_membership, membership_from_user, mixture_from_membership
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.settings import MAX_ITER
from gaussmix.fitting.stopping import RemainingGain, Stop
from gaussmix.fitting.variational import BoundChange, VariationalUpdate
from gaussmix.fitting.variational_search import N_STARTS


class BayesianGaussianMixture(ClassNamePrefixFeaturesOutMixin, FittedPosteriorMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian mixture fitted by variational Bayes, with scikit-learn's interface.

    Parameters, methods and attributes are those of ``sklearn.mixture.BayesianGaussianMixture``, with the differences
    listed in docs/from-scikit-learn.md. ``lower_bound_`` is the evidence lower bound with all constants, so it compares
    numbers of components, priors and covariance types; with one component it is the log evidence. The fit leaves poor
    optima by merging, splitting and adding components.

    Parameters
    ----------
    n_components : int, default=1
        Greatest number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        A covariance matrix for each component, one for all, a variance for each feature, or one for each component.
    tol : "auto" or float, default="auto"
        "auto" ends a run when the bound is an estimated 1e-4 nats below the optimum. A number has scikit-learn's
        meaning: a run ends when an iteration changes the bound by less, in nats over all rows.
    reg_covar : "auto" or float, default="auto"
        "auto" adds nothing, because the prior keeps covariances regular. A number is added to the variances of the rows
        of every component, as in scikit-learn.
    max_iter : "auto" or int, default="auto"
        "auto" is 10,000.
    n_init : "auto" or int, default="auto"
        Number of starts. "auto" is 8, or 1 if ``init_params`` names a method.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"} or array-like, default="auto"
        "auto" is a search for the greatest bound (docs/bayes.md). Or one method, as in `GaussianMixture`. Or your own
        labels (n,) or responsibilities (n, k).
    weight_concentration_prior_type : str, default="dirichlet_process"
        "dirichlet_process" (stick-breaking) or "dirichlet_distribution".
    weight_concentration_prior : float, optional
        Concentration of the weights: small values favor few components. By default ``1 / n_components``.
    mean_precision_prior : float, optional
        Precision of the mean of a component, in rows; by default 1.
    mean_prior : (d,) array-like, optional
        Expected mean of a component; by default the mean of the rows.
    degrees_of_freedom_prior : float, optional
        Degrees of freedom of the prior of a precision matrix, more than d - 1; by default d.
    covariance_prior : float or array-like, optional
        Inverse scale of the prior of a precision matrix: (d, d) for full and tied, (d,) for diag, a number for
        spherical. By default the covariance of the rows.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts; with an int, a fit to the same rows gives the same numbers.
    warm_start : bool, default=False
        Continue from the posterior of the previous fit.
    verbose : int, default=0
        1 prints the runs and some iterations, 2 also gains.
    verbose_interval : int, default=10
        Number of iterations between printed ones.
    callback : callable, optional
        Called with a `gaussmix.fitting.em.Progress` at every start and after every iteration; its log-likelihood is the
        bound, in nats per row.
    acceleration : {"auto", "none"}, default="auto"
        "none" takes scikit-learn's steps. With numbers for the other parameters, iterations are the same as in
        scikit-learn, whose E-step takes the last stick to be open and uses the Wishart distribution of a full precision
        matrix for "diag" and "spherical". ``lower_bound_`` is that of the model documented here in either case, and it
        may then fall by a little.
    time_budget : float, optional
        Seconds after which the best posterior so far is returned.
    prune : "auto" or bool, default="auto"
        Whether to remove components with less than one expected row at the end. "auto" removes them after a search;
        with a named method, a start of your own or a warm start, all ``n_components`` are kept, as in scikit-learn.

    Attributes
    ----------
    weights_ : (k,) array
        Expected weights.
    means_ : (k, d) array
        Expected means.
    covariances_, precisions_, precisions_cholesky_ : array
        Inverses of the expected precision matrices, these matrices, and upper triangular W with ``W W' = precision``,
        in the shapes of `GaussianMixture`.
    mixture_ : Mixture
        The mixture of these, which is immutable and can be saved, sampled and marginalized.
    posterior_ : Posterior
        The posterior distribution: predictive density, draws of whole mixtures, credible intervals, number of
        components.
    weight_concentration_ : (k,) array, or two
        Parameters of the Dirichlet distribution, or of the beta distributions of the sticks; the last stick ends at 1,
        and its second parameter is 0.
    mean_precision_ : (k,) array
        Precisions of the means, in rows.
    degrees_of_freedom_ : (k,) array, or float for "tied"
        Degrees of freedom of the precision matrices; for "tied", scikit-learn's number, that of the one matrix divided
        by the number of components.
    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
        Numbers of the prior.
    mean_prior_ : (d,) array
        Mean of the prior.
    covariance_prior_ : float or array
        Inverse scale of the prior, in the shape of the parameter.
    fit_result_ : PosteriorFit
        Complete result of the fit, from which the other attributes are read.
    converged_ : bool
        Whether the last run converged.
    stop_reason_ : str
        Why the fit ended, in a sentence.
    n_iter_ : int
        Number of iterations of the last run.
    history_ : dict of arrays
        The start and every iteration of the last run: "lower_bound" and the "gain" that another step would guarantee,
        in nats over all rows, and "seconds" since the fit began.
    start_lower_bounds_ : (s,) array
        Bounds in nats that the starts reached, greatest first, on the rows that were searched.
    lower_bound_ : float
        Evidence lower bound of the returned posterior, in nats over all rows, with all constants.
    lower_bounds_ : list of float
        The same after each iteration of the last run.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    See Also
    --------
    gaussmix.GaussianMixture : Maximum likelihood.

    References
    ----------
    Bishop, Pattern Recognition and Machine Learning (2006), section 10.2. Blei and Jordan, Variational inference for
    Dirichlet process mixtures, Bayesian Analysis 1 (2006), 121-144. Hughes and Sudderth, Memoized online variational
    inference for Dirichlet process mixture models, NeurIPS 26 (2013).

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import BayesianGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(1, 1, (100, 2)), rng.normal(10, 2, (200, 2))])
    >>> bgm = BayesianGaussianMixture(n_components=10, random_state=0).fit(X)
    >>> bgm.weights_.round(2)
    array([0.67, 0.33])
    >>> bgm.posterior_.intervals(0.95).means[:, 0].round(1)
    array([[ 9.5, 10.1],
           [ 0.7,  1.2]])
    """

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float | str = "auto",
        reg_covar: float | str = "auto",
        max_iter: int | str = "auto",
        n_init: int | str = "auto",
        init_params: Any = "auto",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        callback: Callable[[Progress], object] | None = None,
        acceleration: str = "auto",
        time_budget: float | None = None,
        prune: bool | str = "auto",
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.callback = callback
        self.acceleration = acceleration
        self.time_budget = time_budget
        self.prune = prune

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        noise_covariance: Any = None,
        *,
        checkpoint: str | PathLike[str] | None = None,
    ) -> Self:
        """Fit the posterior to rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least ``n_components`` rows of finite numbers. float64, float32, uint8 and uint16 are not copied, except
            for distinct rows if rows repeat three times or more on average.
        y : ignored
            Present for scikit-learn's pipelines: a mixture is fitted without labels.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows, also in the posterior.
        noise_covariance : array-like, optional
            Covariance of the measurement errors: variances (d,) or a covariance (d, d) of every row, variances (n, d)
            or covariances (n, d, d) of each row. The mixture is that of the true values (Bovy, Hogg and Roweis, Annals
            of Applied Statistics 5 (2011), 1657-1677). An infinite variance is a missing value.
        checkpoint : str or path, optional
            File from which the same call goes on if the process was killed (docs/long-fits.md). It is kept.

        Returns
        -------
        BayesianGaussianMixture
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows or the weights are not valid, or the checkpoint is that of another fit.
        KeyboardInterrupt
            On Ctrl-C. The estimator keeps the best posterior so far, if any.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` or ``time_budget`` ended the fit.
        DegenerateDataWarning
            If columns are constant or follow from others, so that the default ``covariance_prior`` is singular.
        """
        with RestoredOnFailure(self, "fit_result_"), np.errstate(under="ignore"):
            self._fit(X, sample_weight, noise_covariance, checkpoint)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None, noise_covariance: Any = None) -> IntArray:
        """Fit the posterior and return the label of each row, as ``fit(X).predict(X)`` does.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows to fit and to label.
        y : ignored
            Present for scikit-learn's pipelines: a mixture is fitted without labels.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        (n,) array
            The most probable component of each row, from 0.
        """
        with RestoredOnFailure(self, "fit_result_"), np.errstate(under="ignore"):
            return assign_rows(engine_for(self._fit(X, sample_weight, noise_covariance)), self._whitened(), "labels")

    def _fit(self, X: Any, sample_weight: Any, noise_covariance: Any, path: Any = None) -> WeightedRows:
        check_bayesian_mixture(self)
        rows = self._rows_in_memory(X, sample_weight, noise_covariance, ensure_min_samples=2)
        require_observed_columns(rows)
        require_enough_rows(rows, self.n_components)
        settings = prior_settings(self, rows.n_features)
        previous = self._previous_result(rows.n_features)
        if previous is not None:
            settings = settings.with_components(len(previous.posterior.means))
        printer = VerbosePrinter(self.verbose, self.verbose_interval, "mean evidence lower bound")
        ridge = 0.0 if isinstance(self.reg_covar, str) else float(self.reg_covar)
        before = None if previous is None else previous.posterior.mixture
        with opened_checkpoint(path, self, rows, before) as (checkpoint, rng):
            starts = self._given_starts(previous, rng, printer, rows.with_value)
            prune = starts is None if isinstance(self.prune, str) else bool(self.prune)
            search = self._search(starts, rows.informative().total, self._watcher(printer))
            search = replace(search, checkpoint=checkpoint)
            result = fit_posterior(rows.informative(), settings, search, rng, ridge=ridge, prune=prune, starts=starts)
        self.fit_result_ = result
        if result.fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        if not result.fit.stop.is_converged and result.fit.stop is not Stop.START:
            remedy = (
                "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
                "tol, or check for degenerate data. "
            )
            said = result.reason if result.fit.stop.is_cut_short else remedy + result.reason
            warn(ConvergenceWarning(said), stacklevel=3)
        if self.covariance_prior is None and ridge == 0:
            warn_of_singular_prior(rows, self.covariance_type)
        return rows

    def _previous_result(self, n_features: int) -> PosteriorFit | None:
        """Return the result that a warm start continues from."""
        previous: PosteriorFit | None = getattr(self, "fit_result_", None) if self.warm_start else None
        if previous is None:
            return None
        posterior = previous.posterior
        found = posterior.mixture.covariance_type, *posterior.means.shape
        wanted = self.covariance_type, self.n_components, n_features
        if found[::2] != wanted[::2] or found[1] > wanted[1]:
            raise ValueError(
                f"warm_start continues from {found}, this fit asks for {wanted} (covariance_type, n_components, "
                "n_features): set warm_start=False"
            )
        return previous

    def _given_starts(
        self, previous: PosteriorFit | None, rng: Random, printer: VerbosePrinter, used: BoolArray
    ) -> GivenStates | None:
        """Return how starts are made, or None for a search; ``used`` (n,) says which rows the fit has."""
        if isinstance(self.init_params, str) and self.init_params == "auto" and previous is None:
            return None

        def draw(rows: WeightedRows, update: VariationalUpdate) -> Mixture:
            return self._draw_start(rows, update, rng, used) if previous is None else previous.fit.mixture

        return GivenStates(draw, previous.previous_bound if previous else -math.inf, printer.print_end)

    def _draw_start(self, rows: WeightedRows, update: VariationalUpdate, rng: Random, used: BoolArray) -> Mixture:
        if isinstance(self.init_params, str):
            method: Method = self.init_params  # type: ignore[assignment]
            membership = draw_membership(engine_for(rows), self.n_components, method, rng)
        else:
            require_unmasked(self.init_params, "init_params")
            membership = membership_from_user(of_used(self.init_params, used), rows, self.n_components)
        return mixture_from_membership(membership, update.prior.structure, update)

    def _search(
        self, starts: GivenStates | None, total: float, watch: Callable[[Progress], None] | None
    ) -> SearchSettings:
        is_drawn = starts is None or (isinstance(self.init_params, str) and not self._continues)
        automatic = N_STARTS if starts is None else 1
        n_starts = automatic if isinstance(self.n_init, str) else int(self.n_init)
        return SearchSettings(
            n_starts if is_drawn else 1,
            RemainingGain() if isinstance(self.tol, str) else BoundChange(float(self.tol), total),
            MAX_ITER if isinstance(self.max_iter, str) else int(self.max_iter),
            self.acceleration == "auto",
            math.inf if self.time_budget is None else time.perf_counter() + float(self.time_budget),
            watch,
        )

    @property
    def _continues(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "fit_result_")

    @underflow_to_zero
    def report(self, X: Any = None, sample_weight: Any = None, *, noise_covariance: Any = None) -> Report:
        """Report on the fit, and on its rows if they are given again (docs/report.md).

        Parameters
        ----------
        X : (n, d) array-like or table, optional
            The rows of the fit.
        sample_weight : (n,) array-like, optional
            The weights of the fit.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        Report
            ``str(report)`` is its text, ``report.facts`` its numbers.
        """
        check_is_fitted(self)
        rows = None if X is None else self._rows_in_memory(X, sample_weight, noise_covariance, reset=False)
        return inspect_posterior(self.fit_result_, rows)
