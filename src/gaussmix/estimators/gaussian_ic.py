"""`GaussianMixtureIC` estimator: checks its input, searches over models, selects one and explains the choice."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.errors import DoubtfulModelWarning
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.progress import progress_bar
from gaussmix.core.text import Entry
from gaussmix.core.typing import IntArray
from gaussmix.core.warning_values import warn
from gaussmix.diagnostics import Report
from gaussmix.estimators.best_estimator import estimator_of_cell
from gaussmix.estimators.factor_checks import covariance_parameters, resolve_with_factors
from gaussmix.estimators.fit_warnings import warn_of_near_relation
from gaussmix.estimators.fitted_search import FittedSearchMixin
from gaussmix.estimators.parameter_checks import (
    family_axis,
    noise_axis,
    numbers_of_components,
    refuse_unknown,
    require_flag,
    require_integer,
    require_n_jobs,
    require_noise,
    require_observed_columns,
    require_reg_covar,
    require_time_budget,
)
from gaussmix.estimators.rollback import RestoredOnFailure
from gaussmix.selection.all_families import n_steps, search_families
from gaussmix.selection.cells import Cell
from gaussmix.selection.cross_validation import HeldOut
from gaussmix.selection.explanation import Explanation, explain, summarize_choice
from gaussmix.selection.held_out_cells import error_of_margin, hold_out_cells
from gaussmix.selection.model_names import ModelSpec, code_of
from gaussmix.selection.rows import SearchRows
from gaussmix.selection.table import CRITERIA, SelectionTable


class GaussianMixtureIC(ClassNamePrefixFeaturesOutMixin, FittedSearchMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Search over numbers of components and covariance models; a criterion chooses the best.

    Every pair of a number of components and a covariance model is a cell of a table; each fit provides starts for its
    neighbors. A model is doubtful if a component is spurious, collapsed, empty or has too few rows, if the fit did not
    converge, or if there are fewer than two data values per parameter. A doubtful model is only chosen if no model is
    sound.

    Parameters
    ----------
    n_components : iterable of int or int, default=(1, 2, ..., 9)
        Numbers of components, such as ``range(1, 10)``. A single int is the only number tried.
    covariance_types : "all", "sklearn", str or list of str, default="all"
        "all" is the fourteen models of Celeux and Govaert (1995), EII to VVV; for one column there are two, E and V.
        "sklearn" is "full", "tied", "diag" and "spherical". Or a list of these, of their models, and of "factor".
    n_factors : iterable of int or int, optional
        Numbers of factors of "factor" in ``covariance_types``: models such as "factor(2)".
    criterion : {"bic", "icl", "aic", "aicc", "cv"}, default="bic"
        The model with the smallest value is chosen: ``-2 log_likelihood`` plus ``p log n`` for "bic", plus also twice
        the entropy of the responsibilities for "icl", plus ``2 p`` for "aic", plus ``2 p n / (n - p - 1)`` for "aicc".
        "cv" is minus twice the log-likelihood of held-out rows, in ``n_folds`` folds; only sound models are
        cross-validated.
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        As in `GaussianMixture`. All but "auto" change the likelihood, and therefore the criterion.
    random_state : int, RandomState instance or None, default=None
        Random state of the starts; with an int, the same rows give the same table.
    n_jobs : int, optional
        Number of threads; by default, and for -1, as many as there are processors. The results are the same.
    progress : bool, default=False
        Whether a progress bar is shown.
    time_budget : float, optional
        Seconds after which the search ends. Models not fitted by then count as failed; `extend` fits them.
    n_folds : int, default=10
        Number of folds of cross-validation.
    noise : bool or sequence of bool, default=False
        Whether models have uniform noise, as in `GaussianMixture`; ``(False, True)`` compares both.
    noise_volume : {"hypvol", "hull"} or float, default="hypvol"
        Volume of the noise, as in `GaussianMixture`.
    family : {"gaussian", "student"} or sequence of them, default="gaussian"
        Normal distributions, t distributions with degrees of freedom for each component, or both, to compare them.

    Attributes
    ----------
    best_estimator_ : GaussianMixture or StudentMixture
        The chosen model, fitted.
    best_n_components_, best_covariance_type_ : int, str
        The number of components and the covariance model of the chosen model.
    best_params_ : dict
        The same as parameters of `GaussianMixture`.
    best_score_ : float
        Criterion of the chosen model; lower is better.
    results_ : SelectionTable
        All models with their criteria and the reasons to doubt them.
    noise_weight_, noise_volume_ : float
        Of the chosen model, as in `GaussianMixture`.
    reason_ : str
        Reason for the choice, in a sentence; `why` explains more.
    cells_ : dict
        A `Cell` with the fit for each `ModelSpec`, a tuple (number of components, covariance type), or (number of
        components, covariance type, "noise" or "student").
    mixture_, weights_, means_, covariances_, precisions_, precisions_cholesky_
        Of the chosen model, as in `GaussianMixture`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : (d,) array of str
        Names of the columns, if X had names.

    See Also
    --------
    gaussmix.GaussianMixture : One model.

    References
    ----------
    Celeux and Govaert, Gaussian parsimonious clustering models, Pattern Recognition 28 (1995), 781-793. Schwarz,
    Estimating the dimension of a model, Annals of Statistics 6 (1978), 461-464. Biernacki, Celeux and Govaert,
    Assessing a mixture model for clustering with the integrated completed likelihood, IEEE Transactions on Pattern
    Analysis and Machine Intelligence 22 (2000), 719-725. Hurvich and Tsai, Regression and time series model selection
    in small samples, Biometrika 76 (1989), 297-307.

    Examples
    --------
    >>> from gaussmix import GaussianMixtureIC
    >>> from gaussmix.datasets import load_old_faithful
    >>> eruptions, _ = load_old_faithful()
    >>> search = GaussianMixtureIC(range(1, 5), covariance_types="sklearn", random_state=0).fit(eruptions)
    >>> search.best_params_
    {'n_components': 3, 'covariance_type': 'tied'}
    >>> search.predict(eruptions).shape
    (272,)
    """

    @refuse_unknown
    def __init__(
        self,
        n_components: Iterable[int] | int = tuple(range(1, 10)),
        *,
        covariance_types: Any = "all",
        n_factors: Iterable[int] | int | None = None,
        criterion: str = "bic",
        reg_covar: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
        time_budget: float | None = None,
        n_folds: int = 10,
        noise: bool | Sequence[bool] = False,
        noise_volume: float | str = "hypvol",
        family: str | Sequence[str] = "gaussian",
    ) -> None:
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.n_factors = n_factors
        self.criterion = criterion
        self.reg_covar = reg_covar
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress
        self.time_budget = time_budget
        self.n_folds = n_folds
        self.noise = noise
        self.noise_volume = noise_volume
        self.family = family

    _types: tuple[str, ...]
    _fingerprint: tuple[tuple[int, ...], str]
    _held_out: dict[ModelSpec, HeldOut | None]

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, noise_covariance: Any = None) -> Self:
        """Fit all models and choose one.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least two rows of finite numbers.
        y : ignored
            Present for scikit-learn's pipelines: mixtures are fitted without labels.
        sample_weight : (n,) array-like, optional
            Numbers of rows: a weight of 2 counts as two equal rows, also in the ``n`` of the criteria.
        noise_covariance : array-like, optional
            Covariance of the measurement errors: variances (d,) or a covariance (d, d) of every row, variances (n, d)
            or covariances (n, d, d) of each row. The mixture is that of the true values (Bovy, Hogg and Roweis, Annals
            of Applied Statistics 5 (2011), 1657-1677). An infinite variance is a missing value.

        Returns
        -------
        GaussianMixtureIC
            The estimator.

        Raises
        ------
        ValueError
            If the input is invalid, no model could be fitted, or ``time_budget`` ended before the first one was.
        KeyboardInterrupt
            On Ctrl-C. The estimator keeps the best model so far, if any.

        Warns
        -----
        DoubtfulModelWarning
            If no model is sound.
        ConvergenceWarning
            If ``time_budget`` ended the search before all models had been fitted.
        DegenerateDataWarning
            If columns are constant or functions of others. All models are fitted and compared without them; the chosen
            model covers them, with "full" covariances. If there are no more distinct rows than columns, only constant
            columns are left out, and models with correlations fail.
        """
        with RestoredOnFailure(self, "results_"), np.errstate(under="ignore"):
            self._fit(X, sample_weight, noise_covariance, self.n_components, self.covariance_types, {})
        return self

    def extend(
        self,
        X: Any,
        n_components: Iterable[int] | int | None = None,
        covariance_types: Any = None,
        sample_weight: Any = None,
        noise_covariance: Any = None,
    ) -> Self:
        """Add models to a search; models that have been fitted are not fitted again.

        Parameters
        ----------
        X : (n, d) array-like or table
            The rows of the fit.
        n_components : iterable of int or int, optional
            Numbers of components; by default those of the fit.
        covariance_types : "all", "sklearn", str or list of str, optional
            Covariance models; by default those of the fit.
        sample_weight : (n,) array-like, optional
            The weights of the fit.
        noise_covariance : array-like, optional
            The covariance of the measurement errors of the fit.

        Returns
        -------
        GaussianMixtureIC
            The estimator, with all models compared again.

        Raises
        ------
        ValueError
            If X or the weights are not those of the fit.
        """
        check_is_fitted(self)
        numbers = sorted({spec.n_components for spec in self.cells_}) if n_components is None else n_components
        types = self._types if covariance_types is None else covariance_types
        known = {spec: cell for spec, cell in self.cells_.items() if cell.fit is not None}
        with RestoredOnFailure(self, "results_"), np.errstate(under="ignore"):
            self._fit(X, sample_weight, noise_covariance, numbers, types, known)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None, noise_covariance: Any = None) -> IntArray:
        """Fit all models and return the label of each row under the chosen one.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows to fit and to label.
        y : ignored
            Present for scikit-learn's pipelines: mixtures are fitted without labels.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        (n,) array
            The most probable component of each row, from 0; -1 for noise.
        """
        self.fit(X, None, sample_weight, noise_covariance)
        return self.predict(X, noise_covariance=noise_covariance)

    @underflow_to_zero
    def why(self) -> Explanation:
        """Explain the choice; ``print(search.why())`` shows the text.

        It contains the margin and its meaning, the best model of each number of components and of each structure, the
        choices of other criteria, and possible problems.

        Returns
        -------
        Explanation
            Labeled lines of text.
        """
        check_is_fitted(self)
        return explain(self.results_, self._margin_error, self._weight, self._n_weighted)

    def report(self, X: Any = None, sample_weight: Any = None, *, noise_covariance: Any = None) -> Report:
        """Report on the fit of the chosen model, as `GaussianMixture.report` does.

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
        return self.best_estimator_.report(X, sample_weight, noise_covariance=noise_covariance)

    def _result_entries(self) -> list[Entry]:
        return [Entry("chosen", self.reason_)]

    def _fit(
        self, X: Any, weight: Any, noise_covariance: Any, numbers: Any, types: Any, known: dict[ModelSpec, Cell]
    ) -> None:
        began = time.perf_counter()
        self._check_parameters()
        sizes = numbers_of_components(numbers)
        options = {"dtype": np.float64, "order": "C", "reset": not known, "ensure_min_samples": 2}
        given = self._rows_in_memory(X, weight, noise_covariance, **options)
        require_observed_columns(given)
        rows = SearchRows.of(given.informative(), sizes[-1])
        if known and rows.fingerprint() != self._fingerprint:
            raise ValueError(
                f"extend needs the rows and weights of the fit, in the same order, with shape {self._fingerprint[0]}; "
                f"got different data with shape {rows.rows.shape}. Use fit for new data"
            )
        d = rows.n_features
        names = {code_of(name, d): name for name in (self._types if known else ())}
        chosen = resolve_with_factors(self, types, given, d)
        chosen = tuple(names.setdefault(code_of(name, d), name) for name in chosen)
        plain = {ModelSpec(size, name) for size in sizes for name in chosen}
        axis = noise_axis(self.noise)
        wanted = {spec.with_noise() if noise else spec for spec in plain for noise in axis}
        families = family_axis(self.family)
        if "student" in families:
            wanted |= {spec.of_family("student") for spec in plain}
            wanted -= plain if families == ("student",) else set()
        wanted -= set(known)
        cells = dict(self.cells_) if known else {}
        deadline = math.inf if self.time_budget is None else began + float(self.time_budget)
        with one_blas_thread():
            interrupted = self._search(rows, wanted, cells, known, deadline)
            if not any(cell.fit for cell in cells.values()):
                if interrupted:
                    raise KeyboardInterrupt
                if time.perf_counter() > deadline:
                    raise ValueError(
                        f"time_budget={self.time_budget!r} ended before any model had been fitted: give more seconds"
                    )
            held_out = self._held_out if known else {}
            if self.criterion == "cv":
                held_out = hold_out_cells(
                    cells, rows, held_out, n_folds=self.n_folds, random_state=self.random_state, n_jobs=self.n_jobs
                )
        self._keep(rows, cells, held_out, tuple(names.values()))
        if interrupted:
            raise KeyboardInterrupt
        missing = sum(cells[spec].fit is None for spec in wanted) if time.perf_counter() > deadline else 0
        self._warn(rows, missing, len(wanted))

    def _search(
        self,
        rows: SearchRows,
        wanted: set[ModelSpec],
        cells: dict[ModelSpec, Cell],
        known: dict[ModelSpec, Cell],
        deadline: float,
    ) -> bool:
        """Add the wanted cells to ``cells``; return whether the search was interrupted."""
        refused = {spec: reason for spec in sorted(wanted) if (reason := rows.refusal(spec))}
        cells |= {spec: Cell.failed(spec, reason) for spec, reason in refused.items()}
        wanted = wanted - set(refused)
        with progress_bar("models", n_steps(wanted), shown=self.progress) as update:
            try:
                search_families(
                    rows.kept,
                    wanted,
                    cells,
                    known=known,
                    noise_volume=self.noise_volume,
                    n_jobs=self.n_jobs,
                    step=lambda name: update(name.ljust(12)),
                    settings={"reg_covar": self.reg_covar, "random_state": self.random_state, "deadline": deadline},
                )
            except KeyboardInterrupt:
                return True
        return False

    def _keep(
        self,
        rows: SearchRows,
        cells: dict[ModelSpec, Cell],
        held_out: dict[ModelSpec, HeldOut | None],
        types: tuple[str, ...],
    ) -> None:
        """Compare the cells and set the attributes, which change only if a best model is found."""
        values = {spec: math.inf if found is None else found.criterion for spec, found in held_out.items()}
        results = SelectionTable.of(cells, self.criterion, rows.n_features, types, values)
        best = cells[results.spec_of(results.best)]
        self.best_estimator_ = estimator_of_cell(
            best,
            rows.rows,
            rows.columns,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
            noise_volume=self.noise_volume,
            feature_names=getattr(self, "feature_names_in_", None),
        )
        self.cells_, self.results_ = cells, results
        self._types, self._fingerprint, self._held_out = types, rows.fingerprint(), held_out
        self._weight, self._n_weighted = rows.rows.total, rows.rows.n_positive
        self._margin_error = error_of_margin(results, held_out) if self.criterion == "cv" else math.nan
        self.best_n_components_, self.best_covariance_type_ = best.n_components, best.covariance_type
        self.best_params_ = {"n_components": best.n_components, **covariance_parameters(best.covariance_type)}
        if any(spec.noise for spec in cells):
            self.best_params_ |= {"noise": "uniform" if best.noise else None, "noise_volume": self.noise_volume}
        if best.family == "student":
            self.best_params_ |= {"degrees_of_freedom": "each"}
        self.best_score_ = float(results.value[results.best])
        self.reason_ = summarize_choice(results)

    def _warn(self, rows: SearchRows, n_missing: int, n_wanted: int) -> None:
        if n_missing:
            missing = f"{n_missing} of {n_wanted} models were not fitted"
            warn(ConvergenceWarning(f"time_budget ended the search: {missing}; extend(X) continues"), stacklevel=4)
        if rows.columns is not None:
            warn(rows.columns.warning(rows.rows.names, rows.rows.shape), stacklevel=4)
        warn_of_near_relation(rows.rows, rows.columns, self.mixture_)
        if not self.results_.is_sound.any():
            warn(DoubtfulModelWarning(self.reason_), stacklevel=4)

    def _check_parameters(self) -> None:
        if self.criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {CRITERIA}; got {self.criterion!r}")
        require_reg_covar(self.reg_covar)
        noise_axis(self.noise)
        family_axis(self.family)
        require_noise(None, self.noise_volume)
        require_time_budget(self.time_budget)
        require_integer("n_folds", self.n_folds, 2)
        require_n_jobs(self.n_jobs)
        require_flag("progress", self.progress)
