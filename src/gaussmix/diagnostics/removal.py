"""Loss of log-likelihood when a component is removed from a fit."""

import numpy as np

from gaussmix.core.engines import AbstractEngine, engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.row_sampling import draw_rows
from gaussmix.core.rows import WeightedRows
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import MeanChange

_EPSILON = float(np.finfo(np.float64).eps)
_PASSES = 10
_CANDIDATES = 5
_WORK = 8e9  # a few seconds of one thread
_LEAST_ROWS = 10_000


def removal_losses(mixture: Mixture, update: MaximumLikelihood, rows: WeightedRows) -> list[float | None]:
    """Return the nats that a fit loses when a component is removed and the others are fitted for ten iterations.

    The whole fit is continued for ten iterations too. If there are many rows, some are used and the loss is scaled up.
    Before any iteration the loss is ``sum_n log((1 - weight[k]) / (1 - r[n, k]))``, and iterations can only reduce it.
    Only the five components with the smallest initial loss are tried; the others get None. A component also gets None
    if without it the density of some row is zero in double precision.

    Returns
    -------
    list of k floats or None
    """
    k, d = mixture.means.shape
    losses: list[float | None] = [None] * k
    if k == 1:
        return losses
    total = rows.total
    limit = max(_LEAST_ROWS, int(_WORK / (_PASSES * _CANDIDATES * k * (40 + d * d))))
    if rows.n_rows > limit:
        rows = draw_rows(rows, limit, np.random.default_rng(0))
    engine = engine_for(rows)
    shares = engine.score_rows(mixture.whitened(), "responsibilities")[:, :k]
    gains = np.log(np.maximum(1 - shares, _EPSILON))  # bounded if a responsibility is 1
    bounds = rows.total * np.log(np.maximum(1 - mixture.weights, _EPSILON))
    bounds -= gains.sum(axis=0) if rows.weights is None else rows.weights @ gains
    whole = _refitted(engine, update, mixture)
    for component in np.argsort(bounds, kind="stable")[:_CANDIDATES]:
        if mixture.weights[component] == 1:  # no other component has a positive weight
            continue
        try:
            without = _refitted(engine, update, mixture.take(np.delete(np.arange(k), component)))
        except FloatingPointError:
            continue
        losses[component] = (whole - without) * total
    return losses


def _refitted(engine: AbstractEngine, update: MaximumLikelihood, mixture: Mixture) -> float:
    """Return the mean log-likelihood after ten iterations."""
    fit = fit_em(engine, update, mixture, MeanChange(0.0), max_iter=_PASSES).uninterrupted()
    return fit.moments.mean_log_likelihood
