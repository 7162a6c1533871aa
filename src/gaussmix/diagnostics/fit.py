"""A fit: why it stopped, which starts agreed, and which components are not to be trusted."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from gaussmix.core.covariance import free_of
from gaussmix.core.engines import NativeEngine
from gaussmix.core.mixture import Mixture
from gaussmix.core.row_sampling import fixed_subsample
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.diagnostics.advice import advice_for_fit
from gaussmix.diagnostics.overlap import overlap_facts
from gaussmix.diagnostics.removal import removal_losses
from gaussmix.diagnostics.report import Report
from gaussmix.diagnostics.rows import row_facts
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.redundant_columns import ColumnReduction

_SAME_OPTIMUM = 1e-2  # nats


@dataclass(frozen=True, eq=False)
class FitRecord:
    """What an estimator knows of its fit beside the mixture.

    Attributes
    ----------
    stop_reason : str
        Why EM stopped, in a sentence.
    converged : bool
        Whether it did.
    n_iter : int
        Iterations.
    update : MaximumLikelihood
        The M-step of the fit.
    start_log_likelihoods : (s,) array, or None
        Of the candidates that were finished, in nats, best first.
    history : dict of arrays, or None
        ``"seconds"`` since the fit began, at the start and after each iteration.
    data_range : ColumnReduction, or None
        When columns were left out.
    reduced : Mixture, or None
        Then the mixture of the others.
    """

    stop_reason: str
    converged: bool
    n_iter: int
    update: MaximumLikelihood = field(default_factory=MaximumLikelihood)
    start_log_likelihoods: FloatArray | None = None
    history: dict[str, FloatArray] | None = None
    data_range: ColumnReduction | None = None
    reduced: Mixture | None = None

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """The record of a fitted `GaussianMixture`.

        Parameters
        ----------
        estimator : GaussianMixture
            A fitted one.

        Returns
        -------
        FitRecord
            What it knows of its fit.
        """
        return cls(
            estimator.stop_reason_,
            estimator.converged_,
            estimator.n_iter_,
            estimator._update,
            estimator.start_log_likelihoods_,
            estimator.history_,
            estimator._data_range,
            estimator._reduced,
        )


def inspect_fit(
    mixture: Mixture, record: FitRecord | None, rows: Rows | None = None, row_weights: FloatArray | None = None
) -> Report:
    """The report of a fit; without rows it says what the parameters tell.

    Without a record, as of a model from a file, nothing is said of how the fit went; columns of the rows that are
    constant or follow from others are left out when components are judged, as a fit leaves them out.

    Parameters
    ----------
    mixture : Mixture
        The fit.
    record : FitRecord or None
        How it went, where that is known.
    rows : (n, d) array, optional
        Finite numbers: those of the fit.
    row_weights : (n,) array, optional
        Those of the fit.

    Returns
    -------
    Report
        ``str(report)`` is its text, ``report.facts`` what it says as numbers.
    """
    given = None if rows is None else WeightedRows(rows, row_weights, mixture.feature_names)
    facts: dict[str, Any] = {}
    if given is not None:
        facts["rows"] = row_facts(given, mixture.n_components, mixture.covariance_type)
    if record is None:
        update, data_range = MaximumLikelihood(), _data_range(mixture, given)
        reduced = None if data_range is None else mixture.marginal(data_range.kept.tolist())
    else:
        update, data_range, reduced = record.update, record.data_range, record.reduced
        facts["fit"] = {
            "stop_reason": record.stop_reason,
            "converged": bool(record.converged),
            "n_iter": int(record.n_iter),
            "starts": _starts(record.start_log_likelihoods),
            "time": _time(record.history),
            "ridge": _ridge(mixture, update.ridge, facts["rows"]["constant"] if "rows" in facts else []),
        }
    if data_range is None or reduced is None:
        facts["components"] = _components(mixture, update, given)
    else:
        kept = None if given is None else given.with_values(data_range.reduce(given.values))
        facts["components"] = _components(reduced, update, kept)
    facts["overlap"] = overlap_facts(mixture)
    if given is not None:
        some = fixed_subsample(given).rows.take(slice(max(1, 10_000_000 // mixture.n_components)))
        shares = mixture.responsibilities(some.values).max(axis=1)
        facts["overlap"]["certainty"] = float(np.average(shares, weights=some.explicit_weights))
    facts["advice"] = advice_for_fit(facts)
    return Report(facts)


def _data_range(mixture: Mixture, rows: WeightedRows | None) -> ColumnReduction | None:
    """What a fit of such covariances to the rows would leave out."""
    if rows is None:
        return None
    return ColumnReduction.of(rows, free_of(type(mixture.covariance)).name)


def _starts(log_likelihoods: FloatArray | None) -> dict[str, Any] | None:
    if log_likelihoods is None or len(log_likelihoods) < 2:
        return None
    behind = np.max(log_likelihoods) - np.asarray(log_likelihoods, dtype=np.float64)
    same = behind < _SAME_OPTIMUM
    return {
        "n": len(behind),
        "n_best": int(same.sum()),
        "share_best": float(same.mean()),
        "gap": None if same.all() else float(behind[~same].min()),
    }


def _ridge(mixture: Mixture, ridge: float, constant: list[str]) -> dict[str, Any]:
    """What was added to every variance, and the varying feature of whose variance within components it is most."""
    variances = mixture.weights @ mixture.covariance.variances()
    names = mixture.feature_names or tuple(f"column {at}" for at in range(mixture.n_features))
    least = min(range(len(names)), key=lambda at: (names[at] in constant, variances[at]))
    name = names[least]
    return {"value": ridge, "column": name, "share": float(ridge / variances[least])}


def _time(history: dict[str, FloatArray] | None) -> dict[str, Any] | None:
    if history is None or len(history.get("seconds", ())) == 0:
        return None
    return {"iterations": len(history["seconds"]) - 1, "seconds": float(history["seconds"][-1])}


def _components(mixture: Mixture, update: MaximumLikelihood, rows: WeightedRows | None) -> list[dict[str, Any]]:
    """What is known of each component, and why it is not to be trusted."""
    k = mixture.n_components
    condition, correlation = conditions(mixture)
    found: list[dict[str, Any]] = [
        {
            "weight": float(mixture.weights[at]),
            "count": None,
            "condition": float(condition[at]),
            "correlation_condition": float(correlation[at]),
            "loss_without": None,
            "troubles": [],
        }
        for at in range(k)
    ]
    if rows is None:
        return found
    moments = NativeEngine.of(rows).accumulate(mixture.whitened())
    soundness = examine(mixture, moments.counts, moments.weight)
    step = update.maximize(mixture, moments)
    losses: list[float | None] = [None] * k
    sound = np.flatnonzero(~(soundness.empty | soundness.few | soundness.spurious))
    if sound.size:  # those that are to go in any case do not count as what the rows of another would go to
        for position, loss in zip(sound.tolist(), removal_losses(mixture.take(sound), update, rows), strict=True):
            losses[position] = loss
    own = _own_parameters(mixture)
    troubles = {
        "empty": soundness.empty,
        "collapsed": soundness.collapsed | (step.collapsed & ~step.empty),
        "ridged": step.ridged & ~step.empty,
        "few": soundness.few & ~soundness.empty,
        "spurious": soundness.spurious,
        "unpaid": np.array([loss is not None and loss < own for loss in losses]),
    }
    for at, facts in enumerate(found):
        facts["count"] = float(moments.counts[at])
        facts["loss_without"] = losses[at]
        facts["own_parameters"] = own
        facts["troubles"] = [name for name, which in troubles.items() if which[at]]
    return found


def conditions(mixture: Mixture) -> tuple[FloatArray, FloatArray]:
    """(k,) twice: the condition of each covariance in units of the pooled one, and of its correlations.

    Both are free of the units of the columns.
    """
    d = mixture.n_features
    covariances = mixture.covariance.dense()
    deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances / deviations[:, :, None] / deviations[:, None, :]
    pooled = np.tensordot(mixture.weights, covariances, axes=1)
    scale = np.sqrt(np.diagonal(pooled))
    values, vectors = np.linalg.eigh(pooled / scale / scale[:, None])
    whiten = vectors / np.sqrt(np.maximum(values, d * np.finfo(np.float64).eps * values[-1])) / scale[:, None]
    return _condition(whiten.T @ covariances @ whiten), _condition(correlations)


def _condition(matrices: FloatArray) -> FloatArray:
    values = np.linalg.eigvalsh(matrices)
    return np.asarray(values[:, -1] / np.maximum(values[:, 0], np.finfo(np.float64).eps * values[:, -1]))


def _own_parameters(mixture: Mixture) -> int:
    """How many numbers are free because there is one component more."""
    k, d = mixture.means.shape
    count = type(mixture.covariance).count_parameters
    return 1 + d + count(k, d) - count(k - 1, d)
