"""Functions of the distribution of a mixture: probabilities, quantiles, modes, density levels, entropy."""

from gaussmix.core.distribution.log_density import LogDensityDistribution
from gaussmix.core.distribution.methods import DistributionMixin

__all__ = ["DistributionMixin", "LogDensityDistribution"]
