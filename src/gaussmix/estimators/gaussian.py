"""`GaussianMixture` estimator: checks its input, calls `fit_mixture` and keeps the result."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin

from gaussmix.components.matching import order_components
from gaussmix.core.covariance import AbstractCovariance, Factor, structure_of
from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import as_given
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray, IntArray, Random
from gaussmix.core.warning_values import warn
from gaussmix.estimators.checkpoints import opened_checkpoint
from gaussmix.estimators.constraint_checks import require_held_ratio
from gaussmix.estimators.drawn_start import draw_start
from gaussmix.estimators.factor_checks import structure_for, warn_of_least_noise
from gaussmix.estimators.fit_checks import check_fit, check_fit_rows
from gaussmix.estimators.fit_warnings import (
    warn_of_fit,
    warn_of_large_errors,
    warn_of_near_relation,
    warn_of_unobserved,
)
from gaussmix.estimators.fitted_factors import FittedFactorsMixin
from gaussmix.estimators.fitted_result import FittedResultMixin
from gaussmix.estimators.online_fit import OnlineFitMixin
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.estimators.truncation_checks import is_truncated
from gaussmix.estimators.verbose import VerbosePrinter
from gaussmix.estimators.warm_start import result_to_continue
from gaussmix.fitting.constraints import Constraints
from gaussmix.fitting.em import Progress
from gaussmix.fitting.fit_mixture import GivenStarts, fit_mixture
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.normal_inverse_wishart import NormalInverseWishart
from gaussmix.fitting.settings import FitSettings, n_starts_for, search_settings
from gaussmix.fitting.stopping import Stop


class GaussianMixture(
    OnlineFitMixin,
    FittedFactorsMixin,
    FittedResultMixin,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    DensityMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Gaussian mixture fitted by expectation-maximization, with scikit-learn's interface.

    Parameters, methods and attributes are those of ``sklearn.mixture.GaussianMixture`` and have the same meaning, with
    the few differences listed in docs/from-scikit-learn.md. In addition, it takes ``sample_weight``, transforms rows to
    responsibilities, and has the immutable ``mixture_`` and ``stop_reason_``.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : str, default="full"
        "full", "tied", "diag" or "spherical": a covariance matrix for each component, one for all, a variance for each
        feature, or one for each component. Or three of mclust's letters for the volume, the shape and the orientation
        of the components: E if equal, V if variable, I for the identity. EII VII EEI VEI EVI VVI EEE VEE EVE VVE EEV
        VEV EVV VVV. Or "factor", for many columns: the covariance of ``n_factors`` factors plus independent noise, with
        d (q + 1) numbers for each component; "factor-" and three letters of McNicholas and Murphy for the parsimonious
        ones (docs/hundreds-of-features.md).
    n_factors : int, optional
        Number q of factors of ``covariance_type="factor"``, less than the number of columns.
    tol : "auto" or float, default="auto"
        "auto" ends EM when the log-likelihood of all rows is an estimated 1e-4 nats below the optimum. A number has
        scikit-learn's meaning: EM ends when an iteration changes the mean log-likelihood by less (nats per row).
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        Regularization of the covariances. "auto" is a penalty with the weight of 1e-10 rows that have the covariance
        within clusters, far too weak to change a sound component. A number is added to every variance, in squared units
        of the data, as in scikit-learn. "chen-tan" is the penalty of Chen and Tan (2009), with the weight of 1/sqrt(n)
        rows that have the covariance of the data; "inverse-wishart" is the prior of Fraley and Raftery (2007), for
        components of few rows. With "factor", a number is the least variance of the noise, and "auto" is 1e-4 of the
        variance of the column within clusters.
    max_iter : "auto" or int, default="auto"
        "auto" is 10,000.
    n_init : "auto" or int, default="auto"
        Number of starts. "auto" is 8 (16 for more than 12 components), or 1 if ``init_params`` names a method. A search
        of 8 or more starts adds 3 in the units of the data if there are 5 or more features. With a method, each start
        is drawn from ``random_state`` and runs to convergence; the fit with the greatest likelihood is kept.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"} or array-like, default="auto"
        "auto" is a search: several kinds of starts are compared, and components are merged and split where this finds a
        better optimum; if there are many rows, a sample is searched (docs/starting-and-stopping.md). Or one method:
        k-means clusters; the nearest k-means++ seed; random responsibilities; the nearest of k randomly chosen rows. Or
        your own labels (n,) or responsibilities (n, k). With ``noise``, the label -1 and a last column are noise.
    weights_init : (k,) array-like, optional
        Initial weights.
    means_init : (k, d) array-like, optional
        Initial means.
    precisions_init : array-like, optional
        Initial inverse covariances, in the shape of ``covariance_type``.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts; with an int, a fit to the same rows gives the same numbers.
    warm_start : bool, default=False
        Continue from the parameters of the previous fit.
    verbose : int, default=0
        1 prints the runs and some iterations, 2 also gains.
    verbose_interval : int, default=10
        Number of iterations between printed ones.
    callback : callable, optional
        Called with a `gaussmix.fitting.em.Progress` at every start and after every iteration.
    acceleration : {"auto", "none"}, default="auto"
        "none" takes plain EM steps. With numbers for the other parameters, iterations are the same as in scikit-learn.
    time_budget : float, optional
        Seconds after which the best model so far is returned.
    order_by : "auto", "weight", "variance", "principal", or a feature's name or position, default="auto"
        The order of the components (`gaussmix.components.matching.order_components`). "auto" is by descending weight
        after a search, and the order of the start otherwise. A warm start always keeps the order of the model it
        continues from.
    noise : {"uniform"}, optional
        "uniform" adds noise of constant density over the volume of the rows, for rows that belong to no component
        (Banfield and Raftery 1993). Its weight is estimated, and which rows are noise at the start is found by the
        search. The label of noise is -1. By default there is no noise.
    noise_volume : {"hypvol", "hull"} or float, default="hypvol"
        Volume of the noise: the smaller one of the boxes around the rows along the columns and along their principal
        axes, as in mclust; the volume of their convex hull, which does not depend on units or rotations; or a number,
        in the units of the columns.
    trim : float, optional
        Share of the rows that is left out: those of least density at each step, with the label -1 (Garcia-Escudero et
        al. 2008, as tclust). Each other row belongs to one component, and the fit has the greatest classification
        likelihood of these rows. 0 leaves out nothing, but assigns rows in the same way. By default, a fit to all rows.
    max_variance_ratio : float, optional
        Bound on the greatest over the least eigenvalue of all covariances, at least 1, as ``restr.fact`` of tclust. It
        depends on the units of the columns. For "full", "tied", "diag", "spherical", EII, EEI and EEV.
    equal_weights : bool, default=False
        Whether all components have the same weight.
    fixed : dict, optional
        Parameters that keep their initial values: keys "means", "covariances" and "weights"; values True or a list of
        components, such as ``{"means": [0, 2], "weights": True}``. The values are those of ``means_init``,
        ``precisions_init`` and ``weights_init``. With noise, weights are shares of the other rows.
    prior : NormalInverseWishart, optional
        Prior with given numbers; the fit has the greatest posterior density.
    truncation : "auto" or int, optional
        For hundreds or thousands of components: the number of components that have a responsibility for a row during
        the fit (docs/thousands-of-components.md). "auto" finds it. The result and all methods are exact. By default,
        all components.

    Attributes
    ----------
    weights_ : (k,) array
        Mixing proportions; with ``noise_weight_`` they sum to one.
    noise_weight_ : float
        Weight of the noise; 0 without noise.
    noise_volume_ : float
        Volume of the noise, of which the density is the inverse; NaN without noise.
    means_ : (k, d) array
        Means of the components.
    covariances_, precisions_, precisions_cholesky_ : array
        Covariances, their inverses, and upper triangular W with ``W W' = precision``: full (k, d, d), tied (d, d),
        diag and EEI, VEI, EVI (k, d), spherical and EII (k,); the other letters as full. Like ``weights_`` and
        ``means_``, they are read from ``mixture_``; use `Mixture.from_parameters` for a model with known parameters.
    loadings_, noise_variances_ : array
        With "factor", the loadings (k, d, q), which are determined up to a rotation, and the variances of the noise
        (k, d); the covariances are ``loadings loadings' + diag(noise_variances)``.
    mixture_ : Mixture
        The fitted model, which is immutable and can be saved, sampled and marginalized.
    trim_threshold_ : float
        With ``trim``, the least ``max_k log w_k N(x | k)`` of the rows that were kept; ``predict`` labels rows below it
        -1. Without, ``-inf``.
    fit_result_ : FitResult
        Complete result of the fit, from which the other attributes are read.
    converged_ : bool
        Whether the selected run converged.
    stop_reason_ : str
        Why the fit ended, in a sentence.
    n_iter_ : int
        Number of iterations of the selected run.
    history_ : dict of arrays
        The start and every iteration of the selected run: "log_likelihood" in nats per row, "gain" that another EM step
        would guarantee, in nats over all rows (NaN where it was not computed), "seconds" since the fit began.
    start_log_likelihoods_ : (s,) array
        Final log-likelihoods of the starts in nats, greatest first. A search lists the starts that were not abandoned,
        on the rows that were searched.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters. It equals ``score(X, sample_weight=sample_weight)``, up to the
        last digits if rows repeat. With ``trim`` it is the mean classification log-likelihood of the rows kept.
    lower_bounds_ : list of float
        The same after each iteration.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

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
        n_factors: int | None = None,
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
        noise: str | None = None,
        noise_volume: float | str = "hypvol",
        trim: float | None = None,
        max_variance_ratio: float | None = None,
        equal_weights: bool = False,
        fixed: Mapping[str, Any] | None = None,
        prior: NormalInverseWishart | None = None,
        truncation: int | str | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.n_factors = n_factors
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
        self.noise = noise
        self.noise_volume = noise_volume
        self.trim = trim
        self.max_variance_ratio = max_variance_ratio
        self.equal_weights = equal_weights
        self.fixed = fixed
        self.prior = prior
        self.truncation = truncation

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        noise_covariance: Any = None,
        *,
        checkpoint: str | PathLike[str] | None = None,
    ) -> Self:
        """Fit the mixture to rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least ``n_components`` rows of finite numbers. float64, float32, uint8 and uint16 are not copied, except
            for distinct rows if rows repeat three times or more on average. Tensors of torch stay on their device.
        y : ignored
            Present for scikit-learn's pipelines: a mixture is fitted without labels. Labels to start from are
            ``init_params``.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors: variances (d,) or a covariance (d, d) of every row, variances (n, d)
            or covariances (n, d, d) of each row. The mixture is that of the true values (Bovy, Hogg and Roweis, Annals
            of Applied Statistics 5 (2011), 1657-1677). An infinite variance is a missing value.
        checkpoint : str or path, optional
            File from which the same call goes on if the process was killed (docs/long-fits.md). It is kept.

        Returns
        -------
        GaussianMixture
            The estimator.

        Raises
        ------
        ValueError
            If a parameter, the rows or the weights are not valid, or the checkpoint is that of another fit.
        KeyboardInterrupt
            On Ctrl-C. The estimator keeps the best model so far, if any.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` or ``time_budget`` ended the fit.
        DegenerateComponentWarning
            If a component has collapsed, has too few rows or may be spurious. The model is valid.
        DegenerateDataWarning
            If columns are constant or functions of others. They are left out of the fit, but the model covers them.
        """
        with RestoredOnFailure(self, "fit_result_"), np.errstate(under="ignore"):
            self._fit(X, sample_weight, noise_covariance, checkpoint)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None, noise_covariance: Any = None) -> IntArray:
        """Fit the mixture and return the label of each row, as ``fit(X).predict(X)`` does.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows to fit and to label.
        y : ignored
            Present for scikit-learn's pipelines: a mixture is fitted without labels. Labels to start from are
            ``init_params``.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        (n,) array
            The most probable component of each row, from 0; -1 for noise.
        """
        with RestoredOnFailure(self, "fit_result_"), np.errstate(under="ignore"):
            rows = self._fit(X, sample_weight, noise_covariance)
            return as_given(self._labels(rows), X)

    def _fit(self, X: Any, sample_weight: Any, noise_covariance: Any, path: Any = None) -> AnyRows:
        structure = self._structure
        is_factor = issubclass(structure, Factor)
        constraints = check_fit(self, path)
        rows = self._checked_rows(X, sample_weight, noise_covariance, ensure_min_samples=2)
        check_fit_rows(self, structure, rows)
        previous = result_to_continue(self, rows.n_features)
        printer = VerbosePrinter(self.verbose, self.verbose_interval)
        with opened_checkpoint(path, self, rows, None if previous is None else previous.mixture) as (checkpoint, rng):
            starts = self._given_starts(previous, rng, printer, rows.with_value, constraints)
            settings = self._settings(starts, previous, self._watcher(printer), constraints)
            settings = replace(settings, search=replace(settings.search, checkpoint=checkpoint))
            result = fit_mixture(rows.informative(), settings, rng, starts=starts, reduce_columns=self._reduces)
        if self.order_by != "auto" and previous is None:
            result = result.reordered(order_components(result.mixture, self.order_by))
        self.fit_result_ = result
        if result.fit.stop is Stop.INTERRUPTED:
            raise KeyboardInterrupt
        if result.columns is not None:
            warn(result.columns.warning(rows.names, rows.shape), stacklevel=3)
        if self._reduces and structure_of(result.mixture.covariance.form).name in ("full", "tied") and not is_factor:
            warn_of_near_relation(rows, result.columns, result.reduced)
        warn_of_fit(result, self.reg_covar)
        warn_of_least_noise(result, self.reg_covar)
        warn_of_unobserved(rows, result.mixture)
        warn_of_large_errors(rows, result.mixture)
        return rows

    _takes_distant_rows = True

    @property
    def _structure(self) -> type[AbstractCovariance]:
        return structure_for(self.covariance_type, self.n_factors)

    @property
    def _has_parameters_init(self) -> bool:
        return any(value is not None for value in (self.weights_init, self.means_init, self.precisions_init))

    @property
    def _reduces(self) -> bool:
        """Whether the fit may leave out columns: not if numbers of the user refer to all of them."""
        given = self._has_parameters_init or self.prior is not None or self.max_variance_ratio is not None
        return isinstance(self.reg_covar, str) and not given

    @property
    def _is_drawn(self) -> bool:
        """Whether a method draws the start or a part of it."""
        given = (self.weights_init, self.means_init, self.precisions_init)
        return isinstance(self.init_params, str) and any(parameter is None for parameter in given)

    def _given_starts(
        self,
        previous: FitResult | None,
        rng: Random,
        printer: VerbosePrinter,
        used: BoolArray,
        constraints: Constraints,
    ) -> GivenStarts | None:
        """Return how starts are made, or None for a search; ``used`` (n,) says which rows the fit has."""
        is_auto = isinstance(self.init_params, str) and self.init_params == "auto"
        if is_auto and not self._has_parameters_init and previous is None:
            return None

        def draw(rows: AnyRows, update: MaximumLikelihood) -> Mixture:
            start = previous.mixture if previous else draw_start(self, self._structure, rows, update, rng, used)
            require_held_ratio(constraints, start)
            return start

        are_drawn = previous is None and self._is_drawn and not self._has_parameters_init
        return GivenStarts(draw, printer.print_end, are_drawn, previous)

    def _settings(
        self,
        starts: GivenStarts | None,
        previous: FitResult | None,
        watch: Callable[[Progress], None] | None,
        constraints: Constraints | None = None,
    ) -> FitSettings:
        n_init = self.n_init if previous is None and self._is_drawn else 1
        search = search_settings(
            n_starts=n_starts_for(self.n_components, n_init, search=starts is None and not is_truncated(self)),
            all_starts=not isinstance(n_init, str),
            tol=self.tol,
            max_iter=self.max_iter,
            acceleration=self.acceleration if self.trim is None else "none",
            deadline=math.inf if self.time_budget is None else time.perf_counter() + float(self.time_budget),
            watch=watch,
        )
        reg_covar = self.reg_covar if isinstance(self.reg_covar, str) else float(self.reg_covar)
        structure, trim = self._structure, None if self.trim is None else float(self.trim)
        volume = None if self.noise is None else self.noise_volume
        known = constraints or Constraints()
        k, few = self.n_components, self.truncation
        return FitSettings(structure, k, reg_covar, search, volume, None, known, self.prior, trim, few)
