"""The distribution of true rows, given rows with missing values and measurement errors, under a mixture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaussmix.core.engines import NativeEngine
from gaussmix.core.engines.observed import ObservedMixture, roots_of
from gaussmix.core.engines.row_groups import RowGroup, group_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.core.whitened import WhitenedMixture


@dataclass(frozen=True, eq=False)
class _ConditionalRows:
    """True rows of a group: in component k ``x = means[k] + roots[k] z``, where z has mean ``centers`` given the row.

    Attributes
    ----------
    group : RowGroup
        The rows.
    observed : ObservedMixture
        Mixture of the observed values.
    shares : (m, k) array
        Responsibilities.
    whitened : (k, m, o) array
        Observed values about the mean, in whitened units.
    """

    group: RowGroup
    observed: ObservedMixture
    shares: FloatArray
    whitened: FloatArray

    @property
    def centers(self) -> FloatArray:
        """The mean (k, m, d) of z."""
        return self.whitened @ self.observed.lifts.transpose(0, 2, 1)


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
        means = mixture.means[:, None] + part.centers @ roots.transpose(0, 2, 1)
        result[part.group.positions] = np.einsum("nk,knd->nd", part.shares, means)
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
        lifts = part.observed.lifts
        unseen = np.eye(rows.n_features) - lifts @ lifts.transpose(0, 2, 1)
        within = roots @ unseen @ roots.transpose(0, 2, 1)
        means = mixture.means[:, None] + part.centers @ roots.transpose(0, 2, 1)
        apart = means - np.einsum("nk,knd->nd", part.shares, means)
        between = np.einsum("nk,kni,knj->nij", part.shares, apart, apart)
        result[part.group.positions] = np.einsum("nk,kij->nij", part.shares, within) + between
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
    errors = None if rows.noise is None else rng.standard_normal(result.shape)
    for part in _conditional(mixture, roots, rows):
        at, observed = part.group.positions, part.group.observed
        chosen = (chance[:, at, None] >= part.shares.cumsum(axis=1)[None, :, :-1]).sum(axis=2)
        for component in np.unique(chosen):
            draw, row = np.nonzero(chosen == component)
            z, root = result[draw, at[row]], roots[component]
            if len(observed):
                x = z @ root[observed].T
                if errors is not None and part.group.noise_root is not None:
                    x += errors[draw, at[row]][:, : len(observed)] @ part.group.noise_root.T
                drawn = x @ part.observed.whitened.factors[component]
                z = z + (part.whitened[component, row] - drawn) @ part.observed.lifts[component].T
            result[draw, at[row]] = mixture.means[component] + z @ root.T
    return _with_exact(result, rows)


def _conditional(mixture: WhitenedMixture, roots: FloatArray, rows: WeightedRows) -> Iterator[_ConditionalRows]:
    for group in group_rows(rows):
        observed = ObservedMixture.of(mixture, roots, group.observed, group.noise_root)
        shares = NativeEngine.of(group.values).score_rows(observed.whitened, "responsibilities")
        apart = group.values.values - observed.whitened.means[:, None]
        yield _ConditionalRows(group, observed, shares, apart @ observed.whitened.factors)


def _exact(rows: WeightedRows) -> BoolArray:
    """Return where values are neither missing nor have an error, (n, d)."""
    exact = np.ones(rows.shape, dtype=bool) if rows.missing is None else ~rows.missing
    return exact if rows.noise is None else exact & (rows.noise.variances == 0)


def _with_exact(result: FloatArray, rows: WeightedRows) -> FloatArray:
    """Put exact values into rows (..., n, d)."""
    return np.where(_exact(rows), rows.values, result)
