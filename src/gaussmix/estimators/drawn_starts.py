"""Starts of estimators whose parameters say how they are drawn."""

from typing import Any

import numpy as np

from gaussmix.core.covariance import covariance_class
from gaussmix.core.engines import engine_for
from gaussmix.core.mixture import Mixture
from gaussmix.core.number_checks import as_numbers, require_unmasked
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, Random
from gaussmix.estimators.parameter_checks import of_used, with_given_parameters
from gaussmix.estimators.truncation_checks import is_truncated
from gaussmix.fitting.flat_start import flat_start, rows_of_starts
from gaussmix.fitting.initialization import Method, draw_membership, membership_from_user, mixture_from_membership
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.fitting.sample import Sample


def draw_start(estimator: Any, rows: WeightedRows, update: MaximumLikelihood, rng: Random, used: BoolArray) -> Mixture:
    """Return a start with the parameters that a `GaussianMixture` is given, and drawn values for the others.

    ``used`` (n,) says which rows the fit has.
    """
    structure, k = covariance_class(estimator.covariance_type), estimator.n_components
    given = (estimator.weights_init, estimator.means_init, estimator.precisions_init)
    init, drawn = estimator.init_params, None
    if any(parameter is None for parameter in given):
        if is_truncated(estimator):
            sample = Sample.of(engine_for(rows).sample_rows(rows_of_starts(k), rng), structure.form)
            means = None if estimator.means_init is None else as_numbers(estimator.means_init, "means_init")
            if means is not None and means.shape != (k, rows.n_features):
                means = None  # refused below
            drawn = flat_start(sample, structure, k, np.random.default_rng(rng.choice(2**31)), means)
        elif isinstance(init, str):
            method: Method = "kmeans" if init == "auto" else init  # type: ignore[assignment]
            drawn = mixture_from_membership(draw_membership(engine_for(rows), k, method, rng), structure, update)
        else:
            require_unmasked(init, "init_params")
            noise = estimator.noise is not None
            membership = membership_from_user(of_used(init, used), rows, k, noise=noise)
            drawn = mixture_from_membership(membership, structure, update)
    return with_given_parameters(drawn, structure, (k, rows.n_features), *given)
