"""Inference for a fitted mixture: standard errors, bootstrap, stability, tests and cross-validation."""

from gaussmix.inference.bootstrapping import Bootstrap, bootstrap
from gaussmix.inference.cluster_stability import Stability, stability
from gaussmix.inference.held_out import cross_validated_log_likelihood
from gaussmix.inference.likelihood_ratio import (
    LikelihoodRatioTest,
    SequentialTest,
    choose_n_components,
    likelihood_ratio_test,
)
from gaussmix.inference.parameters import Parameters
from gaussmix.inference.standard_error_estimation import StandardErrors, standard_errors

__all__ = [
    "Bootstrap",
    "LikelihoodRatioTest",
    "Parameters",
    "SequentialTest",
    "Stability",
    "StandardErrors",
    "bootstrap",
    "choose_n_components",
    "cross_validated_log_likelihood",
    "likelihood_ratio_test",
    "stability",
    "standard_errors",
]
