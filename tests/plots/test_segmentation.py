"""The display of a segmentation: its numbers, and the images that show them."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.exceptions import NotFittedError

from gaussmix import GaussianMixture
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots import SegmentationDisplay
from gaussmix.plots.drawing import PALETTE

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
    assert f"class {number} ({[60, 40][number]} % of the pixels)" in display.ax_.get_title(loc="left")


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
    with pytest.raises(TypeError, match="fitted GaussianMixtureSegmenter; got GaussianMixture"):
        SegmentationDisplay.from_estimator(GaussianMixture(2), image)
    with pytest.raises(ValueError, match="must be a single array"):
        SegmentationDisplay.from_estimator(segmenter.fit(image), [image, image])
