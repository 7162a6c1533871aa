"""Refits on other rows, for resampling and cross-validation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaussmix.core.covariance import Factor
from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.engines import engine_for
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.random_streams import random_stream
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.core.validation import as_generator
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.batch import BatchSettings
from gaussmix.fitting.degeneracy import examine, examine_factors
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.factor_acceleration import FactorAccelerator
from gaussmix.fitting.factor_search import find_factor_optimum
from gaussmix.fitting.factor_step import FactorUpdate
from gaussmix.fitting.m_step import MaximumLikelihood, with_degrees
from gaussmix.fitting.multistart import SearchSettings
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.search import find_optimum
from gaussmix.fitting.sequential_batch import batch_method
from gaussmix.fitting.stopping import RemainingGain, Stop

NEAR = RemainingGain(1e-3)
"""Stopping rule of refits; its tolerance in nats is small compared with the variation from resampling."""
MAX_ITER = 5_000
BATCH_SETTINGS = BatchSettings(MAX_ITER, NEAR.nats)

_STARTS = 8
_FEW_ROWS = 20_000  # up to these, the compiled loop is faster than the Python loop with compiled passes


class FitFailedError(ArithmeticError):
    """A refit did not lead to a sound model."""


@dataclass(frozen=True, eq=False)
class Refit:
    """Mixture fitted to other rows, and its log-likelihood."""

    mixture: Mixture
    log_likelihood: float


@underflow_to_zero
def refit(rows: WeightedRows, update: MaximumLikelihood, start: Mixture) -> Refit:
    """Run EM from a start to convergence.

    Parameters
    ----------
    rows : WeightedRows
        Rows of float64; NaN is a missing value.
    update : MaximumLikelihood
        The M-step.
    start : Mixture
        Starting parameters.

    Raises
    ------
    FitFailedError
        If a component lost its rows or collapsed, or the density of a row is zero.
    """
    if isinstance(update, FactorUpdate):
        factor_accelerator = FactorAccelerator(update)
        engine = engine_for(rows)
        return _of_fit(lambda: fit_em(engine, update, start, NEAR, max_iter=MAX_ITER, accelerator=factor_accelerator))
    has_means = update.prior is not None and update.prior.mean_strength > 0
    is_special = start.background is not None or start.degrees_of_freedom is not None
    if not rows.is_exact or rows.n_rows > _FEW_ROWS or has_means or is_special:
        accelerator = Accelerator(update)
        engine = engine_for(rows)
        return _of_fit(lambda: fit_em(engine, update, start, NEAR, max_iter=MAX_ITER, accelerator=accelerator))
    shares = start.responsibilities(rows.values)[None]
    structure = type(start.covariance)
    fit_batch = batch_method(structure, rows.n_features)
    runs = fit_batch(rows, structure, shares, update, BATCH_SETTINGS)
    if not np.isfinite(runs.objectives[0]):
        raise FitFailedError("a component collapsed or lost its rows")
    mixture = runs.mixture(0)
    _require_sound(mixture, rows.total * mixture.weights, rows.total)
    return Refit(mixture, float(runs.log_likelihoods[0]))


def search_anew(rows: WeightedRows, update: MaximumLikelihood, like: Mixture, rng: np.random.Generator) -> Refit:
    """Fit a mixture by the estimator's default search, without a start.

    Parameters
    ----------
    rows : WeightedRows
        Rows of float64; NaN is a missing value.
    update : MaximumLikelihood
        The M-step.
    like : Mixture
        Mixture with the covariance structure and the number of components to fit.
    rng : Generator
        Source of random numbers.

    Raises
    ------
    FitFailedError
        If a component lost its rows or collapsed, or the density of a row is zero.
    """
    structure, settings, seed = type(like.covariance), SearchSettings(_STARTS, NEAR, MAX_ITER), int(rng.integers(2**31))

    def search() -> Fit:
        engine, k = engine_for(rows), like.n_components
        if isinstance(update, FactorUpdate):
            return find_factor_optimum(engine, structure, k, lambda data, deviations: update, settings, seed).fit
        background = like.background
        return find_optimum(engine, structure, k, lambda data, root: update, settings, seed, background=background).fit

    return _of_fit(search)


def default_update(mixture: Mixture) -> MaximumLikelihood:
    """Return the default M-step for a mixture whose M-step is unknown, with the weakest penalty of the estimator."""
    if isinstance(mixture.covariance, Factor):
        within = mixture.weights @ mixture.covariance.variances() / mixture.weights.sum()
        return FactorUpdate.of("auto", within)
    update = MaximumLikelihood(prior=Prior.chen_tan(WEAKEST, pooled_root(mixture)))
    return update if mixture.degrees_of_freedom is None else with_degrees(update, "each")


def pooled_root(mixture: Mixture) -> FloatArray:
    """Return the lower root (d, d) of the pooled covariance within components."""
    k, d = mixture.means.shape
    weights = mixture.weights / mixture.weights.sum()
    return lower_root((weights @ mixture.covariance.dense().reshape(k, -1)).reshape(1, d, d))[0]


def seed_of(random_state: Seed) -> int:
    """Return the integer seed of all random streams."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if not 0 <= random_state < 2**64:
            raise ValueError(f"random_state must be from 0 to 2**64 - 1; got {random_state}")
        return int(random_state)
    rng = as_generator(random_state)
    return int(rng.randint(2**31) if isinstance(rng, np.random.RandomState) else rng.integers(2**31))


def stream(seed: int, draw: int) -> np.random.Generator:
    """Return the random stream of one draw, independent of the thread that uses it."""
    return random_stream(seed, draw)


def _of_fit(run: Callable[[], Fit]) -> Refit:
    try:
        fit = run()
    except FloatingPointError as error:
        raise FitFailedError("the density of a row is zero") from error
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    if fit.last_step is not None and fit.last_step.collapsed.any():
        raise FitFailedError("a component collapsed or lost its rows")
    _require_sound(fit.mixture, fit.moments.counts, fit.moments.weight)
    return Refit(fit.mixture, fit.moments.log_likelihood)


def _require_sound(mixture: Mixture, counts: FloatArray, n: float) -> None:
    is_factor = isinstance(mixture.covariance, Factor)
    soundness = examine_factors(mixture, counts) if is_factor else examine(mixture, counts, n)
    if soundness.empty.any() or soundness.collapsed.any():
        raise FitFailedError("a component collapsed or lost its rows")
