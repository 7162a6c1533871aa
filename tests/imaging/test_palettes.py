"""Palettes: numbers of classes are read as numbers, and labels are written with colors that keep the numbers."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import Picture, read_labels, read_mask, read_picture, write_labels

RNG = np.random.default_rng(0)
PICTURE = Picture(RNG.integers(0, 255, (40, 50, 3), dtype=np.uint8))
VOC = bytes([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128] + [0] * 750)
GRAYS = bytes(np.repeat(np.arange(255, -1, -1), 3).tolist())
RANDOM = RNG.integers(0, 256, 768, dtype=np.uint8).tobytes()
BLACK = bytes(768)


def classes(*numbers):
    """Bands of numbers, of which the last covers four pixels only."""
    drawn = np.full((40, 50), numbers[0], dtype=np.uint8)
    for place, number in enumerate(numbers[1:-1]):
        drawn[2 + 7 * place : 8 + 7 * place] = number
    drawn[35, 5:9] = numbers[-1]
    return drawn


def written(path, numbers, palette, **options):
    image = Image.fromarray(numbers)
    image.putpalette(palette)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("palette", [VOC, GRAYS, RANDOM, BLACK])
@pytest.mark.parametrize("numbers", [(0, 1, 2, 3, 4, 5), (0, 15, 8), (3, 1, 2, 0), (255, 0, 1, 2), (1, 20, 7)])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_numbers_in_a_palette_are_as_those_in_gray(suffix, numbers, palette, tmp_path):
    drawn = classes(*numbers)
    Image.fromarray(drawn).save(tmp_path / "gray.png")
    expected = read_labels(tmp_path / "gray.png", PICTURE)
    np.testing.assert_array_equal(read_labels(written(tmp_path / f"p{suffix}", drawn, palette), PICTURE), expected)


def test_numbers_of_1_bit_are_0_and_1(tmp_path):
    drawn = classes(0, 1, 0) > 0
    Image.fromarray(drawn).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "bits.png", PICTURE), drawn.astype(int) - 1)


def test_transparent_numbers_are_unknown(tmp_path):
    drawn = classes(0, 1, 2, 3)
    known = read_labels(written(tmp_path / "p.png", drawn, VOC, transparency=0), PICTURE)
    np.testing.assert_array_equal(known, drawn.astype(int) - 1)
    known = read_labels(written(tmp_path / "p.png", drawn, VOC, transparency=2), PICTURE)
    np.testing.assert_array_equal(known, np.where(drawn == 2, -1, drawn.astype(int)))
    opacity = bytes([255, 0, 255, 0])
    known = read_labels(written(tmp_path / "p.png", drawn, VOC, transparency=opacity), PICTURE)
    np.testing.assert_array_equal(known, np.where(drawn % 2, -1, drawn.astype(int)))


def test_pictures_and_masks_have_the_colors_of_their_palette(tmp_path):
    path = written(tmp_path / "p.png", classes(0, 1, 2, 3), VOC)
    np.testing.assert_array_equal(read_picture(path).pixels[3, 3], [128, 0, 0])
    np.testing.assert_array_equal(read_mask(path, PICTURE), classes(0, 1, 2, 3) > 0)


@pytest.mark.parametrize("n_classes", [2, 7, 254])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_labels_have_colors_and_keep_their_numbers(suffix, n_classes, tmp_path):
    labels = RNG.integers(0, n_classes, (40, 50), dtype=np.uint8)
    labels[:5] = 255
    picture = Picture(PICTURE.pixels, suffix=suffix)
    write_labels(tmp_path / f"labels{suffix}", picture, labels)
    image = Image.open(tmp_path / f"labels{suffix}")
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), labels)
    found = read_labels(tmp_path / f"labels{suffix}", picture)
    np.testing.assert_array_equal(found, np.where(labels == 255, -1, labels.astype(int)))
    shown = read_picture(tmp_path / f"labels{suffix}")
    np.testing.assert_array_equal(shown.visible, labels != 255)
    colors = {number: tuple(shown.pixels[labels == number][0]) for number in range(n_classes)}
    assert len(set(colors.values())) == n_classes
    assert colors[0] == (0, 0, 0)
    assert max(colors[1]) >= 128  # the second class is no longer black


def test_labels_of_volumes_have_colors_for_imagej(tmp_path):
    picture = Picture(RNG.integers(0, 255, (3, 12, 15, 1), dtype=np.uint8), suffix=".tif", stacked=True)
    labels = RNG.integers(0, 4, (3, 12, 15), dtype=np.uint8)
    write_labels(tmp_path / "labels.tif", picture, labels)
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        assert tuple(np.reshape(file.imagej_metadata["LUTs"], (3, 256))[:, 1]) == (128, 0, 0)
        np.testing.assert_array_equal(file.asarray(), labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.tif", picture), labels)


# inks


INKS = RNG.integers(0, 256, (12, 15, 4), dtype=np.uint8)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_inks_of_a_tiff_are_the_colors_that_pillow_makes_of_them(compression, tmp_path):
    Image.fromarray(INKS, mode="CMYK").save(tmp_path / "inks.tif", compression=compression)
    expected = np.array(Image.open(tmp_path / "inks.tif").convert("RGB"))
    np.testing.assert_array_equal(read_picture(tmp_path / "inks.tif").pixels, expected)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_of_tifffile_and_their_opacity_are_read(dtype, planar, tmp_path):
    scale = np.iinfo(dtype).max // 255
    inks = INKS.astype(dtype) * dtype(scale)
    opacity = np.where(np.arange(12) < 5, 0, 255).astype(dtype)[:, None, None] * dtype(scale)
    values = np.concatenate([inks, np.broadcast_to(opacity, (12, 15, 1))], axis=-1)
    values = values if planar == "contig" else np.moveaxis(values, -1, 0)
    options = {"photometric": "separated", "planarconfig": planar, "extrasamples": ["unassalpha"], "metadata": None}
    tifffile.imwrite(tmp_path / "inks.tif", values, **options)
    picture = read_picture(tmp_path / "inks.tif")
    light = 1 - INKS / 255
    expected = 255 * scale * light[..., :3] * light[..., 3:]
    np.testing.assert_allclose(picture.pixels, expected, atol=0.51)
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.visible, np.broadcast_to(opacity[..., 0] > 0, (12, 15)))


@pytest.mark.parametrize("quality", [75, 95])
def test_inks_of_a_jpeg_are_colors(quality, tmp_path):
    gray = np.full((16, 16, 4), [0, 0, 0, 128], dtype=np.uint8)
    Image.fromarray(gray, mode="CMYK").save(tmp_path / "inks.jpg", quality=quality)
    picture = read_picture(tmp_path / "inks.jpg")
    assert picture.pixels.shape == (16, 16, 3)
    np.testing.assert_allclose(picture.pixels, 127, atol=4)
