"""Smooth fields: found where there are some, and little is lost where there are none."""

import numpy as np
import pytest
from helpers.mixed_pixels import mixed_image

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.partial_volume.bias_field import BiasFieldModel
from gaussmix.imaging.partial_volume.estimate import estimate_fractions


def rmse(estimate, truth):
    return float(np.sqrt(((estimate.fractions - truth.fractions)[truth.mask] ** 2).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("noise", [0.03, 0.09])
@pytest.mark.parametrize("shape", [(22, 24, 20), (100, 90)], ids=str)
def test_a_strong_field_is_removed(shape, noise, n_channels):
    truth = mixed_image(shape, noise, depth=0.4, n_channels=n_channels)
    seen = truth.mask
    found = estimate_fractions(truth.pixels, truth.nearest, 3, bias_field=True)
    np.testing.assert_allclose(np.log(found.bias_field[seen]).mean(axis=0, dtype=np.float64), 0.0, atol=1e-5)
    off, had = (
        np.log(found.bias_field[seen] / truth.bias_field[seen]).std(axis=0),
        np.log(truth.bias_field[seen]).std(axis=0),
    )
    assert (off < 0.3 * had).all()
    assert rmse(found, truth) < 0.95 * rmse(estimate_fractions(truth.pixels, truth.nearest, 3), truth)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.03, 0.09])
@pytest.mark.parametrize("shape", [(22, 24, 20), (100, 90)], ids=str)
def test_where_there_is_no_field_little_is_lost(shape, noise):
    truth = mixed_image(shape, noise)
    found = estimate_fractions(truth.pixels, truth.nearest, 3, bias_field=True)
    assert np.log(found.bias_field[truth.mask]).std() < 0.02
    assert rmse(found, truth) < 1.05 * rmse(estimate_fractions(truth.pixels, truth.nearest, 3), truth)


def test_fields_have_geometric_mean_one_where_pixels_are_visible():
    rng = np.random.default_rng(0)
    shape = (9, 14, 11)
    visible = rng.random(shape) < 0.6
    model = BiasFieldModel(shape, visible.ravel())
    log_field = model.log_bias_field(rng.normal(size=(model.n_terms, 2)))
    assert model.n_terms == 34
    assert log_field.shape == (visible.size, 2)
    np.testing.assert_allclose(log_field[visible.ravel()].mean(axis=0, dtype=np.float64), 0.0, atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 50), (1, 60), (12, 10, 14)], ids=str)
def test_improving_finds_a_field_of_pure_pixels(shape):
    rng = np.random.default_rng(0)
    visible = np.ones(int(np.prod(shape)), dtype=bool)
    model = BiasFieldModel(shape, visible)
    classes = rng.integers(2, size=len(visible))
    means = np.array([[10.0], [30.0]])
    along = (np.indices(shape)[-1] / shape[-1] - 0.5).ravel()
    log_field = 0.4 * along + 0.5 * along**2
    log_field -= log_field.mean()
    rows = (means[classes] * np.exp(log_field)[:, None]).astype(np.float32)
    coefficients = np.zeros((model.n_terms, 1))
    for _ in range(4):
        coefficients = model.improve(coefficients, rows, np.eye(2)[:, classes], means, np.array([0.01]), visible)
    np.testing.assert_allclose(model.log_bias_field(coefficients)[:, 0], log_field, atol=0.01)


@pytest.mark.slow
def test_the_segmenter_divides_by_the_field_before_anything_else():
    images = [mixed_image((30, 36), 0.03, depth=depth).image[..., 0] for depth in (0.0, 0.4)]
    parameters = {"smoothing": 0, "random_state": 0}
    segmenter = GaussianMixtureSegmenter(3, bias_field=True, **parameters).fit(images)
    assert [field.shape for field in segmenter.bias_] == [(30, 36), (30, 36)]
    assert np.log(segmenter.bias_[1]).std() > 3 * np.log(segmenter.bias_[0]).std()
    without = GaussianMixtureSegmenter(3, **parameters).fit(images)
    assert segmenter.score(images) > without.score(images)
    same = [labels == fractions.argmax(axis=-1) for labels, fractions in zip(*both(segmenter, images), strict=True)]
    assert np.mean(same) > 0.9


def both(segmenter, images):
    return segmenter.predict(images), segmenter.predict_fractions(images)


def test_a_stack_has_no_field():
    with pytest.raises(ValueError, match=r"bias_field=True .* give a list"):
        GaussianMixtureSegmenter(3, bias_field=True, stack=True).fit(np.zeros((3, 9, 9)))
