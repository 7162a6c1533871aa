"""Attributes of estimators that have not been fitted, and errors of callbacks."""

import pytest
from helpers.datasets import TABLES
from sklearn.exceptions import NotFittedError

from gaussmix import (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianMixtureIC,
    GaussianMixtureImputer,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
)
from gaussmix.imaging import GaussianMixtureSegmenter

ESTIMATORS = (
    GaussianMixture,
    BayesianGaussianMixture,
    GaussianMixtureIC,
    GaussianMixtureImputer,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    GaussianMixtureSegmenter,
)
ATTRIBUTES = [
    (estimator, name)
    for estimator in ESTIMATORS
    for name in dir(estimator)
    if name.endswith("_") and not name.startswith("_")
]


@pytest.mark.parametrize(("estimator", "name"), ATTRIBUTES, ids=lambda value: getattr(value, "__name__", value))
def test_an_attribute_of_the_fit_is_missing_before_it(estimator, name):
    with pytest.raises(NotFittedError, match=f"This {estimator.__name__} instance is not fitted yet. Call 'fit' with"):
        getattr(estimator(), name)
    assert not hasattr(estimator(), name)


def test_the_attributes_of_the_fit_are_known():
    of = {estimator: {name for other, name in ATTRIBUTES if other is estimator} for estimator in ESTIMATORS}
    assert {"weights_", "covariances_", "n_iter_", "fit_result_", "history_"} <= of[GaussianMixture]
    assert {"posterior_", "mean_precision_", "lower_bound_"} <= of[BayesianGaussianMixture]
    assert {"best_estimator_", "best_score_", "weights_", "cells_", "reason_"} <= of[GaussianMixtureIC]
    assert {"mixture_", "bias_", "smoothing_"} <= of[GaussianMixtureSegmenter]


@pytest.mark.parametrize("error", [StopIteration, ValueError, RuntimeError])
@pytest.mark.parametrize("last", [1, 8, 40, 55])
@pytest.mark.parametrize(
    "estimator",
    [
        BayesianGaussianMixture(n_components=3, random_state=0),
        GaussianMixture(3, random_state=0),
        GaussianMixture(3, reg_covar="inverse-wishart", random_state=0),
    ],
    ids=["bayesian", "compiled", "python"],
)
def test_an_exception_of_a_callback_leaves_the_fit(estimator, last, error):
    rows, _ = TABLES["iris"]
    calls = []

    def fail(progress):
        calls.append(progress)
        if len(calls) == last:
            raise error("enough")

    with pytest.raises(error, match=r"^enough$"):
        estimator.set_params(callback=fail).fit(rows)
    assert not hasattr(estimator, "weights_")
