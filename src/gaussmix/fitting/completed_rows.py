"""Complete rows in place of incomplete ones, for the starts and moves of a search, which need coordinates.

Missing values and errors are replaced under one normal distribution, the maximum-likelihood fit to what is observed.
Only proposals come from these rows: the engine of the rows as they are decides what is kept.
"""

import math
from collections.abc import Iterator

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.prior import Prior

_PSEUDO_ROWS = 1.0  # with the variances of the columns, which keep the covariance regular
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
    missing = np.zeros(rows.shape, dtype=np.bool_) if rows.missing is None else rows.missing
    values = np.where(missing, np.nan, rows.values.astype(np.float64))
    center, scale = _units(values, rows.explicit_weights)
    noise = None if rows.noise is None else rows.noise.in_units(scale)
    standard = WeightedRows((values - center) / scale, rows.weights, noise=noise)
    normal = _fit_normal(standard)
    mean, covariance = normal.means[0], normal.covariance.dense()[0]
    filled = np.array(standard.values)
    rng = np.random.default_rng(0)
    for positions, observed in patterns(missing):
        some = standard.take(positions)
        filled[positions] = _expected(some.values[:, observed], some.noise, observed, mean, covariance)
        hidden = np.setdiff1d(np.arange(rows.n_features), observed)
        if hidden.size:
            filled[np.ix_(positions, hidden)] += _deviations(observed, hidden, covariance, len(positions), rng)
    return rows.with_values(np.ascontiguousarray(center + filled * scale))


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


def patterns(missing: BoolArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the positions of rows with the same missing values, and the columns that they have."""
    packed = np.packbits(missing, axis=1)
    _, group = np.unique(packed, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    for positions in np.split(order, ends):
        yield positions, np.flatnonzero(~missing[positions[0]])


def _expected(
    values: FloatArray, noise: NoiseCovariance | None, observed: IntArray, mean: FloatArray, covariance: FloatArray
) -> FloatArray:
    """Return the expectations (m, d) of the true rows, given their observed values (m, o)."""
    if not observed.size:
        return np.broadcast_to(mean, (len(values), len(mean)))
    centered = values - mean[observed]
    own = covariance[np.ix_(observed, observed)]
    if noise is None or not noise.per_row:
        total = own if noise is None else own + noise.of_features(observed).dense(0)
        filled = mean + np.linalg.solve(total, centered.T).T @ covariance[observed]
        if noise is None:
            filled[:, observed] = values
        return filled
    filled = np.empty((len(values), len(mean)))
    step = max(1, _NUMBERS // observed.size**2)
    for start in range(0, len(values), step):
        part = np.arange(start, min(start + step, len(values)))
        errors = noise.of_features(observed).take(part)
        total = own + (errors.values[:, :, None] * np.eye(observed.size) if errors.is_diagonal else errors.values)
        filled[part] = mean + np.linalg.solve(total, centered[part, :, None])[:, :, 0] @ covariance[observed]
    return filled


def _deviations(
    observed: IntArray, hidden: IntArray, covariance: FloatArray, size: int, rng: np.random.Generator
) -> FloatArray:
    """Draw deviations (size, h) of hidden values from their expectations, given exact observed values."""
    within = covariance[np.ix_(hidden, hidden)]
    if observed.size:
        between = covariance[np.ix_(observed, hidden)]
        within = within - between.T @ np.linalg.solve(covariance[np.ix_(observed, observed)], between)
    variances, axes = np.linalg.eigh(within)
    return rng.standard_normal((size, hidden.size)) @ (axes * np.sqrt(np.maximum(variances, 0.0))).T
