"""Values cut off at the end of the range: they belong to the class whose tail they are."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from gaussmix.imaging import segment_image
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.images.saturation import Saturation
from gaussmix.imaging.n_classes import estimate_n_classes


def blocks(shape=(24, 40, 40)):
    truth = np.zeros(shape, dtype=int)
    truth[..., 14:] = 1
    truth[..., shape[-2] // 2 :, 20:] = 2
    return truth


def gray(means, noise, truth, seed=0):
    return np.array(means)[truth] + np.random.default_rng(seed).normal(0, noise, truth.shape)


def as_bytes(values):
    return values.round().clip(0, 255).astype(np.uint8)


def test_zeros_of_a_volume():
    truth = np.zeros((24, 40, 40), int)
    truth[:, :, 14:] = 1
    truth[8:, 20:, 20:] = 2
    volume = as_bytes(gray([40, 120, 200], 30, truth))
    labels = segment_image(volume, 3, smoothing=1.0, random_state=0)
    assert (labels == truth).mean() > 0.97


@pytest.mark.parametrize(
    ("means", "noise"),
    [
        ([40, 120, 200], 25),
        ([20, 90, 160], 20),
        ([45, 130, 215], 25),
        ([40, 127, 215], 30),
        ([10, 90, 170], 30),
        ([8, 34, 60], 8),
    ],
    ids=str,
)
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "floats", "shares"])
def test_tails_are_no_classes(means, noise, kind):
    truth = blocks()
    values = gray(means, noise, truth)
    image = {"bytes": as_bytes(values), "floats": values.clip(0, 255), "shares": values.clip(0, 255) / 255}[kind]
    labels = segment_image(image, 3, smoothing=1.0, random_state=0)
    assert (labels == truth).mean() > 0.99
    flat = segment_image(image[0], 3, smoothing=1.0, random_state=0)
    assert (flat == truth[0]).mean() > 0.97


@pytest.mark.slow
@pytest.mark.parametrize("color_space", ["rgb", "lab", "gray"])
@pytest.mark.parametrize(
    ("colors", "noise"),
    [
        ([[20, 12, 8], [110, 90, 60], [200, 190, 180]], 20),
        ([[30, 30, 30], [220, 120, 40], [240, 230, 220]], 20),
        ([[10, 40, 20], [30, 120, 60], [200, 180, 20]], 18),
    ],
    ids=str,
)
def test_colors_with_black_and_white(colors, noise, color_space):
    truth = blocks((1, 120, 120))[0]
    rng = np.random.default_rng(0)
    image = as_bytes(np.array(colors, dtype=float)[truth] + rng.normal(0, noise, (*truth.shape, 3)))
    labels = segment_image(image, 3, color_space=color_space, smoothing=1.0, random_state=0)
    assert adjusted_rand_score(truth.ravel(), labels.ravel()) > 0.97


@pytest.mark.parametrize(
    ("means", "deviations"), [([0, 60, 120], [0, 12, 12]), ([0, 80, 255], [0, 20, 0]), ([-15, 60, 150], [10, 20, 20])]
)
def test_a_class_at_the_end_is_kept(means, deviations):
    truth = blocks((1, 120, 120))[0]
    noise = np.array(deviations)[truth] * np.random.default_rng(0).normal(size=truth.shape)
    labels = segment_image(as_bytes(np.array(means)[truth] + noise), 3, smoothing=1.0, random_state=0)
    assert (labels == truth).mean() > 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("means", "noise"), [([40, 120, 200], 22), ([20, 90, 160], 18), ([45, 130, 215], 22)])
def test_the_number_of_classes_does_not_count_tails(means, noise):
    values = gray(means, noise, blocks((1, 80, 80))[0])[..., None]
    features = Features()
    uncut = estimate_n_classes([Pixels(values, None)], features, random_state=0)
    cut = estimate_n_classes([Pixels(as_bytes(values), None)], features, random_state=0)
    assert cut == uncut


@pytest.mark.parametrize("seed", range(3))
def test_tails_go_on_as_they_would(seed):
    """Saturated values, moved beyond the end, have the mean and the deviation of what was cut off."""
    rng = np.random.default_rng(seed)
    values = rng.normal(30, 30, (200, 200, 1))
    image = as_bytes(values)
    saturation = Saturation.of([Pixels(image, None)])
    rows = image.reshape(-1, 1)
    saturated = saturation.is_saturated(rows)
    np.testing.assert_array_equal(saturated, rows[:, 0] == 0)
    moved = saturation.extended(rows, rng.random(len(rows)))
    np.testing.assert_array_equal(moved[~saturated], rows[~saturated])
    assert moved.mean() == pytest.approx(30, abs=1)
    assert moved.std() == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(4096) % 256,
        np.arange(4096) % 3,
        np.repeat([0, 100, 101, 102, 103, 104, 105, 255], 512),
        np.random.default_rng(0).normal(120, 20, 4096),
        np.where(np.arange(4096) < 1000, 0, np.random.default_rng(0).normal(120, 20, 4096)),
    ],
    ids=["even", "three values", "flat", "inside", "black ground"],
)
def test_pictures_without_tails(values):
    image = as_bytes(np.asarray(values, dtype=float)).reshape(64, 64, 1)
    assert Saturation.of([Pixels(image, None)]) is None
