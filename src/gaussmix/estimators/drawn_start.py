"""Starts of `GaussianMixture` that a method or the caller gives, in place of a search."""

from typing import Any

import numpy as np

from gaussmix.core.covariance import AbstractCovariance, Factor
from gaussmix.core.engines import AnyRows, engine_for
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import as_numbers, require_unmasked
from gaussmix.core.typing import BoolArray, Random
from gaussmix.estimators.parameter_checks import of_used, with_given_parameters
from gaussmix.estimators.truncation_checks import is_truncated
from gaussmix.fitting.factor_starts import start_of_membership
from gaussmix.fitting.flat_start import flat_start, rows_of_starts
from gaussmix.fitting.initialization import Method, draw_membership, membership_from_user, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample


def draw_start(
    estimator: Any,
    structure: type[AbstractCovariance],
    rows: AnyRows,
    update: MaximumLikelihood,
    rng: Random,
    used: BoolArray,
) -> Mixture:
    """Return the start that the parameters of an estimator ask for; ``used`` (n,) says which rows the fit has."""
    given = (estimator.weights_init, estimator.means_init, estimator.precisions_init)
    k, init_params, drawn = estimator.n_components, estimator.init_params, None
    if any(parameter is None for parameter in given) and is_truncated(estimator):
        sample = Sample.of(engine_for(rows).sample_rows(rows_of_starts(k), rng), structure.form)
        means = None if estimator.means_init is None else as_numbers(estimator.means_init, "means_init")
        if means is not None and means.shape != (k, rows.n_features):
            means = None  # refused below
        drawn = flat_start(sample, structure, k, np.random.default_rng(rng.choice(2**31)), means)
    elif any(parameter is None for parameter in given):
        if isinstance(init_params, str):
            method: Method = "kmeans" if init_params == "auto" else init_params  # type: ignore[assignment]
            membership = draw_membership(engine_for(rows), k, method, rng)
        else:
            require_unmasked(init_params, "init_params")
            noise, here = estimator.noise is not None, require_in_memory(rows, "init_params with labels")
            membership = membership_from_user(of_used(init_params, used), here, k, noise=noise)
        if issubclass(structure, Factor):
            drawn = start_of_membership(membership, structure)
        else:
            drawn = mixture_from_membership(membership, structure, update)
    return with_given_parameters(drawn, structure, (k, rows.n_features), *given)
