"""Color spaces, against scikit-image's."""

import numpy as np
import pytest

from gaussmix.imaging.images.colors import to_color_space


def _colors(dtype: str, shape: tuple[int, ...] = (40, 30)) -> np.ndarray:
    rng = np.random.default_rng(3)
    share = rng.random((*shape, 3)) ** 2
    share.reshape(-1, 3)[:3] = [[0, 0, 0], [1, 1, 1], [0.04, 0.0405, 0.003]]
    return (share * np.iinfo(dtype).max).astype(dtype) if dtype.startswith("u") else share.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 30), (7,), (3, 4, 5), (70_000,)])
def test_lab_is_scikit_images(dtype, shape):
    colors = _colors(dtype, shape)
    scale = np.iinfo(dtype).max if dtype.startswith("u") else 1.0
    rgb2lab = pytest.importorskip("skimage.color").rgb2lab
    lab = to_color_space(colors, "lab")
    assert lab.dtype == np.float32
    np.testing.assert_allclose(lab, rgb2lab(colors / float(scale)), atol=3e-4)  # of 100; single precision


@pytest.mark.parametrize(
    ("color", "expected"),
    [  # sRGB, D65: Lindbloom's calculator
        ([255, 255, 255], [100.0, 0.0, 0.0]),
        ([255, 0, 0], [53.24, 80.09, 67.20]),
        ([0, 255, 0], [87.73, -86.18, 83.18]),
        ([0, 0, 255], [32.30, 79.19, -107.86]),
        ([0, 0, 0], [0.0, 0.0, 0.0]),
    ],
)
def test_published_values(color, expected):
    lab = to_color_space(np.array([color], dtype=np.uint8), "lab")
    np.testing.assert_allclose(lab[0], expected, atol=0.02)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_gray_is_luma_of_the_same_type(dtype):
    colors = _colors(dtype)
    gray = to_color_space(colors, "gray")
    assert gray.shape == (40, 30, 1)
    assert gray.dtype == dtype
    luma = colors.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(gray[..., 0], luma, atol=0.5000001 if dtype.startswith("u") else 1e-6)


@pytest.mark.parametrize("color_space", ["rgb", "gray", "lab"])
def test_gray_pixels_stay_what_they_are(color_space):
    gray = np.arange(12, dtype=np.uint16).reshape(3, 4, 1)
    np.testing.assert_array_equal(to_color_space(gray, color_space), gray)


def test_any_number_of_channels_as_they_are():
    values = np.zeros((3, 4, 7), dtype=np.float32)
    assert to_color_space(values, "rgb") is values


@pytest.mark.parametrize(
    ("channels", "color_space", "message"),
    [(2, "lab", "needs red, green and blue; got 2 channels"), (5, "gray", "got 5 channels"), (3, "hsv", "'hsv'")],
)
def test_what_cannot_be_converted_is_named(channels, color_space, message):
    with pytest.raises(ValueError, match=message):
        to_color_space(np.zeros((2, 2, channels)), color_space)
