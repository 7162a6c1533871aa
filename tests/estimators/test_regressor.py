"""`GaussianMixtureRegressor`: scikit-learn's contract, its predictions, and the coverage of its intervals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import GaussianMixtureRegressor


@parametrize_with_checks(
    [
        GaussianMixtureRegressor(random_state=0),
        GaussianMixtureRegressor(1, covariance_type="full", random_state=0),
    ]
)
@pytest.mark.contract
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateComponentWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.DegenerateDataWarning")
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API.*")
def test_estimator_checks_pass(estimator, check):
    check(estimator)
