"""Warnings about problems of a fit, with the components."""

from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gaussmix.core.engines import AbstractDistantRows, AnyRows, engine_for
from gaussmix.core.errors import DegenerateComponentWarning, DegenerateDataWarning, NearRelationWarning, RidgeWarning
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import default_names, join_clauses, join_words
from gaussmix.core.typing import BoolArray
from gaussmix.core.warning_values import warn
from gaussmix.fitting.fit_result import FitResult
from gaussmix.fitting.incomplete_columns import find_redundant, reduce_rows
from gaussmix.fitting.near_relations import find_near_relation
from gaussmix.fitting.redundant_columns import ColumnReduction
from gaussmix.fitting.repeated_values import repeated_values
from gaussmix.fitting.search_result import HigherOptimum
from gaussmix.fitting.stopping import Stop

_NO_SPREAD = 1e-3  # share of the variance of the errors
_FEW_VALUES = 3  # with fewer, a component knows hardly anything of the variance in a column


def warn_of_fit(result: FitResult, reg_covar: float | str) -> None:
    """Issue a warning for each problem of a fit, with the location of the call of ``fit``."""
    fit, soundness = result.fit, result.soundness
    if not fit.stop.is_converged and fit.stop is not Stop.START:
        remedy = (
            "Best performing initialization did not converge. Try different init parameters, or increase "
            "max_iter, tol, or check for degenerate data. "
        )
        warn(ConvergenceWarning(fit.reason if fit.stop.is_cut_short else remedy + fit.reason), stacklevel=4)
    if result.truncation is not None and result.truncation.lost_too_much:
        lost, kept = result.truncation.lost, result.truncation.n_candidates
        trouble = (
            f'truncation="auto" ended with {kept} candidates for each row, which lose {lost:.2g} of the probability, '
            f"more than {result.truncation.most_lost:g}: the parameters are approximate. Set truncation to a larger "
            "number, or to None for an exact fit, or increase max_iter if it was reached."
        )
        warn(ConvergenceWarning(trouble), stacklevel=4)
    nobody = np.zeros(len(soundness.empty), dtype=np.bool_)
    collapsed, ridged, empty = nobody, nobody, soundness.empty
    if fit.last_step is not None:
        collapsed, ridged, empty = fit.last_step.collapsed, fit.last_step.ridged, empty | fit.last_step.empty
    regular = isinstance(reg_covar, str)
    held = ridged & ~empty
    values = _describe_values(soundness.collapsed & ~empty, result)
    for which, trouble in (
        (
            collapsed & ~empty,
            "collapsed: the rows do not vary in some direction. The variances were raised, at most to a millionth of "
            "those of the other components. Use fewer components, a larger reg_covar or a simpler covariance_type, or "
            "leave out constant and duplicate columns.",
        ),
        (
            held,
            f"would be nearly singular without reg_covar={reg_covar}: in some direction, the variance is no larger. "
            "Check the units of the columns, leave out constant and duplicate ones, or use fewer components.",
        ),
        (
            soundness.collapsed & ~empty & regular,
            f"collapsed: the rows do not vary in some direction{values}, and only the penalty keeps the covariance "
            'nonsingular. Use fewer components, a simpler covariance_type, or reg_covar="inverse-wishart".',
        ),
        (
            soundness.few & ~soundness.collapsed & ~empty & regular,
            "may be unreliable: there are fewer rows than the covariance needs. Use fewer components or a simpler "
            "covariance_type.",
        ),
        (
            soundness.spurious & ~soundness.collapsed & ~soundness.few & ~empty & regular,
            "may be spurious: a few rows that lie close together by chance. Use fewer components, more rows or "
            'reg_covar="inverse-wishart".',
        ),
        (empty, "lost all rows: the weight is 0. Use fewer components or another start."),
    ):
        if which.any():
            kind = RidgeWarning if which is held else DegenerateComponentWarning
            warn(kind(np.flatnonzero(which), trouble), stacklevel=4)
    if result.higher is not None:
        _warn_of_repeated_value(result, result.higher)


def _describe_values(which: BoolArray, result: FitResult) -> str:
    """Return the columns in which some components do not vary, with the values, in parentheses."""
    values, names = repeated_values(result.reduced), result.names_of_reduced()
    said = [
        (f"{at}: " if which.sum() > 1 else "") + _equations(values[at], names)
        for at in np.flatnonzero(which).tolist()
        if values[at]
    ]
    return f" ({join_clauses(said, 5)})" if said else ""


def _equations(values: dict[int, float], names: list[str]) -> str:
    return join_words([f"{names[column]} = {value:.6g}" for column, value in values.items()], 5)


def _warn_of_repeated_value(result: FitResult, higher: HigherOptimum) -> None:
    """Warn if the search passed over a higher optimum in which a component collapsed on many equal values."""
    values, names = repeated_values(higher.mixture), result.names_of_reduced()
    groups = np.flatnonzero(higher.soundness.collapsed & higher.soundness.groups).tolist()
    found = [at for at in groups if values[at]]
    if not found:
        return
    said = [f"{higher.counts[at]:,.0f} rows have {_equations(values[at], names)}" for at in found]
    columns = sorted({column for at in found for column in values[at]})
    if result.columns is not None:
        columns = result.columns.kept[columns].tolist()
    note = (
        f"{join_clauses(said, 5)}. A fit with a component for them is {higher.excess:.3g} nats higher, but was passed "
        "over: equal values raise the likelihood without limit, whether they are a group or not. If they are, fit the "
        "other rows alone, or start from labels (init_params)."
    )
    warn(DegenerateDataWarning(columns, (), note=note), stacklevel=5)


def warn_of_unobserved(rows: AnyRows, mixture: Mixture) -> None:
    """Warn about components whose rows have hardly any value in a column; the warning points to the call of ``fit``.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows of the fit.
    mixture : Mixture
        The fitted mixture.
    """
    if rows.missing is None or mixture.n_components == 1:
        return
    shares = engine_for(rows).score_rows(mixture.whitened(), "responsibilities")
    counts = (shares * rows.explicit_weights[:, None])[:, : mixture.n_components].T @ ~rows.missing
    hardly = (counts < _FEW_VALUES) & (mixture.weights > 0)[:, None]
    components = np.flatnonzero(hardly.any(axis=1))
    if not components.size:
        return
    names = default_names(rows.n_features) if rows.names is None else rows.names
    said = [
        f"{join_words([names[column] for column in np.flatnonzero(hardly[at])], 5)}"
        + (f" in component {at}" if len(components) > 1 else "")
        for at in components.tolist()
    ]
    trouble = (
        f"may be unreliable: fewer than {_FEW_VALUES} observed values of {join_clauses(said, 5)}. Use fewer components "
        "or leave the column out."
    )
    warn(DegenerateComponentWarning(components, trouble), stacklevel=4)


def warn_of_large_errors(rows: AnyRows, mixture: Mixture) -> None:
    """Warn about components that are far narrower in a column than the measurement errors of nearly all rows.

    Their rows vary no more than their errors do.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        Rows of the fit.
    mixture : Mixture
        The fitted mixture.
    """
    if rows.noise is None:
        return
    errors = np.atleast_2d(rows.noise.variances)
    least = np.quantile(
        np.where(np.isinf(errors), errors.max(initial=0, where=np.isfinite(errors)), errors), 0.05, axis=0
    )
    narrow = mixture.covariance.variances() < _NO_SPREAD * least
    narrow &= (mixture.weights > 0)[:, None]
    components = np.flatnonzero(narrow.any(axis=1))
    if not components.size:
        return
    names = default_names(rows.n_features) if rows.names is None else rows.names
    columns = join_words([names[at] for at in np.flatnonzero(narrow.any(axis=0))], 5)
    trouble = (
        f"collapsed in {columns}: the measurement errors are at least as large as the spread of the rows, so that "
        "nothing is left for the true values. Check noise_covariance: it has variances, the squares of error bars."
    )
    warn(DegenerateComponentWarning(components, trouble), stacklevel=4)


def warn_of_singular_prior(rows: WeightedRows, covariance_type: str) -> None:
    """Warn about columns in which the covariance of the rows, the default of a prior, is singular.

    Parameters
    ----------
    rows : WeightedRows
        Rows of a fit.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Form of the covariances.
    """
    columns = find_redundant(rows, covariance_type)
    if columns is None:
        return
    note = (
        f"Redundant columns: {join_clauses(columns.describe(rows.names), 5)}. The covariance of the rows is singular; "
        "the prior has a least variance there, and lower_bound_ depends on it. Remove these columns from X, or pass a "
        "covariance_prior."
    )
    warn(DegenerateDataWarning(columns.dropped, (), rows.shape, note), stacklevel=4)


def warn_of_near_relation(rows: AnyRows, columns: ColumnReduction | None, mixture: Mixture) -> None:
    """Warn about a column that follows from others in most rows; the warning points to the call of ``fit``.

    Parameters
    ----------
    rows : WeightedRows or AbstractDistantRows
        The rows with all columns; of rows that are not in memory, a sample is examined.
    columns : ColumnReduction or None
        Columns that were left out of the fit.
    mixture : Mixture
        The fitted mixture. Without exceptions, a relation matters only if a component of it is nearly singular.
    """
    examined = rows.fixed_sample() if isinstance(rows, AbstractDistantRows) else rows
    kept = examined if columns is None else reduce_rows(columns, examined)
    relation = None if kept.noise is not None else find_near_relation(kept.complete())
    if relation is None or not (relation.exceptions.size or _is_nearly_singular(mixture)):
        return
    if kept.missing is not None:
        complete = np.flatnonzero(~kept.missing.any(axis=1))
        relation = replace(relation, exceptions=complete[relation.exceptions])
    if isinstance(rows, AbstractDistantRows):
        relation = replace(relation, exceptions=rows.fixed_positions()[relation.exceptions])
    positions = np.arange(rows.n_features) if columns is None else columns.kept
    known = default_names(rows.n_features) if rows.names is None else rows.names
    said = relation.describe([known[at] for at in positions])
    warn(NearRelationWarning(positions[relation.column], relation.exceptions, said), stacklevel=4)


def _is_nearly_singular(mixture: Mixture) -> bool:
    """Return whether squares cannot represent the covariance of a component."""
    roots = mixture.covariance.dense_roots()
    least = 4 * mixture.n_features * np.finfo(np.float64).eps * (roots**2).sum(axis=2)
    return bool((roots.diagonal(axis1=1, axis2=2) ** 2 < least).any())
