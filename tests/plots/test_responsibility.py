"""The display of responsibilities: its numbers, and the artists that show them."""

import pickle

import numpy as np
import pytest
from helpers.oracles import responsibilities
from matplotlib.colors import same_color

from gaussmix import Mixture
from gaussmix.plots import ResponsibilityDisplay
from gaussmix.plots.drawing import PALETTE
from gaussmix.plots.responsibility import MOST_BINS


@pytest.fixture(scope="module")
def mixture():
    covariances = [np.eye(2), np.diag([1.0, 0.3]), 0.7 * np.eye(2)]
    return Mixture.from_parameters(
        [0.5, 0.3, 0.2], [[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]], covariances, feature_names=["length", "width"]
    )


def test_rows_stand_by_component_the_surest_first(mixture):
    rows, _ = mixture.sample(300, 0)
    expected = responsibilities(mixture, rows)
    order = np.lexsort((-expected.max(axis=1), expected.argmax(axis=1)))
    display = ResponsibilityDisplay.from_estimator(mixture, rows)
    np.testing.assert_allclose(display.bands, expected[order], atol=1e-12)
    np.testing.assert_array_equal(display.edges, np.arange(301))
    np.testing.assert_array_equal(display.counts, np.bincount(expected.argmax(axis=1)))


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.8, 1.0])
def test_doubtful_rows_are_found_counted_and_marked(mixture, threshold):
    rows, _ = mixture.sample(300, 0)
    expected = responsibilities(mixture, rows)
    certainty = expected.max(axis=1)
    display = ResponsibilityDisplay.from_estimator(mixture, rows, threshold=threshold)
    assert sorted(display.doubtful) == np.flatnonzero(certainty < threshold).tolist()
    assert (np.diff(certainty[display.doubtful]) >= 0).all()
    assert display.n_doubtful == display.doubtful_counts.sum()
    assert f"{display.n_doubtful} of 300 rows" in display.ax_.get_title(loc="left")
    bars = [line.get_xdata() for line in display.ax_.lines if line.get_label() == "doubtful"]
    ends = np.cumsum(display.counts)
    marked = [[end - n, end] for end, n in zip(ends, display.doubtful_counts, strict=True) if n]
    assert [bar.tolist() for bar in map(np.asarray, bars)] == marked


def test_bands_are_stacked_with_the_rows_own_component_at_the_bottom(mixture):
    rows, _ = mixture.sample(200, 1)
    display = ResponsibilityDisplay.from_estimator(mixture, rows)
    ends = np.cumsum(display.counts)
    for component, (begin, end) in enumerate(zip(ends - display.counts, ends, strict=True)):
        bands = [band for band in display.ax_.patches if band.get_label().endswith(f"in {component}")]
        own = bands[0].get_data()
        np.testing.assert_allclose(own.values, display.bands[begin:end, component])
        np.testing.assert_array_equal(own.edges, display.edges[begin : end + 1])
        assert same_color(bands[0].get_facecolor(), PALETTE[component])
        np.testing.assert_allclose(bands[-1].get_data().values, 1.0, atol=0.002)


def test_many_rows_are_drawn_as_means_of_bins_that_miss_none(mixture):
    rows, _ = mixture.sample(70_000, 2)
    ours = mixture.responsibilities(rows)
    display = ResponsibilityDisplay.from_estimator(mixture, rows)
    sizes = np.diff(display.edges)
    assert MOST_BINS <= len(sizes) <= MOST_BINS + 3
    assert display.n_rows == display.edges[-1] == 70_000
    assert sizes.max() <= 1.1 * sizes.min() + 1
    np.testing.assert_allclose(sizes @ display.bands / 70_000, ours.mean(axis=0), rtol=1e-10)
    assert set(np.cumsum(display.counts)) <= set(display.edges)
    assert display.n_doubtful == (ours.max(axis=1) < 0.8).sum()
    order = np.lexsort((-ours.max(axis=1), ours.argmax(axis=1)))
    np.testing.assert_allclose(display.bands[3], ours[order[slice(*display.edges[3:5])]].mean(axis=0))


def test_components_without_rows_take_no_room():
    mixture = Mixture.from_parameters(
        [0.5, 0.0, 0.5], [[0.0], [1.0], [9.0]], [1.0, 1.0, 1.0], covariance_type="spherical"
    )
    display = ResponsibilityDisplay.from_estimator(mixture, [[0.0], [9.0], [8.0]])
    assert display.counts.tolist() == [1, 0, 2]
    assert display.n_doubtful == 0


def test_a_drawn_display_can_be_copied(mixture):
    display = ResponsibilityDisplay.from_estimator(mixture, mixture.sample(2_000, 0)[0])
    copied = pickle.loads(pickle.dumps(display))
    np.testing.assert_array_equal(copied.bands, display.bands)
    assert copied.ax_.xaxis.get_major_formatter()(1500) == "1,500"


def test_threshold_must_be_a_probability(mixture):
    with pytest.raises(ValueError, match="threshold must be from 0 to 1"):
        ResponsibilityDisplay.from_estimator(mixture, np.zeros((1, 2)), threshold=80)
