"""The display of two features of a mixture: what it keeps is what it draws."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.noisy import noisy_clusters
from matplotlib.colors import same_color, to_rgba
from matplotlib.path import Path
from scipy.stats import chi2

from gaussmix import GaussianMixture, Mixture
from gaussmix.core.covariance import covariance_class
from gaussmix.plots import (
    HistogramDisplay,
    MixtureDisplay,
    PairsDisplay,
    ProjectionDisplay,
    ResponsibilityDisplay,
    UncertaintyDisplay,
)
from gaussmix.plots.drawing import PALETTE, color_of

NAMES = ["length", "width", "height"]


def _scattered(axes):
    [points] = [artist for artist in axes.collections if len(artist.get_offsets()) > 1]
    return points


def test_points_have_the_color_of_their_component_and_fade_with_doubt():
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [2.0, 0.0]], [1.0, 1.5], covariance_type="spherical")
    rows, _ = mixture.sample(300, 0)
    display = MixtureDisplay.from_estimator(mixture, rows)
    points = _scattered(display.ax_)
    np.testing.assert_array_equal(points.get_offsets(), rows)
    responsibilities = mixture.responsibilities(rows)
    np.testing.assert_array_equal(display.labels, responsibilities.argmax(axis=1))
    np.testing.assert_array_equal(display.certainty, responsibilities.max(axis=1))
    palette = np.array([to_rgba(color)[:3] for color in PALETTE])
    np.testing.assert_allclose(points.get_facecolors()[:, :3], palette[display.labels])
    opacity = points.get_facecolors()[:, 3]
    assert (np.diff(opacity[np.argsort(display.certainty)]) >= 0).all()
    assert opacity.max() - opacity.min() > 0.3


def test_drawn_curves_are_those_of_the_attributes(plane, rows):
    display = MixtureDisplay.from_estimator(plane, rows[:, :2], masses=(0.3, 0.6, 0.9))
    drawn = [path.vertices for artist in display.ax_.collections for path in artist.get_paths()]
    curves = [*display.ellipses.reshape(-1, *display.ellipses.shape[2:]), *display.axes.reshape(-1, 2, 2)]
    curves += [*display.boundaries, *(line for lines in display.contours.values() for line in lines)]
    for curve in curves:
        assert any(path.shape == curve.shape and (path == curve).all() for path in drawn)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 20])
def test_every_drawn_ellipse_and_contour_holds_the_mass_that_is_written_on_it(k):
    rng = np.random.default_rng(k)
    roots = rng.standard_normal((k, 2, 2))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(2)
    mixture = Mixture.from_parameters(rng.dirichlet(np.full(k, 3.0)), 5 * rng.standard_normal((k, 2)), covariances)
    rows, labels = mixture.sample(30_000, 0)
    axes = plt.subplots()[1]
    reach = 6 * np.sqrt(mixture.covariance.variances())
    low, high = (mixture.means - reach).min(axis=0), (mixture.means + reach).max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    display = MixtureDisplay.from_estimator(mixture, ax=axes)
    for mass, lines in display.contours.items():
        inside = np.sum([Path(line).contains_points(rows) for line in lines], axis=0) % 2
        assert inside.mean() == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / len(rows)) + 1e-3)
    for component, curves in enumerate(display.ellipses):
        own = rows[labels == component]
        for mass, curve in zip(display.masses, curves, strict=True):
            share = Path(curve).contains_points(own).mean()
            assert share == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / len(own)) + 1e-3)
    written = {text.get_text(): text for text in axes.texts}
    for mass, curves in [*zip(display.masses, display.ellipses.swapaxes(0, 1), strict=True), *display.contours.items()]:
        label = written.get(f"{100 * mass:g} %")
        if label is not None:
            assert (np.concatenate(list(curves)) == label.get_position()).all(axis=1).any()
    assert {"50 %", "95 %"} <= set(written)


def test_centers_have_the_numbers_of_the_components(plane):
    axes = MixtureDisplay.from_estimator(plane, density=False, ellipses=False).ax_
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2"]
    np.testing.assert_array_equal([text.get_position() for text in axes.texts], plane.means)
    np.testing.assert_array_equal([line.get_xydata()[0] for line in axes.lines], plane.means)
    assert [same_color(line.get_color(), color) for line, color in zip(axes.lines, PALETTE, strict=False)] == [True] * 3


@pytest.mark.slow
@pytest.mark.parametrize("left_out", ["density", "boundaries", "ellipses", "axes", "points"])
def test_parts_can_be_left_out(plane, rows, left_out):
    everything = MixtureDisplay.from_estimator(plane, rows[:, :2]).ax_
    less = MixtureDisplay.from_estimator(plane, rows[:, :2], **{left_out: False}).ax_
    assert len(less.collections) < len(everything.collections)
    assert len(less.lines) == len(everything.lines)


def test_without_masses_there_are_centers_and_axes_but_no_ellipses(plane):
    display = MixtureDisplay.from_estimator(plane, masses=(), density=False)
    assert [text.get_text() for text in display.ax_.texts] == ["0", "1", "2"]


@pytest.mark.slow
def test_masses_are_shown_from_the_innermost_on(plane):
    display = MixtureDisplay.from_estimator(plane, masses=(0.95, 0.5))
    expected = MixtureDisplay.from_estimator(plane, masses=(0.5, 0.95))
    assert display.masses == (0.5, 0.95)
    np.testing.assert_array_equal(display.ellipses, expected.ellipses)
    np.testing.assert_array_equal(display.axes, expected.axes)
    for mean, covariance, ends in zip(plane.means, plane.covariance.dense(), display.axes, strict=True):
        away = (ends - mean).reshape(-1, 2)
        distances = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
        np.testing.assert_allclose(distances, chi2.ppf(0.5, 2))


@pytest.mark.parametrize("mass", [0, 1, 95, -0.1, np.nan])
def test_masses_that_are_no_shares_are_refused(plane, mass):
    with pytest.raises(ValueError, match=f"masses must be above 0 and below 1; got {mass}"):
        MixtureDisplay.from_estimator(plane, masses=(0.5, mass))
    with pytest.raises(ValueError, match=f"mass must be above 0 and below 1; got {mass}"):
        PairsDisplay.from_estimator(plane, mass=mass)


@pytest.mark.slow
@pytest.mark.parametrize("show", [MixtureDisplay, PairsDisplay])
def test_components_that_are_lines_but_for_rounding_are_drawn(show):
    roots = np.array([[[1.0, 0.0], [0.5, 1e-9]], [[1.0, 0.0], [0.0, 1.0]]])
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0, 0.0], [4.0, 4.0]]), covariance_class("full")(roots, 2, 2))
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(mixture.covariance.dense())
    display = show.from_estimator(mixture, mixture.sample(50, 0)[0])
    display.figure_.canvas.draw()
    assert {"0", "1"} <= {text.get_text() for axes in display.figure_.axes for text in axes.texts}


@pytest.mark.slow
def test_view_holds_rows_and_nearly_all_of_each_component(plane, rows):
    assert MixtureDisplay.from_estimator(plane, rows[:1, :2]).view == MixtureDisplay.from_estimator(plane).view
    far = np.vstack([plane.means, [[40.0, 0.0]]])
    display = MixtureDisplay.from_estimator(plane, far)
    drawn, _ = plane.sample(20_000, 3)
    (left, right), (bottom, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert left < far[:, 0].min() < far[:, 0].max() < right
    inside = (drawn > [left, bottom]).all(axis=1) & (drawn < [right, top]).all(axis=1)
    assert inside.mean() > 0.98
    assert display.view == ((left, right), (bottom, top))


def test_limits_that_have_been_set_stay_and_are_filled(plane, rows):
    axes = plt.subplots()[1]
    axes.set(xlim=(-30, 30), ylim=(20, -20))
    display = MixtureDisplay.from_estimator(plane, rows[:, :2], ax=axes)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-30, 30), (20, -20))
    assert display.ax_ is axes
    assert (display.x[0], display.x[-1], display.y[0], display.y[-1]) == (-30, 30, -20, 20)


def test_components_without_weight_are_not_drawn_and_do_not_widen_the_view():
    mixture = Mixture.from_parameters(
        [0.6, 0.0, 0.4], [[0, 0], [900, 0], [3, 3]], [1, 9, 1], covariance_type="spherical"
    )
    display = MixtureDisplay.from_estimator(mixture)
    assert [text.get_text() for text in display.ax_.texts if "%" not in text.get_text()] == ["0", "2"]
    assert display.view[0][1] < 10


def test_equal_components_and_one_alone_have_no_boundary():
    for k in (1, 3):
        mixture = Mixture.from_parameters(np.full(k, 1 / k), np.zeros((k, 2)), np.ones(k), covariance_type="spherical")
        assert MixtureDisplay.from_estimator(mixture, np.eye(2)).boundaries == []


@pytest.mark.slow
@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("k", [1, 8, 20, 50])
def test_any_number_of_components_in_any_style(k, style):
    rng = np.random.default_rng(k)
    mixture = Mixture.from_parameters(
        np.full(k, 1 / k), 9 * rng.standard_normal((k, 2)), rng.uniform(0.5, 2, k), covariance_type="spherical"
    )
    with plt.style.context(style):
        display = MixtureDisplay.from_estimator(mixture, mixture.sample(300, 0)[0])
        display.figure_.canvas.draw()
    assert sum("%" not in text.get_text() for text in display.ax_.texts) == k


def test_noise_is_gray_and_the_density_is_that_of_the_components():
    rows, _ = noisy_clusters(0)
    mixture = GaussianMixture(3, noise="uniform", random_state=0).fit(rows).mixture_
    display = MixtureDisplay.from_estimator(mixture, rows)
    np.testing.assert_array_equal(display.labels, mixture.labels(rows))
    noise = display.labels == -1
    assert noise.any()
    assert all(same_color(color[:3], color_of(-1)) for color in _scattered(display.ax_).get_facecolors()[noise])
    grid = np.column_stack([part.ravel() for part in np.meshgrid(display.x, display.y)])
    np.testing.assert_allclose(display.log_density.ravel(), mixture.without_noise().log_density(grid))
    pairs = PairsDisplay.from_estimator(mixture, rows)
    np.testing.assert_array_equal(pairs.labels, display.labels)


def test_other_displays_of_noise():
    rows, _ = noisy_clusters(0)
    mixture = GaussianMixture(3, noise="uniform", random_state=0).fit(rows).mixture_
    histogram = HistogramDisplay.from_estimator(mixture, rows)
    low, high = rows[:, 0].min(), rows[:, 0].max()
    inside = (histogram.grid > low) & (histogram.grid < high)
    np.testing.assert_allclose(histogram.noise[inside], mixture.background.weight / (high - low))
    assert not histogram.noise[histogram.grid > high + 1e-9].any()
    bands = ResponsibilityDisplay.from_estimator(mixture, rows)
    assert bands.counts.tolist() == np.bincount(mixture.responsibilities(rows).argmax(axis=1)).tolist()
    assert bands.has_noise
    uncertainty = UncertaintyDisplay.from_estimator(mixture, rows)
    np.testing.assert_array_equal(uncertainty.labels, mixture.labels(rows))
    assert ProjectionDisplay.from_estimator(mixture, rows).mixture.background is None


def test_trimmed_rows_are_gray():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(8, 1, (60, 2)), rng.uniform(-20, 30, (12, 2))])
    fitted = GaussianMixture(2, trim=0.1, random_state=0).fit(rows)
    display = MixtureDisplay.from_estimator(fitted, rows)
    np.testing.assert_array_equal(display.labels, fitted.predict(rows))
    colors = _scattered(display.ax_).get_facecolors()
    assert all(same_color(color[:3], color_of(-1)) for color in colors[display.labels == -1])
