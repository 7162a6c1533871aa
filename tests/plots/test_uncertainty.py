"""The display of uncertainty: its numbers, and the artists that show them."""

import numpy as np
import pytest
from helpers.oracles import responsibilities
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, Mixture
from gaussmix.plots import UncertaintyDisplay
from gaussmix.plots.drawing import PALETTE
from gaussmix.plots.inputs import MOST_POINTS


@pytest.fixture(scope="module")
def iris():
    return load_iris().data


@pytest.fixture(scope="module")
def mixture():
    covariances = [np.eye(2), np.diag([1.0, 0.3]), 0.7 * np.eye(2)]
    return Mixture.from_parameters(
        [0.5, 0.3, 0.2], [[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]], covariances, feature_names=["length", "width"]
    )


def test_points_are_as_large_as_they_are_uncertain(mixture):
    rows, _ = mixture.sample(200, 0)
    expected = responsibilities(mixture, rows)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    np.testing.assert_allclose(display.uncertainty, 1 - expected.max(axis=1), atol=1e-12)
    np.testing.assert_array_equal(display.labels, expected.argmax(axis=1))
    points = next(
        one for one in display.ax_.collections if isinstance(one, PathCollection) and len(one.get_offsets()) > 1
    )
    order = np.argsort(display.uncertainty, kind="stable")
    np.testing.assert_array_equal(points.get_offsets(), rows[order])
    sizes = points.get_sizes()
    assert (np.diff(sizes) >= 0).all()
    assert sizes[-1] > 5 * sizes[0]
    for color, label in zip(points.get_facecolors(), display.labels[order], strict=True):
        np.testing.assert_allclose(color[:3], to_rgb(PALETTE[label]))


def test_the_plane_is_shaded_by_the_uncertainty_there(mixture):
    rows, _ = mixture.sample(50, 0)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    for line, column in ((0, 0), (100, 30), (199, 120)):
        at = responsibilities(mixture, [[display.x[column], display.y[line]]] * 2)[0]
        assert display.surface[line, column] == pytest.approx(1 - at.max(), abs=1e-10)
    assert display.names == ["length", "width"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")


def test_turned_features_turn_the_plane(mixture):
    rows, _ = mixture.sample(50, 0)
    upright = UncertaintyDisplay.from_estimator(mixture, rows)
    turned = UncertaintyDisplay.from_estimator(mixture, rows, features=("width", "length"))
    np.testing.assert_allclose(turned.surface, upright.surface.T, atol=1e-12)
    np.testing.assert_array_equal(turned.rows, rows[:, ::-1])
    np.testing.assert_array_equal(turned.uncertainty, upright.uncertainty)


def test_of_more_features_only_points_are_drawn(iris):
    gm = GaussianMixture(3, random_state=0).fit(iris)
    display = UncertaintyDisplay.from_estimator(gm, iris, features=(2, -1))
    assert display.surface is None
    np.testing.assert_array_equal(display.rows, iris[:, [2, 3]])
    np.testing.assert_allclose(display.uncertainty, 1 - gm.predict_proba(iris).max(axis=1), atol=1e-12)
    assert display.names == ["x2", "x3"]


def test_very_many_points_are_thinned_and_said_to_be(mixture):
    rows, _ = mixture.sample(MOST_POINTS + 1, 0)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    assert len(display.rows) == MOST_POINTS
    assert f"5,000 of {MOST_POINTS + 1:,} rows" in display.ax_.get_title(loc="left")


@pytest.mark.parametrize("features", [(0,), (0, 0), (0, 1, 0), (0, -2)])
def test_uncertainty_is_of_two_features(mixture, features):
    with pytest.raises(ValueError, match="features must"):
        UncertaintyDisplay.from_estimator(mixture, np.zeros((1, 2)), features=features)


def test_uncertainty_of_one_column_is_refused_and_of_many_wants_to_know_which():
    for d, words in ((1, "has one feature"), (3, "choose two")):
        mixture = Mixture.from_parameters([1.0], np.zeros((1, d)), [1.0], covariance_type="spherical")
        with pytest.raises(ValueError, match=words):
            UncertaintyDisplay.from_estimator(mixture, np.zeros((1, d)))
