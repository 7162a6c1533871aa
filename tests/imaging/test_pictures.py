"""Pictures in memory: which pixels count, and values put back where they were."""

import numpy as np
import pytest

from gaussmix.imaging import Picture
from gaussmix.imaging.images.picture import narrow


def pixels(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "stacked", "n_axes"),
    [((4, 5, 3), False, 2), ((4, 5, 6, 1), False, 3), ((2, 4, 5, 1), True, 2), ((2, 3, 4, 5, 2), True, 3)],
)
def test_axes_are_pages_space_and_channels(shape, stacked, n_axes):
    picture = Picture(pixels(*shape), stacked=stacked)
    assert (picture.n_axes, picture.shape) == (n_axes, shape[:-1])
    assert picture.visible is None
    assert np.shares_memory(picture.rows, picture.pixels)
    assert picture.suffix == (".png" if len(shape) == 3 else ".npy")
    assert picture.rows.shape == (np.prod(shape[:-1]), shape[-1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pixels": pixels(4, 5)}, "2 spatial axes"),
        ({"pixels": pixels(4, 5, 3), "stacked": True}, "2 spatial axes"),
        ({"pixels": pixels(1, 2, 3, 4, 5)}, "2 spatial axes"),
        ({"pixels": pixels(4, 5, 3), "alpha": pixels(5, 4)}, r"alpha has the shape \(5, 4\); the picture has \(4, 5\)"),
        ({"pixels": pixels(4, 5, 3), "spacing": (1.0,)}, "spacing has 1 numbers; the picture has 2"),
    ],
)
def test_what_is_no_picture_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Picture(**options)


def test_transparent_and_nan_pixels_are_not_visible():
    values = pixels(4, 5, 2, dtype=np.float32)
    values[0, 0, 1] = np.nan
    alpha = np.full((4, 5), 7, dtype=np.uint8)
    alpha[3] = 0
    picture = Picture(values, alpha)
    expected = np.ones((4, 5), dtype=bool)
    expected[0, 0] = expected[3] = False
    np.testing.assert_array_equal(picture.visible, expected)
    assert picture.n_visible == 14
    assert not np.isnan(picture.rows).any()
    back = picture.placed(picture.rows, -1)
    np.testing.assert_array_equal(back[expected], values[expected])
    assert (back[~expected] == -1).all()


@pytest.mark.parametrize("of_one_page", [False, True])
def test_a_mask_leaves_what_is_inside(of_one_page):
    picture = Picture(pixels(3, 4, 5, 1), stacked=True)
    mask = np.zeros((4, 5) if of_one_page else (3, 4, 5), dtype=bool)
    mask[..., 1:3, 2] = True
    np.testing.assert_array_equal(picture.masked(mask).visible, np.broadcast_to(mask, (3, 4, 5)))
    with pytest.raises(ValueError, match=r"the mask has the shape \(5, 4\), the picture \(3, 4, 5\)"):
        picture.masked(np.ones((5, 4), dtype=bool))
    with pytest.raises(ValueError, match="the mask leaves no visible pixel"):
        picture.masked(np.zeros((4, 5), dtype=bool))


def test_bytes_are_shown_as_they_are_and_other_values_stretched():
    gray = Picture(pixels(4, 5, 1))
    np.testing.assert_array_equal(gray.shown(), np.repeat(gray.pixels, 3, axis=2))
    deep = np.arange(1000, 5000, dtype=np.uint16).reshape(40, 100, 1)
    shown = Picture(deep).shown()
    assert (shown[0, 0] == 0).all()
    assert (shown[-1, -1] == 255).all()
    assert (np.diff(shown[..., 0].reshape(-1).astype(int)) >= 0).all()
    flat = Picture(np.full((2, 2, 1), 3.5))
    assert (flat.shown() == 0).all()


def test_opacity_is_shown_and_nan_is_transparent():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
    values[0, 0] = np.nan
    alpha = np.full((3, 4), 100, dtype=np.uint8)
    shown = Picture(values, alpha).shown()
    assert shown.shape == (3, 4, 4)
    assert shown[0, 0, 3] == 0
    assert (shown[1:, :, 3] == 100).all()


def test_the_plane_of_a_volume_is_a_slice_across_its_slices():
    volume = Picture(pixels(5, 6, 7, 1), spacing=(3.0, 2.0, 1.0))
    np.testing.assert_array_equal(volume.plane(0).pixels, volume.pixels[2])
    assert volume.plane(0).spacing == (2.0, 1.0)
    medical = Picture(volume.pixels, spacing=(3.0, 2.0, 1.0), suffix=".nii.gz")  # axes x, y, z
    plane = medical.plane(0, depth=0)
    np.testing.assert_array_equal(plane.pixels[::-1, :, 0].T, volume.pixels[:, :, 0, 0])  # y points up
    assert plane.spacing == (2.0, 3.0)
    stack = Picture(volume.pixels, stacked=True)
    np.testing.assert_array_equal(stack.plane(4).pixels, volume.pixels[4])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([True, False]), np.uint8),
        (np.array([-3, 3], dtype=np.int8), np.int16),
        (np.array([0, 65535], dtype=np.int64), np.uint16),
        (np.array([-1, 32767], dtype=np.int32), np.int16),
        (np.array([-1, 40000], dtype=np.int32), np.float32),
        (np.array([0, 1 << 30], dtype=np.uint32), np.float64),
        (np.array([1, 2], dtype=">i2"), np.int16),
        (np.array([1.5, np.nan], dtype=np.float16), np.float32),
        (np.array([1.5], dtype=">f8"), np.float64),
        (np.array([7], dtype=np.uint8), np.uint8),
    ],
)
def test_numbers_become_the_narrowest_type_that_holds_them(values, dtype):
    found = narrow(values)
    assert found.dtype == dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("values", [np.array([1j]), np.array(["a"]), np.array([1 << 60])])
def test_numbers_that_fit_in_no_type_are_refused(values):
    with pytest.raises(ValueError, match=r"pixels are real numbers|cannot be held exactly"):
        narrow(values)
