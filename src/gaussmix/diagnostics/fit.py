"""Diagnostics of a fit: the reason for its end, the agreement of starts, the soundness of components."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from gaussmix.core.background import NOISE
from gaussmix.core.covariance import Factor, structure_of
from gaussmix.core.engines import engine_for
from gaussmix.core.engines.far_rows import assign_rows
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.noise import NoiseCovariance
from gaussmix.core.row_sampling import fixed_subsample
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.diagnostics.advice import advice_for_fit
from gaussmix.diagnostics.bounds import bound_facts, trimmed_facts
from gaussmix.diagnostics.component_shapes import interrupted_components, relative_spreads, shape_facts
from gaussmix.diagnostics.description.clusters import describe_rows
from gaussmix.diagnostics.missing import information_facts
from gaussmix.diagnostics.overlap import Confusion, confusion, overlap_facts
from gaussmix.diagnostics.removal import removal_losses
from gaussmix.diagnostics.report import Report
from gaussmix.diagnostics.rows import row_facts
from gaussmix.fitting.degeneracy import examine
from gaussmix.fitting.fit_result import FitResult, TrimmedRows
from gaussmix.fitting.incomplete_columns import find_redundant, reduce_rows
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.repeated_values import repeated_values
from gaussmix.fitting.search_result import HigherOptimum

_SAME_OPTIMUM = 1e-2  # nats
_MOST_DESCRIBED = 20  # components


@dataclass(frozen=True, eq=False)
class FitRecord:
    """Information about a fit that is not part of the mixture.

    Attributes
    ----------
    stop_reason : str
        Reason why EM stopped, as a sentence.
    converged : bool
        Whether EM converged.
    n_iter : int
        Number of iterations.
    update : MaximumLikelihood
        M-step of the fit.
    start_log_likelihoods : (s,) array, or None
        Final log-likelihoods of the starts that were not abandoned, in nats, best first.
    history : dict of arrays, or None
        ``"seconds"``: the time since the fit began, at the start and after each iteration; None for the model of a
        search over models.
    columns : ColumnReduction, or None
        Reduction of the columns, if some were left out.
    reduced : Mixture, or None
        Mixture of the columns that were kept, if some were left out.
    gain : float
        Nats by which moves of components raised the best of the starts.
    higher : HigherOptimum, or None
        The highest of the unsound optima that the search passed over.
    trimmed : TrimmedRows, or None
        Rows that the fit left out.
    """

    stop_reason: str
    converged: bool
    n_iter: int
    update: MaximumLikelihood = field(default_factory=MaximumLikelihood)
    start_log_likelihoods: FloatArray | None = None
    history: dict[str, FloatArray] | None = None
    columns: ColumnReduction | None = None
    reduced: Mixture | None = None
    gain: float = 0.0
    higher: HigherOptimum | None = None
    trimmed: TrimmedRows | None = None

    @classmethod
    def of(cls, result: FitResult) -> Self:
        """Extract the record from the result of a fit.

        Parameters
        ----------
        result : FitResult
            Result, such as ``fit_result_`` of a fitted `GaussianMixture`.

        Returns
        -------
        FitRecord
            The record of the fit.
        """
        return cls(
            result.reason,
            result.fit.stop.is_converged,
            result.fit.n_iter,
            result.update,
            np.array(result.optima),
            None if result.is_last_run else result.history(),
            result.columns,
            result.reduced,
            result.gain,
            result.higher,
            result.trimmed,
        )


@underflow_to_zero
def inspect_fit(
    mixture: Mixture,
    record: FitRecord | None,
    rows: Rows | None = None,
    row_weights: FloatArray | None = None,
    noise: NoiseCovariance | None = None,
) -> Report:
    """Report on a fit; without rows the report covers only the parameters.

    Without a record, as for a model from a file, the report does not cover convergence and starts. Redundant columns of
    the rows are then left out before components are examined, as in a fit.

    Parameters
    ----------
    mixture : Mixture
        The fitted mixture.
    record : FitRecord or None
        Record of the fit, if known.
    rows : (n, d) array, optional
        Rows of the fit; NaN is a missing value.
    row_weights : (n,) array, optional
        Weights of the rows in the fit.
    noise : NoiseCovariance, optional
        Covariance of the measurement errors in the fit.

    Returns
    -------
    Report
        ``str(report)`` is the text, ``report.facts`` has the numbers.
    """
    given = None if rows is None else WeightedRows(rows, row_weights, mixture.feature_names, noise)
    facts: dict[str, Any] = {}
    if given is not None:
        if given.missing is not None:
            given = replace(given, values=np.where(given.missing, np.nan, given.values))
        facts["rows"] = row_facts(given, mixture.n_components, mixture.covariance_type)
        given = given.informative()
    if record is None:
        update, columns = MaximumLikelihood(), _column_reduction(mixture, given)
        reduced = None if columns is None else mixture.marginal(columns.kept.tolist())
    else:
        update, columns, reduced = record.update, record.columns, record.reduced
        facts["fit"] = {
            "stop_reason": record.stop_reason,
            "converged": bool(record.converged),
            "n_iter": int(record.n_iter),
            "starts": _starts(record.start_log_likelihoods, record.gain),
            "passed_over": _passed_over(record.higher, mixture.names, columns),
            "time": _time(record.history),
            "trimmed": trimmed_facts(mixture, record.trimmed, given),
            "bounds": bound_facts(mixture, update),
            "ridge": _ridge(mixture, update.ridge, facts["rows"]["constant"] if "rows" in facts else []),
        }
    if record is not None and record.trimmed is not None and given is not None:
        given = given.take(record.trimmed.are_kept(mixture, given))
    if columns is None or reduced is None:
        facts["components"] = _components(mixture, update, given)
    else:
        kept = None if given is None else reduce_rows(columns, given)
        facts["components"] = _components(reduced, update, kept)
    if mixture.background is not None:
        facts["noise"] = _noise_facts(mixture, given)
    confused = confusion(mixture)
    facts["overlap"] = overlap_facts(confused)
    if given is not None:
        some = fixed_subsample(given).rows.take(slice(max(1, 10_000_000 // mixture.n_components)))
        shares = assign_rows(engine_for(some), mixture.whitened(), "responsibilities").max(axis=1)
        facts["overlap"]["certainty"] = float(np.average(shares, weights=some.explicit_weights))
        for found, shape in zip(facts["components"], shape_facts(mixture, some), strict=True):
            found["shape"] = shape
        facts["clusters"] = _cluster_facts(mixture, some, confused)
        seen = some.values[~np.isnan(some.values).any(axis=1)]
        facts["interrupted"] = interrupted_components(mixture, seen) if given.n_features == 1 else []
        if given.missing is not None:
            for found, left in zip(facts["components"], information_facts(mixture, some), strict=True):
                found |= left
    facts["advice"] = advice_for_fit(facts)
    return Report(facts)


def _noise_facts(mixture: Mixture, rows: WeightedRows | None) -> dict[str, Any]:
    """Return the weight and the volume of the noise, and how many of the rows are noise."""
    assert mixture.background is not None
    count = None
    if rows is not None:
        labels = assign_rows(engine_for(rows), mixture.whitened(), "labels")
        count = float(rows.explicit_weights[labels == NOISE].sum())
    return {"weight": mixture.background.weight, "log_volume": mixture.background.log_volume, "count": count}


def _cluster_facts(mixture: Mixture, some: WeightedRows, confused: Confusion) -> list[dict[str, Any]]:
    """Describe the components by some of the rows; without counts, and not if there are too many components."""
    if not 1 < mixture.n_components <= _MOST_DESCRIBED:
        return []
    described = describe_rows(mixture, np.arange(mixture.n_components), some, confused).to_dict()["clusters"]
    return [{name: value for name, value in found.items() if name != "n_rows"} for found in described]


def _column_reduction(mixture: Mixture, rows: WeightedRows | None) -> ColumnReduction | None:
    """Return the reduction of the columns in a fit with the same covariance structure to the rows."""
    if rows is None:
        return None
    covariance = mixture.covariance
    return find_redundant(rows, "diag" if isinstance(covariance, Factor) else structure_of(covariance.form).name)


def _starts(log_likelihoods: FloatArray | None, gain: float) -> dict[str, Any] | None:
    if log_likelihoods is None or len(log_likelihoods) < 2:
        return None
    behind = gain + np.max(log_likelihoods) - np.asarray(log_likelihoods, dtype=np.float64)
    same = behind < _SAME_OPTIMUM
    return {
        "n": len(behind),
        "n_best": int(same.sum()),
        "share_best": float(same.mean()),
        "gap": None if same.all() else float(behind[~same].min()),
    }


def _passed_over(
    higher: HigherOptimum | None, names: Sequence[str], columns: ColumnReduction | None
) -> dict[str, Any] | None:
    """Return the excess of an optimum that was passed over, and what is wrong with its unsound components."""
    if higher is None:
        return None
    kept = list(names) if columns is None else [names[at] for at in columns.kept]
    values, soundness = repeated_values(higher.mixture), higher.soundness
    troubles = {"collapsed": soundness.collapsed, "few": soundness.few, "spurious": soundness.spurious}
    return {
        "excess": higher.excess,
        "components": [
            {
                "component": at,
                "count": float(higher.counts[at]),
                "trouble": next((name for name, which in troubles.items() if which[at]), "empty"),
                "values": {kept[column]: value for column, value in values[at].items()},
                "is_group": bool(soundness.groups[at]),
            }
            for at in np.flatnonzero(soundness.unsound).tolist()
        ],
    }


def _ridge(mixture: Mixture, ridge: float, constant: list[str]) -> dict[str, Any]:
    """Compare the ridge with the smallest within-component variance of a column that is not constant."""
    variances = mixture.weights @ mixture.covariance.variances()
    names = mixture.names
    least = min(range(len(names)), key=lambda at: (names[at] in constant, variances[at]))
    return {"value": ridge, "column": names[least], "share": float(ridge / variances[least])}


def _time(history: dict[str, FloatArray] | None) -> dict[str, Any] | None:
    if history is None or len(history.get("seconds", ())) == 0:
        return None
    return {"iterations": len(history["seconds"]) - 1, "seconds": float(history["seconds"][-1])}


def _components(mixture: Mixture, update: MaximumLikelihood, rows: WeightedRows | None) -> list[dict[str, Any]]:
    """Return the facts about each component, including the reasons why it is unsound."""
    k = mixture.n_components
    condition, correlation = conditions(mixture)
    spreads = relative_spreads(mixture)
    found: list[dict[str, Any]] = [
        {
            "weight": float(mixture.weights[at]),
            "count": None,
            "relative_spread": float(spreads[at]),
            "condition": float(condition[at]),
            "correlation_condition": float(correlation[at]),
            "loss_without": None,
            "troubles": [],
        }
        for at in range(k)
    ]
    if rows is None:
        return found
    moments = engine_for(rows).accumulate(mixture.whitened())
    soundness = examine(mixture, moments.counts, moments.weight)
    step = update.maximize(mixture, moments)
    losses: list[float | None] = [None] * k
    sound = np.flatnonzero(~(soundness.empty | soundness.few | soundness.spurious))
    if sound.size:  # the rows of a removed component must not go to an unsound one
        for position, loss in zip(
            sound.tolist(), removal_losses(mixture.take(sound), update.of_parts, rows), strict=True
        ):
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
    """Return the condition numbers (k,) of the covariances in units of the pooled one, and (k,) of the correlations.

    Both are independent of the units of the columns.
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
    """Return the number of free parameters that one component adds."""
    k, d = mixture.means.shape
    count = type(mixture.covariance).count_parameters
    return 1 + d + count(k, d) - count(k - 1, d)
