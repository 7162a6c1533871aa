"""Reduced pictures for previews."""

import numpy as np
import pytest

from gaussmix.app.pictures.thinning import thinned, thinned_known, thinning_step
from gaussmix.imaging import Picture


@pytest.mark.parametrize(
    ("shape", "most", "step"),
    [
        ((10, 10), 100, 1),
        ((10, 10), 99, 2),
        ((10, 10), 25, 2),
        ((10, 10), 24, 3),
        ((3, 1000), 30, 34),
        ((8, 8, 8), 64, 2),
    ],
)
def test_the_step_is_the_least_that_leaves_so_many_pixels(shape, most, step):
    assert thinning_step(shape, most) == step


def test_a_thinned_picture_has_every_few_pixels_and_their_spacing():
    pixels = np.random.default_rng(0).integers(0, 255, (11, 13, 3)).astype(np.uint8)
    picture = Picture(pixels, spacing=(1.0, 2.0), alpha=np.full((11, 13), 9, dtype=np.uint8))
    small = thinned(picture, 20)
    np.testing.assert_array_equal(small.pixels, pixels[::3, ::3])
    assert (small.alpha.shape, small.spacing) == ((4, 5), (3.0, 6.0))


def test_a_small_picture_is_not_copied():
    picture = Picture(np.zeros((4, 4, 1)))
    assert thinned(picture, 16) is picture


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (10, 12), (5, 7)])
def test_a_hint_of_one_pixel_is_not_lost(place):
    known = np.full((11, 13), -1, dtype=np.int16)
    known[place] = 2
    small = thinned_known(known, 20)
    assert small.shape == (4, 5)
    assert np.argwhere(small == 2).tolist() == [[place[0] // 3, place[1] // 3]]
