"""Many short runs of EM on a few rows at once, in compiled code: what searches over starts and models ride on.

`em.fit_em` is the loop that has the last word on a model that is returned; this one is for the many that are not. It
has no history, no watcher and no repair: a run that comes to a singular covariance or an empty component has failed.
"""

import math
from dataclasses import dataclass

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.covariance import AbstractCovariance
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import Fit, fit_em
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.stopping import RemainingGain, Stop

MOST_FEATURES = 96
"""Of compiled runs: with more, the threads share a pass."""
_FLOPS_PER_CALL = 1e9  # of each thread: between two calls Python can act on Ctrl-C
_USUAL_PASSES = 50


@dataclass(frozen=True, eq=False)
class BatchFit:
    """Where m runs ended.

    Attributes
    ----------
    structure : type of AbstractCovariance
    weights : (m, k) array
        Zero for a run that failed, as are its means and roots.
    means : (m, k, d) array
    roots : (m, k, d, d) array
        Of the covariances, lower triangular, in full whatever the structure.
    objectives : (m,) array
        Log-likelihood plus log prior of these parameters, in nats; -inf for a run that failed.
    log_likelihoods : (m,) array
    n_passes : (m,) array of int
        Passes over the rows.
    responsibilities : (m, n, k) array or None
        At the parameters, where they were asked for.
    """

    structure: type[AbstractCovariance]
    weights: FloatArray
    means: FloatArray
    roots: FloatArray
    objectives: FloatArray
    log_likelihoods: FloatArray
    n_passes: IntArray
    responsibilities: FloatArray | None

    def mixture(self, run: int) -> Mixture:
        """Where a run ended.

        Raises
        ------
        ValueError
            If the run failed.
        """
        if self.objectives[run] == -math.inf:
            raise ValueError(f"run {run} came to a singular covariance or an empty component: it has no mixture")
        k, d = self.means[run].shape
        roots = self.roots[run]
        match self.structure.form:
            case "tied":
                roots = roots[0]
            case "diagonal":
                roots = roots.diagonal(axis1=1, axis2=2)
            case "spherical":
                roots = roots[:, 0, 0]
        return Mixture(self.weights[run], self.means[run], self.structure(roots, k, d))


def fit_em_batch(
    rows: WeightedRows,
    structure: type[AbstractCovariance],
    responsibilities: FloatArray,
    update: MaximumLikelihood,
    *,
    max_iter: int,
    nats: float,
    accelerate: bool = True,
    with_responsibilities: bool = False,
) -> BatchFit:
    """EM from each of m tables of responsibilities: the M-step of the table, then EM to the top.

    The runs are shared among threads; the number of threads leaves no trace in the results.

    Parameters
    ----------
    rows : WeightedRows
    structure : type of AbstractCovariance
    responsibilities : (m, n, k) array
        Rows of each table sum to one.
    update : MaximumLikelihood
        Its ridge and its prior; a prior on means is refused.
    max_iter : int
        Passes of a run, at least 1.
    nats : float
        A run ends when two passes in a row see less than this ahead, as of `em.Ahead`.
    accelerate : bool, default=True
        Whether sums are extrapolated on the way. The objective never falls, with or without.
    with_responsibilities : bool, default=False
        Whether the tables at the end are wanted, for runs that are to go on.

    Returns
    -------
    BatchFit

    Raises
    ------
    ValueError
        For tables of the wrong shape, for max_iter below 1, and for a prior on means.
    """
    n, d = rows.shape
    if responsibilities.ndim != 3 or responsibilities.shape[1] != n:
        raise ValueError(f"responsibilities must have the shape (m, {n}, k), got {responsibilities.shape}")
    if max_iter < 1:
        raise ValueError(f"max_iter must be at least 1, got {max_iter}: the first pass measures where the tables lead")
    m, _, k = responsibilities.shape
    pseudo_scatter, pseudo_rows = np.zeros((d, d)), 0.0
    if update.prior is not None:
        if update.prior.mean_strength > 0:
            raise ValueError(
                "fit_em_batch does not support a prior on the means: use fit_em, or a prior with mean_strength=0"
            )
        shares = k if structure.form == "tied" else 1
        pseudo_scatter = update.prior.root @ update.prior.root.T / shares
        pseudo_rows = update.prior.strength / shares
    if d > MOST_FEATURES:
        runs = [_fit(rows, structure, table, update, max_iter, nats, accelerate) for table in responsibilities]
        return _batch_fit(runs, structure, rows.values, with_responsibilities)
    center, exponent = _center_and_scale(rows.values)
    centered = np.ldexp(rows.values - center, -exponent)
    weights, means = np.zeros((m, k)), np.zeros((m, k, d))
    roots = np.zeros((m, k, d, d))
    ended = np.zeros((m, n, k)) if with_responsibilities else None
    objectives, log_likelihoods = np.zeros(m), np.zeros(m)
    n_passes = np.zeros(m, dtype=np.int64)
    flops = n * k * (100.0 + 4 * d * d) * _USUAL_PASSES
    together = _native.max_threads() * max(1, int(_FLOPS_PER_CALL / flops))
    for start in range(0, m, together):
        some = slice(start, start + together)
        _native.em_batch(
            np.ascontiguousarray(centered),
            rows.weights,
            structure.letters,
            np.ascontiguousarray(responsibilities[some], dtype=np.float64),
            np.ldexp(pseudo_scatter, -2 * exponent),
            pseudo_rows,
            math.ldexp(update.ridge, -2 * exponent),
            max_iter,
            nats,
            accelerate,
            weights[some],
            means[some],
            roots[some],
            objectives[some],
            log_likelihoods[some],
            n_passes[some],
            None if ended is None else ended[some],
        )
    failed = objectives == -math.inf
    means = np.ldexp(means, exponent) + center
    means[failed] = 0.0
    # The density of a row, and with pseudo-rows that of a precision, in the units of the caller.
    logarithm = exponent * math.log(2.0) * d
    log_likelihoods = log_likelihoods - rows.total * logarithm
    objectives = objectives - (rows.total + k * pseudo_rows) * logarithm
    roots = np.ldexp(roots, exponent)
    return BatchFit(structure, weights, means, roots, objectives, log_likelihoods, n_passes, ended)


def _fit(
    rows: WeightedRows,
    structure: type[AbstractCovariance],
    table: FloatArray,
    update: MaximumLikelihood,
    max_iter: int,
    nats: float,
    accelerate: bool,
) -> Fit | None:
    """The same as a run of `fit_em`, for so many features that a pass is most of the time; None when it failed."""
    engine = NativeEngine.of(rows)
    start = mixture_from_membership(Membership(rows, table.shape[1], responsibilities=table), structure, update)
    accelerator = Accelerator(update) if accelerate else None
    try:
        fit = fit_em(engine, update, start, RemainingGain(nats), max_iter=max_iter - 1, accelerator=accelerator)
    except FloatingPointError:
        return None
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    failed = fit.last_step is not None and (fit.last_step.collapsed.any() or fit.last_step.empty.any())
    return None if failed else fit


def _batch_fit(
    runs: list[Fit | None], structure: type[AbstractCovariance], rows: FloatArray, with_responsibilities: bool
) -> BatchFit:
    m, k = len(runs), next((fit.mixture.n_components for fit in runs if fit is not None), 1)
    n, d = rows.shape
    weights, means, roots = np.zeros((m, k)), np.zeros((m, k, d)), np.zeros((m, k, d, d))
    objectives, log_likelihoods = np.full(m, -math.inf), np.full(m, -math.inf)
    n_passes = np.zeros(m, dtype=np.int64)
    tables = np.zeros((m, n, k)) if with_responsibilities else None
    for run, fit in enumerate(runs):
        if fit is None:
            continue
        weights[run], means[run], own = fit.mixture.weights, fit.mixture.means, fit.mixture.covariance.roots
        match structure.form:
            case "full" | "tied":
                roots[run] = own
            case "diagonal":
                roots[run] = own[:, :, None] * np.eye(d)
            case "spherical":
                roots[run] = own[:, None, None] * np.eye(d)
        objectives[run], log_likelihoods[run] = fit.objective, fit.moments.log_likelihood
        n_passes[run] = fit.n_passes
        if tables is not None:
            tables[run] = NativeEngine(rows).score_rows(fit.mixture.whitened(), "responsibilities")
    return BatchFit(structure, weights, means, roots, objectives, log_likelihoods, n_passes, tables)


def _center_and_scale(rows: FloatArray) -> tuple[FloatArray, int]:
    """(d,) about which rows have as many digits as they can have, and the power of two nearest to their spread."""
    center = rows.mean(axis=0)
    spread = float(np.abs(rows - center).max())
    return center, math.frexp(spread)[1] if 0 < spread < math.inf else 0
