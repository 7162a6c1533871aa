"""The smoothing of a hidden Potts field, estimated from images that were drawn with a known one."""

import functools

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.random_field.field import RandomField
from gaussmix.imaging.random_field.neighborhood import Neighborhood


@functools.cache
def potts(shape, n_classes, smoothing, n_sweeps=100, seed=0):
    """A Potts field after some checkerboard Gibbs sweeps from random labels, written without the package."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n_classes).reshape(-1, *[1] * len(shape))
    labels = rng.integers(n_classes, size=shape)
    color = sum(np.indices(shape)) % 2
    for _ in range(n_sweeps):
        for now in (0, 1):
            same = np.pad((labels == classes).astype(float), [(0, 0)] + [(1, 1)] * len(shape))
            sums = sum(np.roll(same, step, axis) for axis in range(1, same.ndim) for step in (1, -1))
            inner = (slice(None), *[slice(1, -1)] * len(shape))
            ends = np.cumsum(np.exp(smoothing * sums[inner]), axis=0)
            drawn = (rng.uniform(size=shape) * ends[-1] > ends).sum(axis=0)
            labels = np.where(color == now, drawn, labels)
    return labels


def noisy(labels, noise, seed=0):
    return labels + np.random.default_rng(seed).normal(scale=noise, size=labels.shape)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "n_classes", "smoothing", "noise", "tolerance"),
    [
        ((96, 96), 3, 1.2, 0.5, 0.10),
        ((96, 96), 3, 1.2, 0.8, 0.15),
        ((128, 128), 2, 0.8, 0.5, 0.10),
        ((64, 96), 4, 1.4, 0.4, 0.10),
        ((20, 24, 28), 3, 0.7, 0.6, 0.10),
    ],
    ids=str,
)
def test_a_known_smoothing_is_found(shape, n_classes, smoothing, noise, tolerance):
    truth = potts(shape, n_classes, smoothing)
    image = noisy(truth, noise)
    segmenter = GaussianMixtureSegmenter(n_classes, random_state=0).fit(image)
    assert segmenter.smoothing_ == pytest.approx(smoothing, rel=tolerance)
    np.testing.assert_allclose(segmenter.mixture_.means[:, 0], np.arange(n_classes), atol=0.1)
    np.testing.assert_allclose(segmenter.mixture_.weights, 1 / n_classes, atol=0.05)
    alone = (GaussianMixtureSegmenter(n_classes, smoothing=0, random_state=0).fit_predict(image) == truth).mean()
    assert (segmenter.predict(image) == truth).mean() > 0.3 + 0.7 * alone


@pytest.mark.slow
def test_accuracy_is_that_of_the_true_parameters_where_single_pixels_tell_little():
    truth = potts((128, 128), 3, 1.2)
    image = noisy(truth, 1.2)
    segmenter = GaussianMixtureSegmenter(3, random_state=0).fit(image)
    assert segmenter.smoothing_ == pytest.approx(1.2, rel=0.15)
    field = RandomField(image.shape, 3, Neighborhood.of(2))
    field.load(-0.5 * ((image.reshape(-1, 1) - np.arange(3)) / 1.2) ** 2)
    field.sweep(1.2, 60)
    assert (segmenter.predict(image) == truth).mean() > (field.labels() == truth).mean() - 0.01


@pytest.mark.slow
def test_without_a_field_it_is_the_mixture_of_single_pixels():
    rng = np.random.default_rng(0)
    truth = rng.choice(3, size=(96, 96), p=[0.5, 0.3, 0.2])
    image = noisy(truth, 0.3)
    auto = GaussianMixtureSegmenter(3, random_state=0).fit(image)
    plain = GaussianMixtureSegmenter(3, smoothing=0, random_state=0).fit(image)
    assert auto.smoothing_ < 0.05
    np.testing.assert_allclose(auto.mixture_.means, plain.mixture_.means, atol=0.01)
    np.testing.assert_allclose(auto.mixture_.weights, plain.mixture_.weights, atol=0.04)
    assert (auto.predict(image) == plain.predict(image)).mean() > 0.99


@pytest.mark.slow
def test_blocks_of_a_large_image_and_a_mask_give_the_same_smoothing():
    truth = potts((320, 288), 3, 1.0, n_sweeps=60)
    mask = np.ones(truth.shape, dtype=bool)
    mask[40:90, 100:180] = False
    segmenter = GaussianMixtureSegmenter(3, random_state=0).fit(noisy(truth, 0.5), mask)
    assert segmenter.smoothing_ == pytest.approx(1.0, rel=0.1)


def test_an_image_without_noise_has_bounded_smoothing():
    image = np.repeat([[10, 10], [10, 200]], 20, axis=0).repeat(20, axis=1).astype(float)
    image += np.random.default_rng(0).normal(size=image.shape)
    segmenter = GaussianMixtureSegmenter(2, random_state=0).fit(image)
    assert 1 < segmenter.smoothing_ <= 3
    np.testing.assert_array_equal(segmenter.predict(image), image > 100)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads():
    image = noisy(np.tile(potts((96, 96), 3, 1.2), (4, 3)), 0.8)
    fitted = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            segmenter = GaussianMixtureSegmenter(3, random_state=5).fit(image)
            fitted.append((segmenter.smoothing_, segmenter.mixture_, segmenter.predict_proba(image)))
    (smoothing, mixture, probabilities), *others = fitted
    for other_smoothing, other_mixture, other_probabilities in others:
        assert other_smoothing == smoothing
        np.testing.assert_array_equal(other_mixture.means, mixture.means)
        np.testing.assert_array_equal(other_mixture.covariance.roots, mixture.covariance.roots)
        np.testing.assert_array_equal(other_probabilities, probabilities)


@pytest.mark.parametrize(
    ("shape", "n_components"), [((1, 40), 2), ((40, 1), 2), ((2, 3), 2), ((1, 1, 30), 2), ((20, 20), 1)], ids=str
)
@pytest.mark.filterwarnings("ignore::gaussmix.core.errors.DegenerateComponentWarning")
def test_images_with_few_neighbors_or_one_class(shape, n_components):
    rng = np.random.default_rng(0)
    image = rng.normal(size=shape) + 8 * (np.arange(np.prod(shape)).reshape(shape) % 2)
    segmenter = GaussianMixtureSegmenter(n_components, channel_axis=None, random_state=0).fit(image)
    assert 0 <= segmenter.smoothing_ < 12
    assert np.isfinite(segmenter.mixture_.means).all()
    assert segmenter.predict(image).max() < n_components
