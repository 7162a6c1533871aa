"""Displays of mixtures: what they keep is what they draw, for any estimator and any number of rows and components."""

import itertools
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.colors import same_color, to_rgba
from matplotlib.path import Path
from scipy.stats import chi2
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as TheirMixture

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.core.covariance import covariance_class
from gaussmix.plots import (
    HistogramDisplay,
    MixtureDisplay,
    PairsDisplay,
    ResponsibilityDisplay,
    UncertaintyDisplay,
    marginal_densities,
    model_figure,
)
from gaussmix.plots.components import SHADES
from gaussmix.plots.curve_labels import CurveLabels
from gaussmix.plots.drawing import PALETTE
from gaussmix.plots.inputs import MOST_POINTS

NAMES = ["length", "width", "height"]


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def mixture():
    means = [[0.0, 1.0, -3.0], [5.0, -2.0, 0.0], [-4.0, 4.0, 2.0]]
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((3, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1) / 3 + 0.3 * np.eye(3)
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, covariances, feature_names=NAMES)


@pytest.fixture(scope="module")
def plane(mixture):
    return mixture.marginal([0, 1])


@pytest.fixture(scope="module")
def rows(mixture):
    return mixture.sample(600, 1)[0]


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


@pytest.mark.parametrize("left_out", ["density", "boundaries", "ellipses", "axes", "points"])
def test_parts_can_be_left_out(plane, rows, left_out):
    everything = MixtureDisplay.from_estimator(plane, rows[:, :2]).ax_
    less = MixtureDisplay.from_estimator(plane, rows[:, :2], **{left_out: False}).ax_
    assert len(less.collections) < len(everything.collections)
    assert len(less.lines) == len(everything.lines)


def test_without_masses_there_are_centers_and_axes_but_no_ellipses(plane):
    display = MixtureDisplay.from_estimator(plane, masses=(), density=False)
    assert [text.get_text() for text in display.ax_.texts] == ["0", "1", "2"]


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
    with pytest.raises(ValueError, match=f"masses must be above 0 and below 1, got {mass}"):
        MixtureDisplay.from_estimator(plane, masses=(0.5, mass))
    with pytest.raises(ValueError, match=f"mass must be above 0 and below 1, got {mass}"):
        PairsDisplay.from_estimator(plane, mass=mass)


@pytest.mark.parametrize("show", [MixtureDisplay, PairsDisplay])
def test_components_that_are_lines_but_for_rounding_are_drawn(show):
    roots = np.array([[[1.0, 0.0], [0.5, 1e-9]], [[1.0, 0.0], [0.0, 1.0]]])
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0, 0.0], [4.0, 4.0]]), covariance_class("full")(roots, 2, 2))
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(mixture.covariance.dense())
    display = show.from_estimator(mixture, mixture.sample(50, 0)[0])
    display.figure_.canvas.draw()
    assert {"0", "1"} <= {text.get_text() for axes in display.figure_.axes for text in axes.texts}


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


@pytest.mark.parametrize("show", [MixtureDisplay, PairsDisplay, HistogramDisplay])
@pytest.mark.parametrize("estimator", [GaussianMixture, TheirMixture, BayesianGaussianMixture])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_any_estimator(show, estimator, covariance_type, rows):
    model = estimator(n_components=2, covariance_type=covariance_type, random_state=0).fit(rows[:, :2])
    display = show.from_estimator(model, rows[:, :2])
    np.testing.assert_allclose(display.mixture.weights, model.weights_ / model.weights_.sum())


@pytest.mark.parametrize("show", [MixtureDisplay, PairsDisplay, HistogramDisplay])
def test_what_has_not_been_fitted_is_refused(show):
    with pytest.raises(NotFittedError):
        show.from_estimator(GaussianMixture(2))


def test_what_is_no_mixture_but_has_one_is_refused_with_a_remedy(plane):
    merged = merge_components(plane, method="ridgeline-unimodal").cut()
    with pytest.raises(TypeError, match="got MergedMixture: pass its mixture"):
        MixtureDisplay.from_estimator(merged)
    with pytest.raises(TypeError, match=r"got list$"):
        MixtureDisplay.from_estimator([plane])


@pytest.mark.parametrize(
    "table", [pd.DataFrame, partial(pl.DataFrame, schema=NAMES[:2]), np.asfortranarray, np.float32, list]
)
def test_rows_of_any_kind(table, plane, rows):
    given = table(rows[:, :2])
    display = MixtureDisplay.from_estimator(plane, given)
    np.testing.assert_allclose(display.rows, rows[:, :2], rtol=1e-6)
    np.testing.assert_allclose(HistogramDisplay.from_estimator(plane, given).edges[0], rows[:, 0].min(), rtol=1e-6)


def _numbers(display):
    kept = {name: value for name, value in vars(display).items() if name[-1] != "_" and isinstance(value, np.ndarray)}
    assert kept
    return kept


DISPLAYS = [MixtureDisplay, PairsDisplay, HistogramDisplay, ResponsibilityDisplay, UncertaintyDisplay]


@pytest.mark.parametrize("show", DISPLAYS)
@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_table_are_found_by_their_names(show, table, plane, rows):
    names = ["width", "mass", "length"]
    turned = table(dict(zip(names, (rows[:, 1], rows[:, 2], rows[:, 0]), strict=True)))
    expected = _numbers(show.from_estimator(plane, rows[:, :2]))
    for name, values in _numbers(show.from_estimator(plane, turned)).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("show", DISPLAYS)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pd.DataFrame(np.ones((3, 2)), columns=["length", "depth"]), r"no column 'width'.*\['length', 'depth'\]"),
        (np.empty((0, 2)), "X has no rows"),
    ],
)
def test_tables_without_a_feature_or_without_rows_are_refused(show, given, message, plane):
    with pytest.raises(ValueError, match=message):
        show.from_estimator(plane, given)


@pytest.mark.parametrize("show", [MixtureDisplay, PairsDisplay, HistogramDisplay])
def test_rows_that_are_not_finite_are_named(show, plane, rows):
    spoiled = rows[:, :2].copy()
    spoiled[7, 1] = np.nan
    with pytest.raises(ValueError, match="X has NaN at row 7, column 1"):
        show.from_estimator(plane, spoiled)


def test_of_many_rows_some_are_drawn_and_all_are_counted(mixture):
    many, _ = mixture.sample(3 * MOST_POINTS, 0)
    display = PairsDisplay.from_estimator(mixture, many)
    assert len(display.rows) == MOST_POINTS
    assert len(MixtureDisplay.from_estimator(mixture, many, features=(0, 2)).rows) == MOST_POINTS
    histogram = display.histograms[0]
    expected = np.histogram(many[:, 0], histogram.edges, density=True)[0]
    np.testing.assert_allclose(histogram.heights, expected)


def test_features_are_chosen_by_position_or_name(mixture, rows):
    display = MixtureDisplay.from_estimator(mixture, rows, features=("height", 0))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("height", "length")
    np.testing.assert_array_equal(display.rows, rows[:, [2, 0]])
    np.testing.assert_array_equal(display.mixture.means, mixture.means[:, [2, 0]])
    np.testing.assert_array_equal(display.labels, mixture.labels(rows))  # of all features, as predict has them


@pytest.mark.parametrize(
    ("show", "n_features", "features", "message"),
    [
        (MixtureDisplay, 1, None, "one feature: HistogramDisplay"),
        (PairsDisplay, 1, None, "one feature: HistogramDisplay"),
        (MixtureDisplay, 3, None, r"has 3 features, .* features=\(0, 1\), or use PairsDisplay"),
        (MixtureDisplay, 3, (0,), "features must be two"),
        (MixtureDisplay, 3, (0, 0), "different features"),
        (MixtureDisplay, 3, (0, "mass"), "there is no feature 'mass'"),
        (PairsDisplay, 9, None, r"9 features are too many .* up to 8, such as features=\(0, 1, 2, 3\)"),
        (PairsDisplay, 3, (1,), "at least two"),
    ],
)
def test_wrong_features_are_refused_with_a_remedy(show, n_features, features, message):
    mixture = Mixture.from_parameters([1.0], np.zeros((1, n_features)), [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match=message):
        show.from_estimator(mixture, features=features)


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


def test_words_stand_where_there_is_room():
    axes = plt.subplots()[1]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    curve = np.column_stack([np.linspace(0.1, 0.9, 81), np.full(81, 0.5)])
    labels = CurveLabels(axes)
    labels.avoid(curve[:60] + np.array([0.0, 0.01]))
    assert labels.write("50 %", curve, "black")
    assert axes.texts[0].get_position() == tuple(curve[-1])
    assert labels.write("95 %", curve[:66], "black")
    assert axes.texts[1].get_position() == tuple(curve[65])
    labels.avoid(curve)
    assert not labels.write("99 %", curve, "black")
    assert not labels.write("99 %", curve + 1, "black")


def test_a_name_is_no_formula():
    name = r"$\frac{a}$"
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0, 0.0]], [np.eye(3)], feature_names=[name, "b", "c"])
    for display, options in ((MixtureDisplay, {"features": (0, 1)}), (HistogramDisplay, {}), (PairsDisplay, {})):
        figure = display.from_estimator(mixture, **options).figure_
        figure.canvas.draw()  # a formula that is none ends in an error
        label = next(axes.xaxis.label for axes in figure.axes if axes.get_xlabel())
        assert label.get_text() == name.replace("$", r"\$")
        plt.close(figure)
    figure = model_figure(mixture, features=(0, 1), title=name)
    figure.canvas.draw()
