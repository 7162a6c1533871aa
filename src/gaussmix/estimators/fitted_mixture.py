"""Methods and attributes of all estimators with a fitted mixture."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, overload

from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import AbstractDistantRows, AnyRows, engine_for
from gaussmix.core.engines.distant_rows import as_given, require_in_memory, require_passes
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.imputing import ImputationKind
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray, Seed
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.estimators.checked_rows import checked_any_rows, checked_rows
from gaussmix.estimators.notebook import NotebookMixin
from gaussmix.estimators.parameter_checks import require_values
from gaussmix.selection.criteria import CRITERIA
from gaussmix.tables.row_results import require_target, write_parts

_WRITTEN_ROWS = 1 << 18  # rows of a part of a result that is written


class FittedMixtureMixin(NotebookMixin, TransformerMixin):  # type: ignore[misc]
    """Methods and attributes that estimators share; a subclass has ``mixture_`` and ``random_state``."""

    mixture_: Mixture
    random_state: Any
    _takes_distant_rows = False  # rows of Dask, for example (`AbstractDistantRows`)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @overload
    def predict(self, X: Any, *, noise_covariance: Any = None, to: None = None) -> IntArray: ...
    @overload
    def predict(self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str]) -> Path: ...
    def predict(
        self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str] | None = None
    ) -> IntArray | Path:
        """Return the most probable component of each row, -1 for noise and trimmed rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.
        to : path, optional
            A .npy, .parquet or .csv file in a folder that exists. The result is written to it as it is computed, in
            pieces of the rows; the file appears when it is complete.

        Returns
        -------
        (n,) array
            Numbers of components, from 0, in the order of the rows; -1 for noise, and after a fit with ``trim`` for a
            row whose greatest ``log w_k N(x | k)`` is below that of all rows that the fit kept. It is an array also for
            a table, and with any ``set_output``, as in scikit-learn. With ``to``, the path of the file, whose column
            is ``label``.
        """
        target, rows = require_target(to, "to"), self._rows(X, None, noise_covariance)
        if target is None:
            return as_given(self._labels(rows), X)
        parts = _parts(require_in_memory(rows, "to="))
        return write_parts(target, ["label"], rows.n_rows, map(self._labels, parts))

    @overload
    def predict_proba(self, X: Any, *, noise_covariance: Any = None, to: None = None) -> FloatArray: ...
    @overload
    def predict_proba(self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str]) -> Path: ...
    def predict_proba(
        self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str] | None = None
    ) -> FloatArray | Path:
        """Return the probability of each component for each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.
        to : path, optional
            A .npy, .parquet or .csv file in a folder that exists. The result is written to it as it is computed, in
            pieces of the rows; the file appears when it is complete.

        Returns
        -------
        (n, k) array
            Responsibilities; every row sums to one. A row so far away that all densities are zero belongs to the
            nearest component. With noise, one more column is the probability of the noise. With ``to``, the path of
            the file, whose columns are ``p0``, ``p1``, ... and ``p_noise``.
        """
        target, rows, whitened = require_target(to, "to"), self._rows(X, None, noise_covariance), self._whitened()
        if target is None and isinstance(rows, AbstractDistantRows):
            return rows.for_each(whitened, "responsibilities")
        rows = require_in_memory(rows, "to=")
        if target is None:
            return as_given(assign_rows(engine_for(rows), whitened, "responsibilities"), X)
        names = [*(f"p{at}" for at in range(self.mixture_.n_components)), "p_noise"][: self._n_features_out]
        shares = (assign_rows(engine_for(part), whitened, "responsibilities") for part in _parts(rows))
        return write_parts(target, names, rows.n_rows, shares)

    def transform(self, X: Any, *, noise_covariance: Any = None) -> FloatArray:
        """Return the responsibilities as features for a pipeline.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        (n, k) array or data frame
            Responsibilities, as of `predict_proba`; a data frame after ``set_output(transform="pandas")``.
        """
        return self.predict_proba(X, noise_covariance=noise_covariance)

    @overload
    def score_samples(self, X: Any, *, noise_covariance: Any = None, to: None = None) -> FloatArray: ...
    @overload
    def score_samples(self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str]) -> Path: ...
    def score_samples(
        self, X: Any, *, noise_covariance: Any = None, to: str | PathLike[str] | None = None
    ) -> FloatArray | Path:
        """Return the log density of each row.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.
        to : path, optional
            A .npy, .parquet or .csv file in a folder that exists. The result is written to it as it is computed, in
            pieces of the rows; the file appears when it is complete.

        Returns
        -------
        (n,) array
            In nats. With ``to``, the path of the file, whose column is ``log_density``.
        """
        target, rows, whitened = require_target(to, "to"), self._rows(X, None, noise_covariance), self._whitened()
        if target is None and isinstance(rows, AbstractDistantRows):
            return rows.for_each(whitened, "log_density")
        rows = require_in_memory(rows, "to=")
        if target is None:
            return as_given(engine_for(rows).score_rows(whitened, "log_density"), X)
        densities = (engine_for(part).score_rows(whitened, "log_density") for part in _parts(rows))
        return write_parts(target, ["log_density"], rows.n_rows, densities)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, noise_covariance: Any = None) -> float:
        """Return the (weighted) mean log density of the rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        y : ignored
            Present for scikit-learn's pipelines: labels do not change the score.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            Log-likelihood in nats per row; higher is better.
        """
        rows = require_values(self._rows(X, sample_weight, noise_covariance))
        whitened = self._whitened()
        return engine_for(require_passes(rows, whitened)).accumulate(whitened).mean_log_likelihood

    def bic(self, X: Any, sample_weight: Any = None, *, noise_covariance: Any = None) -> float:
        """Return the Bayesian information criterion (`gaussmix.selection.criteria.bic`).

        Weights count rows: ``n`` in ``log n`` is their sum.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            Lower is better; only models of the same rows can be compared.
        """
        return self._criterion("bic", X, sample_weight, noise_covariance)

    def icl(self, X: Any, sample_weight: Any = None, *, noise_covariance: Any = None) -> float:
        """Return the integrated completed likelihood, BIC plus twice the entropy (`gaussmix.selection.criteria.icl`).

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            Lower is better; only models of the same rows can be compared.
        """
        return self._criterion("icl", X, sample_weight, noise_covariance)

    def aic(self, X: Any, sample_weight: Any = None, *, noise_covariance: Any = None) -> float:
        """Return the Akaike information criterion (Akaike 1974).

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            Lower is better; only models of the same rows can be compared.
        """
        return self._criterion("aic", X, sample_weight, noise_covariance)

    def aicc(self, X: Any, sample_weight: Any = None, *, noise_covariance: Any = None) -> float:
        """Return Akaike's criterion corrected for few rows (`gaussmix.selection.criteria.aicc`).

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            Lower is better; only models of the same rows can be compared.
        """
        return self._criterion("aicc", X, sample_weight, noise_covariance)

    def entropy(self, X: Any, sample_weight: Any = None, *, noise_covariance: Any = None) -> float:
        """Return the entropy of the responsibilities, summed over the (weighted) rows.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        sample_weight : (n,) array-like, optional
            Nonnegative; a weight of 2 counts as two equal rows.
        noise_covariance : array-like, optional
            Covariance of the measurement errors, as in ``fit``.

        Returns
        -------
        float
            In nats; 0 if the component of every row is certain.
        """
        return self._moments(X, sample_weight, noise_covariance).entropy

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[FloatArray, IntArray]:
        """Draw rows from the fitted mixture, in random order.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, Generator, RandomState or None
            None uses the estimator's ``random_state``, so that an int there gives the same rows at every call.

        Returns
        -------
        X : (n, d) array
            The rows.
        y : (n,) array
            The component of each row; -1 for noise.
        """
        check_is_fitted(self)
        seed = check_random_state(self.random_state) if random_state is None else random_state
        return self.mixture_.sample(n_samples, seed)

    @property
    def weights_(self) -> FloatArray:
        """Mixing proportions, ``(k,)``; with the weight of the noise, if there is any, they sum to one."""
        return self.mixture_.weights

    @property
    def means_(self) -> FloatArray:
        """Means of the components, ``(k, d)``."""
        return self.mixture_.means

    def impute(
        self, X: Any, kind: ImputationKind = "mean", *, n_draws: int | None = None, random_state: Seed = None
    ) -> FloatArray:
        """Fill in missing values by the fitted mixture, as `Mixture.impute` does.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
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
        """
        check_is_fitted(self)
        return self.mixture_.impute(X, kind, n_draws=n_draws, random_state=random_state)

    def denoise(self, X: Any, noise_covariance: Any) -> tuple[FloatArray, FloatArray]:
        """Return the mean and the covariance of each true row, as `Mixture.denoise` does.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit; NaN is a missing value.
        noise_covariance : array-like
            Covariance of the measurement errors: variances (d,) or a covariance (d, d) of every row, variances (n, d)
            or covariances (n, d, d) of each row.

        Returns
        -------
        means : (n, d) array
            Means of the true rows.
        covariances : (n, d, d) array
            Covariances of the true rows.
        """
        check_is_fitted(self)
        return self.mixture_.denoise(X, noise_covariance)

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
        covariance = self.mixture_.covariance
        return _read_only(covariance.dense_factors() if isinstance(covariance, Factor) else covariance.factors())

    @property
    def _n_features_out(self) -> int:
        return self.mixture_.n_components + (self.mixture_.background is not None)

    def _criterion(self, name: str, X: Any, sample_weight: Any, noise_covariance: Any) -> float:
        moments = self._moments(X, sample_weight, noise_covariance)
        return float(CRITERIA[name](moments.log_likelihood, self._n_parameters, moments.weight, moments.entropy))

    @property
    def _n_parameters(self) -> int:
        """The number of free parameters, for criteria."""
        return self.mixture_.n_parameters

    def _labels(self, rows: AnyRows) -> IntArray:
        """Return the labels (n,) of checked rows."""
        if isinstance(rows, AbstractDistantRows):
            return rows.for_each(self._whitened(), "labels")
        return assign_rows(engine_for(rows), self._whitened(), "labels")

    def _whitened(self) -> WhitenedMixture:
        """Return what scores rows: the fitted mixture, or in variational Bayes its posterior."""
        return self.mixture_.whitened()

    def _moments(self, X: Any, sample_weight: Any, noise_covariance: Any) -> Moments:
        rows = require_values(self._rows(X, sample_weight, noise_covariance))
        return engine_for(rows).accumulate(self.mixture_.whitened())

    def _rows(self, X: Any, sample_weight: Any, noise_covariance: Any) -> AnyRows:
        check_is_fitted(self)
        return self._checked_rows(X, sample_weight, noise_covariance, reset=False)

    def _checked_rows(self, X: Any, sample_weight: Any, noise_covariance: Any = None, **options: Any) -> AnyRows:
        """Check the rows and weights of a user; ``options`` are those of scikit-learn's ``validate_data``."""
        if self._takes_distant_rows:
            return checked_any_rows(self, X, sample_weight, noise_covariance, **options)
        return self._rows_in_memory(X, sample_weight, noise_covariance, **options)

    def _rows_in_memory(self, X: Any, sample_weight: Any, noise_covariance: Any = None, **options: Any) -> WeightedRows:
        return checked_rows(self, X, sample_weight, noise_covariance, allow_missing=True, **options)


def _parts(rows: WeightedRows) -> Iterator[WeightedRows]:
    """Yield the rows in parts."""
    for start in range(0, rows.n_rows, _WRITTEN_ROWS):
        yield rows.take(slice(start, start + _WRITTEN_ROWS))


def _read_only(array: FloatArray) -> FloatArray:
    """Make a computed array read-only, because changing it would have no effect."""
    array.flags.writeable = False
    return array
