"""What a component is worth: how much likelihood the fit loses without it."""

import numpy as np

from gaussmix.core.engines import NativeEngine
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
    """(k,) nats that the fit loses when a component is left out and the others are fitted for ten iterations.

    The whole fit goes on for as long. Of many rows, some are looked at, and the loss is in proportion. Before any
    iteration the loss is ``sum_n log((1 - weight[k]) / (1 - r[n, k]))``, and iterations only lessen it: the five
    components for which that is least are left out in turn, the others have None. So has one without which some row is
    so far from everything that its density is zero in double precision.
    """
    k, d = mixture.means.shape
    losses: list[float | None] = [None] * k
    if k == 1:
        return losses
    total = rows.total
    limit = max(_LEAST_ROWS, int(_WORK / (_PASSES * _CANDIDATES * k * (40 + d * d))))
    if rows.n_rows > limit:
        rows = draw_rows(rows, limit, np.random.default_rng(0))
    engine = NativeEngine.of(rows)
    shares = engine.score_rows(mixture.whitened(), "responsibilities")
    gains = np.log(np.maximum(1 - shares, _EPSILON))  # a row that is of one component for certain costs much
    bounds = rows.total * np.log(np.maximum(1 - mixture.weights, _EPSILON))
    bounds -= gains.sum(axis=0) if rows.weights is None else rows.weights @ gains
    whole = _after(engine, update, mixture)
    for component in np.argsort(bounds, kind="stable")[:_CANDIDATES]:
        if mixture.weights[component] == 1:  # nothing would be left
            continue
        try:
            without = _after(engine, update, mixture.take(np.delete(np.arange(k), component)))
        except FloatingPointError:
            continue
        losses[component] = (whole - without) * total
    return losses


def _after(engine: NativeEngine, update: MaximumLikelihood, mixture: Mixture) -> float:
    """The mean log-likelihood after ten iterations."""
    return fit_em(engine, update, mixture, MeanChange(0.0), max_iter=_PASSES).moments.mean_log_likelihood
