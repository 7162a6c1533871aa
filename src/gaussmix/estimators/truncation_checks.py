"""Checks of `truncation` and of what it cannot be combined with."""

from numbers import Integral
from typing import Any

from gaussmix.core.engines import AnyRows
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.fitting.truncated_fit import candidates_of


def check_truncation(estimator: Any, checkpoint: Any = None) -> None:
    """Raise a ValueError if ``truncation`` of a `GaussianMixture` is invalid, or other parameters exclude it."""
    truncation = estimator.truncation
    if truncation is None:
        return
    is_number = isinstance(truncation, Integral) and not isinstance(truncation, bool)
    is_auto = isinstance(truncation, str) and truncation == "auto"
    if not is_auto and not (is_number and truncation >= 1):
        raise ValueError(f'truncation must be "auto", a whole number, at least 1, or None; got {truncation!r}')
    for name, value in (("noise", estimator.noise), ("trim", estimator.trim), ("checkpoint", checkpoint)):
        if value is not None:
            raise ValueError(f"truncation cannot be combined with {name}: set truncation=None or {name}=None")
    if estimator.n_factors is not None:
        raise ValueError(
            "truncation cannot be combined with factor covariances: set truncation=None, or use another type"
        )
    if not isinstance(estimator.init_params, str) or estimator.init_params != "auto":
        raise ValueError(
            'truncation draws its own starts: set init_params="auto", or give means_init to start from your own means'
        )


def is_truncated(estimator: Any) -> bool:
    """Return whether the fit of a `GaussianMixture` is truncated: "auto" may mean an exact fit."""
    return candidates_of(estimator.truncation, estimator.n_components) is not None


def require_truncated_rows(truncation: Any, rows: AnyRows) -> None:
    """Raise a ValueError if a truncated fit is asked for rows with missing values or measurement errors."""
    if truncation is None:
        return
    given = require_in_memory(rows, "truncation")
    if given.is_exact:
        return
    what = "missing values" if given.noise is None else "measurement errors"
    raise ValueError(
        f"truncation needs complete rows without measurement errors; X has {what}: set truncation=None, or impute them"
    )
