"""Displays of searches, responsibilities, uncertainty and segmentations: their numbers, and artists that show them."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color, to_rgb
from scipy.stats import multivariate_normal
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as TheirMixture

from gaussmix import GaussianMixture, GaussianMixtureIC, Mixture
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots import CriterionDisplay, ResponsibilityDisplay, SegmentationDisplay, UncertaintyDisplay
from gaussmix.plots.criterion import MOST_NAMED, _spread
from gaussmix.plots.drawing import DARK, PALETTE
from gaussmix.plots.inputs import MOST_POINTS
from gaussmix.plots.responsibility import MOST_BINS


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def iris():
    return load_iris().data


@pytest.fixture(scope="module")
def search(iris):
    return GaussianMixtureIC(range(1, 6), random_state=0, n_jobs=1).fit(iris)


@pytest.fixture(scope="module")
def mixture():
    covariances = [np.eye(2), np.diag([1.0, 0.3]), 0.7 * np.eye(2)]
    return Mixture.from_parameters(
        [0.5, 0.3, 0.2], [[0.0, 0.0], [2.0, 1.0], [-1.0, 3.0]], covariances, feature_names=["length", "width"]
    )


def _responsibilities(mixture, rows):
    """By SciPy."""
    parameters = zip(mixture.weights, mixture.means, mixture.covariance.dense(), strict=True)
    densities = np.stack([weight * multivariate_normal(mean, cov).pdf(rows) for weight, mean, cov in parameters], 1)
    return densities / densities.sum(axis=1, keepdims=True)


# criterion


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


@pytest.mark.parametrize("criterion", ["icl", "aic", "aicc"])
def test_table_by_another_criterion_has_the_winner_of_a_search_by_it(search, iris, criterion):
    expected = GaussianMixtureIC(range(1, 6), criterion=criterion, random_state=0, n_jobs=1).fit(iris).results_
    table = search.results_.by(criterion)
    assert table.spec_of(table.best) == expected.spec_of(expected.best)
    np.testing.assert_array_equal(table.value, expected.value)


@pytest.mark.parametrize("places", [[0.0], [0.3, 0.31, 0.32], [0.5, 0.1, 0.5, 0.9], [1.0, 1.0, 0.96, 0.2]])
def test_labels_keep_their_order_and_their_distance(places):
    moved = _spread(places, 0.05)
    ordered = np.array(moved)[np.argsort(places, kind="stable")]
    assert (np.diff(ordered) > 0.05 - 1e-12).all()
    assert np.mean(moved) == pytest.approx(np.mean(places))
    assert [new for new, old in zip(moved, places, strict=True) if old == 0.2] in ([], [0.2])


# responsibilities


def test_rows_stand_by_component_the_surest_first(mixture):
    rows, _ = mixture.sample(300, 0)
    expected = _responsibilities(mixture, rows)
    order = np.lexsort((-expected.max(axis=1), expected.argmax(axis=1)))
    display = ResponsibilityDisplay.from_estimator(mixture, rows)
    np.testing.assert_allclose(display.bands, expected[order], atol=1e-12)
    np.testing.assert_array_equal(display.edges, np.arange(301))
    np.testing.assert_array_equal(display.counts, np.bincount(expected.argmax(axis=1)))


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.8, 1.0])
def test_doubtful_rows_are_found_counted_and_marked(mixture, threshold):
    rows, _ = mixture.sample(300, 0)
    expected = _responsibilities(mixture, rows)
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
    responsibilities = mixture.responsibilities(rows)
    display = ResponsibilityDisplay.from_estimator(mixture, rows)
    sizes = np.diff(display.edges)
    assert MOST_BINS <= len(sizes) <= MOST_BINS + 3
    assert display.n_rows == display.edges[-1] == 70_000
    assert sizes.max() <= 1.1 * sizes.min() + 1
    np.testing.assert_allclose(sizes @ display.bands / 70_000, responsibilities.mean(axis=0), rtol=1e-10)
    assert set(np.cumsum(display.counts)) <= set(display.edges)
    assert display.n_doubtful == (responsibilities.max(axis=1) < 0.8).sum()
    order = np.lexsort((-responsibilities.max(axis=1), responsibilities.argmax(axis=1)))
    np.testing.assert_allclose(display.bands[3], responsibilities[order[slice(*display.edges[3:5])]].mean(axis=0))


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
    with pytest.raises(ValueError, match="threshold must be a probability"):
        ResponsibilityDisplay.from_estimator(mixture, np.zeros((1, 2)), threshold=80)


# uncertainty


def test_points_are_as_large_as_they_are_uncertain(mixture):
    rows, _ = mixture.sample(200, 0)
    expected = _responsibilities(mixture, rows)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    np.testing.assert_allclose(display.uncertainty, 1 - expected.max(axis=1), atol=1e-12)
    np.testing.assert_array_equal(display.labels, expected.argmax(axis=1))
    points = next(
        one for one in display.ax_.collections if isinstance(one, PathCollection) and len(one.get_offsets()) > 1
    )
    order = np.argsort(display.uncertainty, kind="stable")
    np.testing.assert_array_equal(points.get_offsets(), rows[order])
    sizes = points.get_sizes()
    assert (np.diff(sizes) >= 0).all()
    assert sizes[-1] > 5 * sizes[0]
    for color, label in zip(points.get_facecolors(), display.labels[order], strict=True):
        np.testing.assert_allclose(color[:3], to_rgb(PALETTE[label]))


def test_the_plane_is_shaded_by_the_uncertainty_there(mixture):
    rows, _ = mixture.sample(50, 0)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    for line, column in ((0, 0), (100, 30), (199, 120)):
        at = _responsibilities(mixture, [[display.x[column], display.y[line]]] * 2)[0]
        assert display.surface[line, column] == pytest.approx(1 - at.max(), abs=1e-10)
    assert display.names == ["length", "width"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")


def test_turned_features_turn_the_plane(mixture):
    rows, _ = mixture.sample(50, 0)
    upright = UncertaintyDisplay.from_estimator(mixture, rows)
    turned = UncertaintyDisplay.from_estimator(mixture, rows, features=("width", "length"))
    np.testing.assert_allclose(turned.surface, upright.surface.T, atol=1e-12)
    np.testing.assert_array_equal(turned.rows, rows[:, ::-1])
    np.testing.assert_array_equal(turned.uncertainty, upright.uncertainty)


def test_of_more_features_only_points_are_drawn(iris):
    gm = GaussianMixture(3, random_state=0).fit(iris)
    display = UncertaintyDisplay.from_estimator(gm, iris, features=(2, -1))
    assert display.surface is None
    np.testing.assert_array_equal(display.rows, iris[:, [2, 3]])
    np.testing.assert_allclose(display.uncertainty, 1 - gm.predict_proba(iris).max(axis=1), atol=1e-12)
    assert display.names == ["x2", "x3"]


def test_very_many_points_are_thinned_and_said_to_be(mixture):
    rows, _ = mixture.sample(MOST_POINTS + 1, 0)
    display = UncertaintyDisplay.from_estimator(mixture, rows)
    assert len(display.rows) == MOST_POINTS
    assert f"5,000 of {MOST_POINTS + 1:,} rows" in display.ax_.get_title(loc="left")


@pytest.mark.parametrize("features", [(0,), (0, 0), (0, 1, 0), (0, -2)])
def test_uncertainty_is_of_two_features(mixture, features):
    with pytest.raises(ValueError, match="features must be"):
        UncertaintyDisplay.from_estimator(mixture, np.zeros((1, 2)), features=features)


def test_uncertainty_of_one_column_is_refused_and_of_many_wants_to_know_which():
    for d, words in ((1, "has one feature"), (3, "choose them")):
        mixture = Mixture.from_parameters([1.0], np.zeros((1, d)), [1.0], covariance_type="spherical")
        with pytest.raises(ValueError, match=words):
            UncertaintyDisplay.from_estimator(mixture, np.zeros((1, d)))


# segmentations

HALF = np.repeat([0, 1], 12)[None, :].repeat(16, axis=0)  # (16, 24) left and right


def _color(rng):
    return np.where(HALF[..., None], (200, 60, 40), (20, 90, 160)).astype(np.uint8) + rng.integers(
        0, 9, (16, 24, 3), dtype=np.uint8
    )


def _gray(rng):
    return HALF + rng.normal(scale=0.1, size=HALF.shape)


def _volume(rng):
    return np.stack([_gray(rng) for _ in range(6)])


def _channels_first(rng):
    return np.moveaxis(_color(rng), -1, 0)


def _six_channels(rng):
    return HALF[..., None] + rng.normal(scale=0.1, size=(16, 24, 6))


KINDS = [
    pytest.param(_color, {}, id="color"),
    pytest.param(_gray, {}, id="gray"),
    pytest.param(_volume, {"spacing": (3.0, 2.0, 1.0)}, id="volume"),
    pytest.param(_volume, {"stack": True}, id="stack"),
    pytest.param(_channels_first, {"channel_axis": 0}, id="channels first"),
    pytest.param(_six_channels, {"channel_axis": -1}, id="six channels"),
]


def _image_of(display):
    return np.asarray(display.ax_.images[0].get_array())


@pytest.mark.parametrize(("make", "how"), KINDS)
def test_segments_have_their_mean_colors_whatever_the_image(make, how):
    image = make(np.random.default_rng(0))
    segmenter = GaussianMixtureSegmenter(2, random_state=0, **how).fit(image)
    labels, probabilities = segmenter.predict(image), segmenter.predict_proba(image)
    display = SegmentationDisplay.from_estimator(segmenter, image)
    shares = np.bincount(labels.ravel()) / labels.size
    if labels.ndim == 3:
        assert display.plane == f"{'page' if 'stack' in how else 'slice'} 3, the middle of 6"
        assert display.plane in display.ax_.get_title(loc="left")
        labels, probabilities = labels[3], probabilities[3]
    np.testing.assert_array_equal(display.labels, labels)
    np.testing.assert_array_equal(display.probabilities, probabilities)
    np.testing.assert_allclose(display.shares, shares)
    assert display.aspect == (2.0 if "spacing" in how else 1.0)
    np.testing.assert_array_equal(_image_of(display), display.colors[labels])
    for number in range(2):
        mean = display.picture[labels == number].mean(axis=0)
        np.testing.assert_allclose(
            display.colors[number], mean, atol=3 if display.plane else 0.51
        )  # of one plane, of all


def test_colors_are_shown_as_they_are_and_other_numbers_from_black_to_white():
    color = _color(np.random.default_rng(0))
    display = SegmentationDisplay.from_estimator(
        GaussianMixtureSegmenter(2, random_state=0).fit(color), color, show="picture"
    )
    np.testing.assert_array_equal(_image_of(display), color)
    gray = 1e4 * _gray(np.random.default_rng(0))
    display = SegmentationDisplay.from_estimator(
        GaussianMixtureSegmenter(2, random_state=0).fit(gray), gray, show="picture"
    )
    assert (display.picture.min(), display.picture.max()) == (0, 255)
    black, white = np.percentile(gray, [0.1, 99.9])
    expected = np.rint(255 * np.clip((gray - black) / (white - black), 0, 1))
    np.testing.assert_array_equal(_image_of(display), expected[..., None].repeat(3, axis=-1))


def _display(**how):
    given = {
        "picture": np.full((2, 3, 3), 100), "labels": [[0, 0, 1], [0, 255, 1]], "colors": [[9, 20, 30], [90, 91, 92]],
        "probabilities": [[[1, 0], [0.5, 0.5], [0, 1]], [[0.75, 0.25], [0, 0], [0, 1]]], "shares": [0.6, 0.4],
    }  # fmt: skip
    return SegmentationDisplay(**given | how)


@pytest.mark.parametrize("show", ["segments", "picture", "certainty", 0])
def test_masked_pixels_are_checked_gray_in_every_view(show):
    display = _display().plot(show=show)
    checks = _image_of(display)[1, 1]
    assert checks.tolist() in ([229] * 3, [198] * 3)
    assert display.visible.tolist() == [[True] * 3, [True, False, True]]


def test_certainty_is_light_and_doubt_is_dark():
    pixels = _image_of(_display().plot(show="certainty"))[..., 0].astype(float)
    np.testing.assert_allclose(pixels[[0, 0, 1], [0, 1, 0]], [249, 30, 140], atol=1)


@pytest.mark.parametrize("number", [0, np.int64(1)])
def test_probability_of_a_class_has_the_color_of_its_component(number):
    display = _display().plot(show=number)
    pixels = _image_of(display)
    np.testing.assert_allclose(pixels[0, 2 * number], 255 * np.array(to_rgb(PALETTE[number])), atol=1)
    np.testing.assert_array_equal(pixels[0, 2 - 2 * number], 255)
    assert f"class {number}, which has {[60, 40][number]} %" in display.ax_.get_title(loc="left")


def test_outlines_lie_between_segments():
    labels = HALF.astype(np.uint8)
    display = _display(picture=np.zeros((16, 24, 3)), labels=labels, probabilities=np.eye(2)[HALF]).plot(outlines=True)
    (lines,) = display.ax_.collections
    points = np.concatenate([path.vertices for path in lines.get_paths()])
    np.testing.assert_array_equal(points[:, 0], 11.5)
    alone = _display(picture=np.zeros((16, 24, 3)), labels=0 * labels, probabilities=np.eye(2)[0 * HALF]).plot(
        outlines=True
    )
    assert not alone.ax_.collections


def test_one_line_of_pixels_has_no_outlines():
    display = _display(picture=np.zeros((1, 24, 3)), labels=HALF[:1], probabilities=np.eye(2)[HALF[:1]])
    assert not display.plot(outlines=True).ax_.collections


def test_what_is_true_is_white():
    image = HALF.astype(bool)
    segmenter = GaussianMixtureSegmenter(2, random_state=0).fit(_gray(np.random.default_rng(0)))
    display = SegmentationDisplay.from_estimator(segmenter, image, show="picture")
    np.testing.assert_array_equal(_image_of(display), 255 * HALF[..., None].repeat(3, axis=-1))


def test_mask_leaves_its_pixels_out():
    image = _color(np.random.default_rng(0))
    mask = np.ones(HALF.shape, dtype=bool)
    mask[:4] = False
    segmenter = GaussianMixtureSegmenter(2, random_state=0).fit(image, mask)
    display = SegmentationDisplay.from_estimator(segmenter, image, mask)
    np.testing.assert_array_equal(display.visible, mask)
    np.testing.assert_allclose(display.shares, [0.5, 0.5])


@pytest.mark.parametrize("show", ["segment", -1, 2])
def test_what_cannot_be_shown_is_refused(show):
    with pytest.raises(ValueError, match="show must be one of"):
        _display().plot(show=show)


def test_segmentation_display_takes_one_image_and_a_fitted_segmenter():
    image = _gray(np.random.default_rng(0))
    segmenter = GaussianMixtureSegmenter(2, random_state=0)
    with pytest.raises(NotFittedError):
        SegmentationDisplay.from_estimator(segmenter, image)
    with pytest.raises(TypeError, match="fitted segmenter, got GaussianMixture"):
        SegmentationDisplay.from_estimator(GaussianMixture(2), image)
    with pytest.raises(ValueError, match="must be one array"):
        SegmentationDisplay.from_estimator(segmenter.fit(image), [image, image])
