"""The display of a projection: its numbers are those of the projected mixture, and its labels those of all features."""

import numpy as np
import pytest

from gaussmix import Mixture, discriminant_directions, random_projection
from gaussmix.plots import ProjectionDisplay, decision_boundaries, ellipse, radius_holding


@pytest.mark.slow
def test_rows_and_ellipses_are_projected(mixture, rows):
    display = ProjectionDisplay.from_estimator(mixture, rows)
    found = discriminant_directions(mixture)
    np.testing.assert_allclose(display.rows, found.transform(rows)[:, :2])
    np.testing.assert_array_equal(display.labels, mixture.labels(rows))
    plane = found.mixture.marginal([0, 1])
    for component, covariance in enumerate(plane.covariance.dense()):
        expected = ellipse(plane.means[component], covariance, radius_holding(0.95))
        np.testing.assert_allclose(display.ellipses[component, 1], expected, atol=1e-9)
    expected = decision_boundaries(plane, display.x, display.y)
    assert len(display.boundaries) == len(expected) > 0
    assert display.ax_.get_xlabel() == f"direction 1 ({found.shares[0]:.0%} of the separation)"


@pytest.mark.slow
def test_other_directions_and_projections_are_shown(mixture, rows):
    display = ProjectionDisplay.from_estimator(mixture, rows, directions=(2, 0))
    np.testing.assert_allclose(display.rows, discriminant_directions(mixture).transform(rows)[:, [2, 0]])
    tour = random_projection(mixture, random_state=1)
    display = ProjectionDisplay.from_estimator(mixture, rows, projection=tour, density=False)
    np.testing.assert_allclose(display.rows, tour.transform(rows))
    assert display.ax_.get_ylabel() == "projection 2"
    assert display.projection is tour


def test_components_that_separate_in_one_direction_are_shown_in_two():
    means = [[0.0, 0.0, 0.0], [6.0, 0.0, 0.0]]
    two = Mixture.from_parameters([0.5, 0.5], means, [1.0, 1.0], covariance_type="spherical")
    display = ProjectionDisplay.from_estimator(two)
    np.testing.assert_allclose(display.mixture.means[:, 1], 0.0, atol=1e-12)
    assert display.ax_.get_ylabel() == "direction 2 (0% of the separation)"


def test_what_cannot_be_shown_is_refused(mixture):
    with pytest.raises(ValueError, match="one feature; use HistogramDisplay"):
        ProjectionDisplay.from_estimator(mixture.marginal([0]))
    with pytest.raises(ValueError, match=r"directions must be two positions; got \[0\]"):
        ProjectionDisplay.from_estimator(mixture, directions=(0,))
    with pytest.raises(ValueError, match="n_directions must be from 1 to 3"):
        ProjectionDisplay.from_estimator(mixture, directions=(0, 3))
    with pytest.raises(ValueError, match="the projection is of 2 features, but the model has 3"):
        ProjectionDisplay.from_estimator(mixture, projection=random_projection(mixture.marginal([0, 1])))
