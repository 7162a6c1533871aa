"""Opacity: where a file or the caller says it is, and nowhere else."""

import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import GaussianMixtureSegmenter, read_picture, segment_image

RNG = np.random.default_rng(0)
DISC = np.hypot(*np.mgrid[-32:32, -40:40]) < 20
UNASSOCIATED, ASSOCIATED, OTHER = "unassalpha", "assocalpha", "unspecified"


def infrared(dtype=np.uint8):
    """Four channels, of which the last shows a disc and the others only noise."""
    band = np.where(DISC, 200, 40)[..., None] + RNG.normal(0, 8, (64, 80, 1))
    return np.concatenate([RNG.normal(90, 8, (64, 80, 3)), band], axis=-1).clip(0, 255).astype(dtype)


def accuracy(labels):
    return float(((labels == 1) == DISC).mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("minisblack", [OTHER, OTHER, UNASSOCIATED]),
        ("minisblack", [UNASSOCIATED]),
        ("minisblack", [OTHER, OTHER, OTHER, OTHER, ASSOCIATED]),
        ("rgb", [OTHER, ASSOCIATED]),
        ("rgb", [UNASSOCIATED, OTHER]),
        ("rgb", [OTHER]),
    ],
)
def test_the_last_extra_sample_that_is_opacity_counts(kind, extra, planes, dtype, tmp_path):
    n_samples = len(extra) + (3 if kind == "rgb" else 1)
    bands = RNG.integers(50, 200, (40, 50, n_samples), dtype=dtype)
    opaque = [n_samples - len(extra) + place for place, name in enumerate(extra) if name != OTHER]
    for place in opaque:
        bands[..., place] = np.iinfo(dtype).max
        bands[:, :10, place] = 0
    stored = bands if planes == "contig" else np.moveaxis(bands, -1, 0)
    options = {"photometric": kind, "planarconfig": planes, "extrasamples": extra, "metadata": None}
    tifffile.imwrite(tmp_path / "bands.tif", stored, **options)
    picture = read_picture(tmp_path / "bands.tif")
    np.testing.assert_array_equal(picture.pixels, np.delete(bands, opaque, axis=-1))
    assert picture.n_visible == (1600 if opaque else 2000)
    every = read_picture(tmp_path / "bands.tif", alpha=False)
    np.testing.assert_array_equal(every.pixels, bands)
    assert every.visible is None


def test_four_bytes_that_are_hardly_ever_255_give_a_warning_unless_alpha_is_stated():
    image = infrared()
    with pytest.warns(UserWarning, match=r"the last channel is taken for opacity, but has \d+ values .* alpha=False"):
        segment_image(image, 2, smoothing=0, random_state=0)
    assert accuracy(segment_image(image, 2, alpha=False, smoothing=0, random_state=0)) == 1
    assert accuracy(segment_image(infrared(np.uint16), 2, smoothing=0, random_state=0)) == 1
    segment_image(image, 2, alpha=True, smoothing=0, random_state=0)


@pytest.mark.parametrize("opacity", [np.uint8(255), np.uint8(128), (DISC * 255).astype(np.uint8), "soft"])
def test_opacity_that_looks_like_it_gives_no_warning(opacity):
    image = infrared()
    if isinstance(opacity, str):  # the edge of a cut-out
        opacity = np.clip(1500 - 60 * np.hypot(*np.mgrid[-32:32, -40:40]), 0, 255).astype(np.uint8)
    image[..., 3] = opacity
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = segment_image(image, 2, smoothing=0, random_state=0)
    np.testing.assert_array_equal(labels == 255, image[..., 3] == 0)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [2, 4, 5])
def test_the_last_of_any_channels_is_opacity_where_that_is_stated(channels, dtype):
    image = RNG.integers(0, 200, (20, 30, channels)).astype(dtype)
    image[:, :10, -1] = 0
    image[:, 10:, -1] = 1
    segmenter = GaussianMixtureSegmenter(2, alpha=True, channel_axis=-1, smoothing=0, random_state=0)
    labels = segmenter.fit_predict(image)
    assert segmenter.mixture_.n_features == channels - 1
    np.testing.assert_array_equal(labels == 255, np.broadcast_to(np.arange(30) < 10, (20, 30)))


def test_alpha_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r'alpha must be True, False or "auto"; got \'yes\''):
        segment_image(infrared(), 2, alpha="yes")
    with pytest.raises(ValueError, match="alpha=True needs a channel of opacity after the others"):
        segment_image(infrared()[..., 0], 2, alpha=True)


def test_files_are_read_with_the_stated_meaning(tmp_path):
    image = infrared()
    np.save(tmp_path / "bands.npy", image)
    Image.fromarray(image).save(tmp_path / "bands.png")
    tifffile.imwrite(tmp_path / "bands.tif", image, photometric="rgb", extrasamples=[UNASSOCIATED], metadata=None)
    for name in ("bands.npy", "bands.png", "bands.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name, alpha=False).pixels, image)
        np.testing.assert_array_equal(read_picture(tmp_path / name, alpha=True).alpha, image[..., 3])
    for name in ("bands.npy", "bands.tif"):
        with pytest.warns(UserWarning, match=rf"{name}: the last channel is taken for opacity"):
            assert read_picture(tmp_path / name).pixels.shape[-1] == 3
    Image.fromarray(image[..., 0]).save(tmp_path / "gray.png")
    with pytest.raises(ValueError, match=r"gray.png: alpha=True needs a channel of opacity"):
        read_picture(tmp_path / "gray.png", alpha=True)
