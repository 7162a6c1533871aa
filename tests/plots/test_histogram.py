"""The histogram of one feature with the densities of the components."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.plots import HistogramDisplay, marginal_densities

NAMES = ["length", "width", "height"]


@pytest.mark.parametrize("upright", [False, True])
def test_histogram_has_the_densities_of_the_components_and_their_sum(mixture, rows, upright):
    display = HistogramDisplay.from_estimator(mixture, rows, feature="width", upright=upright)
    np.testing.assert_array_equal(display.densities, marginal_densities(mixture, 1, display.grid))
    assert display.heights @ np.diff(display.edges) == pytest.approx(1.0)
    assert (display.edges[0], display.edges[-1]) == pytest.approx((rows[:, 1].min(), rows[:, 1].max()))
    total = display.ax_.lines[-1].get_xydata()[:, ::-1] if upright else display.ax_.lines[-1].get_xydata()
    np.testing.assert_array_equal(total, np.column_stack([display.grid, display.densities.sum(axis=0)]))
    assert (display.ax_.get_ylabel() if upright else display.ax_.get_xlabel()) == "width"
    assert {text.get_text() for text in display.ax_.texts} == {"0", "1", "2"}


@pytest.mark.parametrize("values", [np.repeat([3.0, 4.0, 9.0], 50), np.arange(150.0), np.full(150, 7.0)])
def test_bars_never_cut_whole_numbers_apart(values):
    mixture = Mixture.from_parameters([1.0], [[values.mean()]], [values.var() + 0.1], covariance_type="spherical")
    display = HistogramDisplay.from_estimator(mixture, values[:, None])
    np.testing.assert_array_equal(np.mod(display.edges, 1), 0.5)
    assert len(set(np.diff(display.edges))) == 1
    assert display.heights @ np.diff(display.edges) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [300, 3000])
def test_bars_are_as_wide_as_suits_a_component(n):
    values = 4 * np.random.default_rng(0).standard_normal(n)
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [0.0]], [4.0, 16.0], covariance_type="spherical")
    display = HistogramDisplay.from_estimator(mixture, values[:, None])
    assert len(display.heights) == np.ceil(np.ptp(values) / (3.49 * 3 * n ** (-1 / 3)))


@pytest.mark.parametrize(
    ("values", "deviation"),
    [
        (np.array([0.3, 0.7, 2.9]), 1.0),
        *((np.random.default_rng(seed).standard_normal(20), 1.0) for seed in range(20)),
        (1e30 * np.random.default_rng(0).standard_normal(300), 1e30),
        (1e17 + 100 * np.arange(30.0), 1e3),
        (np.full(30, 1e17), 1e3),
        (np.full(30, 0.1), 1e-3),
        (np.array([1.0, 1.0 + 2e-16]) - 0.3, 1e-16),
    ],
)
def test_every_row_is_in_a_bar(values, deviation):
    mixture = Mixture.from_parameters([1.0], [[values.mean()]], [deviation**2], covariance_type="spherical")
    display = HistogramDisplay.from_estimator(mixture, values[:, None])
    widths = np.diff(display.edges)
    assert (widths > 0).all()
    assert display.edges[0] <= values.min() <= values.max() <= display.edges[-1]
    assert display.heights @ widths == pytest.approx(1.0, rel=1e-12)
