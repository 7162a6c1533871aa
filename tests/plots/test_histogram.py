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


@pytest.mark.parametrize("deviation", [1e-2, 1e-4, 1e-8, 1e-150])
@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("with_rows", [False, True])
def test_a_collapsed_component_is_a_spike_at_its_value_with_its_label(deviation, upright, with_rows):
    mixture = Mixture.from_parameters(
        [0.6, 0.3, 0.1], [[0.0], [6.0], [2.5]], [1.0, 1.0, deviation**2], covariance_type="spherical"
    )
    rows = mixture.sample(300, 0)[0] if with_rows else None
    display = HistogramDisplay.from_estimator(mixture, rows, upright=upright)
    assert display.spikes.tolist() == [2]
    assert {text.get_text() for text in display.ax_.texts} == {"0", "1", "2"}
    spike = display.ax_.lines[-1].get_xydata()
    along, across = (1, 0) if upright else (0, 1)
    assert (spike[:, along] == 2.5).all()
    limits = display.ax_.get_xlim() if upright else display.ax_.get_ylim()
    assert (spike[:, across].min(), spike[:, across].max()) == pytest.approx(limits)
    highest = max(display.densities[:2].max(), display.heights.max(initial=0))
    assert limits[1] < 1.2 * highest  # the others are not flattened


@pytest.mark.parametrize("n_collapsed", [1, 2, 3])
def test_components_that_all_collapsed_are_spikes(n_collapsed):
    means = np.arange(float(n_collapsed))[:, None] * 3
    mixture = Mixture.from_parameters(
        np.full(n_collapsed, 1 / n_collapsed), means, np.full(n_collapsed, 1e-20), covariance_type="spherical"
    )
    display = HistogramDisplay.from_estimator(mixture, np.repeat(means, 40, axis=0))
    assert display.spikes.tolist() == list(range(n_collapsed))
    assert len(display.ax_.lines) == n_collapsed
    assert len(display.ax_.texts) == (n_collapsed if n_collapsed > 1 else 0)


def test_components_of_no_weight_are_no_spikes():
    mixture = Mixture.from_parameters([1.0, 0.0], [[0.0], [1.0]], [1.0, 1e-20], covariance_type="spherical")
    display = HistogramDisplay.from_estimator(mixture)
    assert display.spikes.size == 0
    assert {text.get_text() for text in display.ax_.texts} == {"0"}


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
