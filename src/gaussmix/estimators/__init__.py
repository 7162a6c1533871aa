"""Estimators with scikit-learn's interface."""

from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.gaussian_ic import GaussianMixtureIC

__all__ = ["GaussianMixture", "GaussianMixtureIC"]
