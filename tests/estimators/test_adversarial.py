"""Default fits of data that break mixtures: a sound model, a warning where the data tell too little, or an error."""

import warnings

import pytest
from adversarial import CASES, what_is_wrong
from sklearn.exceptions import ConvergenceWarning
from tables import COVARIANCE_TYPES

from gaussmix import DegenerateComponentWarning, DegenerateDataWarning, GaussianMixture

BROKEN = [name for name, case in CASES.items() if case.error]
FITTED = [name for name, case in CASES.items() if not case.error]
types = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


@types
@pytest.mark.parametrize("name", FITTED)
def test_default_fit_is_sound(name, covariance_type):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gm.fit(case.rows, sample_weight=case.weights)
    assert what_is_wrong(gm, case.rows) == []
    kinds = {warning.category for warning in caught}
    assert kinds <= {DegenerateComponentWarning, DegenerateDataWarning, ConvergenceWarning}, [
        str(warning.message) for warning in caught
    ]
    assert kinds or covariance_type not in case.must_warn, "degenerate data, and no warning"


@types
@pytest.mark.parametrize("name", BROKEN)
def test_impossible_data_are_an_error_that_helps(name, covariance_type):
    case = CASES[name]
    gm = GaussianMixture(case.n_components, covariance_type=covariance_type, random_state=0)
    with pytest.raises(ValueError, match=case.error):
        gm.fit(case.rows, sample_weight=case.weights)
    assert not hasattr(gm, "mixture_")
