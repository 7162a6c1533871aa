"""The display of all pairs of features."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.plots import PairsDisplay
from gaussmix.plots.components import SHADES

NAMES = ["length", "width", "height"]


def _scattered(axes):
    [points] = [artist for artist in axes.collections if len(artist.get_offsets()) > 1]
    return points


def test_pairs_have_every_pair_of_features_below_and_each_alone_on_the_diagonal(mixture, rows):
    display = PairsDisplay.from_estimator(mixture, rows)
    assert display.axes_.shape == (3, 3)
    for line, column in np.ndindex(3, 3):
        axes = display.axes_[line, column]
        assert axes.get_xlim() == display.views[column]
        if line != column:
            assert axes.get_ylim() == display.views[line]
        if line > column:
            np.testing.assert_array_equal(_scattered(axes).get_offsets(), rows[:, [column, line]])
    assert [axes.get_xlabel() for axes in display.axes_[-1]] == NAMES
    assert [axes.get_ylabel() for axes in display.axes_[:, 0]] == NAMES
    assert [histogram.name for histogram in display.histograms] == NAMES


@pytest.mark.slow
@pytest.mark.parametrize(("offset", "spread"), [(45e3, 12e3), (0.0, 1e-2), (1000.0, 1.0), (0.0, 1e6), (0.0, 0.3)])
def test_numbers_of_an_axis_do_not_touch(offset, spread):
    rows = offset + spread * np.random.default_rng(0).standard_normal((200, 5))
    figure = PairsDisplay.from_estimator(GaussianMixture(1).fit(rows), rows).figure_
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_visible()]
        seen = sorted((box.x0, box.x1) for box in boxes if axes.bbox.x0 <= (box.x0 + box.x1) / 2 <= axes.bbox.x1)
        assert all(one[1] + 3 < other[0] for one, other in itertools.pairwise(seen))


def test_pairs_have_ellipses_and_shades_of_their_own_two_features(mixture):
    drawn, labels = mixture.sample(20_000, 5)
    display = PairsDisplay.from_estimator(mixture, mass=0.8)
    for line, column in np.ndindex(3, 3):
        if line == column:
            continue
        axes, rows = display.axes_[line, column], drawn[:, [column, line]]
        centers = np.array([center.get_xydata()[0] for center in axes.lines])
        np.testing.assert_array_equal(centers, mixture.means[:, [column, line]])
        [curves] = axes.collections
        if line > column:
            for component, curve in enumerate(curves.get_paths()):
                assert curve.contains_points(rows[labels == component]).mean() == pytest.approx(0.8, abs=0.03)
        else:
            assert curves.get_paths()[-1].contains_points(rows).mean() == pytest.approx(min(SHADES), abs=0.02)


def test_pairs_go_into_a_figure_that_is_given(mixture):
    figure = plt.figure()
    display = PairsDisplay.from_estimator(mixture, features=["height", "length"], figure=figure, density=False)
    assert display.figure_ is figure
    assert len(figure.axes) == 4
    assert not display.axes_[0, 1].axison
