"""EM once more, on other rows: what resampling and cross-validation do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Seed
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.batch import BatchSettings
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.multistart import SearchSettings, find_optimum
from gaussmix.fitting.prior import WEAKEST, Prior
from gaussmix.fitting.sequential_batch import batch_method
from gaussmix.fitting.stopping import RemainingGain, Stop

NEAR = RemainingGain(1e-3)
"""In nats: far less than resampling moves the parameters."""
MAX_ITER = 5_000
BATCH_SETTINGS = BatchSettings(MAX_ITER, NEAR.nats)

_STARTS = 8
_FEW_ROWS = 20_000  # up to here the compiled loop is faster than the one whose passes are compiled


class FitFailedError(ArithmeticError):
    """A refit has no sound model to show."""


@dataclass(frozen=True, eq=False)
class Refit:
    """Where EM ended on other rows, and the log-likelihood there."""

    mixture: Mixture
    log_likelihood: float


def refit(rows: WeightedRows, update: MaximumLikelihood, start: Mixture) -> Refit:
    """EM from a start to its top.

    Parameters
    ----------
    rows : WeightedRows
        Of float64.
    update : MaximumLikelihood
    start : Mixture

    Raises
    ------
    FitFailedError
        When a component has lost its rows or collapsed, or a row has no density.
    """
    if rows.n_rows > _FEW_ROWS or (update.prior is not None and update.prior.mean_strength > 0):
        accelerator = Accelerator(update)
        engine = NativeEngine.of(rows)
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
        Of float64.
    update : MaximumLikelihood
    like : Mixture
        Of the same structure and size.
    rng : Generator

    Raises
    ------
    FitFailedError
        As `refit`.
    """

    def search() -> Fit:
        return find_optimum(
            NativeEngine.of(rows),
            type(like.covariance),
            like.n_components,
            lambda data, root: update,
            SearchSettings(_STARTS, NEAR, MAX_ITER),
            int(rng.integers(2**31)),
        ).fit

    return _of_fit(search)


def default_update(mixture: Mixture) -> MaximumLikelihood:
    """The M-step that goes with a mixture of which no other is known: the estimator's weakest penalty."""
    return MaximumLikelihood(prior=Prior.chen_tan(WEAKEST, pooled_root(mixture)))


def pooled_root(mixture: Mixture) -> FloatArray:
    """(d, d) lower root of the covariance within components."""
    k, d = mixture.means.shape
    weights = mixture.weights / mixture.weights.sum()
    return lower_root((weights @ mixture.covariance.dense().reshape(k, -1)).reshape(1, d, d))[0]


def seed_of(random_state: Seed) -> int:
    """A whole number that all streams follow from."""
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ValueError(f"random_state must not be negative; got {random_state}")
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(np.random.default_rng(random_state).integers(2**31))


def stream(seed: int, draw: int) -> np.random.Generator:
    """The random numbers of one draw, whichever thread makes it."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, draw], dtype=np.uint64)))


def _of_fit(run: Callable[[], Fit]) -> Refit:
    try:
        fit = run()
    except FloatingPointError as error:
        raise FitFailedError("a row has no density") from error
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    if fit.last_step is not None and fit.last_step.collapsed.any():
        raise FitFailedError("a component collapsed or lost its rows")
    _require_sound(fit.mixture, fit.moments.counts, fit.moments.weight)
    return Refit(fit.mixture, fit.moments.log_likelihood)


def _require_sound(mixture: Mixture, counts: FloatArray, n: float) -> None:
    soundness = examine(mixture, counts, n)
    if soundness.empty.any() or soundness.collapsed.any():
        raise FitFailedError("a component collapsed or lost its rows")
