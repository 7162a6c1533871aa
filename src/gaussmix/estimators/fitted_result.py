"""What a `FitResult` says: attributes, labels and criteria of an estimator, and its report."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.engines import AbstractDistantRows, AnyRows, engine_for
from gaussmix.core.engines.distant_rows import require_in_memory, require_passes
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.text import Entry
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.diagnostics import Report, inspect_fit
from gaussmix.diagnostics.fit import FitRecord
from gaussmix.estimators.fitted_mixture import FittedMixtureMixin
from gaussmix.estimators.fitted_noise import FittedNoiseMixin
from gaussmix.estimators.fitted_run import FittedRunMixin
from gaussmix.estimators.parameter_checks import require_values
from gaussmix.fitting.fit_result import FitResult


class FittedResultMixin(FittedRunMixin, FittedNoiseMixin, FittedMixtureMixin):
    """Attributes and methods of an estimator with a ``fit_result_``, whose fit may have left out rows."""

    fit_result_: FitResult

    def _labels(self, rows: AnyRows) -> IntArray:
        """Return the labels (n,) of rows; -1 for those below the threshold of a trimmed fit."""
        trimmed = self.fit_result_.trimmed
        if trimmed is None:
            return super()._labels(rows)
        given = require_in_memory(rows, "predict after a fit with trim")
        return np.where(trimmed.are_kept(self.mixture_, given), super()._labels(given), -1)

    @underflow_to_zero
    def report(self, X: Any = None, sample_weight: Any = None, *, noise_covariance: Any = None) -> Report:
        """Report on the fit, and on its rows if they are given again (docs/report.md).

        Parameters
        ----------
        X : (n, d) array-like or table, optional
            The rows of the fit; of rows that are not in memory, a sample is examined.
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
        if X is None:
            return inspect_fit(self.mixture_, FitRecord.of(self.fit_result_))
        rows = self._checked_rows(X, sample_weight, noise_covariance, reset=False)
        if isinstance(rows, AbstractDistantRows):
            rows = rows.fixed_sample()
        return inspect_fit(self.mixture_, FitRecord.of(self.fit_result_), rows.values, rows.weights, rows.noise)

    @property
    def mixture_(self) -> Mixture:  # type: ignore[override]
        """The fitted mixture."""
        return self.fit_result_.mixture

    @property
    def start_log_likelihoods_(self) -> FloatArray:
        """Final log-likelihoods of the starts in nats, greatest first."""
        return np.array(self.fit_result_.optima)

    @property
    def lower_bound_(self) -> float:
        """Mean log-likelihood of the returned parameters, in nats per row."""
        return self.fit_result_.mean_log_likelihood

    @property
    def lower_bounds_(self) -> list[float]:
        """Mean log-likelihood after each iteration, in nats per row."""
        return [float(value) for value in self.history_["log_likelihood"][1:]]

    @property
    def trim_threshold_(self) -> float:
        """With ``trim``, the least ``max_k log w_k N(x | k)`` of the rows that the fit kept; else ``-inf``."""
        trimmed = self.fit_result_.trimmed
        return -math.inf if trimmed is None else trimmed.threshold

    @property
    def _n_parameters(self) -> int:
        """The number of free parameters, without those that are held."""
        update, mixture = self.fit_result_.update, self.mixture_
        return mixture.n_parameters - update.n_held(mixture)

    def _moments(self, X: Any, sample_weight: Any, noise_covariance: Any) -> Moments:
        rows = require_values(self._rows(X, sample_weight, noise_covariance))
        if self.fit_result_.trimmed is not None:
            rows = require_in_memory(rows, "a fit with trim")
            kept = self.fit_result_.trimmed.are_kept(self.mixture_, rows)
            if not kept.any():
                raise ValueError("all rows of X are below the threshold of the trimmed fit: there is nothing to score")
            rows = rows.take(kept)
        whitened = self.mixture_.whitened()
        return engine_for(require_passes(rows, whitened)).accumulate(whitened)

    def _result_entries(self) -> list[Entry]:
        return [Entry("log-likelihood", f"{self.lower_bound_:.6f} per row"), *super()._result_entries()]
