"""The segmenter: kinds of images, masks, orders, memory-bounded labeling, and what it says of bad input."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as SklearnMixture

import gaussmix.imaging.random_field.labeling as labeling
import gaussmix.imaging.sampling as sampling
from gaussmix.core.errors import DegenerateDataWarning
from gaussmix.imaging import GaussianMixtureSegmenter, segment_image

COLORS = np.array([[30.0, 60.0, 40.0], [120.0, 90.0, 200.0], [220.0, 200.0, 90.0]])


def regions(shape, n_classes=3):
    """Slanted bands."""
    place = sum((axis + 1) * at for axis, at in enumerate(np.indices(shape)))
    return place * n_classes // (place.max() + 1)


def picture(shape=(40, 52), dtype=np.uint8, noise=12.0, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    truth = regions(shape)
    values = COLORS[truth][..., :channels] + rng.normal(scale=noise, size=(*shape, channels))
    if np.dtype(dtype).kind == "u":
        values = np.clip(np.rint(values * (np.iinfo(dtype).max / 255)), 0, np.iinfo(dtype).max)
    return truth, values.astype(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0, 0.5])
@pytest.mark.parametrize(
    ("shape", "dtype", "channels", "parameters"),
    [
        ((40, 52), np.uint8, 3, {}),
        ((40, 52), np.uint8, 3, {"color_space": "gray"}),
        ((40, 52), np.uint8, 3, {"color_space": "lab"}),
        ((40, 52), np.uint16, 1, {}),
        ((40, 52), np.float32, 2, {"n_neighbors": 8}),
        ((40, 52), np.int16, 1, {}),
        ((12, 17, 23), np.uint16, 1, {"n_neighbors": 26, "spacing": (3.0, 1.0, 1.0)}),
        ((12, 17, 23), np.float64, 3, {}),
        ((6, 30, 41), np.uint8, 1, {"stack": True, "n_neighbors": 8}),
        ((40, 52), np.uint8, 3, {"position": 20.0}),
        ((40, 52), np.uint8, 3, {"covariance_type": "tied"}),
        ((40, 52), np.uint8, 3, {"covariance_type": "spherical"}),
        ((40, 52), np.uint8, 3, {"contrast": True}),
        ((6, 30, 41), np.uint8, 1, {"stack": True, "contrast": True}),
    ],
    ids=str,
)
def test_every_kind_of_image(shape, dtype, channels, parameters, smoothing):
    truth, image = picture(shape, dtype, channels=channels)
    image = image[..., 0] if channels == 1 else image
    image.flags.writeable = False
    segmenter = GaussianMixtureSegmenter(3, smoothing=smoothing, random_state=0, **parameters)
    labels = segmenter.fit_predict(image)
    assert labels.shape == shape
    assert labels.dtype == np.uint8
    assert (labels == truth).mean() > 0.97
    probabilities = segmenter.predict_proba(image)
    assert probabilities.shape == (*shape, 3)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), labels)
    assert np.isfinite(segmenter.score(image))
    assert segmenter.mixture_.n_components == segmenter.n_components_ == 3
    if smoothing:
        gains = np.diff(segmenter.free_energies_)
        assert (gains >= -1e-7 * abs(segmenter.free_energies_[-1])).all()


@pytest.mark.slow
def test_without_neighbors_it_is_the_mixture_of_the_pixels():
    _, image = picture(noise=30.0, dtype=np.float64, channels=2)
    segmenter = GaussianMixtureSegmenter(3, smoothing=0, random_state=0).fit(image)
    rows = image.reshape(-1, 2)
    theirs = SklearnMixture(3, means_init=segmenter.mixture_.means, tol=1e-10, reg_covar=0, max_iter=2000).fit(rows)
    np.testing.assert_allclose(segmenter.mixture_.means, theirs.means_, atol=0.02)
    assert segmenter.score(image) == pytest.approx(theirs.score(rows), abs=1e-5)
    np.testing.assert_allclose(segmenter.predict_proba(image).reshape(-1, 3), theirs.predict_proba(rows), atol=2e-3)


def test_neighbors_help_where_there_is_noise():
    truth, image = picture(noise=70.0, dtype=np.float32)
    alone = segment_image(image, 3, smoothing=0, random_state=0)
    together = segment_image(image, 3, smoothing=1.0, random_state=0)
    assert (together == truth).mean() > (alone == truth).mean() + 0.1


def test_neighbors_across_an_edge_count_less():
    """A thin line in another color survives smoothing that erases it without contrast."""
    rng = np.random.default_rng(0)
    image = rng.normal(scale=12, size=(60, 60))
    image[:, 30] += 60
    image[:, 45:] += 60
    truth = np.zeros((60, 60), bool)
    truth[:, 30] = truth[:, 45:] = True
    without, sensitive = (
        segment_image(image, 2, smoothing=5.0, n_neighbors=8, contrast=contrast, random_state=0) == truth
        for contrast in (False, True)
    )
    assert without[:, 30].mean() < 0.2
    assert sensitive[:, 30].mean() > 0.95
    assert sensitive.mean() > 0.99


def test_masked_transparent_and_nan_pixels_do_not_count():
    _, image = picture()
    mask = np.random.default_rng(0).random(image.shape[:2]) < 0.7
    spoiled = image.copy()
    spoiled[~mask] = 255  # would be a class of its own
    expected = GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0).fit(spoiled, mask)
    labels = expected.predict(spoiled, mask)
    assert (labels[~mask] == 255).all()
    assert set(np.unique(labels[mask])) == {0, 1, 2}
    assert (expected.predict_proba(spoiled, mask)[~mask] == 0).all()
    transparent = np.dstack([spoiled, np.where(mask, 200, 0).astype(np.uint8)])
    missing = np.where(mask[..., None], image.astype(float), np.nan)
    for other in (transparent, missing):
        segmenter = GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0).fit(other)
        np.testing.assert_array_equal(segmenter.predict(other), labels)
        np.testing.assert_allclose(segmenter.mixture_.means, expected.mixture_.means, rtol=1e-6)


def test_one_model_of_several_images_serves_others():
    _, first = picture(seed=1)
    _, second = picture((31, 44), seed=2)
    truth, third = picture((25, 60), seed=3)
    segmenter = GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0).fit([first, second])
    labels = segmenter.predict([first, third])
    assert [found.shape for found in labels] == [(40, 52), (25, 60)]
    assert (labels[1] == truth).mean() > 0.99
    np.testing.assert_array_equal(segmenter.predict(third), labels[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "expected"),
    [("brightness", [0, 1, 2]), (1, [0, 1, 2]), (2, [0, 2, 1]), (-3, [0, 1, 2]), (COLORS[[2, 0, 1]], [2, 0, 1])],
    ids=str,
)
def test_classes_come_in_a_stated_order(order, expected):
    _, image = picture()
    for seed in range(4):
        segmenter = GaussianMixtureSegmenter(3, smoothing=0, order=order, random_state=seed).fit(image)
        np.testing.assert_allclose(segmenter.mixture_.means, COLORS[expected], atol=2)


def test_the_heaviest_first():
    _, image = picture()
    weights = GaussianMixtureSegmenter(3, smoothing=0, order="weight", random_state=0).fit(image).mixture_.weights
    assert (np.diff(weights) <= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(90, 40), (90, 7, 11)])
@pytest.mark.parametrize(("smoothing", "contrast"), [(0, False), (0.8, False), (3.0, True)])
def test_slabs_leave_no_trace(shape, smoothing, contrast, monkeypatch):
    _, image = picture(shape, np.float32, noise=60.0, channels=1)
    mask = np.random.default_rng(0).random(shape) < 0.9
    n_neighbors = 8 if len(shape) == 2 else 26
    segmenter = GaussianMixtureSegmenter(
        3, smoothing=smoothing, n_neighbors=n_neighbors, contrast=contrast, random_state=0
    )
    segmenter.fit(image, mask)
    whole = segmenter.predict(image, mask), segmenter.predict_proba(image, mask)
    monkeypatch.setattr(labeling, "SLAB_NUMBERS", 1)
    monkeypatch.setattr(labeling, "BLOCK_ROWS", 100)
    np.testing.assert_array_equal(segmenter.predict(image, mask), whole[0])
    np.testing.assert_array_equal(segmenter.predict_proba(image, mask), whole[1])


@pytest.mark.slow
@pytest.mark.parametrize("contrast", [False, True])
@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("shape", [(300, 280), (5, 140, 150)])
def test_large_images_are_fitted_by_blocks(shape, stack, contrast, monkeypatch):
    if stack and len(shape) == 2:
        shape = (3, 300, 280)
    truth, image = picture(shape, np.float32, noise=50.0)
    monkeypatch.setattr(sampling, "MAX_PIXELS", 40_000)
    segmenter = GaussianMixtureSegmenter(3, smoothing=0.8, stack=stack, contrast=contrast, random_state=0).fit(image)
    assert (segmenter.predict(image) == truth).mean() > 0.95
    np.testing.assert_allclose(segmenter.mixture_.means, COLORS, atol=5)


def test_blocks_reach_what_is_seen_at_the_very_end(monkeypatch):
    _, image = picture((100, 100), np.float32)
    mask = np.zeros((100, 100), bool)
    mask[-9:, -30:] = True
    monkeypatch.setattr(sampling, "MAX_PIXELS", 5_000)
    labels = segment_image(image, 2, smoothing=0.5, mask=mask, random_state=0)
    np.testing.assert_array_equal(labels != 255, mask)


def test_a_gray_picture_saved_as_colors():
    truth, gray = picture(channels=1)
    image = gray.repeat(3, axis=2)
    for smoothing in (0, 0.5, "auto"):
        labels = segment_image(image, 3, smoothing=smoothing, random_state=0)
        assert (labels == truth).mean() > 0.99
        alone = segment_image(gray, 3, smoothing=smoothing, random_state=0)
        assert (labels == alone).mean() > 0.999
    labels = segment_image(image, 3, smoothing=0.5, position=1.0, random_state=0)
    assert (labels == truth).mean() > 0.99


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (lambda first: first, "channel 1 repeats channel 0"),
        (lambda first: 3 + 2 * first, "channel 1 is a linear function of channel 0"),
        (lambda first: np.ones_like(first), "channel 1 is constant"),
    ],
    ids=["repeated", "function", "constant"],
)
def test_warnings_are_about_channels(second, said):
    truth, gray = picture(channels=1, dtype=np.float64)
    with pytest.warns(DegenerateDataWarning, match=f"Redundant features .*{said}.* They tell no classes apart"):
        labels = segment_image(np.concatenate([gray, second(gray)], axis=2), 3, smoothing=0, random_state=0)
    assert (labels == truth).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0, 0.5, "auto"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_class_may_be_one_value(dtype, smoothing):
    """A volume without its mask: most of the ground is exactly zero."""
    place = np.indices((30, 40, 50)) - np.array([15, 20, 25])[:, None, None, None]
    truth = 3 - np.searchsorted([8, 12, 15], np.sqrt((place**2).sum(axis=0)).ravel()).reshape(30, 40, 50)
    values = np.array([0, 70, 140, 210])[truth] + np.random.default_rng(0).normal(scale=8, size=truth.shape)
    image = np.where(truth == 0, 0, np.clip(values, 0, 255)).astype(dtype)
    labels = segment_image(image, 4, smoothing=smoothing, random_state=0)
    assert (labels == truth).mean() > 0.995


def test_the_same_seed_gives_the_same_bits_and_clones_fit():
    _, image = picture(noise=60.0)
    first = GaussianMixtureSegmenter(3, smoothing=0.5, random_state=3).fit(image)
    second = clone(first).fit(image)
    np.testing.assert_array_equal(first.predict_proba(image), second.predict_proba(image))


@pytest.mark.parametrize(
    ("image", "parameters", "mask", "message"),
    [
        (np.zeros((5, 5), np.uint8), {}, None, "image has only one color"),
        ([np.zeros((20, 20), np.uint8)] * 12, {}, None, "image has only one color"),
        ([np.zeros((90, 90), np.uint8)] * 2, {}, None, "image has only one color"),
        ([np.eye(20, dtype=np.uint8)] * 12, {}, None, "image has 2 distinct colors, fewer than n_components=3"),
        (np.eye(5, dtype=np.uint8), {}, None, "image has 2 distinct colors, fewer than n_components=3"),
        (np.eye(5), {}, np.ones((4, 5)), r"mask must have the shape of the image without channels, \(5, 5\); got \(4"),
        (np.eye(5), {}, np.zeros((5, 5)), "image has no visible pixel"),
        (np.full((5, 5), np.nan), {}, None, "image has no visible pixel"),
        (np.ones(7), {}, None, r"image must have 2 or 3 axes of pixels .* got the shape \(7,\)"),
        (np.ones((3, 4, 5, 6, 7)), {}, None, "image must have 2 or 3 axes"),
        (np.ones((0, 4)), {}, None, "image has no pixels"),
        (np.array([["a", "b"], ["c", "d"]]), {}, None, "image must be numeric"),
        ("photo.jpg", {}, None, r"picture = imaging.read_picture\('photo.jpg'\): picture.pixels is the image"),
        (np.diag([1e200, 1.0]), {}, None, "squares overflow"),
        ([], {}, None, "empty list"),
        ([np.eye(4)], {}, [None, None], "1 images and 2 masks"),
        ([np.eye(4), np.ones((4, 4, 3))], {}, None, "the images differ"),
        (np.eye(5), {"n_components": 0}, None, "n_components must be a whole number"),
        (np.eye(5), {"n_components": 256}, None, "n_components must be at most 255"),
        (np.eye(5), {"color_space": "hsv"}, None, "color_space must be one of"),
        (np.eye(5), {"smoothing": "much"}, None, 'smoothing must be "auto" or a number'),
        (np.eye(5), {"smoothing": -1}, None, "smoothing must be a finite number"),
        (np.eye(5), {"stack": "no"}, None, "stack must be True or False; got 'no'"),
        (np.eye(5), {"connected": "no"}, None, "connected must be True or False"),
        (np.eye(5), {"bias_field": 2}, None, "bias_field must be True or False"),
        (np.eye(5), {"contrast": "some"}, None, 'contrast must be "auto", True or False'),
        (np.eye(5), {"position": -1}, None, "position must be a finite number"),
        (np.eye(5), {"n_components": 2, "smoothing": 1, "n_neighbors": 6}, None, "n_neighbors must be one of"),
        (np.eye(5), {"channel_axis": 2}, None, "channel_axis must be an axis of the image"),
        (np.eye(5), {"n_components": 2, "order": "size", "smoothing": 0}, None, 'order must be "brightness"'),
        (np.eye(5), {"n_components": 2, "order": 1, "smoothing": 0}, None, "order=1 is not a channel"),
        (np.eye(5), {"n_components": 2, "order": [1.0], "smoothing": 0}, None, "order must have the shape"),
    ],
    ids=lambda value: str(value)[:30].replace("\n", " "),
)
def test_bad_input_is_named(image, parameters, mask, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureSegmenter(**{"n_components": 3, "smoothing": 0, **parameters}).fit(image, mask)


def test_a_model_refuses_images_of_another_kind():
    _, image = picture()
    segmenter = GaussianMixtureSegmenter(3, smoothing=0, random_state=0).fit(image)
    with pytest.raises(ValueError, match="was fitted to 2 axes and 3 channels; got an image with 2 axes and 1"):
        segmenter.predict(image[..., 0])
