"""Trace of EM: the bound, the divergence and the log-likelihood at each step."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_softmax

from gaussmix.core.covariance import refuse_factors
from gaussmix.core.engines import engine_for
from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.rows import WeightedRows
from gaussmix.core.student import refuse_degrees
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.core.validation import as_weighted_rows
from gaussmix.core.warning_values import warn
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import AbstractUpdate, MaximumLikelihood, Step
from gaussmix.fitting.stopping import Stop

_PIECE = 1 << 14  # rows whose responsibilities are in memory at a time


@dataclass(frozen=True, eq=False)
class EMTrace:
    """The bound, the divergence and the log-likelihood at each step of EM.

    With responsibilities q (n, k), which the E-step computes and the M-step keeps, and with weighted means over the
    rows on both sides,

        log p(x)   =   bound + divergence
        bound      =   sum_k q_k (log w_k N(x given k) - log q_k)
        divergence =   sum_k q_k (log q_k - log p(k given x))

    The E-step makes the divergence zero, which raises the bound to the log-likelihood. The M-step maximizes the bound
    for these responsibilities, which raises the log-likelihood by at least as much.

    Attributes
    ----------
    mixtures : tuple of Mixture
        The start, and the mixture after each of m passes.
    log_likelihood : (m + 1,) array
        The log-likelihoods of these mixtures, in nats per row.
    bound : (m, 3) array
        The bound before the E-step, after it, and after the M-step of each pass, in nats per row.
    divergence : (m, 3) array
        The Kullback-Leibler divergence from the posterior probabilities to the responsibilities at the same three
        points, in nats per row. Before the first E-step, the responsibilities of each row are the weights of the start.

    See Also
    --------
    gaussmix.trace_em : Traces EM from a mixture.
    """

    mixtures: tuple[Mixture, ...]
    log_likelihood: FloatArray
    bound: FloatArray
    divergence: FloatArray

    def __post_init__(self) -> None:
        for name in ("log_likelihood", "bound", "divergence"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep copies read-only."""
        return type(self), (self.mixtures, self.log_likelihood, self.bound, self.divergence)

    @property
    def n_iter(self) -> int:
        """The number of passes, m."""
        return len(self.bound)


@underflow_to_zero
def trace_em(X: ArrayLike, start: Mixture, n_iter: int = 20, *, sample_weight: ArrayLike | None = None) -> EMTrace:
    """Run plain EM from a mixture, and record the bound and the divergence at each step.

    EM maximizes the likelihood in the covariance structure of the start, without a prior and without acceleration, and
    does not stop before ``n_iter`` passes.
    Bishop, Pattern Recognition and Machine Learning (2006), section 9.4, equations 9.70 to 9.74; Neal and Hinton, A
    view of the EM algorithm that justifies incremental, sparse, and other variants, Learning in Graphical Models
    (1998), 355-368.

    Parameters
    ----------
    X : (n, d) array-like
        The rows; finite numbers.
    start : Mixture
        The mixture to start from.
    n_iter : int, default=20
        The number of passes, at least 1.
    sample_weight : (n,) array-like, optional
        Nonnegative weights; a weight of 2 counts as two equal rows.

    Returns
    -------
    EMTrace
        The mixtures, and the values at each step.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid; the message names it.
    FloatingPointError
        If a row is so far from all components that its density is zero.

    Warns
    -----
    DegenerateComponentWarning
        If components collapse, their variances are raised, at most to a millionth of those of the others, so the
        M-step is not the maximum of the bound. If components lose their rows, their weight remains 0. In both cases the
        trace continues, and bound and divergence still add up to the log-likelihood.

    Examples
    --------
    >>> from gaussmix import Mixture, trace_em
    >>> start = Mixture.from_parameters([0.5, 0.5], [[0.0], [3.0]], [1.0, 1.0], covariance_type="spherical")
    >>> trace = trace_em([[-1.0], [0.0], [0.5], [2.0], [3.0], [4.5]], start, n_iter=3)
    >>> trace.log_likelihood.round(3)
    array([-1.942, -1.901, -1.888, -1.881])
    >>> (trace.bound + trace.divergence).round(3)
    array([[-1.942, -1.942, -1.901],
           [-1.901, -1.901, -1.888],
           [-1.888, -1.888, -1.881]])
    """
    if not isinstance(start, Mixture):
        raise TypeError(f"start must be a Mixture, got {type(start).__name__}")
    start.refuse_noise("trace_em")
    refuse_degrees(start.degrees_of_freedom, "trace_em")
    refuse_factors(type(start.covariance), "trace_em")
    if n_iter != int(n_iter) or n_iter < 1:
        raise ValueError(f"n_iter must be a whole number, at least 1; got {n_iter!r}")
    rows = as_weighted_rows(X, sample_weight, start.n_features, start.feature_names)
    rows = rows.with_values(np.asarray(rows.values, dtype=np.float64)).informative().positive()
    if rows.n_rows == 0:
        raise ValueError("X has no rows with a value and a positive weight")
    engine, recorder = engine_for(rows), _Recorder()
    fit = fit_em(engine, recorder, start, None, max_iter=int(n_iter))
    if fit.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    _warn(recorder.steps, start)

    mixtures = (start, *(step.mixture for step in recorder.steps))
    sums = np.zeros((len(recorder.steps), 3, 2))
    for first in range(0, rows.n_rows, _PIECE):
        sums += _sums(rows.take(slice(first, first + _PIECE)), mixtures)
    bound, divergence = np.moveaxis(sums / rows.total, 2, 0)
    return EMTrace(mixtures, np.array([record.log_likelihood for record in fit.history]), bound, divergence)


@dataclass(frozen=True, eq=False)
class _Recorder(AbstractUpdate):
    """Maximum likelihood that records its steps."""

    steps: list[Step] = field(default_factory=list)
    _update: MaximumLikelihood = field(default_factory=MaximumLikelihood)

    def maximize(self, mixture: Mixture, moments: Moments) -> Step:
        self.steps.append(self._update.maximize(mixture, moments))
        return self.steps[-1]

    def log_prior(self, mixture: Mixture) -> float:
        return 0.0

    def gain(self, mixture: Mixture, moments: Moments, step: Step) -> float:
        return self._update.gain(mixture, moments, step)


def _sums(rows: WeightedRows, mixtures: tuple[Mixture, ...]) -> FloatArray:
    """Return the bound and the divergence (m, 3, 2) at three points of each pass, summed over the rows."""
    engine, weights, sums = engine_for(rows), rows.explicit_weights, []
    with np.errstate(divide="ignore"):
        log_q = np.broadcast_to(np.log(mixtures[0].weights), (rows.n_rows, mixtures[0].n_components))
    scores = engine.score_rows(mixtures[0].whitened(), "scores")
    log_posterior = log_softmax(scores, axis=1)
    for mixture in mixtures[1:]:
        before = _parts(log_q, scores, log_posterior)
        log_q = log_posterior
        after = _parts(log_q, scores, log_posterior)
        scores = engine.score_rows(mixture.whitened(), "scores")
        log_posterior = log_softmax(scores, axis=1)
        sums.append((before @ weights, after @ weights, _parts(log_q, scores, log_posterior) @ weights))
    return np.array(sums)


def _parts(log_q: FloatArray, scores: FloatArray, log_posterior: FloatArray) -> FloatArray:
    """Return the bound and the divergence (2, n) of each row: Bishop (2006), equations 9.71 and 9.72.

    All arguments are (n, k); ``scores`` are log w_k N(x given k), ``log_posterior`` log p(k given x). Components of
    weight 0 contribute nothing, because q is 0 and 0 log 0 is 0.
    """
    held = np.isfinite(log_q) & np.isfinite(scores)
    q = np.exp(log_q, where=held, out=np.zeros(scores.shape))
    gaps = np.subtract(scores, log_q, where=held, out=np.zeros(scores.shape))
    excess = np.subtract(log_q, log_posterior, where=held, out=np.zeros(scores.shape))
    return np.stack([(q * gaps).sum(axis=1), (q * excess).sum(axis=1)])


def _warn(steps: list[Step], start: Mixture) -> None:
    empty, collapsed = start.weights == 0, np.zeros(start.n_components, dtype=np.bool_)
    for number, step in enumerate(steps, start=1):
        lost, fallen = step.empty & ~empty, step.collapsed & ~step.empty & ~collapsed
        if fallen.any():
            trouble = (
                f"collapsed in pass {number}: the rows do not vary in some direction. The variances were raised, at "
                "most to a millionth of those of the other components. Use another start, or fewer components."
            )
            warn(DegenerateComponentWarning(np.flatnonzero(fallen), trouble), stacklevel=4)
        if lost.any():
            trouble = f"left without rows in pass {number}: the weight remains 0. Use another start."
            warn(DegenerateComponentWarning(np.flatnonzero(lost), trouble), stacklevel=4)
        empty, collapsed = empty | step.empty, collapsed | step.collapsed
