"""Known pixels on pictures, and classes in their colors."""

import numpy as np
import pytest

from gaussmix.imaging import GaussianMixtureSegmenter, Picture, segment_picture
from gaussmix.imaging.seed_display import seed_colors, seeded_views, tinted, with_seeds

RED, GREEN = [255, 0, 0], [0, 255, 0]


@pytest.mark.parametrize("n_classes", [1, 3, 12])
def test_unpainted_classes_have_the_colors_of_components(n_classes):
    colors = seed_colors(n_classes)
    assert colors.shape == (n_classes, 3)
    assert colors[0].tolist() == [0x00, 0x72, 0xB2]
    painted = seed_colors(n_classes, np.array([RED, GREEN], dtype=np.uint8))
    assert painted[0].tolist() == RED
    np.testing.assert_array_equal(painted[2:], colors[2:])


@pytest.mark.parametrize("channels", [3, 4])
def test_known_pixels_have_their_color_and_all_others_are_unchanged(channels):
    shown = np.random.default_rng(0).integers(0, 255, (4, 5, channels)).astype(np.uint8)
    known = np.full((4, 5), -1)
    known[0, 0], known[3, 4] = 1, 0
    drawn = with_seeds(shown, known, np.array([RED, GREEN], dtype=np.uint8))
    assert drawn[0, 0].tolist() == GREEN + [255] * (channels - 3)
    assert drawn[3, 4, :3].tolist() == RED
    np.testing.assert_array_equal(drawn[known < 0], shown[known < 0])


def test_tint_is_between_the_picture_and_the_color_of_the_class():
    shown = np.full((2, 3, 4), 100, dtype=np.uint8)
    labels = np.array([[0, 1, 255], [0, 1, 255]], dtype=np.uint8)
    mixed = tinted(shown, labels, np.array([RED, GREEN], dtype=np.uint8))
    assert (mixed[:, 0, 0] > 100).all()
    assert (mixed[:, 0, 1] < 100).all()
    assert (mixed[:, 1, 1] > 100).all()
    np.testing.assert_array_equal(mixed[:, 2], shown[:, 2])
    np.testing.assert_array_equal(mixed[..., 3], 100)


@pytest.mark.parametrize(
    ("shape", "stacked", "suffix", "n_views"),
    [
        ((12, 16), False, "", 1),
        ((5, 12, 16), True, "", 3),
        ((5, 12, 16), False, "", 3),
        ((12, 16, 5), False, ".nii", 3),
    ],
    ids=["flat", "stack", "volume", "nifti"],
)
def test_views_show_the_known_pixels_of_their_plane(shape, stacked, suffix, n_views):
    rng = np.random.default_rng(0)
    truth = np.broadcast_to(np.arange(16) // 8 if not suffix else (np.arange(16) // 8)[:, None], shape)
    pixels = (50 + 100 * truth + rng.normal(scale=5, size=shape)).astype(np.uint8)[..., None]
    known = np.where(truth == 1, -1, np.int64(0))
    known[truth == 1] = np.where(rng.random((truth == 1).sum()) < 0.5, 1, -1)
    picture = Picture(pixels, stacked=stacked, suffix=suffix)
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, random_state=0), known)
    views = seeded_views(segmentation, np.array([RED, GREEN], dtype=np.uint8), 3)
    assert len(views) == n_views
    for view, plain in zip(views, segmentation.views(3), strict=True):
        assert view.caption == plain.caption
        red, green = (view.picture[..., channel] == 255 for channel in (0, 1))
        assert red.mean() == pytest.approx(0.5)
        assert 0.1 < green.mean() < 0.4
        assert view.segments.shape == plain.segments.shape
