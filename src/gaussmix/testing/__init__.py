"""Conformance tests for covariance structures and engines, built-in or your own.

Each test raises an AssertionError with the property that failed.
"""

from gaussmix.testing.covariances import check_covariance
from gaussmix.testing.engines import check_engine, check_factor_passes
from gaussmix.testing.random_models import random_covariance, random_mixture, random_with_common_basis, with_noise

__all__ = [
    "check_covariance",
    "check_engine",
    "check_factor_passes",
    "random_covariance",
    "random_mixture",
    "random_with_common_basis",
    "with_noise",
]
