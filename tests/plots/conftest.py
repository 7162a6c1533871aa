"""A mixture of three features, and no figure left open by a test."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gaussmix import Mixture


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def mixture():
    """Three components with features length, width and height."""
    means = [[0.0, 1.0, -3.0], [5.0, -2.0, 0.0], [-4.0, 4.0, 2.0]]
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((3, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1) / 3 + 0.3 * np.eye(3)
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=["length", "width", "height"])


@pytest.fixture(scope="session")
def plane(mixture):
    """The mixture of length and width."""
    return mixture.marginal([0, 1])


@pytest.fixture(scope="session")
def rows(mixture):
    """(600, 3) drawn from the mixture."""
    return mixture.sample(600, 1)[0]
