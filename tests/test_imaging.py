"""Imaging: pixels to rows and back, and segments that partition the picture."""

import numpy as np
import pytest
from PIL import Image

from gaussmix import DegenerateComponentWarning, GaussianMixture, Mixture
from gaussmix.imaging import Picture, read_picture, segment_picture, segmentation_files, write_segmentation
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


def test_rows_of_an_opaque_picture_are_its_pixels_in_place():
    picture = Picture(stripes())
    assert picture.rows.shape == (24 * 36, 3)
    assert np.shares_memory(picture.rows, picture.pixels)


def test_rows_put_back_where_they_were_give_the_picture():
    picture = masked()
    assert len(picture.rows) == 20 * 36
    back = picture.placed(picture.rows, 7)
    np.testing.assert_array_equal(back[4:], picture.pixels[4:])
    assert (back[:4] == 7).all()


def test_labels_are_those_of_the_mixture_and_transparent_pixels_have_none(segmentation):
    picture = segmentation.picture
    np.testing.assert_array_equal(segmentation.labels[picture.visible], segmentation.mixture.labels(picture.rows))
    assert (segmentation.labels[~picture.visible] == UNLABELED).all()


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
    assert ((cut_outs[..., 3] > 0).sum(axis=0) == picture.visible).all()
    together = cut_outs.sum(axis=0)
    expected = picture.shown()
    np.testing.assert_array_equal(together[picture.visible][:, :3], expected[picture.visible][:, :3])
    np.testing.assert_array_equal(together[..., 3], 255 if picture.alpha is None else picture.alpha)


def test_probability_maps_sum_to_255_and_are_the_responsibilities(segmentation):
    picture, maps = segmentation.picture, segmentation.probability_maps.astype(int)
    total = maps.sum(axis=0)
    assert (abs(total[picture.visible] - 255) <= 1).all()
    assert (total[~picture.visible] == 0).all()
    expected = 255 * segmentation.mixture.responsibilities(picture.rows)
    assert abs(maps[:, picture.visible].T - expected).max() <= 0.5


def test_recolored_picture_has_the_mean_color_of_each_segment(segmentation):
    picture = segmentation.picture
    recolored = segmentation.recolored()
    scale = 255 / picture.greatest
    for segment in range(3):
        colors = recolored[segmentation.labels == segment][:, :3]
        mean = np.rint(segmentation.mixture.means[segment] * scale)
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


# reading


def _written(image, path, **options):
    image.save(path, **options)
    return path


def test_rgb_and_rgba_pictures_are_read_as_they_are(tmp_path):
    picture = read_picture(_written(Image.fromarray(stripes()), tmp_path / "rgb.png"))
    np.testing.assert_array_equal(picture.pixels, stripes())
    assert picture.alpha is None
    both = masked()
    picture = read_picture(_written(Image.fromarray(both.shown()), tmp_path / "rgba.png"))
    np.testing.assert_array_equal(picture.pixels, both.pixels)
    np.testing.assert_array_equal(picture.alpha, both.alpha)


def test_sixteen_bit_gray_keeps_its_values(tmp_path):
    values = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    picture = read_picture(_written(Image.fromarray(values), tmp_path / "deep.png"))
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels[:, :, 0], values)
    assert picture.channels == ("gray",)


def test_palette_pictures_get_their_colors_and_their_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 2]], dtype=np.uint8))
    image = image.convert("P")
    image.putpalette([10, 20, 30, 200, 100, 0, 9, 9, 9])
    picture = read_picture(_written(image, tmp_path / "plain.png"))
    np.testing.assert_array_equal(picture.pixels, [[[10, 20, 30], [200, 100, 0]], [[200, 100, 0], [9, 9, 9]]])
    assert picture.alpha is None
    picture = read_picture(_written(image, tmp_path / "clear.png", transparency=2))
    np.testing.assert_array_equal(picture.visible, [[True, True], [True, False]])


@pytest.mark.parametrize("mode", ["1", "L"])
def test_gray_pictures_have_one_channel(mode, tmp_path):
    image = Image.fromarray(stripes()).convert(mode)
    picture = read_picture(_written(image, tmp_path / "gray.png"))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], image.convert("L"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_gray_is_made_of_colors_when_asked_for(mode, tmp_path):
    image = Image.fromarray(stripes()).convert(mode)
    picture = read_picture(_written(image, tmp_path / "color.png"), gray=True)
    assert picture.channels == ("gray",)
    assert (picture.alpha is None) == (mode != "RGBA")
    luma = np.asarray(image.convert("RGB")) @ [0.299, 0.587, 0.114]
    assert abs(picture.pixels[:, :, 0] - luma).max() <= 1


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned to the left
    path = _written(Image.fromarray(stripes()), tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(path).pixels, np.rot90(stripes(), -1))


def test_files_that_are_no_pictures_are_refused_by_name(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ValueError, match=r"text.png is not a picture that pillow can read"):
        read_picture(tmp_path / "text.png")
    whole = _written(Image.fromarray(stripes(200, 200)), tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half.jpg is a damaged picture: image file is truncated"):
        read_picture(tmp_path / "half.jpg")
    path = _written(Image.fromarray(np.ones((4, 4), dtype=np.float32)), tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float.tif has 32 bits per pixel"):
        read_picture(path)
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")
