"""Batched EM: many short runs on the same few rows in one compiled call, for model search and resampling.

Runs have no history, no callback and no repair: a run with a singular covariance or an empty component fails.
Estimators pass the best model to `em.fit_em`. For more than `MOST_FEATURES` features, and for structures without a
compiled M-step, use `sequential_batch`.
"""

import math
from dataclasses import dataclass

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.covariance import AbstractCovariance, is_model
from gaussmix.core.covariance.deviations import dense_root
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, IntArray
from gaussmix.fitting.m_step import MaximumLikelihood

MOST_FEATURES = 96
"""Maximum number of features of a compiled batch. With more, the threads share each pass instead of the runs."""
_FLOPS_PER_CALL = 1e9  # of each thread; Python handles Ctrl-C between calls
_USUAL_PASSES = 50


@dataclass(frozen=True)
class BatchSettings:
    """Settings of the runs of a batch.

    Attributes
    ----------
    max_iter : int
        Maximum number of passes of a run, at least 1.
    nats : float
        Estimated remaining gain below which a run ends, at two passes in a row, as in `stopping.RemainingGain`.
    accelerate : bool, default=True
        Whether to extrapolate the sums. The objective never decreases in either case.

    Raises
    ------
    ValueError
        If ``max_iter`` is below 1.
    """

    max_iter: int
    nats: float
    accelerate: bool = True

    def __post_init__(self) -> None:
        if self.max_iter < 1:
            raise ValueError(
                f"max_iter must be at least 1, got {self.max_iter}: the first pass gives the likelihood after the "
                "M-step from the responsibilities"
            )


@dataclass(frozen=True, eq=False)
class BatchFit:
    """Final parameters of m runs.

    Attributes
    ----------
    structure : type of AbstractCovariance
        Covariance structure.
    weights : (m, k) array
        Weights; zero for a run that failed, as are its means and roots.
    means : (m, k, d) array
        Final means.
    roots : (m, k, d, d) array
        Roots of the covariances, lower triangular (d, d) for every structure.
    objectives : (m,) array
        Log-likelihood plus log prior of these parameters, in nats; -inf for a run that failed.
    log_likelihoods : (m,) array
        Final log-likelihoods, in nats.
    n_passes : (m,) array of int
        Numbers of passes over the rows.
    """

    structure: type[AbstractCovariance]
    weights: FloatArray
    means: FloatArray
    roots: FloatArray
    objectives: FloatArray
    log_likelihoods: FloatArray
    n_passes: IntArray

    def mixture(self, run: int) -> Mixture:
        """Return the final mixture of a run.

        Raises
        ------
        ValueError
            If the run failed.
        """
        if self.objectives[run] == -math.inf:
            raise ValueError(f"run {run} failed on a singular covariance or an empty component: it has no mixture")
        return Mixture(self.weights[run], self.means[run], self.structure.from_dense_roots(self.roots[run]))


@underflow_to_zero
def fit_em_batch(
    rows: WeightedRows,
    structure: type[AbstractCovariance],
    responsibilities: FloatArray,
    update: MaximumLikelihood,
    settings: BatchSettings,
) -> BatchFit:
    """Run EM to convergence from each of m tables of responsibilities, in compiled code.

    A run starts with the M-step from its table. Runs are distributed over threads; the results are bit-identical for
    every number of threads.

    Parameters
    ----------
    rows : WeightedRows
        Rows with at most `MOST_FEATURES` features.
    structure : type of AbstractCovariance
        One of `MODELS`.
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
        If the structure has no compiled M-step, there are too many features, the responsibilities have a wrong shape,
        or there is a prior on the means.
    """
    check_batch(rows, responsibilities, update)
    n, d = rows.shape
    if not is_model(structure):
        raise ValueError(f"{structure.__name__} has no compiled M-step: use fit_em_one_by_one")
    if d > MOST_FEATURES:
        raise ValueError(f"fit_em_batch takes at most {MOST_FEATURES} features, got {d}: use fit_em_one_by_one")
    m, _, k = responsibilities.shape
    pseudo_scatter, pseudo_rows = pseudo_moments(update, structure, k, d)
    center, exponent = center_and_scale(rows.values)
    centered = np.ldexp(rows.values - center, -exponent)
    weights, means = np.zeros((m, k)), np.zeros((m, k, d))
    roots = np.zeros((m, k, d, d))
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
            settings.max_iter,
            settings.nats,
            settings.accelerate,
            weights[some],
            means[some],
            roots[some],
            objectives[some],
            log_likelihoods[some],
            n_passes[some],
        )
    failed = objectives == -math.inf
    means = np.ldexp(means, exponent) + center
    means[failed] = 0.0
    # Densities of rows, and of precisions under the prior, in the units of the caller.
    logarithm = exponent * math.log(2.0) * d
    log_likelihoods = log_likelihoods - rows.total * logarithm
    objectives = objectives - (rows.total + k * pseudo_rows) * logarithm
    roots = np.ldexp(roots, exponent)
    return BatchFit(structure, weights, means, roots, objectives, log_likelihoods, n_passes)


def check_batch(rows: WeightedRows, responsibilities: FloatArray, update: MaximumLikelihood) -> None:
    """Raise a ValueError if the responsibilities have a wrong shape or there is a prior on the means."""
    if responsibilities.ndim != 3 or responsibilities.shape[1] != rows.n_rows:
        raise ValueError(f"responsibilities must have the shape (m, {rows.n_rows}, k), got {responsibilities.shape}")
    if update.prior is not None and update.prior.mean_strength > 0:
        raise ValueError(
            "batched EM does not support a prior on the means: use fit_em, or a prior with mean_strength=0"
        )


def pseudo_moments(
    update: MaximumLikelihood, structure: type[AbstractCovariance], n_components: int, n_features: int
) -> tuple[FloatArray, float]:
    """Return the pseudo-scatter (d, d) and the pseudo-rows that the prior adds to each component."""
    if update.prior is None:
        return np.zeros((n_features, n_features)), 0.0
    shares = FORMS[structure.form].components_per_scatter(n_components)
    root = dense_root(update.prior.root)
    return root @ root.T / shares, update.prior.strength / shares


def center_and_scale(rows: FloatArray) -> tuple[FloatArray, int]:
    """Return the (d,) mean of the rows, and the exponent of the power of two above their deviations from it."""
    center = rows.mean(axis=0)
    spread = float(np.abs(rows - center).max())
    return center, math.frexp(spread)[1] if 0 < spread < math.inf else 0
