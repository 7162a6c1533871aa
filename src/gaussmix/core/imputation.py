"""The distribution of true rows, given rows with missing values and measurement errors, under a mixture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from gaussmix.core.engines import engine_for
from gaussmix.core.engines.observed import factors_and_lifts, roots_of
from gaussmix.core.engines.row_groups import RowGroups, batches_of_groups
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray
from gaussmix.core.whitened import WhitenedMixture

_NUMBERS = 1 << 18  # of all roots of a batch of groups, so that they stay in cache


@dataclass(frozen=True, eq=False)
class _ConditionalRows:
    """True rows of groups: in component k ``x = means[k] + roots[k] z``, where z has mean ``centers`` given the row.

    Attributes
    ----------
    groups : RowGroups
        The rows.
    factors, lifts : (g, k, o, o), (g, k, d, o) arrays
        F and A of `core.engines.observed`.
    shares : (g, m, k) array
        Responsibilities.
    whitened : (g, k, m, o) array
        Observed values about the mean, in whitened units.
    """

    groups: RowGroups
    factors: FloatArray
    lifts: FloatArray
    shares: FloatArray
    whitened: FloatArray

    def component_means(self, mixture: WhitenedMixture, roots: FloatArray) -> FloatArray:
        """Return the means (g, k, m, d) of the true rows in each component."""
        centers = self.whitened @ self.lifts.swapaxes(-1, -2)
        return np.asarray(mixture.means[:, None] + centers @ roots.swapaxes(-1, -2))


def expected_rows(mixture: WhitenedMixture, rows: WeightedRows) -> FloatArray:
    """Return the mean (n, d) of the true rows, given what is observed.

    Parameters
    ----------
    mixture : WhitenedMixture
        Mixture of the true rows.
    rows : WeightedRows
        Rows with missing values or measurement errors.

    Returns
    -------
    (n, d) array
        The means. A value without a measurement error is returned as it is.
    """
    roots, result = roots_of(mixture), np.empty(rows.shape)
    for part in _conditional(mixture, roots, rows):
        means = part.component_means(mixture, roots)
        result[part.groups.positions] = np.einsum("gmk,gkmd->gmd", part.shares, means)
    return _with_exact(result, rows)


def covariances_of_rows(mixture: WhitenedMixture, rows: WeightedRows) -> FloatArray:
    """Return the covariance (n, d, d) of the true rows, given what is observed.

    Parameters
    ----------
    mixture : WhitenedMixture
        Mixture of the true rows.
    rows : WeightedRows
        Rows with missing values or measurement errors.

    Returns
    -------
    (n, d, d) array
        The covariances; zero in the rows and columns of values that are exact.
    """
    roots, result = roots_of(mixture), np.empty((*rows.shape, rows.n_features))
    for part in _conditional(mixture, roots, rows):
        unseen = np.eye(rows.n_features) - part.lifts @ part.lifts.swapaxes(-1, -2)
        within = roots @ unseen @ roots.swapaxes(-1, -2)
        means = part.component_means(mixture, roots)
        apart = means - np.einsum("gmk,gkmd->gmd", part.shares, means)[:, None]
        weighted = part.shares.swapaxes(-1, -2)[..., None] * apart
        between = np.einsum("gkmi,gkmj->gmij", weighted, apart)
        result[part.groups.positions] = np.einsum("gmk,gkij->gmij", part.shares, within) + between
    exact = _exact(rows)
    result[exact[:, :, None] | exact[:, None, :]] = 0.0
    return result


def draw_true_rows(mixture: WhitenedMixture, rows: WeightedRows, n_draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the true rows from their distribution, given what is observed.

    A draw from the mixture is corrected by what it differs in from the observed row, which does not need the root of
    the conditional covariance: Hoffman and Ribak, Astrophysical Journal 380 (1991), L5-L8.

    Parameters
    ----------
    mixture : WhitenedMixture
        Mixture of the true rows.
    rows : WeightedRows
        Rows with missing values or measurement errors.
    n_draws : int
        Number r of independent draws.
    rng : Generator
        Source of random numbers; the draws do not depend on the patterns of other rows.

    Returns
    -------
    (r, n, d) array
        The draws. A value without a measurement error is returned as it is.
    """
    roots = roots_of(mixture)
    result = rng.standard_normal((n_draws, *rows.shape))
    chance = rng.random((n_draws, rows.n_rows))
    scale = None if mixture.degrees_of_freedom is None else rng.random((n_draws, rows.n_rows))
    errors = None if rows.noise is None else rng.standard_normal(result.shape)
    for part in _conditional(mixture, roots, rows):
        at, observed = part.groups.positions, part.groups.observed
        chosen = (chance[:, at, None] >= part.shares.cumsum(axis=-1)[..., :-1]).sum(axis=-1)
        for component in np.unique(chosen):
            draw, group, member = np.nonzero(chosen == component)
            row = at[group, member]
            z, root = result[draw, row], roots[component]
            if scale is not None and mixture.degrees_of_freedom is not None:
                squares = (part.whitened[group, component, member] ** 2).sum(axis=1)
                degrees, o = mixture.degrees_of_freedom[component], observed.shape[1]
                z = z * np.sqrt(_drawn_scales(scale[draw, row], degrees, squares, o))[:, None]
            x = np.take_along_axis(z @ root.T, observed[group], axis=1)
            if errors is not None and part.groups.noise_roots is not None:
                noise = errors[draw, row][:, : observed.shape[1]]
                x += _transformed(noise, part.groups.noise_roots.swapaxes(-1, -2), group)
            drawn = _transformed(x, part.factors[:, component], group)
            apart = part.whitened[group, component, member] - drawn
            z = z + _transformed(apart, part.lifts[:, component].swapaxes(-1, -2), group)
            result[draw, row] = mixture.means[component] + z @ root.T
    return _with_exact(result, rows)


def _drawn_scales(chance: FloatArray, degrees: float, squares: FloatArray, n_observed: int) -> FloatArray:
    """Return draws of 1 / tau given o observed values at squared distances, from uniform numbers."""
    if np.isinf(degrees):
        return np.ones(len(chance))
    half = 0.5 * (degrees + n_observed)
    return np.asarray(0.5 * (degrees + squares) / gammaincinv(half, np.maximum(chance, np.finfo(np.float64).tiny)))


def _transformed(vectors: FloatArray, matrices: FloatArray, group: IntArray) -> FloatArray:
    """Return vectors (n, a), each times the one of the matrices (g, a, b) that belongs to its group."""
    return vectors @ matrices[0] if len(matrices) == 1 else (vectors[:, None] @ matrices[group])[:, 0]


def _conditional(mixture: WhitenedMixture, roots: FloatArray, rows: WeightedRows) -> Iterator[_ConditionalRows]:
    shares = engine_for(rows).score_rows(mixture, "responsibilities")
    most = max(1, _NUMBERS // roots.size)
    for groups in batches_of_groups(rows, most):
        factors, lifts = factors_and_lifts(roots, groups.observed, groups.noise_roots)
        apart = groups.values[:, None] - mixture.means.T[groups.observed].swapaxes(-1, -2)[:, :, None]
        yield _ConditionalRows(groups, factors, lifts, shares[groups.positions], apart @ factors)


def _exact(rows: WeightedRows) -> BoolArray:
    """Return where values are neither missing nor have an error, (n, d)."""
    exact = np.ones(rows.shape, dtype=bool) if rows.missing is None else ~rows.missing
    return exact if rows.noise is None else exact & (rows.noise.variances == 0)


def _with_exact(result: FloatArray, rows: WeightedRows) -> FloatArray:
    """Put exact values into rows (..., n, d)."""
    return np.where(_exact(rows), rows.values, result)
