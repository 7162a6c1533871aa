"""Complete rows in place of incomplete ones, for the starts and moves of a search, which need coordinates.

Missing values and errors are replaced under one normal distribution, the maximum-likelihood fit to what is observed.
Only proposals come from these rows: the engine of the rows as they are decides what is kept.
"""

import math

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import engine_for
from gaussmix.core.engines.row_groups import positions_by_pattern
from gaussmix.core.imputation import draw_true_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior

_PSEUDO_ROWS = 0.01  # with the variances of the columns, which keep the covariance regular
_MOST_ITERATIONS = 50
_NEAR = 1e-3  # gain of an iteration in nats at which the normal distribution is near enough
_NUMBERS = 1 << 22  # of the matrices that are solved at a time


def completed(rows: WeightedRows) -> WeightedRows:
    """Return rows in which every value is known.

    Missing values are drawn given the observed values of their row, so that variances are right. Values with errors are
    replaced by their expectations. The draws depend on the rows only.

    Parameters
    ----------
    rows : WeightedRows
        Rows; NaN is a missing value.

    Returns
    -------
    WeightedRows
        Rows of float64 with the same weights; the rows themselves if they are complete and exact.
    """
    if rows.is_exact:
        return rows
    standard, normal, center, scale = _standardized(rows)
    if standard.noise is None:
        filled = draw_true_rows(normal.whitened(), standard, 1, np.random.default_rng(0))[0]
    else:
        filled = _expected(standard, normal.means[0], normal.covariance.dense()[0])
    return rows.with_values(np.ascontiguousarray(center + filled * scale))


def normal_of(rows: WeightedRows) -> tuple[FloatArray, FloatArray]:
    """Return the mean (d,) and the covariance (d, d) of the normal distribution that incomplete rows are completed by.

    Parameters
    ----------
    rows : WeightedRows
        Rows; NaN is a missing value.

    Returns
    -------
    mean : (d,) array
    covariance : (d, d) array
        The maximum-likelihood fit to the true rows, with a hundredth of a pseudo-row of independent columns.
    """
    _, normal, center, scale = _standardized(rows)
    return center + normal.means[0] * scale, scale[:, None] * normal.covariance.dense()[0] * scale


def _standardized(rows: WeightedRows) -> tuple[WeightedRows, Mixture, FloatArray, FloatArray]:
    """Return standardized rows, a normal distribution fitted to them, and the center and unit (d,) of each column."""
    missing = np.zeros(rows.shape, dtype=np.bool_) if rows.missing is None else rows.missing
    values = np.where(missing, np.nan, rows.values.astype(np.float64))
    center, scale = _units(values, rows.explicit_weights)
    noise = None if rows.noise is None else rows.noise.in_units(scale)
    standard = WeightedRows((values - center) / scale, rows.weights, noise=noise)
    return standard, _fit_normal(standard), center, scale


def _units(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean and a standard deviation (d,) of the observed values of each column; by default 0 and 1."""
    observed = ~np.isnan(values)
    counts = np.maximum(weights @ observed, np.finfo(np.float64).tiny)
    center = weights @ np.where(observed, values, 0.0) / counts
    squares = np.where(observed, values - center, 0.0) ** 2
    deviations = np.sqrt(weights @ squares / counts)
    return center, np.where(deviations > 0, deviations, 1.0)


def _fit_normal(standard: WeightedRows) -> Mixture:
    """Fit one normal distribution to standardized rows by EM, with pseudo-rows of independent columns."""
    d, weights = standard.n_features, standard.weights
    if weights is not None:
        standard = WeightedRows(standard.values, weights / weights.mean(), noise=standard.noise)
    engine, structure = engine_for(standard), covariance_class("full")
    update = MaximumLikelihood(prior=Prior(_PSEUDO_ROWS, math.sqrt(_PSEUDO_ROWS) * np.eye(d), 0.0, np.zeros(d)))
    normal = Mixture(np.ones(1), np.zeros((1, d)), structure.identity(1, d))
    for _ in range(_MOST_ITERATIONS):
        moments = engine.accumulate(normal.whitened())
        step = update.maximize(normal, moments)
        gain = update.gain(normal, moments, step)
        normal = step.mixture
        if gain < _NEAR:
            break
    return normal


def _expected(standard: WeightedRows, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return the expectations (n, d) of true rows under a normal distribution, many rows with own errors at a time."""
    filled, noise = np.empty(standard.shape), standard.noise
    assert noise is not None
    for positions in positions_by_pattern(standard):
        missing = None if standard.missing is None else standard.missing[positions[0]]
        observed = np.arange(standard.n_features) if missing is None else np.flatnonzero(~missing)
        own, across = covariance[np.ix_(observed, observed)], covariance[observed]
        filled[positions] = mean
        step = max(1, _NUMBERS // max(observed.size, 1) ** 2)
        for part in np.split(positions, range(step, len(positions), step)) if observed.size else ():
            errors = noise.take(part).of_features(observed).values
            if noise.is_diagonal:
                errors = errors[..., None] * np.eye(observed.size)
            centered = standard.values[np.ix_(part, observed)] - mean[observed]
            filled[part] += np.linalg.solve(own + errors, centered[:, :, None])[:, :, 0] @ across
    return filled
