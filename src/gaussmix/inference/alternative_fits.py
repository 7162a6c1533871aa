"""Fits with one component more than a given fit, from many starts in compiled code."""

import numpy as np

from gaussmix.core.imputation import draw_true_rows
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.fitting.batch import BatchFit
from gaussmix.fitting.degeneracy import examine, rounding_variances
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.refit import BATCH_SETTINGS, FitFailedError, Refit, refit
from gaussmix.fitting.sequential_batch import batch_method
from gaussmix.fitting.split_merge import halves, side_of_mean

_DIRECTIONS = 3  # random directions across which each component is split
_PLACES = 24  # starts with a component of neighboring rows
_LOCAL_ROWS = (1.0, 2.0, 4.0)  # rows of such a component, times d + 2
_CELLS = 16  # starts from cells around random rows
_CONTENDERS, _SAME_DIGITS = 4, 2  # runs on drawn rows that go on; digits of objectives that count as the same
_TABLE = 20_000_000  # entries in the responsibilities of starts that run together


def fit_one_more(
    rows: WeightedRows,
    null: Mixture,
    update: MaximumLikelihood,
    rng: np.random.Generator,
    also: Mixture | None = None,
) -> Refit | None:
    """Fit one component more from several kinds of starts, and return the best sound mixture.

    Each component of the fit is split across random directions, and into an inner and an outer part; neighboring rows
    become a component; or rows are assigned to the nearest of several random rows. All starts run to convergence.
    Starts of incomplete rows do so on true rows drawn from the fit, and the best few sound ones then on the rows as
    they are.

    Parameters
    ----------
    rows : WeightedRows
        Rows of type float64.
    null : Mixture
        The fit to these rows.
    update : MaximumLikelihood
        M-step of the new fit.
    rng : Generator
        Source of random numbers.
    also : Mixture, optional
        An additional start.

    Returns
    -------
    Refit or None
        None if all runs have unsound components (`gaussmix.fitting.degeneracy.examine`).
    """
    if not rows.is_exact:
        return _fit_incomplete(rows, null, update, rng, also)
    structure, values = type(null.covariance), rows.values
    tables = _tables(values, null, rng)
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


def _fit_incomplete(
    rows: WeightedRows, null: Mixture, update: MaximumLikelihood, rng: np.random.Generator, also: Mixture | None
) -> Refit | None:
    """Return the best of the runs on incomplete rows from the best sound runs on rows drawn given what is observed."""
    drawn = draw_true_rows(null.whitened(), rows, 1, np.random.default_rng(0))[0]
    whole = rows.with_values(np.ascontiguousarray(drawn))
    tables = np.stack(_tables(whole.values, null, rng))
    runs = batch_method(type(null.covariance), rows.n_features)(
        whole, type(null.covariance), tables, update, BATCH_SETTINGS
    )
    starts: dict[float, Mixture] = {}
    for run in _by_objective(runs):
        objective, mixture = round(float(runs.objectives[run]), _SAME_DIGITS), runs.mixture(run)
        if objective in starts or examine(mixture, rows.total * mixture.weights, rows.total).n_unsound:
            continue
        starts[objective] = mixture
        if len(starts) == _CONTENDERS:
            break
    best: Refit | None = None
    for start in [*starts.values(), *([] if also is None else [also])]:
        try:
            found = refit(rows, update, start)
        except FitFailedError:
            continue
        is_sound = not examine(found.mixture, rows.total * found.mixture.weights, rows.total).n_unsound
        if is_sound and (best is None or found.log_likelihood > best.log_likelihood):
            best = found
    return best


def _tables(values: FloatArray, null: Mixture, rng: np.random.Generator) -> list[FloatArray]:
    """Return the responsibilities (n, k + 1) of all starts."""
    shares = null.responsibilities(values)
    return [*_cuts(values, null, shares, rng), *_places(values, null, shares, rng), *_cells(values, null, rng)]


def _by_objective(runs: BatchFit) -> list[int]:
    """Return the runs that did not fail, best first."""
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
    """Return rows (n, d) whitened by a component."""
    return mixture.covariance.whiten(rows - mixture.means[component], component)


def _divided(shares: FloatArray, component: int, side: BoolArray) -> FloatArray:
    first, second = halves(shares[:, component], side)
    table = np.column_stack([shares, second])
    table[:, component] = first
    return table
