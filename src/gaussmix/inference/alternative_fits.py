"""One component more: many starts from a fit without it, run at once."""

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.batch import BatchFit
from gaussmix.fitting.degeneracy import examine, rounding_variances
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import BATCH_SETTINGS, Refit
from gaussmix.fitting.sequential_batch import batch_method
from gaussmix.fitting.split_merge import halves, side_of_mean

_DIRECTIONS = 3  # that each component is cut across
_PLACES = 24  # where rows that lie close together become a component
_LOCAL_ROWS = (1.0, 2.0, 4.0)  # so many, times d + 2
_CELLS = 16  # starts that know nothing of the fit
_TABLE = 20_000_000  # numbers in the responsibilities of the starts that run at once


def fit_one_more(
    rows: WeightedRows,
    null: Mixture,
    update: MaximumLikelihood,
    rng: np.random.Generator,
    also: Mixture | None = None,
) -> Refit | None:
    """The best sound mixture with one component more that starts of several kinds lead to.

    Each component of the fit is cut in two across random directions, and into an inner and an outer part; some rows
    that lie close together become a component; cells about rows drawn at random know nothing of the fit. All run to
    the top.

    Parameters
    ----------
    rows : WeightedRows
        Of float64.
    null : Mixture
        The fit to these rows.
    update : MaximumLikelihood
    rng : Generator
    also : Mixture, optional
        One more start.

    Returns
    -------
    Refit or None
        None when components of all runs are unsound: `gaussmix.fitting.degeneracy.examine`.
    """
    structure, values = type(null.covariance), rows.values
    shares = null.responsibilities(values)
    tables = [*_cuts(values, null, shares, rng), *_places(values, null, shares, rng), *_cells(values, null, rng)]
    if also is not None:
        tables.append(also.responsibilities(values))
    rounding = rounding_variances(values)
    step = max(1, _TABLE // tables[0].size)
    fit_batch = batch_method(structure, rows.n_features)
    best: Refit | None = None
    for start in range(0, len(tables), step):
        some = np.stack(tables[start : start + step])
        runs = fit_batch(rows, structure, some, update, BATCH_SETTINGS)
        for run in _by_objective(runs):
            if best is not None and runs.log_likelihoods[run] <= best.log_likelihood:
                break
            mixture = runs.mixture(run)
            if not examine(mixture, rows.total * mixture.weights, rows.total, rounding=rounding).n_unsound:
                best = Refit(mixture, float(runs.log_likelihoods[run]))
                break
    return best


def _by_objective(runs: BatchFit) -> list[int]:
    """Those that did not fail, the best first."""
    order = np.argsort(-runs.objectives, kind="stable")
    return [int(run) for run in order if np.isfinite(runs.objectives[run])]


def _cuts(rows: FloatArray, null: Mixture, shares: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
    tables = []
    for component in range(null.n_components):
        whitened = _whitened(rows, null, component)
        sides = [side_of_mean(whitened, rng.standard_normal(null.n_features)) for _ in range(_DIRECTIONS)]
        lengths = (whitened**2).sum(axis=1)
        sides.append(lengths < 0.7 * null.n_features)
        tables += [_divided(shares, component, side) for side in sides]
    return tables


def _places(rows: FloatArray, null: Mixture, shares: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
    labels = shares.argmax(axis=1)
    tables = []
    for place, row in enumerate(rng.integers(len(rows), size=_PLACES)):
        whitened = _whitened(rows, null, int(labels[row]))
        lengths = ((whitened - whitened[row]) ** 2).sum(axis=1)
        n_rows = min(len(rows) - 1, int(_LOCAL_ROWS[place % len(_LOCAL_ROWS)] * (null.n_features + 2)))
        near = lengths <= np.partition(lengths, n_rows)[n_rows]
        tables.append(np.column_stack([np.where(near[:, None], 0.0, shares), near]))
    return tables


def _cells(rows: FloatArray, null: Mixture, rng: np.random.Generator) -> list[FloatArray]:
    k = null.n_components + 1
    tables = []
    for _ in range(_CELLS):
        component = rng.choice(null.n_components, p=null.weights / null.weights.sum())
        whitened = _whitened(rows, null, int(component))
        centers = whitened[rng.choice(len(rows), k, replace=False)]
        nearest = ((whitened[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        tables.append(np.eye(k)[nearest])
    return tables


def _whitened(rows: FloatArray, mixture: Mixture, component: int) -> FloatArray:
    """(n, d) rows about the mean of a component, in units of its deviations."""
    return mixture.covariance.whiten(rows - mixture.means[component], component)


def _divided(shares: FloatArray, component: int, side: BoolArray) -> FloatArray:
    first, second = halves(shares[:, component], side)
    table = np.column_stack([shares, second])
    table[:, component] = first
    return table
