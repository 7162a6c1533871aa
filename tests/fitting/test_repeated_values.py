"""Values that are the same in all rows of a component."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.fitting.repeated_values import repeated_values


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_columns_without_variance_are_found_with_their_values(scale):
    means = scale * np.array([[0.0, 3.0], [5.0, 1e-14], [9.0, -2.0]])
    variances = scale**2 * np.array([[1.0, 1e-12], [1e-13, 1e-12], [1.0, 0.5]])
    mixture = Mixture.from_parameters([0.3, 0.3, 0.4], means, variances, covariance_type="diag")
    assert repeated_values(mixture) == [{1: 3.0 * scale}, {0: 5.0 * scale, 1: 0.0}, {}]


def test_a_correlated_component_has_no_value():
    line = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-12]])
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [4.0, 0.0]], [line, np.eye(2)])
    assert repeated_values(mixture) == [{}, {}]
