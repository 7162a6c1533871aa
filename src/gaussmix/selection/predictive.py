"""Choice of a model by how well it predicts the last columns of held-out rows from the others."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr

from gaussmix.core.conditionals import Conditionals
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.refit import stream
from gaussmix.selection.model_names import ModelSpec, code_of, family_of
from gaussmix.selection.model_search import search_models
from gaussmix.selection.rows import SearchRows

COVERAGE = 0.9
"""Probability of the central intervals that are to contain this share of the held-out values."""

_FACTORS = (0.1, 10.0)  # of the residuals: limits of the calibration
_HALVINGS = 40


@dataclass(eq=False)
class PredictiveSearch:
    """Fits of models to all rows but those of one fold, for each fold, and their predictions of this fold.

    Every fit is a search of its own, so that held-out rows have no influence on it. Equal rows are in one fold, so a
    row of weight 2 counts as two rows.

    Attributes
    ----------
    rows : WeightedRows
        Rows of type float64, with the targets in the last columns.
    n_targets : int
        Number of targets.
    n_folds : int
        Number of folds, if there are as many distinct rows.
    reg_covar : float or str
        As in `GaussianMixture`.
    seed : int
        Seed of the folds and of the searches.
    n_jobs : int or None
        Number of threads, as in `GaussianMixtureIC`.
    mean_log_densities : dict
        Mean log density of the held-out targets given the other columns, in nats, for each model; minus infinity for a
        model that has no fit without one of the folds.
    """

    rows: WeightedRows
    n_targets: int
    n_folds: int
    reg_covar: float | str
    seed: int
    n_jobs: int | None = None
    mean_log_densities: dict[ModelSpec, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = self.rows.positive()
        self.folds, self.n_distinct = folds_of_distinct(self.rows.values, self.n_folds, self.seed)
        self._mixtures: dict[ModelSpec, list[Mixture]] = {}

    def add(self, models: Iterable[ModelSpec]) -> None:
        """Fit models without each of the folds, and predict the fold.

        Parameters
        ----------
        models : iterable of ModelSpec
            Models; equal ones are fitted once.
        """
        distinct = {
            family_of(spec.covariance_type, spec.n_components, self.rows.n_features): spec
            for spec in sorted(models, reverse=True)
            if spec.n_components == 1
        }
        wanted = [spec for spec in models if spec.n_components > 1] + list(distinct.values())
        fits: list[dict[ModelSpec, Mixture]] = []
        for fold in range(self.folds.max() + 1):
            others = self.rows.take(self.folds != fold)
            others = others.with_values(np.ascontiguousarray(others.values))
            fits.append(fit_models(others, wanted, self.reg_covar, self.seed, self.n_jobs))
        for spec in wanted:
            mixtures = [found[spec] for found in fits if spec in found]
            if len(mixtures) < len(fits):
                self.mean_log_densities[spec] = -np.inf
                continue
            self._mixtures[spec] = mixtures
            density = np.empty(self.rows.n_rows)
            for fold, given in enumerate(self._conditionals(spec)):
                density[self.folds == fold] = given.log_density(self._targets(fold))
            mean = float(np.average(density, weights=self.rows.weights))
            self.mean_log_densities[spec] = mean if np.isfinite(mean) else -np.inf

    @property
    def best(self) -> ModelSpec | None:
        """The model of the greatest mean log density; None if no model could be fitted."""
        found = max(self.mean_log_densities, key=lambda spec: self.mean_log_densities[spec], default=None)
        return None if found is None or np.isneginf(self.mean_log_densities[found]) else found

    def residual_factor(self, spec: ModelSpec) -> float:
        """Return by how much to multiply the residual standard deviations of a model.

        The fit makes residuals too small, the more parameters it has for each row. With the factor, the central 90 %
        intervals contain 90 % of the held-out values (``0.9 (n + 1)`` of n distinct rows: Lei et al., Distribution-free
        predictive inference for regression, Journal of the American Statistical Association 113 (2018), 1094-1111).

        Parameters
        ----------
        spec : ModelSpec
            A model that was fitted.

        Returns
        -------
        float
            Factor from 0.1 to 10.
        """
        predictions = [
            _Predictions.of(given, self._targets(fold)) for fold, given in enumerate(self._conditionals(spec))
        ]
        weights = [self.rows.explicit_weights[self.folds == fold] for fold in range(len(predictions))]
        total = sum(float(each.sum()) for each in weights)
        wanted = min(1.0, COVERAGE * (1 + 1 / self.n_distinct))

        def coverage(factor: float) -> float:
            parts = zip(predictions, weights, strict=True)
            return sum(float((each.is_inside(factor).mean(axis=1) * weight).sum()) for each, weight in parts) / total

        low, high = np.log(_FACTORS)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if coverage(np.exp(middle)) >= wanted else (middle, high)
        return float(np.exp(high))

    def _conditionals(self, spec: ModelSpec) -> list[Conditionals[Mixture]]:
        observed = list(range(self.rows.n_features - self.n_targets))
        return [
            mixture.condition(np.ascontiguousarray(self.rows.values[self.folds == fold][:, observed]), observed)
            for fold, mixture in enumerate(self._mixtures[spec])
        ]

    def _targets(self, fold: int) -> FloatArray:
        return np.ascontiguousarray(self.rows.values[self.folds == fold, -self.n_targets :])


@dataclass(frozen=True, eq=False)
class _Predictions:
    """Weights (n, 1, k) of the components, and distances (n, q, k) of values from their means, in deviations."""

    weights: FloatArray
    distances: FloatArray

    @classmethod
    def of(cls, given: Conditionals[Mixture], values: FloatArray) -> "_Predictions":
        deviations = np.sqrt(given.regressions.residual.variances())
        distances = (values[:, None] - given.component_means) / deviations
        return cls(given.weights[:, None], np.ascontiguousarray(distances.transpose(0, 2, 1)))

    def is_inside(self, factor: float) -> FloatArray:
        """Return for each value (n, q) whether it is in the central interval of probability `COVERAGE`."""
        below = (self.weights * ndtr(self.distances / factor)).sum(axis=2)
        return np.abs(below - 0.5) <= 0.5 * COVERAGE


def folds_of_distinct(values: FloatArray, n_folds: int, seed: int) -> tuple[IntArray, int]:
    """Return folds (n,), drawn at random, in which equal rows are together.

    They do not depend on the order of the rows, and have nearly equal numbers of distinct rows.

    Parameters
    ----------
    values : (n, d) array
        Rows.
    n_folds : int
        Number of folds; as many as there are distinct rows if that is less.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    folds : (n,) array of int
        Folds from 0.
    n_distinct : int
        Number of distinct rows.
    """
    distinct, which = np.unique(values, axis=0, return_inverse=True)
    folds = np.arange(len(distinct)) % n_folds
    stream(seed, 0).shuffle(folds)
    return np.asarray(folds[which.reshape(-1)], dtype=np.int64), len(distinct)


def fit_models(
    rows: WeightedRows, models: Iterable[ModelSpec], reg_covar: float | str, seed: int, n_jobs: int | None
) -> dict[ModelSpec, Mixture]:
    """Fit models to rows, and return those that could be fitted, as mixtures of all columns.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64.
    models : iterable of ModelSpec
        Models.
    reg_covar, seed, n_jobs
        As in `PredictiveSearch`.

    Returns
    -------
    dict from ModelSpec to Mixture
        Fits.
    """
    models = list(models)
    search = SearchRows.of(rows, max(spec.n_components for spec in models))
    if search.columns is None:
        return _fit_cells(search, models, reg_covar, seed, n_jobs)
    # without correlations, a column that is a function of others is a column like any other
    diagonal = [spec for spec in models if FORMS[spec.structure.form].is_diagonal]
    others = [spec for spec in models if spec not in diagonal]
    plain = replace(search, columns=ColumnReduction.of(rows, "diag"))
    return _fit_cells(search, others, reg_covar, seed, n_jobs) | _fit_cells(plain, diagonal, reg_covar, seed, n_jobs)


def _fit_cells(
    search: SearchRows, models: list[ModelSpec], reg_covar: float | str, seed: int, n_jobs: int | None
) -> dict[ModelSpec, Mixture]:
    specs = {spec: ModelSpec(spec.n_components, code_of(spec.covariance_type, search.n_features)) for spec in models}
    possible = {spec for spec in specs.values() if not search.refusal(spec)}
    cells = search_models(search.kept, possible, reg_covar=reg_covar, random_state=seed, n_jobs=n_jobs)
    fits = {spec: cell.mixture for spec, cell in cells.items() if cell.mixture is not None}
    if search.columns is not None:
        fits = {spec: search.columns.lift(mixture) for spec, mixture in fits.items()}
    return {spec: fits[fitted] for spec, fitted in specs.items() if fitted in fits}
