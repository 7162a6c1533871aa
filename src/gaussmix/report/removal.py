"""What a component is worth: how much likelihood the fit loses without it."""

import numpy as np

from gaussmix.em import fit_em
from gaussmix.engines import NativeEngine
from gaussmix.mixture import Mixture
from gaussmix.typing import FloatArray, Rows
from gaussmix.updates import MaximumLikelihood

_PASSES = 10
_WORK = 4e9  # about a second or two of one thread
_LEAST_ROWS = 2_000


def removal_losses(mixture: Mixture, ridge: float, rows: Rows, row_weights: FloatArray | None) -> list[float | None]:
    """(k,) nats that the fit loses when a component is left out and the others are fitted for ten iterations.

    The whole fit goes on for as long. Of many rows, some are looked at, and the loss is in proportion. None: some rows
    are then so far from everything that their density is zero in double precision; or nothing would be left.
    """
    k, d = mixture.means.shape
    if k == 1:
        return [None]
    limit = max(_LEAST_ROWS, int(_WORK / (_PASSES * k * k * (40 + d * d))))
    engine = NativeEngine(rows, row_weights)
    if len(rows) > limit:
        engine = NativeEngine(*engine.sample_rows(limit, np.random.default_rng(0)))
    total = len(rows) if row_weights is None else float(row_weights.sum())
    update = MaximumLikelihood(ridge)
    whole = _after(engine, update, mixture)
    losses: list[float | None] = []
    for component in range(k):
        weights = np.delete(mixture.weights, component)
        if not weights.any():
            losses.append(None)
            continue
        try:
            without = _after(engine, update, _without(mixture, component))
        except FloatingPointError:
            losses.append(None)
        else:
            losses.append((whole - without) * total)
    return losses


def _after(engine: NativeEngine, update: MaximumLikelihood, mixture: Mixture) -> float:
    """The mean log-likelihood after ten iterations."""
    return fit_em(engine, update, mixture, tol=0.0, max_iter=_PASSES).moments.mean_log_likelihood


def _without(mixture: Mixture, component: int) -> Mixture:
    covariance, k = mixture.covariance, mixture.n_components
    roots = covariance.roots if covariance.form == "tied" else np.delete(covariance.roots, component, axis=0)
    weights = np.delete(mixture.weights, component)
    return Mixture(
        weights / weights.sum(),
        np.delete(mixture.means, component, axis=0),
        type(covariance)(roots, k - 1, mixture.n_features),
    )
