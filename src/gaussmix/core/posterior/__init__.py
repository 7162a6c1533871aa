"""Posterior distributions of Gaussian mixtures: what variational Bayes fits."""

from gaussmix.core.posterior.intervals import CredibleIntervals
from gaussmix.core.posterior.normal_wishart import NormalWisharts
from gaussmix.core.posterior.posterior import Posterior
from gaussmix.core.posterior.prior import MixturePrior
from gaussmix.core.posterior.weights import Dirichlet, StickBreaking, WeightDistribution

__all__ = [
    "CredibleIntervals",
    "Dirichlet",
    "MixturePrior",
    "NormalWisharts",
    "Posterior",
    "StickBreaking",
    "WeightDistribution",
]
