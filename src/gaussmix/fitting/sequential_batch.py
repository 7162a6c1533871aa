"""Batched EM by runs of `fit_em` one after the other, for wide tables and structures without a compiled M-step."""

import math
from collections.abc import Callable

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, is_model
from gaussmix.core.engines import NativeEngine
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.batch import MOST_FEATURES, BatchFit, BatchSettings, check_batch, fit_em_batch
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import RemainingGain, Stop

BatchMethod = Callable[[WeightedRows, type[AbstractCovariance], FloatArray, MaximumLikelihood, BatchSettings], BatchFit]
"""The signature of `fit_em_batch` and of `fit_em_one_by_one`."""


def batch_method(structure: type[AbstractCovariance], n_features: int) -> BatchMethod:
    """Return `fit_em_batch` if it takes the structure and so many features, and `fit_em_one_by_one` otherwise."""
    is_compiled = n_features <= MOST_FEATURES and is_model(structure)
    return fit_em_batch if is_compiled else fit_em_one_by_one


def fit_em_one_by_one(
    rows: WeightedRows,
    structure: type[AbstractCovariance],
    responsibilities: FloatArray,
    update: MaximumLikelihood,
    settings: BatchSettings,
) -> BatchFit:
    """Run EM from each of m tables of responsibilities, one after the other, for any structure and number of features.

    With more than `MOST_FEATURES` features the pass takes most of the time, and its work is divided among the threads.

    Parameters
    ----------
    rows : WeightedRows
        The rows.
    structure : type of AbstractCovariance
        Covariance structure.
    responsibilities : (m, n, k) array
        Tables whose rows sum to one.
    update : MaximumLikelihood
        M-step with ridge and prior. A prior on the means is not supported.
    settings : BatchSettings
        Settings of all runs.

    Returns
    -------
    BatchFit

    Raises
    ------
    ValueError
        If the responsibilities have a wrong shape, or there is a prior on the means.
    """
    check_batch(rows, responsibilities, update)
    runs = [_fit(rows, structure, table, update, settings) for table in responsibilities]
    (m, _, k), d = responsibilities.shape, rows.n_features
    weights, means, roots = np.zeros((m, k)), np.zeros((m, k, d)), np.zeros((m, k, d, d))
    objectives, log_likelihoods = np.full(m, -math.inf), np.full(m, -math.inf)
    n_passes = np.zeros(m, dtype=np.int64)
    for run, fit in enumerate(runs):
        if fit is None:
            continue
        weights[run], means[run] = fit.mixture.weights, fit.mixture.means
        roots[run] = fit.mixture.covariance.dense_roots()
        objectives[run], log_likelihoods[run] = fit.objective, fit.moments.log_likelihood
        n_passes[run] = fit.n_passes
    return BatchFit(structure, weights, means, roots, objectives, log_likelihoods, n_passes)


def _fit(
    rows: WeightedRows,
    structure: type[AbstractCovariance],
    table: FloatArray,
    update: MaximumLikelihood,
    settings: BatchSettings,
) -> Fit | None:
    """Return the result of one run; None if it failed."""
    engine = NativeEngine.of(rows)
    start = mixture_from_membership(Membership(rows, table.shape[1], responsibilities=table), structure, update)
    accelerator = Accelerator(update) if settings.accelerate else None
    try:
        fit = fit_em(
            engine, update, start, RemainingGain(settings.nats), max_iter=settings.max_iter - 1, accelerator=accelerator
        )
    except FloatingPointError:
        return None
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    failed = fit.last_step is not None and (fit.last_step.collapsed.any() or fit.last_step.empty.any())
    return None if failed else fit
