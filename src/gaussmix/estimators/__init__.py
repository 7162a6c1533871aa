"""scikit-learn's door to the package."""

from gaussmix.estimators.gaussian import GaussianMixture

__all__ = ["GaussianMixture"]
