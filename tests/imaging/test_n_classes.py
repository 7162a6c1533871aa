"""The number of classes: what correlation leaves of an image, and known classes found again."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import gaussmix.imaging.n_classes as n_classes
from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.inputs import as_pixels
from gaussmix.imaging.n_classes import estimate_n_classes, independent_pixels

COLORS = np.array([[40, 60, 40], [120, 90, 200], [220, 200, 90], [60, 180, 170]])


def picture(k, noise=10.0, grain=0.0, shape=(40, 50), dtype=np.uint8, seed=0):
    """Slanted bands with noise whose correlation reaches as far as its grain."""
    rng = np.random.default_rng(seed)
    place = sum((axis + 1) * at for axis, at in enumerate(np.indices(shape)))
    noises = rng.standard_normal((*shape, 3))
    if grain:
        noises = gaussian_filter(noises, (grain,) * len(shape) + (0,), mode="wrap")
        noises /= noises.std()
    values = COLORS[place * k // (place.max() + 1)] + noise * noises
    return np.clip(np.rint(values), 0, 255).astype(dtype) if np.dtype(dtype).kind == "u" else values.astype(dtype)


@pytest.fixture(autouse=True)
def _fewer_fits(monkeypatch):
    monkeypatch.setattr(n_classes, "MOST", 5)
    monkeypatch.setattr(n_classes, "N_STARTS", 1)
    monkeypatch.setattr(n_classes, "SAMPLE_PIXELS", 1_000)


def choose(*images, mask=None, color_space="rgb", position=0.0, **parameters):
    pixels = [as_pixels(image, mask, channel_axis="auto", stack=False) for image in images]
    return estimate_n_classes(pixels, Features(color_space, position), random_state=0, **parameters)


@pytest.mark.parametrize("grain", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_smoothed_noise_has_fewer_independent_pixels(grain, share):
    rng = np.random.default_rng(1)
    noise = gaussian_filter(rng.standard_normal((300, 400)), grain, mode="wrap")
    if share < 1:
        noise[:, round(400 * share) :] = 0
    # the correlation of pixels v apart is exp(-|v|^2 / 4 grain^2); its squares add up to 2 pi grain^2
    expected = share * noise.size / (2 * np.pi * grain**2)
    assert independent_pixels(noise) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 5000), (70, 71), (17, 18, 19)])
def test_noise_is_independent(shape):
    noise = np.random.default_rng(2).standard_normal(shape)
    assert independent_pixels(noise) == pytest.approx(noise.size, rel=0.1)


def test_nothing_left_is_one_pixel():
    assert independent_pixels(np.zeros((4, 5))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize(
    ("how", "parameters"),
    [
        ({}, {"color_space": "lab"}),
        ({"grain": 1.5}, {"covariance_type": "tied"}),
        ({"dtype": np.float32}, {"covariance_type": "diag"}),
        ({"shape": (9, 14, 18)}, {}),
    ],
    ids=str,
)
def test_known_classes_are_found_again(k, how, parameters):
    assert choose(picture(k, **how), **parameters) == k


def test_all_pixels_counted_as_independent_find_too_many(monkeypatch):
    image = picture(3, noise=15.0, grain=8.0, shape=(60, 60))
    assert choose(image) == 3
    monkeypatch.setattr(n_classes, "independent_pixels", np.size)
    assert choose(image) > 3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_flat_colors_are_counted(dtype):
    flat = picture(4, noise=0.0).astype(dtype)
    assert choose(flat) == 4
    assert choose(np.repeat(flat[..., :1], 3, axis=-1)) == 4  # the same in all channels


@pytest.mark.slow
def test_pixels_that_do_not_count_add_nothing():
    image = picture(3)
    mask = np.zeros(image.shape[:2], dtype=bool)
    mask[:, :35] = True
    image[:, 35:] = np.random.default_rng(0).integers(0, 256, (40, 15, 3))
    assert choose(image, mask=mask) == 3


@pytest.mark.slow
def test_of_several_images_together():
    left, right = picture(4), picture(4)
    assert choose(left[:15], right[20:]) == choose(picture(4)) == 4


def test_large_images_are_thinned(monkeypatch):
    monkeypatch.setattr(n_classes, "GRID_PIXELS", 1 << 10)
    assert choose(picture(3, shape=(90, 120))) == 3


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (1, 30)])
def test_tiny_images(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert choose(image, position=1.0) == 2


def test_the_segmenter_chooses():
    image = picture(3)
    segmenter = GaussianMixtureSegmenter("auto", smoothing=1.0, random_state=0).fit(image)
    assert segmenter.n_components_ == segmenter.mixture_.n_components == 3
    with pytest.raises(ValueError, match='n_components must be "auto" or a number'):
        GaussianMixtureSegmenter("best").fit(image)
