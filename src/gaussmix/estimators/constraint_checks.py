"""Checks of what a user knows of a mixture: trimming, bounds, values that are held, a prior with given numbers."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from gaussmix.core.covariance import STRUCTURES, AbstractCovariance, Factor, is_model
from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import BoolArray
from gaussmix.estimators.factor_checks import structure_for
from gaussmix.estimators.parameter_checks import require_flag, require_nonnegative
from gaussmix.fitting.constraints import Constraints
from gaussmix.fitting.normal_inverse_wishart import NormalInverseWishart
from gaussmix.fitting.variance_ratio import BOUNDED, variance_ratio

_HELD = {"means": "means_init", "covariances": "precisions_init", "weights": "weights_init"}
_BY_COMPONENT = ("VVV", "VVI", "VII")  # letters of structures in which components share nothing
_ROUNDING = 1e-6


def check_constraints(estimator: Any) -> Constraints:
    """Return the constraints of a `GaussianMixture`; raise a ValueError if a parameter about them is invalid."""
    structure = structure_for(estimator.covariance_type, estimator.n_factors)
    _check_trim(estimator.trim, estimator.noise)
    _check_ratio(estimator.max_variance_ratio, structure)
    require_flag("equal_weights", estimator.equal_weights)
    held = _held(estimator, structure)
    concentration = _check_prior(estimator)
    if estimator.equal_weights:
        for name, useless in (
            ("weights_init", estimator.weights_init is not None),
            ('fixed["weights"]', held["weights"] is not None),
            ("prior.weight_concentration", bool(np.any(np.asarray(concentration) != 1))),
        ):
            if useless:
                raise ValueError(f"{name} has no effect with equal_weights=True: leave one of them out")
    return Constraints(
        held["weights"],
        held["means"],
        held["covariances"],
        bool(estimator.equal_weights),
        None if estimator.max_variance_ratio is None else float(estimator.max_variance_ratio),
        concentration,
    )


def _check_trim(trim: Any, noise: Any) -> None:
    if trim is None:
        return
    if isinstance(trim, bool) or not isinstance(trim, Real) or not 0 <= float(trim) < 1:
        raise ValueError(f"trim must be a share of the rows, from 0 to less than 1, or None; got {trim!r}")
    if noise is not None:
        raise ValueError("trim and noise are two answers to the same question: leave one of them out")


def _check_ratio(ratio: Any, structure: type[AbstractCovariance]) -> None:
    if ratio is None:
        return
    require_nonnegative("max_variance_ratio", ratio)
    if ratio < 1:
        raise ValueError(f"max_variance_ratio must be at least 1, where all variances are equal; got {ratio!r}")
    if not (is_model(structure) and structure.letters in BOUNDED):
        names = ", ".join(repr(name) for name, one in STRUCTURES.items() if is_model(one) and one.letters in BOUNDED)
        raise ValueError(
            f"max_variance_ratio has no closed form for covariance_type={structure.name!r}: use one of {names}"
        )


def _held(estimator: Any, structure: type[AbstractCovariance]) -> dict[str, BoolArray | None]:
    """Return which components (k,) hold their means, covariances and weights."""
    held: dict[str, BoolArray | None] = dict.fromkeys(_HELD)
    fixed = estimator.fixed
    if fixed is None:
        return held
    if not isinstance(fixed, Mapping) or not set(fixed) <= set(_HELD):
        raise ValueError(f"fixed must be a dictionary with the keys {tuple(_HELD)}; got {fixed!r}")
    for name, which in fixed.items():
        components = _components(name, which, estimator.n_components)
        if not components.any():
            continue
        if getattr(estimator, _HELD[name]) is None:
            raise ValueError(f'fixed["{name}"] holds the values of {_HELD[name]}: give it')
        held[name] = components
    covariances = held["covariances"]
    shares = not (is_model(structure) and structure.letters in _BY_COMPONENT)
    if covariances is not None and not covariances.all() and shares:
        raise ValueError(
            f'fixed["covariances"] must be True for covariance_type={structure.name!r}, whose components share '
            'parameters: hold all covariances, or use "full", "diag" or "spherical"'
        )
    if estimator.order_by != "auto" and any(which is not None for which in held.values()):
        raise ValueError('order_by must be "auto" with fixed, because components keep their places')
    return held


def _components(name: str, which: Any, n_components: int) -> BoolArray:
    """Return (k,) bools for True, False or numbers of components."""
    if isinstance(which, bool | np.bool_):
        return np.full(n_components, bool(which))
    try:
        numbers = list(which)
    except TypeError:
        numbers = [None]
    components = np.zeros(n_components, dtype=np.bool_)
    for number in numbers:
        is_whole = isinstance(number, Integral) and not isinstance(number, bool | np.bool_)
        if not is_whole or not 0 <= number < n_components:
            raise ValueError(
                f'fixed["{name}"] must be True or a list of components from 0 to {n_components - 1}; got {which!r}'
            )
        components[int(number)] = True
    return components


def _check_prior(estimator: Any) -> Any:
    """Return the concentration of the weights."""
    prior = estimator.prior
    if prior is None:
        return 1.0
    if not isinstance(prior, NormalInverseWishart):
        raise ValueError(f"prior must be a NormalInverseWishart or None; got {prior!r}")
    if isinstance(estimator.reg_covar, str) and estimator.reg_covar != "auto":
        raise ValueError(f"reg_covar={estimator.reg_covar!r} is a prior, too: leave it or prior out")
    prior.prior_for(structure_for(estimator.covariance_type, estimator.n_factors), estimator.n_components)
    concentration = np.asarray(prior.weight_concentration)
    if concentration.ndim:
        if concentration.shape != (estimator.n_components,):
            raise ValueError(
                f"prior.weight_concentration must be a number or have the shape ({estimator.n_components},), got "
                f"{concentration.shape}"
            )
        given = estimator.means_init is not None or not isinstance(estimator.init_params, str)
        if not given:
            raise ValueError(
                "prior.weight_concentration is an array, but components have no places before a fit: give means_init, "
                "or labels in init_params"
            )
        return concentration
    return float(concentration)


def require_constrained_rows(estimator: Any, rows: AnyRows) -> None:
    """Raise a ValueError if trimming leaves too few rows, or if the prior has other features than the rows."""
    for name in ("trim", "noise"):
        if getattr(estimator, name) is not None:
            require_in_memory(rows, name)
    left = rows.informative()
    if estimator.trim is not None and (1 - estimator.trim) * left.n_positive < estimator.n_components:
        raise ValueError(
            f"trim={estimator.trim} leaves fewer than n_components = {estimator.n_components} of {left.n_positive} "
            "rows: trim less or use fewer components"
        )
    if estimator.prior is not None and estimator.prior.n_features != rows.n_features:
        raise ValueError(
            f"prior.mean has {estimator.prior.n_features} features, but X has {rows.n_features}: give a number for each"
        )


def require_held_ratio(constraints: Constraints, start: Mixture) -> None:
    """Raise a ValueError if covariances that are held do not obey the bound on the variance ratio."""
    held, most = constraints.held_covariances, constraints.max_variance_ratio
    if held is None or most is None:
        return
    found = variance_ratio(start.take(np.flatnonzero(held)).covariance)
    if found > most * (1 + _ROUNDING):
        raise ValueError(
            f"the fixed covariances have a variance ratio of {found:.6g}, above max_variance_ratio={most:g}: raise it "
            "or hold other covariances"
        )


def refuse_constraints(estimator: Any, method: str) -> None:
    """Raise a ValueError that names the first parameter about constraints that a method does not know."""
    structure = structure_for(estimator.covariance_type, getattr(estimator, "n_factors", None))
    if issubclass(structure, Factor):
        raise ValueError(f"{method} is not defined with factor covariances: fit all rows at once")
    for name in ("trim", "max_variance_ratio", "equal_weights", "fixed", "prior"):
        if getattr(estimator, name) not in (None, False):
            raise ValueError(f"{method} is not defined with {name}: leave it out, or fit all rows at once")
