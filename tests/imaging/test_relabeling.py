"""A fitted segmenter with another smoothing."""

import numpy as np
import pytest

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.relabeling import with_smoothing

TRUTH = np.repeat([[0, 1], [1, 0]], 16, axis=0).repeat(16, axis=1)
IMAGE = TRUTH + np.random.default_rng(0).normal(scale=0.5, size=TRUTH.shape)


@pytest.mark.parametrize("smoothing", [0.3, 1.0, 2.5])
def test_the_classes_stay_and_the_labels_are_smoother(smoothing):
    plain = GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(IMAGE)
    smooth = with_smoothing(plain, smoothing)
    assert smooth.mixture_ is plain.mixture_
    assert (smooth.smoothing, smooth.smoothing_) == (smoothing, smoothing)
    assert (smooth.predict(IMAGE) == TRUTH).mean() > (plain.predict(IMAGE) == TRUTH).mean()
    assert plain.smoothing_ == 0


def test_without_smoothing_pixels_are_labeled_one_by_one():
    smooth = GaussianMixtureSegmenter(2, smoothing=1.0, random_state=0).fit(IMAGE)
    expected = smooth.mixture_.responsibilities(IMAGE.reshape(-1, 1)).argmax(axis=1).reshape(IMAGE.shape)
    np.testing.assert_array_equal(with_smoothing(smooth, 0).predict(IMAGE), expected)


@pytest.mark.parametrize("smoothing", [-1, np.nan, np.inf, "auto"])
def test_a_wrong_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match="smoothing"):
        with_smoothing(GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(IMAGE), smoothing)
