"""Imaging: pixels to rows and back, and segments that partition the picture."""

import numpy as np
import pytest
from PIL import Image

from gaussmix import DegenerateComponentWarning, GaussianMixture, Mixture
from gaussmix.imaging import Picture, segment_picture, segmentation_files, write_segmentation
from gaussmix.imaging.segments import UNLABELED, brightness_order

COLORS = np.array([[200, 190, 60], [20, 40, 90], [120, 60, 50]])


def stripes(height=24, width=36, channels=3):
    """Three noisy stripes: bright, dark, between."""
    rng = np.random.default_rng(0)
    which = np.arange(width) * 3 // width
    pixels = COLORS[which][None].repeat(height, axis=0) + rng.normal(0, 6, (height, width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)[:, :, :channels]


def masked():
    """Stripes with transparent, half transparent and opaque pixels."""
    alpha = np.full((24, 36), 255, dtype=np.uint8)
    alpha[:4] = 0
    alpha[4:8] = 100
    return Picture(stripes(), alpha)


@pytest.fixture(params=["opaque", "masked", "gray", "16-bit"])
def picture(request):
    match request.param:
        case "opaque":
            return Picture(stripes())
        case "masked":
            return masked()
        case "gray":
            return Picture(stripes(channels=1))
        case _:
            return Picture(stripes(channels=1).astype(np.uint16) * 257)


@pytest.fixture
def segmentation(picture):
    return segment_picture(picture, GaussianMixture(3, random_state=0))


def visible(picture):
    return np.ones(picture.shape, dtype=bool) if picture.visible is None else picture.visible


def test_labels_are_those_of_the_mixture_and_transparent_pixels_have_none(segmentation):
    picture = segmentation.picture
    np.testing.assert_array_equal(segmentation.labels[visible(picture)], segmentation.mixture.labels(picture.rows))
    assert (segmentation.labels[~visible(picture)] == UNLABELED).all()


def test_segments_are_ordered_from_dark_to_bright(segmentation):
    brightness = segmentation.mixture.means @ ([0.299, 0.587, 0.114] if segmentation.mixture.n_features == 3 else [1])
    assert (np.diff(brightness) > 0).all()
    row = segmentation.labels[-1]
    np.testing.assert_array_equal(row, np.repeat([2, 0, 1], 12))


def test_segmentation_is_the_estimators_model_in_another_order(picture):
    estimator = GaussianMixture(3, random_state=0)
    segmentation = segment_picture(picture, estimator)
    same = GaussianMixture(3, random_state=0).fit(picture.rows)
    order = brightness_order(same.mixture_)
    np.testing.assert_array_equal(segmentation.mixture.means, same.means_[order])
    np.testing.assert_array_equal(segmentation.mixture.covariance.covariances, same.covariances_[order])
    assert segmentation.mixture.feature_names == picture.channels


def test_cut_outs_partition_the_picture(segmentation):
    picture = segmentation.picture
    cut_outs = np.array([segmentation.cut_out(segment) for segment in range(3)])
    assert ((cut_outs[..., 3] > 0).sum(axis=0) == visible(picture)).all()
    together = cut_outs.sum(axis=0)
    expected = picture.shown()
    np.testing.assert_array_equal(together[visible(picture)][:, :3], expected[visible(picture)][:, :3])
    np.testing.assert_array_equal(together[..., 3], 255 if picture.alpha is None else picture.alpha)


def test_probability_maps_sum_to_255_and_are_the_responsibilities(segmentation):
    picture, maps = segmentation.picture, segmentation.probability_maps.astype(int)
    total = maps.sum(axis=0)
    assert (abs(total[visible(picture)] - 255) <= 1).all()
    assert (total[~visible(picture)] == 0).all()
    expected = 255 * segmentation.mixture.responsibilities(picture.rows)
    assert abs(maps[:, visible(picture)].T - expected).max() <= 0.5


def test_recolored_picture_has_the_mean_color_of_each_segment(segmentation):
    picture = segmentation.picture
    recolored = segmentation.recolored()
    for segment in range(3):
        colors = recolored[segmentation.labels == segment][:, :3]
        mean = picture.as_bytes(segmentation.mixture.means[segment])
        np.testing.assert_array_equal(colors, np.broadcast_to(mean, colors.shape))
    assert recolored.shape[2] == (3 if picture.alpha is None else 4)


def test_shares_count_visible_pixels(segmentation):
    np.testing.assert_allclose(segmentation.shares, 1 / 3)


def test_warnings_name_segments_not_components():
    flat = np.zeros((10, 10, 3), dtype=np.uint8)
    flat[5:] = 200
    noisy = flat + np.random.default_rng(0).integers(0, 20, flat.shape, dtype=np.uint8)
    noisy[5:] = 200
    with pytest.warns(DegenerateComponentWarning, match=r"^Segment 1 "):
        segmentation = segment_picture(Picture(noisy), GaussianMixture(2, random_state=0))
    assert segmentation.mixture.means[1] == pytest.approx(200)
    with pytest.warns(DegenerateComponentWarning, match=r"^Segments 0, 1 "):
        segment_picture(Picture(flat), GaussianMixture(2, init_params="kmeans", reg_covar=0, tol=1e-3, random_state=0))


def test_more_segments_than_pixels_or_labels_are_refused():
    with pytest.raises(ValueError, match="The picture has 4 visible pixels; 5 segments need more"):
        segment_picture(Picture(stripes(2, 2)), GaussianMixture(5))
    with pytest.raises(ValueError, match="at most 255 segments"):
        segment_picture(Picture(stripes()), GaussianMixture(256))


def test_picture_without_visible_pixels_is_refused():
    with pytest.raises(ValueError, match="The picture has 0 visible pixels"):
        segment_picture(Picture(stripes(), np.zeros((24, 36), dtype=np.uint8)), GaussianMixture(1))


def test_files_hold_what_the_segmentation_holds(segmentation, tmp_path):
    write_segmentation(tmp_path, segmentation)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(segmentation_files(3))
    labels = Image.open(tmp_path / "labels.png")
    assert labels.mode == "L"
    np.testing.assert_array_equal(labels, segmentation.labels)
    np.testing.assert_array_equal(Image.open(tmp_path / "segments.png"), segmentation.recolored())
    for segment in range(3):
        np.testing.assert_array_equal(Image.open(tmp_path / f"segment-{segment}.png"), segmentation.cut_out(segment))
        probabilities = Image.open(tmp_path / f"probability-{segment}.png")
        np.testing.assert_array_equal(probabilities, segmentation.probability_maps[segment])
    model = Mixture.load(tmp_path / "model.json")
    np.testing.assert_array_equal(model.means, segmentation.mixture.means)
