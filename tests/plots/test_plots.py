"""Plots: the curves are those of the mixture, and the figures show what they promise."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import same_color
from scipy.stats import chi2, norm

from gaussmix import Mixture
from gaussmix.plots import (
    contact_sheet,
    ellipse,
    marginal_densities,
    radius_holding,
    scatter_figure,
    segmentation_figure,
    view_range,
    write_figure,
)
from gaussmix.plots.contact_sheets import MOST_PAIRS
from gaussmix.plots.drawing import PALETTE
from gaussmix.plots.segmentation_figures import MOST_MAPS


@pytest.fixture
def mixture():
    covariances = [[[2.0, 0.9], [0.9, 1.0]], [[0.5, -0.2], [-0.2, 0.8]], [[1.0, 0.0], [0.0, 3.0]]]
    means = [[0.0, 1.0], [5.0, -2.0], [-4.0, 4.0]]
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=["length", "width"])


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5])
def test_every_point_of_an_ellipse_has_its_mahalanobis_distance(mixture, radius):
    for mean, covariance in zip(mixture.means, mixture.covariance.covariances, strict=True):
        offsets = ellipse(mean, covariance, radius) - mean
        squared = np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(covariance), offsets)
        np.testing.assert_allclose(squared, radius**2, rtol=1e-12)


def test_ellipse_closes_and_goes_around_its_mean(mixture):
    points = ellipse(mixture.means[0], mixture.covariance.covariances[0])
    np.testing.assert_allclose(points[0], points[-1], atol=1e-12)
    np.testing.assert_allclose(points[:-1].mean(axis=0), mixture.means[0], atol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 7])
@pytest.mark.parametrize("probability", [0.0, 0.5, 0.95, 0.999])
def test_radius_is_the_root_of_the_chi_square_quantile(probability, n_features):
    assert radius_holding(probability, n_features) ** 2 == pytest.approx(chi2.ppf(probability, n_features), rel=1e-12)


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_radius_of_no_probability_is_refused(probability):
    with pytest.raises(ValueError, match="probability must be at least 0 and below 1"):
        radius_holding(probability)


def test_ellipse_holds_its_share_of_a_sample(mixture):
    one = Mixture.from_parameters([1.0], mixture.means[:1], mixture.covariance.covariances[:1])
    rows, _ = one.sample(20_000, 0)
    offsets = np.linalg.solve(np.linalg.cholesky(one.covariance.covariances[0]), (rows - one.means[0]).T)
    share = ((offsets**2).sum(axis=0) < radius_holding(0.95) ** 2).mean()
    assert share == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("feature", [0, "width"])
def test_marginal_densities_are_weighted_normal_densities(mixture, feature):
    position = 0 if feature == 0 else 1
    grid = np.linspace(-12, 12, 50)
    deviations = np.sqrt(mixture.covariance.variances())
    expected = [
        weight * norm.pdf(grid, mean[position], deviation[position])
        for weight, mean, deviation in zip(mixture.weights, mixture.means, deviations, strict=True)
    ]
    np.testing.assert_allclose(marginal_densities(mixture, feature, grid), expected, rtol=1e-12)


def test_marginal_densities_integrate_to_the_weights(mixture):
    grid = np.linspace(-20, 20, 4001)
    areas = np.trapezoid(marginal_densities(mixture, 0, grid), grid, axis=1)
    np.testing.assert_allclose(areas, mixture.weights, rtol=1e-9)
    assert areas.sum() == pytest.approx(1.0, rel=1e-9)


def test_view_range_leaves_room_and_is_never_empty():
    assert view_range([0.0, 10.0], 0.1) == (-1.0, 11.0)
    assert view_range([3.0, 3.0]) == (2.5, 3.5)


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


def _pairs(n):
    rng = np.random.default_rng(0)
    shapes = [(20, 30), (30, 20), (25, 25)]
    pictures = [rng.integers(0, 256, (*shapes[number % 3], 3), dtype=np.uint8) for number in range(n)]
    return [f"picture-{number}.png" for number in range(n)], pictures, [picture // 2 for picture in pictures]


@pytest.mark.parametrize("n", [1, 2, 5, 13, MOST_PAIRS + 2])
def test_contact_sheet_has_each_picture_beside_its_segments(n):
    names, pictures, segments = _pairs(n)
    figure = contact_sheet(names, pictures, segments, [2.0] * n, title="title", subtitle="below")
    shown = min(n, MOST_PAIRS)
    assert len(figure.axes) == 2 * shown
    boxes = [axes.get_position() for axes in figure.axes]
    width, height = figure.get_size_inches()
    for number in range(shown):
        left, right = figure.axes[2 * number : 2 * number + 2]
        np.testing.assert_array_equal(left.images[0].get_array(), pictures[number])
        np.testing.assert_array_equal(right.images[0].get_array(), segments[number])
        assert left.texts[0].get_text() == names[number]
        tallness = boxes[2 * number].height * height / (boxes[2 * number].width * width)
        assert tallness == pytest.approx(2 * pictures[number].shape[0] / pictures[number].shape[1])
    for first, second in combinations(boxes, 2):
        apart = first.x1 <= second.x0 or second.x1 <= first.x0 or first.y1 <= second.y0 or second.y1 <= first.y0
        assert apart
    assert all(0 <= edge <= 1 for box in boxes for edge in (box.x0, box.x1, box.y0, box.y1))
    said = [text.get_text() for text in figure.texts]
    assert "title" in said
    assert ("below" if n <= MOST_PAIRS else f"below; the first {MOST_PAIRS} of {n}") in said


def test_long_names_on_a_contact_sheet_lose_their_middle():
    names, pictures, segments = _pairs(6)
    names[0] = "a" * 80 + "-0001.png"
    figure = contact_sheet(names, pictures, segments, [1.0] * 6, title="")
    assert figure.axes[0].texts[0].get_text().startswith("aaa")
    assert figure.axes[0].texts[0].get_text().endswith("…001.png")
