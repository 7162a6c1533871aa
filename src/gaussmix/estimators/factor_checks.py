"""Checks of the parameters of mixtures of factor analyzers, and their warning."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from gaussmix.core.covariance import FACTOR_TYPES, AbstractCovariance, Factor, covariance_class, factor_class_of_name
from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.errors import DegenerateComponentWarning
from gaussmix.core.rows import WeightedRows
from gaussmix.core.text import join_clauses, join_words
from gaussmix.core.warning_values import warn
from gaussmix.estimators.parameter_checks import numbers_of, require_integer
from gaussmix.fitting.factor_step import LEAST_NOISE, FactorUpdate
from gaussmix.fitting.fit_result import FitResult
from gaussmix.selection.model_names import resolve

_MOST_NAMED = 5  # columns


def structure_for(covariance_type: str, n_factors: int | None) -> type[AbstractCovariance]:
    """Return the covariance structure of the two parameters; ValueError if they do not go together."""
    if isinstance(covariance_type, str) and covariance_type in FACTOR_TYPES:
        if n_factors is None:
            raise ValueError(f"covariance_type={covariance_type!r} needs n_factors, such as n_factors=2")
        require_integer("n_factors", n_factors, 1)
        kind = "factor" if covariance_type == "factor-UUU" else covariance_type
        return covariance_class(f"{kind}({int(n_factors)})")
    structure = covariance_class(covariance_type)
    if n_factors is not None:
        raise ValueError(f'n_factors={n_factors} is for covariance_type="factor"; got {covariance_type!r}')
    return structure


def require_numbered_factors(covariance_type: Any) -> None:
    """Raise a ValueError for the name of a factor covariance without its number of factors."""
    if isinstance(covariance_type, str) and covariance_type in FACTOR_TYPES:
        covariance_class(covariance_type)


def covariance_parameters(name: str) -> dict[str, Any]:
    """Return the parameter ``covariance_type`` for the name of a structure, and ``n_factors`` if it has factors."""
    structure = covariance_class(name)
    if not issubclass(structure, Factor):
        return {"covariance_type": name}
    return {"covariance_type": name.partition("(")[0], "n_factors": structure.n_factors}


def factor_types(covariance_types: Any, n_factors: Any) -> Any:
    """Return the names of models, with a number of factors in each "factor"; ValueError if there is none.

    Parameters
    ----------
    covariance_types : str or iterable of str
        Names of models; others than those of factor covariances are kept.
    n_factors : int or iterable of int, optional
        Numbers of factors.
    """
    listed = (covariance_types,) if isinstance(covariance_types, str) else covariance_types
    try:
        names = tuple(listed)
    except TypeError:
        return covariance_types
    if not any(name in FACTOR_TYPES for name in names):
        if n_factors is not None and not any(factor_class_of_name(name) for name in names):
            raise ValueError('n_factors is for covariance_types with "factor": leave it out, or add "factor" to them')
        return covariance_types
    if n_factors is None:
        raise ValueError('covariance_types has "factor", which needs n_factors, such as n_factors=[1, 2, 3]')
    numbers = numbers_of(n_factors, "n_factors")
    chosen: list[str] = []
    for name in names:
        several = [structure_for(name, number).name for number in numbers] if name in FACTOR_TYPES else [name]
        chosen += several
    return chosen


def resolve_with_factors(search: Any, covariance_types: Any, rows: WeightedRows, n_features: int) -> tuple[str, ...]:
    """Return the names of distinct models of a search, which may have factors, after checks (`resolve`)."""
    names = resolve(factor_types(covariance_types, search.n_factors), n_features)
    require_factor_search(search, names, rows)
    return names


def require_factor_search(search: Any, names: Iterable[str], rows: WeightedRows) -> None:
    """Raise a ValueError if a search over models with factor covariances has parameters that they cannot have."""
    if not any(issubclass(covariance_class(name), Factor) for name in names):
        return
    for name, value in (("noise", False), ("family", "gaussian")):
        if getattr(search, name) != value:
            raise ValueError(f"{name}={getattr(search, name)!r} is not supported with factor covariances: leave it out")
    if search.criterion == "cv":
        raise ValueError('criterion="cv" is not supported with factor covariances: use "bic"')
    _require_reg_covar(search.reg_covar)
    _require_exact(rows)


def check_factor_fit(estimator: Any, structure: type[AbstractCovariance], rows: AnyRows) -> None:
    """Raise a ValueError if a fit of factor covariances has parameters or rows that it cannot use."""
    if not issubclass(structure, Factor):
        return
    others: dict[str, Any] = {"noise": None, "trim": None, "max_variance_ratio": None, "fixed": None, "prior": None}
    others |= {"equal_weights": False, "precisions_init": None}
    for name, value in others.items():
        given = getattr(estimator, name)
        if given is not value:
            raise ValueError(f'{name} is not supported with covariance_type="factor": leave it out')
    _require_reg_covar(estimator.reg_covar)
    _require_exact(require_in_memory(rows, 'covariance_type="factor"'))
    if structure.n_factors >= rows.n_features:
        raise ValueError(
            f"n_factors must be less than the number of columns, {rows.n_features}; got {structure.n_factors}"
        )


def _require_reg_covar(reg_covar: Any) -> None:
    if isinstance(reg_covar, str) and reg_covar != "auto":
        raise ValueError(f'reg_covar must be "auto" or a number with factor covariances; got {reg_covar!r}')


def _require_exact(rows: WeightedRows) -> None:
    if not rows.is_exact:
        raise ValueError(
            "factor covariances need complete rows without measurement errors: fill in the missing values of X, or "
            "leave out noise_covariance"
        )


def warn_of_least_noise(result: FitResult, reg_covar: float | str) -> None:
    """Warn about components whose noise has its least variance in a column (Heywood cases)."""
    update, mixture = result.update, result.reduced
    if not isinstance(update, FactorUpdate):
        return
    bound = update.at_bound(mixture) & (mixture.weights > 0)[:, None]
    components = np.flatnonzero(bound.any(axis=1))
    if not components.size:
        return
    names = result.names_of_reduced()
    said = []
    for at in components.tolist():
        columns = np.flatnonzero(bound[at])
        more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
        named = join_words([names[column] for column in columns[:_MOST_NAMED]], _MOST_NAMED) + more
        said.append(f"{at}: {named}" if len(components) > 1 else named)
    bound_of = (
        f", {LEAST_NOISE:g} of that within clusters," if isinstance(reg_covar, str) else f" reg_covar={reg_covar}"
    )
    trouble = (
        f"would have less noise than the least variance{bound_of} in some columns ({join_clauses(said, 5)}): the "
        "factors explain all of their variance, or the column hardly varies there. Use fewer factors or components."
    )
    warn(DegenerateComponentWarning(components, trouble), stacklevel=4)
