"""The figure of a segmentation."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from gaussmix import Mixture
from gaussmix.plots import marginal_densities, segmentation_figure, write_figure
from gaussmix.plots.drawing import PALETTE
from gaussmix.plots.segmentation_figures import MOST_MAPS


@pytest.fixture
def mixture():
    covariances = [[[2.0, 0.9], [0.9, 1.0]], [[0.5, -0.2], [-0.2, 0.8]], [[1.0, 0.0], [0.0, 3.0]]]
    means = [[0.0, 1.0], [5.0, -2.0], [-4.0, 4.0]]
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=["length", "width"])


def _segmentation_figure(n_components):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, size=(20, 30, 3), dtype=np.uint8)
    means = np.linspace(30, 220, n_components)[:, None].repeat(3, axis=1)
    weights, variances = np.full(n_components, 1 / n_components), np.full((n_components, 3), 400.0)
    mixture = Mixture.from_parameters(
        weights, means, variances, covariance_type="diag", feature_names=["red", "green", "blue"]
    )
    rows = image.reshape(-1, 3)
    maps = np.rint(255 * mixture.responsibilities(rows)).astype(np.uint8).T.reshape(n_components, 20, 30)
    colors = means.astype(np.uint8)
    return image, mixture, maps, segmentation_figure(image, image // 2, maps, mixture, rows, colors)


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [1, 2, 3, 5, 8, MOST_MAPS])
def test_segmentation_shows_picture_segments_maps_and_channels(n_components):
    image, mixture, maps, figure = _segmentation_figure(n_components)
    pictures = [axes for axes in figure.axes if axes.images]
    np.testing.assert_array_equal(pictures[0].images[0].get_array(), image)
    np.testing.assert_array_equal(pictures[1].images[0].get_array(), image // 2)
    assert len(pictures) == 2 + n_components
    for shown, expected in zip(pictures[2:], maps, strict=True):
        np.testing.assert_array_equal(shown.images[0].get_array(), expected)
    channels = [axes for axes in figure.axes if not axes.images]
    assert [axes.texts[0].get_text() for axes in channels] == ["Red", "Green", "Blue"]
    for feature, axes in enumerate(channels):
        assert len(axes.lines) == n_components + (n_components > 1)
        grid, drawn = axes.lines[-1].get_data()
        total = marginal_densities(mixture, feature, grid).sum(axis=0)
        np.testing.assert_allclose(drawn[np.isfinite(drawn)], total[np.isfinite(drawn)])
        assert axes.yaxis.get_transform().transform(np.array([9.0])) == 3
        heights, edges, _ = axes.patches[0].get_data()
        assert heights @ np.diff(edges) == pytest.approx(1.0)


def test_map_and_densities_of_a_component_have_one_color():
    _, _, _, figure = _segmentation_figure(4)
    maps, channels = [axes for axes in figure.axes if axes.images][2:], figure.axes[-3:]
    for number, axes in enumerate(maps):
        assert same_color(axes.spines["left"].get_edgecolor(), PALETTE[number])
        assert all(same_color(channel.lines[number].get_color(), PALETTE[number]) for channel in channels)
        assert axes.texts[0].get_text() == f"Segment {number}, 25 %"


def test_many_components_show_the_first_maps_and_say_so():
    _, _, _, figure = _segmentation_figure(MOST_MAPS + 3)
    assert sum(bool(axes.images) for axes in figure.axes) == 2 + MOST_MAPS
    assert any(f"the first {MOST_MAPS} components" in text.get_text() for text in figure.texts)


def test_figure_is_written_and_pyplot_knows_nothing_of_it(tmp_path):
    import matplotlib.pyplot as plt

    *_, figure = _segmentation_figure(2)
    write_figure(tmp_path / "figure.png", figure)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []
