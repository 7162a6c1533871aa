"""Estimators with scikit-learn's interface."""

from gaussmix.estimators.bayesian import BayesianGaussianMixture
from gaussmix.estimators.classifier import GaussianMixtureClassifier
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.gaussian_ic import GaussianMixtureIC
from gaussmix.estimators.imputer import GaussianMixtureImputer
from gaussmix.estimators.outlier_detector import GaussianMixtureOutlierDetector
from gaussmix.estimators.regressor import GaussianMixtureRegressor
from gaussmix.estimators.student import StudentMixture

__all__ = [
    "BayesianGaussianMixture",
    "GaussianMixture",
    "GaussianMixtureClassifier",
    "GaussianMixtureIC",
    "GaussianMixtureImputer",
    "GaussianMixtureOutlierDetector",
    "GaussianMixtureRegressor",
    "StudentMixture",
]
