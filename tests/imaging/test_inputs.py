"""Images, masks and labels in memory: what counts, what is refused, and what is shown."""

import numpy as np
import pytest

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    read_labels,
    read_picture,
    segment_image,
    segment_picture,
)

RNG = np.random.default_rng(0)
HIDDEN = np.broadcast_to(np.arange(50) < 10, (40, 50))


def relief():
    """Two plains, and a number without meaning where `HIDDEN`."""
    heights = np.where(np.arange(50) < 30, 100, 160) + RNG.normal(0, 5, (40, 50))
    return np.where(HIDDEN, -9999, heights)


def segmented(image, **options):
    return segment_image(image, 2, smoothing=0, random_state=0, **options)


# masked arrays


@pytest.mark.parametrize(
    "image",
    [
        np.ma.masked_less(relief(), 0),
        np.ma.masked_less(relief().astype(np.float32), 0),
        np.ma.masked_less(relief().astype(np.int16), 0),
        np.ma.masked_equal(np.where(HIDDEN, 0, relief()).astype(np.uint8), 0),
    ],
)
def test_masked_pixels_do_not_count(image):
    labels = segmented(image)
    assert (labels[HIDDEN] == 255).all()
    np.testing.assert_array_equal(labels[:, 10:], np.broadcast_to(np.arange(10, 50) >= 30, (40, 40)))
    picture = Picture(image[..., None])
    np.testing.assert_array_equal(picture.visible, ~HIDDEN)
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    np.testing.assert_array_equal(segmentation.labels, labels)


@pytest.mark.slow
def test_a_pixel_of_which_a_channel_is_masked_does_not_count():
    colors = np.ma.masked_array(RNG.integers(0, 200, (40, 50, 3), dtype=np.uint8))
    colors[:, :10, 1] = np.ma.masked
    np.testing.assert_array_equal(segmented(colors) == 255, HIDDEN)
    np.testing.assert_array_equal(segmented(np.moveaxis(colors, -1, 0), channel_axis=0) == 255, HIDDEN)
    several = GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit_predict([colors, np.asarray(colors)])
    np.testing.assert_array_equal(several[0] == 255, HIDDEN)
    assert (several[1] != 255).all()
    assert (segmented(np.ma.masked_array(relief(), mask=False)) != 255).all()


def test_masks_and_labels_may_be_masked_arrays_too():
    image = np.where(HIDDEN, 0, relief())
    mask = np.ma.masked_array(np.ones((40, 50)), mask=HIDDEN)
    np.testing.assert_array_equal(segmented(image, mask=mask) == 255, HIDDEN)
    np.testing.assert_array_equal(Picture(image[..., None]).masked(mask).visible, ~HIDDEN)
    known = np.ma.masked_array(np.zeros((40, 50), dtype=np.uint8), mask=True)
    known[5, 15:20], known[5, 35:40] = 0, 1
    labels = segment_image(image, 2, labels=known, random_state=0)
    assert (labels[5, 35:40] == 1).all()


# masks that are none


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.where(HIDDEN, np.nan, 1), r"mask has NaN at \(0, 0\): give 0 where pixels do not count"),
        (np.where(HIDDEN, "no", "yes"), "mask must be bool, or numbers .* got <U3"),
        (np.where(HIDDEN, None, True), "mask must be bool, or numbers .* got object"),
        (np.where(HIDDEN, 0, 1j), "mask must be bool, or numbers .* got complex128"),
    ],
)
def test_masks_that_say_nothing_are_refused(mask, said):
    with pytest.raises(ValueError, match=said):
        segmented(relief(), mask=mask)
    with pytest.raises(ValueError, match=said):
        Picture(relief()[..., None]).masked(mask)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float16])
def test_masks_of_any_numbers_are_taken(dtype):
    np.testing.assert_array_equal(segmented(relief(), mask=(~HIDDEN).astype(dtype)) == 255, HIDDEN)


# types


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int16, np.uint32, np.int64, ">f4", ">u2"])
def test_numbers_of_any_type_are_segmented(dtype):
    image = np.where(HIDDEN, 0, relief() / 2).astype(dtype)
    np.testing.assert_array_equal(
        segmented(image, mask=~HIDDEN)[:, 10:], np.broadcast_to(np.arange(10, 50) >= 30, (40, 40))
    )


@pytest.mark.parametrize("image", [relief().astype(np.int64) + 2**60, -relief().astype(np.int64) - 2**54])
def test_integers_that_doubles_do_not_hold_are_refused(image):
    for wrong in (image, np.abs(image).astype(np.uint64)):
        with pytest.raises(
            ValueError, match=r"image has integers above 2\^53, which cannot be held exactly; divide them"
        ):
            segmented(wrong)
        with pytest.raises(ValueError, match=r"pixels has integers above 2\^53"):
            Picture(wrong[..., None])


@pytest.mark.parametrize("dtype", [complex, np.longdouble, object, "U8", "M8[s]"])
def test_what_is_no_number_is_refused_with_its_type(dtype):
    with pytest.raises(ValueError, match=r"image must be numeric .* got an array of"):
        segmented(np.full((4, 5), 1).astype(dtype))


# floats as colors

PHOTO = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 100 / 255, 257.0, -1 / 255])
def test_floats_that_are_not_from_0_to_1_are_no_colors_for_lab(scale):
    with pytest.raises(
        ValueError, match=r'color_space="lab" takes floats from 0 \(black\) to 1 \(white\); got .*: divide'
    ):
        segmented(PHOTO * scale, color_space="lab")
    segmented(PHOTO / 255, color_space="lab")
    segmented(PHOTO * scale, color_space="gray")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16, np.int16, np.uint8])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 2), (20, 30, 3), (6, 20, 30)])
def test_arrays_in_files_have_the_axes_of_arrays_in_memory(shape, dtype, tmp_path):
    image = RNG.integers(0, 200, shape).astype(dtype)
    np.save(tmp_path / "a.npy", image)
    picture = read_picture(tmp_path / "a.npy")
    assert picture.shape == segmented(image).shape
    np.testing.assert_array_equal(picture.pixels.reshape(shape), image)
    if len(shape) == 3:
        assert read_picture(tmp_path / "a.npy", volume=True).shape == shape


# display


@pytest.mark.parametrize("most", [1, 4, 10, 63])
@pytest.mark.parametrize(
    ("shape", "suffix"), [((20, 30, 8, 1), ".nii.gz"), ((20, 30, 1), ".png"), ((20, 30, 5), ".npy")]
)
def test_bytes_of_few_values_are_shown_from_black_to_white(shape, suffix, most):
    picture = Picture(RNG.integers(0, most + 1, shape, dtype=np.uint8), suffix=suffix)
    assert picture.shown().min() < 64
    assert picture.shown().max() > 127
    assert max(view.max() for view in (picture.plane(0).shown(picture.limits), picture.shown())) > 127


def test_a_dark_volume_is_shown_up_to_white_and_dark_photographs_as_they_are():
    dark = RNG.integers(0, 90, (8, 20, 30, 1), dtype=np.uint8)
    assert Picture(dark).shown().max() == 255
    for photo in (PHOTO // 6, dark[0]):
        np.testing.assert_array_equal(Picture(photo).shown(), np.broadcast_to(photo, (20, 30, 3)))


def test_scribbles_over_a_dark_picture_are_found(tmp_path):
    gray = RNG.integers(0, 40, (40, 50, 1), dtype=np.uint8)
    painted = gray.repeat(3, axis=-1)
    painted[4, 3:30], painted[9, 4:30] = (200, 0, 0), (0, 200, 0)
    np.save(tmp_path / "painted.npy", painted)
    known = read_labels(tmp_path / "painted.npy", Picture(gray))
    assert (np.unique(known).tolist(), (known >= 0).sum()) == ([-1, 0, 1], 53)
