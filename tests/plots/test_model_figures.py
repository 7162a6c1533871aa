"""The figure of a mixture and two features of its rows."""

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.plots import marginal_densities, scatter_figure


@pytest.fixture
def mixture():
    covariances = [[[2.0, 0.9], [0.9, 1.0]], [[0.5, -0.2], [-0.2, 0.8]], [[1.0, 0.0], [0.0, 3.0]]]
    means = [[0.0, 1.0], [5.0, -2.0], [-4.0, 4.0]]
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=["length", "width"])


def _points(axes, n):
    return next(artist for artist in axes.collections if len(artist.get_offsets()) == n)


def test_scatter_has_a_mixture_and_a_histogram_on_both_sides(mixture):
    rows = np.rint(mixture.sample(200, 1)[0])
    figure = scatter_figure(mixture, rows, title="Title")
    main, top, side = figure.axes
    np.testing.assert_array_equal(_points(main, 200).get_offsets(), rows)
    assert (main.get_xlabel(), main.get_ylabel()) == ("length", "width")
    for margin, feature, values in ((top, 0, "get_xdata"), (side, 1, "get_ydata")):
        assert len(margin.lines) == 3 + 1
        densities = "get_ydata" if feature == 0 else "get_xdata"
        total = marginal_densities(mixture, feature, getattr(margin.lines[-1], values)()).sum(axis=0)
        np.testing.assert_allclose(getattr(margin.lines[-1], densities)(), total)
    assert top.get_xlim() == main.get_xlim()
    assert side.get_ylim() == main.get_ylim()
    assert figure.texts[0].get_text() == "Title"


def test_scatter_of_chosen_features_shows_their_marginal():
    covariances = np.diag([1.0, 4.0, 9.0])[None]
    mixture = Mixture.from_parameters([1.0], [[0.0, 10.0, 20.0]], covariances)
    rows, _ = mixture.sample(50, 0)
    main = scatter_figure(mixture, rows, features=(2, 0)).axes[0]
    np.testing.assert_array_equal(_points(main, 50).get_offsets(), rows[:, [2, 0]])
    assert (main.get_xlabel(), main.get_ylabel()) == ("x2", "x0")


def test_scatter_of_anything_but_two_features_is_refused(mixture):
    with pytest.raises(ValueError, match="features must be two"):
        scatter_figure(mixture, np.zeros((3, 2)), features=(0,))
