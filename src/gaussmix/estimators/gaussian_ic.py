"""`GaussianMixtureIC`: validate, search, choose, explain."""

import math
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.core.environment import one_blas_thread
from gaussmix.core.errors import DegenerateDataWarning, DoubtfulModelWarning
from gaussmix.core.mixture import Mixture
from gaussmix.core.progress import progress_bar
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.core.validation import check_sample_weight, naming_columns, require_finite
from gaussmix.estimators.best_estimator import estimator_of
from gaussmix.estimators.parameter_checks import require_integer, require_nonnegative
from gaussmix.fitting.refit import FitFailedError
from gaussmix.fitting.settings import PENALTIES
from gaussmix.selection.cells import Cell, Key
from gaussmix.selection.cross_validation import HeldOut, hold_out
from gaussmix.selection.explanation import Explanation, explain, runner_up, summarize_choice
from gaussmix.selection.model_names import code_of, resolve
from gaussmix.selection.model_search import STEPS, search_models
from gaussmix.selection.rows import GivenRows
from gaussmix.selection.table import CRITERIA, SelectionTable


class GaussianMixtureIC(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """The number of components and the covariance model that a criterion chooses, and the fit that goes with them.

    Every pair of a number of components and a covariance model is a cell of a table; the fits of a table help each
    other. A model that is not to be trusted (a component is spurious, collapsed, empty or on too few rows; the fit did
    not converge; there are fewer than two numbers per parameter) does not win while a sound one is there.

    Parameters
    ----------
    n_components : iterable of int or int, default=(1, 2, ..., 9)
        The numbers of components that are tried, such as ``range(1, 10)``.
    covariance_types : "all", "sklearn", str or list of str, default="all"
        "all" is the fourteen models of Celeux and Govaert (1995), EII to VVV; of one column the two there are, E and V.
        "sklearn" is "full", "tied", "diag" and "spherical". Or names from both.
    criterion : {"bic", "icl", "aic", "aicc", "cv"}, default="bic"
        What is least for the winner: ``-2 log_likelihood`` plus ``p log n`` for "bic", also plus twice the entropy of
        the responsibilities for "icl", plus ``2 p`` for "aic", plus ``2 p n / (n - p - 1)`` for "aicc". "cv" is minus
        twice the log-likelihood of rows left out, in ``n_folds`` folds; only sound models are cross-validated.
    reg_covar : "auto", float, "chen-tan" or "inverse-wishart", default="auto"
        As of `GaussianMixture`. All but "auto" change the likelihood, and so the criterion.
    random_state : int, RandomState instance or None, default=None
        Where starts are drawn from; with an int, the same rows give the same table.
    n_jobs : int, optional
        How many threads work; by default, and for -1, as many as there are processors. The results are the same.
    progress : bool, default=False
        Whether a bar is shown.
    time_budget : float, optional
        Seconds after which the search ends: what is missing then counts as failed, and `extend` tries it again.
    n_folds : int, default=10
        Of cross-validation.

    Attributes
    ----------
    best_estimator_ : GaussianMixture
        The winner, fitted.
    best_n_components_, best_covariance_type_ : int, str
        The number of components and the covariance model of the winner.
    best_params_ : dict
        Both, as parameters of `GaussianMixture`.
    best_score_ : float
        Its criterion; lower is better.
    results_ : SelectionTable
        All models with their criteria, and what is doubtful about them.
    reason_ : str
        Why the winner won, in a sentence; `why` says more.
    cells_ : dict
        From (number of components, covariance type) to a `Cell` with the fit.
    n_features_in_ : int
        How many columns X had.
    feature_names_in_ : (d,) array of str
        When X had names.

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

    def __init__(
        self,
        n_components: Iterable[int] | int = tuple(range(1, 10)),
        *,
        covariance_types: Any = "all",
        criterion: str = "bic",
        reg_covar: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
        time_budget: float | None = None,
        n_folds: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.criterion = criterion
        self.reg_covar = reg_covar
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress
        self.time_budget = time_budget
        self.n_folds = n_folds

    _types: tuple[str, ...]
    _fingerprint: tuple[tuple[int, ...], str]
    _held_out: dict[Key, HeldOut | None]
    cells_: dict[Key, Cell]

    # searching

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit all models, and choose.

        Parameters
        ----------
        X : (n, d) array-like or table
            At least two rows of finite numbers.
        y : ignored
            There for scikit-learn's pipelines.
        sample_weight : (n,) array-like, optional
            Numbers of rows: a weight of 2 counts as two equal rows, also in the ``n`` of the criteria.

        Returns
        -------
        GaussianMixtureIC
            Itself.

        Raises
        ------
        ValueError
            Names the parameter, the row or the column; also when no model could be fitted.
        KeyboardInterrupt
            On Ctrl-C. The estimator keeps the best of the models it had by then, if any.

        Warns
        -----
        DoubtfulModelWarning
            When no model is sound.
        ConvergenceWarning
            When ``time_budget`` ended the search before all models had been fitted.
        DegenerateDataWarning
            When columns are constant or follow from others: all models are fitted and compared without them, and the
            best covers them all the same, with "full" covariances. Where there are no more rows than columns, constant
            columns alone are left out, with "diag" ones, and models with correlations fail.
        """
        return self._unless_it_fails(lambda: self._fit(X, sample_weight, self.n_components, self.covariance_types, {}))

    def extend(
        self,
        X: Any,
        n_components: Iterable[int] | int | None = None,
        covariance_types: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Add models to a search; those that are there stay as they are.

        Parameters
        ----------
        X : (n, d) array-like or table
            The rows of the fit.
        n_components : iterable of int or int, optional
            By default those that are there.
        covariance_types : "all", "sklearn", str or list of str, optional
            By default those that are there.
        sample_weight : (n,) array-like, optional
            Those of the fit.

        Returns
        -------
        GaussianMixtureIC
            Itself, with all models compared anew.

        Raises
        ------
        ValueError
            When X or the weights are not those of the fit.
        """
        check_is_fitted(self)
        numbers = sorted({k for k, _ in self.cells_}) if n_components is None else n_components
        types = self._types if covariance_types is None else covariance_types
        known = {key: cell for key, cell in self.cells_.items() if cell.fit is not None}
        return self._unless_it_fails(lambda: self._fit(X, sample_weight, numbers, types, known))

    def _unless_it_fails(self, fit: Callable[[], None]) -> Self:
        """A fit that fails leaves the estimator, and the results it may have had, as they were."""
        before = vars(self).copy()
        try:
            fit()
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) or vars(self).get("results_") is before.get("results_"):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise
        return self

    def _fit(self, X: Any, sample_weight: Any, numbers: Any, types: Any, known: dict[Key, Cell]) -> None:
        began = time.perf_counter()
        self._check_parameters()
        ks = _numbers_of_components(numbers)
        with naming_columns(X):
            rows = validate_data(
                self, X, dtype=np.float64, order="C", reset=not known, ensure_min_samples=2, ensure_all_finite=False
            )
        require_finite(rows, X)
        given = GivenRows.of(WeightedRows(rows, check_sample_weight(sample_weight, len(rows))), ks[-1])
        if known and given.fingerprint() != self._fingerprint:
            raise ValueError(
                f"extend takes the rows and weights of the fit: shape {self._fingerprint[0]}, the same numbers in the "
                f"same order; got others, shape {rows.shape}. Use fit for new data"
            )
        d = given.n_features
        names = {code_of(name, d): name for name in (self._types if known else ())}
        chosen = tuple(names.setdefault(code_of(name, d), name) for name in resolve(types, d))
        wanted = {(k, name) for k in ks for name in chosen} - set(known)
        cells = dict(self.cells_) if known else {}
        deadline = math.inf if self.time_budget is None else began + float(self.time_budget)
        with one_blas_thread(*rows.shape):
            interrupted = self._search(given, wanted, cells, known, deadline)
            if interrupted and not any(cell.fit for cell in cells.values()):
                raise KeyboardInterrupt
            held_out = self._held_out if known else {}
            if self.criterion == "cv":
                held_out = self._cross_validate(given, cells, held_out)
        self._keep(given, cells, held_out, tuple(names.values()))
        if interrupted:
            raise KeyboardInterrupt
        missing = sum(cells[key].fit is None for key in wanted)
        if missing and time.perf_counter() > deadline:
            warnings.warn(
                f"time_budget ended the search: {missing} of {len(wanted)} models were not fitted; extend(X) goes on",
                ConvergenceWarning,
                stacklevel=4,
            )
        if given.data_range is not None:
            reasons = given.data_range.describe(getattr(self, "feature_names_in_", None))
            warnings.warn(DegenerateDataWarning(given.data_range.dropped, reasons, given.rows.shape), stacklevel=4)
        if not self.results_.is_sound.any():
            warnings.warn(DoubtfulModelWarning(self.reason_), stacklevel=4)

    def _search(
        self, given: GivenRows, wanted: set[Key], cells: dict[Key, Cell], known: dict[Key, Cell], deadline: float
    ) -> bool:
        """Put the wanted cells among the others; whether it was interrupted."""
        refused = {key: reason for key in sorted(wanted) if (reason := given.refusal(key))}
        cells |= {key: Cell.failed(*key, reason) for key, reason in refused.items()}
        wanted = wanted - set(refused)
        with progress_bar("models", STEPS * len(wanted), shown=self.progress) as update:
            try:
                search_models(
                    given.kept,
                    wanted,
                    reg_covar=self.reg_covar,
                    random_state=self.random_state,
                    known=known,
                    n_jobs=self.n_jobs,
                    step=lambda size, name: update(f"{name} {size}".ljust(12)),
                    done=lambda cell: cells.update({cell.key: cell}),
                    deadline=deadline,
                )
            except KeyboardInterrupt:
                return True
        return False

    def _keep(
        self, given: GivenRows, cells: dict[Key, Cell], held_out: dict[Key, HeldOut | None], types: tuple[str, ...]
    ) -> None:
        """Compare the cells; nothing of the estimator changes before there is a best one."""
        values = {key: math.inf if found is None else found.criterion for key, found in held_out.items()}
        results = SelectionTable.of(cells, self.criterion, given.n_features, types, values)
        best = cells[results.key_of(results.best)]
        self.best_estimator_ = estimator_of(
            best,
            given,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
            feature_names=getattr(self, "feature_names_in_", None),
        )
        self.cells_, self.results_ = cells, results
        self._types, self._fingerprint, self._held_out = types, given.fingerprint(), held_out
        self._weight, self._n_weighted = given.rows.total, given.rows.n_positive
        self._margin_error = self._error_of_margin(results)
        self.best_n_components_, self.best_covariance_type_ = best.key
        self.best_params_ = {"n_components": best.n_components, "covariance_type": best.covariance_type}
        self.best_score_ = float(results.value[results.best])
        self.reason_ = summarize_choice(results)

    def _cross_validate(
        self, given: GivenRows, cells: dict[Key, Cell], held_out: dict[Key, HeldOut | None]
    ) -> dict[Key, HeldOut | None]:
        """What was known, and rows held out for each sound cell, or for doubtful ones where none is sound."""
        fitted = {key: cell for key, cell in cells.items() if cell.fit is not None}
        candidates = {key: cell for key, cell in fitted.items() if not cell.doubts()} or fitted
        missing = [key for key in sorted(candidates) if key not in held_out]
        n_folds = min(self.n_folds, given.rows.n_rows)
        seed = self.random_state if isinstance(self.random_state, int) else 0  # extensions have the folds of the fit
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(_held_out)(candidates[key], given, n_folds, seed) for key in missing
        )
        return held_out | dict(zip(missing, found, strict=True))

    def _error_of_margin(self, results: SelectionTable) -> float:
        """The standard error of the difference between the held-out deviances of the best two models."""
        second = runner_up(results)
        if self.criterion != "cv" or second is None:
            return math.nan
        one, other = (self._held_out[results.key_of(line)] for line in (results.best, second))
        assert one is not None
        assert other is not None
        gains = HeldOut(one.log_density - other.log_density, one.folds, one.row_weights)
        return 2 * gains.n * gains.standard_error

    def _check_parameters(self) -> None:
        if self.criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {CRITERIA}; got {self.criterion!r}")
        if isinstance(self.reg_covar, str):
            if self.reg_covar not in ("auto", *PENALTIES):
                raise ValueError(
                    f"reg_covar must be a number, at least 0, or one of {('auto', *PENALTIES)}; got {self.reg_covar!r}"
                )
        else:
            require_nonnegative("reg_covar", self.reg_covar)
        if self.time_budget is not None:
            require_nonnegative("time_budget", self.time_budget)
        require_integer("n_folds", self.n_folds, 2)

    # why

    def why(self) -> Explanation:
        """Why the winner won; ``print(search.why())`` shows it.

        How far ahead it is and what that means, the best of each number of components and of each model, what other
        criteria say, and what there is to look at.

        Returns
        -------
        Explanation
            Lines of text.
        """
        check_is_fitted(self)
        return explain(self.results_, self._margin_error, self._weight, self._n_weighted)

    # using the winner

    @property
    def mixture_(self) -> Mixture:
        """The mixture of the winner."""
        return self.best_estimator_.mixture_

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """`fit`, then the label of each row by the winner.

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
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def predict(self, X: Any) -> IntArray:
        """The most probable component of each row, by the winner.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            The component that is most probable for the row, from 0 on.
        """
        return self._best().predict(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """The probability of each component of the winner given the row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n, k) array
            Responsibilities; every row sums to one.
        """
        return self._best().predict_proba(X)

    def score_samples(self, X: Any) -> FloatArray:
        """The log density of each row, by the winner.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            Natural logarithms.
        """
        return self._best().score_samples(X)

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
        return self._best().score(X, sample_weight=sample_weight)

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion of the winner: lower is better.

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
        return self._best().bic(X, sample_weight)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion of the winner: lower is better.

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
        return self._best().aic(X, sample_weight)

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood of the winner: lower is better.

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
        return self._best().icl(X, sample_weight)

    def aicc(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's criterion corrected for few rows, of the winner: lower is better.

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
        return self._best().aicc(X, sample_weight)

    def entropy(self, X: Any, sample_weight: Any = None) -> float:
        """The entropy of the winner's responsibilities, summed over the (weighted) rows.

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
        return self._best().entropy(X, sample_weight)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.Generator | np.random.RandomState | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Draw rows from the winner, in random order.

        Parameters
        ----------
        n_samples : int, default=1
            How many rows.
        random_state : int, Generator, RandomState or None
            None uses the ``random_state`` of the search, so an int there gives the same rows at every call.

        Returns
        -------
        X : (n, d) array
            The rows.
        y : (n,) array
            The component of each row.
        """
        return self._best().sample(n_samples, random_state)

    def _best(self) -> Any:
        check_is_fitted(self)
        return self.best_estimator_


def _numbers_of_components(numbers: Any) -> tuple[int, ...]:
    if isinstance(numbers, str):
        raise ValueError(f"n_components must be whole numbers, such as range(1, 10); got {numbers!r}")
    try:
        candidates = list(numbers)
    except TypeError:
        candidates = [numbers]
    if not candidates:
        raise ValueError("n_components is empty: name at least one number of components")
    for k in candidates:
        require_integer("each of n_components", k, 1)
    return tuple(sorted({int(k) for k in candidates}))


def _held_out(cell: Cell, given: GivenRows, n_folds: int, seed: int) -> HeldOut | None:
    """Rows held out of a cell with a fit; None when there is no sound fit without one of the folds."""
    assert cell.mixture is not None
    assert cell.update is not None
    if cell.n_components > given.rows.n_positive - math.ceil(given.rows.n_rows / n_folds):
        return None
    try:
        return hold_out(given.kept, cell.mixture, cell.update, n_folds=n_folds, seed=seed)
    except FitFailedError:
        return None
