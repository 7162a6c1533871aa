"""What the displays of a mixture accept and refuse: estimators, tables, features."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.collections import LineCollection
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as TheirMixture

from gaussmix import GaussianMixture, Mixture, merge_components
from gaussmix.plots import (
    HistogramDisplay,
    MixtureDisplay,
    PairsDisplay,
    ProjectionDisplay,
    ResponsibilityDisplay,
    UncertaintyDisplay,
    model_figure,
)
from gaussmix.plots.inputs import MOST_POINTS

NAMES = ["length", "width", "height"]


@pytest.mark.slow
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


@pytest.mark.slow
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


DISPLAYS = [
    MixtureDisplay, PairsDisplay, HistogramDisplay, ProjectionDisplay, ResponsibilityDisplay, UncertaintyDisplay
]  # fmt: skip


@pytest.mark.slow
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
    spoiled[7, 1] = np.inf
    with pytest.raises(ValueError, match="X has infinity at row 7, column 1"):
        show.from_estimator(plane, spoiled)


@pytest.mark.parametrize("show", [MixtureDisplay, UncertaintyDisplay])
def test_a_row_without_one_coordinate_is_a_tick_on_the_margin(show, plane, rows):
    holed = rows[:, :2].copy()
    holed[[3, 4], 1] = np.nan
    holed[5, 0] = np.nan
    holed[6] = np.nan
    ticks = {}
    for name in ("vlines", "hlines"):
        display = show.from_estimator(plane, holed)
        lines = [line for line in display.ax_.collections if isinstance(line, LineCollection)]
        marked = [line.get_segments() for line in lines if line.get_transform() != display.ax_.transData]
        ticks[name] = sorted(float(at[0][int(name == "hlines")]) for line in marked for at in line)
    assert set(holed[[3, 4], 0]) <= set(ticks["vlines"])
    assert holed[5, 1] in ticks["hlines"]


def test_histograms_and_pairs_count_what_is_there(plane, rows):
    holed = rows[:, :2].copy()
    holed[::3, 0] = np.nan
    shown = HistogramDisplay.from_estimator(plane, holed)
    alone = HistogramDisplay.from_estimator(plane, np.delete(holed, np.s_[::3], axis=0))
    np.testing.assert_array_equal(shown.heights, alone.heights)
    PairsDisplay.from_estimator(plane, holed)


@pytest.mark.slow
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
        (MixtureDisplay, 1, None, "one feature; use HistogramDisplay"),
        (PairsDisplay, 1, None, "one feature; use HistogramDisplay"),
        (MixtureDisplay, 3, None, r"has 3 features, .* features=\(0, 1\), or use PairsDisplay"),
        (MixtureDisplay, 3, (0,), "features must be two"),
        (MixtureDisplay, 3, (0, 0), "each only once"),
        (MixtureDisplay, 3, (0, "mass"), "there is no feature 'mass'"),
        (PairsDisplay, 9, None, r"9 features are too many .* up to 8, such as features=\(0, 1, 2, 3\)"),
        (PairsDisplay, 3, (1,), "at least two"),
    ],
)
def test_wrong_features_are_refused_with_a_remedy(show, n_features, features, message):
    mixture = Mixture.from_parameters([1.0], np.zeros((1, n_features)), [1.0], covariance_type="spherical")
    with pytest.raises(ValueError, match=message):
        show.from_estimator(mixture, features=features)


@pytest.mark.slow
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
