"""The display of a search over models: its numbers, and the artists that show them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as TheirMixture

from gaussmix import GaussianMixtureIC
from gaussmix.plots import CriterionDisplay
from gaussmix.plots.criterion import MOST_NAMED, spread_apart
from gaussmix.plots.drawing import DARK, PALETTE


@pytest.fixture(scope="module")
def iris():
    return load_iris().data


@pytest.fixture(scope="module")
def search(iris):
    return GaussianMixtureIC(range(1, 6), random_state=0, n_jobs=1).fit(iris)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_criterion_display_has_the_values_of_the_table(search, criterion):
    display = CriterionDisplay.from_estimator(search, criterion=criterion)
    table = search.results_
    for line in range(len(table)):
        k, name = table.spec_of(line)
        where = display.covariance_types.index(name), display.n_components.tolist().index(k)
        assert display.values[where] == table[criterion][line]
        assert display.is_sound[where] == table.is_sound[line]
    drawn = {name: line.get_ydata() for name, line in display.lines_.items()}
    np.testing.assert_array_equal(np.array([drawn[name] for name in display.covariance_types]), display.differences)
    sound = np.where(display.is_sound, display.values, np.inf)
    assert display.best_value == sound.min()
    assert sound.min() == sound[display.covariance_types.index(display.best_covariance_type)].min()


def test_criterion_display_marks_and_names_the_winner(search):
    display = CriterionDisplay.from_estimator(search)
    (ring,) = [line for line in display.ax_.lines if line.get_label() == "best"]
    assert ring.get_xydata().tolist() == [[search.best_n_components_, 0.0]]
    name = f"{search.best_covariance_type_} {search.best_n_components_}"
    assert name in [text.get_text() for text in display.ax_.texts]
    assert display.ax_.get_ylabel() == f"BIC relative to {name}, {search.best_score_:.2f} (lower is better)"
    assert {text.get_text() for text in display.ax_.texts if text.get_fontweight() == "bold"} == {name, name[:-2]}
    assert display.figure_ is display.ax_.figure


@pytest.mark.parametrize(
    ("types", "n_named", "rest"),
    [
        ("all", MOST_NAMED, "10 others"),
        ("sklearn", 4, None),
        (["VVV"], 1, None),
        (["EII", "VVI", "EEE", "VEV", "VVV"], 5, None),
    ],
)
def test_near_models_have_colors_and_names_and_others_are_gray(iris, types, n_named, rest):
    search = GaussianMixtureIC(range(1, 4), covariance_types=types, random_state=0, n_jobs=1).fit(iris)
    display = CriterionDisplay.from_estimator(search)
    assert len(display.named_) == n_named
    assert display.named_[0] == search.best_covariance_type_
    least = np.where(display.is_sound, display.values, np.inf).min(axis=1)
    order = [display.covariance_types[line] for line in np.argsort(least, kind="stable")]
    assert set(display.named_) == set(order[:n_named])
    for place, name in enumerate(display.named_):
        assert same_color(display.lines_[name].get_color(), PALETTE[place])
    said = [text.get_text().rstrip(" ↑") for text in display.ax_.texts]
    assert set(display.named_) <= set(said)
    assert (rest in said) == (rest is not None)


def test_one_terrible_number_of_components_does_not_squash_the_rest():
    display = CriterionDisplay(
        n_components=[1, 2, 3, 4], covariance_types=["full", "diag"], criterion="bic", is_sound=np.ones((2, 4)),
        values=[[90_000, 130, 100, 120], [95_000, 160, 140, 150]], best_n_components=3, best_covariance_type="full",
    ).plot()  # fmt: skip
    low, high = display.ax_.get_ylim()
    assert low < 0 < 60 < high < 1000
    assert "↑ 89,900" in [text.get_text() for text in display.ax_.texts]
    assert display.differences[0, 0] == 89_900


def test_what_is_near_is_shown_whole():
    display = CriterionDisplay(
        n_components=[2, 3], covariance_types=["full"], criterion="icl", is_sound=[[True, True]],
        values=[[10.0, 4.0]], best_n_components=3, best_covariance_type="full",
    ).plot()  # fmt: skip
    assert display.ax_.get_ylim()[1] > 6
    assert not any("↑" in text.get_text() for text in display.ax_.texts)


def test_doubtful_cells_are_hollow_and_failed_ones_absent():
    display = CriterionDisplay(
        n_components=[1, 2, 3], covariance_types=["full"], criterion="bic", is_sound=[[True, False, False]],
        values=[[5.0, 3.0, np.nan]], best_n_components=1, best_covariance_type="full",
    ).plot()  # fmt: skip
    points = [line for line in display.ax_.lines if line.get_marker() == "o" and line.get_label() != "best"]
    full, hollow = (line for line in points if line.get_linestyle() == "None")
    assert full.get_xydata().tolist() == [[1.0, 0.0]]
    assert hollow.get_xydata()[0].tolist() == [2.0, -2.0]
    assert np.isnan(hollow.get_ydata()[1])
    assert same_color(full.get_markerfacecolor(), PALETTE[0])
    assert same_color(hollow.get_markerfacecolor(), "white")
    assert display.ax_.get_title(loc="left") == "hollow: doubtful"
    assert display.ax_.get_ylim()[0] < -2.0


def test_models_far_below_the_winner_are_pointed_at():
    display = CriterionDisplay(
        n_components=[1, 2, 3], covariance_types=["full"], criterion="bic", is_sound=[[True, True, False]],
        values=[[50.0, 40.0, -4000.0]], best_n_components=2, best_covariance_type="full",
    ).plot()  # fmt: skip
    assert display.ax_.get_ylim()[0] > -100
    assert "↓ -4,040" in [text.get_text() for text in display.ax_.texts]


def test_criterion_display_takes_a_table_and_axes_and_a_dark_style(search):
    with plt.style.context("dark_background"):
        axes = plt.figure().subplots()
        display = CriterionDisplay.from_table(search.results_, ax=axes)
        assert display.ax_ is axes
        assert same_color(axes.xaxis.label.get_color(), DARK.ink)


@pytest.mark.parametrize(
    ("given", "options", "error", "words"),
    [
        (GaussianMixtureIC(), {}, NotFittedError, "not fitted"),
        (TheirMixture().fit(np.arange(4.0)[:, None]), {}, TypeError, "has no results_"),
        (None, {"criterion": "dic"}, ValueError, "criterion must be one of"),
        (None, {"criterion": "cv"}, ValueError, 'search with criterion="cv"'),
    ],
)
def test_criterion_display_refuses_what_has_no_such_criterion(search, given, options, error, words):
    with pytest.raises(error, match=words):
        CriterionDisplay.from_estimator(given or search, **options)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["icl", "aic", "aicc"])
def test_table_by_another_criterion_has_the_winner_of_a_search_by_it(search, iris, criterion):
    expected = GaussianMixtureIC(range(1, 6), criterion=criterion, random_state=0, n_jobs=1).fit(iris).results_
    table = search.results_.by(criterion)
    assert table.spec_of(table.best) == expected.spec_of(expected.best)
    np.testing.assert_array_equal(table.value, expected.value)


@pytest.mark.parametrize("places", [[0.0], [0.3, 0.31, 0.32], [0.5, 0.1, 0.5, 0.9], [1.0, 1.0, 0.96, 0.2]])
def test_labels_keep_their_order_and_their_distance(places):
    moved = spread_apart(places, 0.05)
    ordered = np.array(moved)[np.argsort(places, kind="stable")]
    assert (np.diff(ordered) > 0.05 - 1e-12).all()
    assert np.mean(moved) == pytest.approx(np.mean(places))
    assert [new for new, old in zip(moved, places, strict=True) if old == 0.2] in ([], [0.2])
