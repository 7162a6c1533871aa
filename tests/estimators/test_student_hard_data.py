"""Data that break mixtures: `StudentMixture` returns a valid model or an error that helps."""

import warnings

import numpy as np
import pytest
from helpers.hard_data import CASES, what_is_wrong

from gaussmix import StudentMixture

NAMES = [
    "two rows",
    "as many components as rows",
    "one component less than rows",
    "fewer rows than columns",
    "more components than different rows",
    "all rows equal",
    "all rows twice",
    "five different rows",
    "spike and slab",
    "constant column",
    "column twice",
    "small grid",
    "uint8",
    "columns from 1e-12 to 1e12",
    "offset of 1e12",
    "one outlier at 1e12",
    "one outlier at 1e140",
    "tiny",
    "large",
    "one 1e300",
    "NaN",
    "infinity",
    "Cauchy",
    "log-normal, heavy",
    "tight clusters, far apart",
    "weights of zero",
    "a NaN weight",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_hard_data_give_a_valid_model_or_an_error(name):
    case = CASES[name]
    model = StudentMixture(case.n_components, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.error is not None:
            with pytest.raises(ValueError, match=case.error):
                model.fit(case.rows, sample_weight=case.weights)
            return
        model.fit(case.rows, sample_weight=case.weights)
    assert set(what_is_wrong(model, case.rows)) <= {"finite covariances"}  # infinite for few degrees of freedom
    assert np.isfinite(model.scale_matrices_).all()
    assert (model.degrees_of_freedom_ >= 1).all()
