"""Pixels without data: GDAL's number and its mask pages are read, and labels say which number means no class."""

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    read_labels,
    read_mask,
    read_picture,
    segment_image,
    segment_picture,
    write_labels,
    write_segmentation,
)

RNG = np.random.default_rng(0)
NODATA, MASK = 42113, 4
LEAST = np.finfo(np.float32).min


def geotiff(path, pixels, nodata, **options):
    tags = [(NODATA, 2, 0, nodata, True)]
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", "metadata": None, "extratags": tags} | options)
    return path


def relief(dtype=np.float32, edge=-9999.0):
    """Two plains, and a number without meaning in the first ten columns."""
    heights = np.where(np.arange(50) < 30, 100, 160) + RNG.normal(0, 5, (40, 50))
    heights[:, :10] = edge
    return heights.astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "edge", "text"),
    [
        (np.float32, -9999, "-9999"),
        (np.float32, LEAST, "-3.4e+38"),
        (np.float32, LEAST, "-3.4028234663852886e+38"),
        (np.float32, -9999.9, "-9999.9"),
        (np.float32, 1.70141e38, "1.70141e+38"),
        (np.float64, -1.7976931348623157e308, "-1.79769313486232e+308"),
        (np.float64, float(np.float32(0.1)), "0.1"),
        (np.float32, np.nan, "nan"),
        (np.uint8, 0, "0"),
        (np.uint8, 255, " 255.0 "),
        (np.int16, -32768, "-32768"),
        (np.uint16, 65535, "65535"),
        (np.int32, -(2**31), "-2147483648"),
        (np.int64, -(2**63), "-9223372036854775808"),
        (np.uint64, 2**63, "9223372036854775808"),
    ],
)
def test_pixels_with_the_number_for_no_data_do_not_count(dtype, edge, text, tmp_path):
    picture = read_picture(geotiff(tmp_path / "dem.tif", relief(dtype, edge), text))
    np.testing.assert_array_equal(picture.visible, np.broadcast_to(np.arange(50) >= 10, (40, 50)))


@pytest.mark.parametrize("text", ["nothing", "-9999 m"])
def test_a_number_that_is_none_is_ignored_with_a_warning(text, tmp_path):
    with pytest.warns(UserWarning, match=rf'dem.tif: its "no data" is \'{text}\', no number'):
        assert read_picture(geotiff(tmp_path / "dem.tif", relief(), text)).visible is None


@pytest.mark.parametrize("text", ["-1.#IND", "1.#QNAN00", "NaN"])
def test_nan_has_several_spellings(text, tmp_path):
    picture = read_picture(geotiff(tmp_path / "dem.tif", relief(edge=np.nan), text))
    assert np.isnan(picture.nodata)
    assert picture.n_visible == 1600


@pytest.mark.parametrize(
    ("dtype", "text"), [(np.uint8, "-9999"), (np.uint8, "256"), (np.uint16, "7.5"), (np.uint8, "nan")]
)
def test_numbers_that_no_pixel_can_have_hide_nothing(dtype, text, tmp_path):
    assert read_picture(geotiff(tmp_path / "dem.tif", relief(dtype, 1), text)).n_visible == 2000


def test_a_pixel_lacks_data_if_all_its_channels_do(tmp_path):
    colors = RNG.integers(1, 200, (40, 50, 3), dtype=np.uint8)
    colors[:5] = 0
    colors[10:20, :, 1:] = 0  # red
    picture = read_picture(geotiff(tmp_path / "map.tif", colors, "0", photometric="rgb"))
    np.testing.assert_array_equal(picture.visible, (colors > 0).any(axis=-1))
    planes = geotiff(tmp_path / "planes.tif", np.moveaxis(colors, -1, 0), "0", photometric="rgb", planarconfig=2)
    np.testing.assert_array_equal(read_picture(planes).visible, (colors > 0).any(axis=-1))


def test_the_number_is_that_of_the_file_not_of_the_palette_or_of_white(tmp_path):
    numbers = RNG.integers(0, 9, (12, 15), dtype=np.uint8)
    colormap = np.zeros((3, 256), dtype=np.uint16)
    colormap[:, :9] = 257 * np.arange(9, 0, -1, dtype=np.uint16)
    found = read_picture(geotiff(tmp_path / "p.tif", numbers, "3", photometric="palette", colormap=colormap))
    np.testing.assert_array_equal(found.visible, numbers != 3)
    found = read_picture(geotiff(tmp_path / "w.tif", numbers, "3", photometric="miniswhite"))
    np.testing.assert_array_equal(found.visible, numbers != 3)


def test_a_number_can_be_given_for_any_file(tmp_path):
    pixels = RNG.integers(1, 250, (12, 15, 3), dtype=np.uint8)
    pixels[2:4] = 0
    Image.fromarray(pixels).save(tmp_path / "p.png")
    np.save(tmp_path / "p.npy", pixels)
    geotiff(tmp_path / "p.tif", np.where(pixels == 0, 7, pixels), "7", photometric="rgb")
    nibabel.save(nibabel.Nifti1Image(pixels[..., 0][..., None], np.eye(4)), tmp_path / "p.nii")
    for name in ("p.png", "p.npy", "p.nii"):
        assert read_picture(tmp_path / name, nodata=0).n_visible == 150
        assert read_picture(tmp_path / name).n_visible == 180
    assert read_picture(tmp_path / "p.tif", nodata=9).n_visible == 150  # that of the file counts too


@pytest.mark.parametrize("metadata", [None, {}])
@pytest.mark.parametrize("channels", [1, 3])
def test_pages_that_are_masks_say_which_pixels_count(channels, metadata, tmp_path):
    pixels = RNG.integers(0, 255, (40, 50, channels), dtype=np.uint8).squeeze()
    inside = np.broadcast_to(np.arange(50) >= 10, (40, 50))
    kind = "rgb" if channels == 3 else "minisblack"
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        writer.write(pixels, photometric=kind, metadata=metadata)
        writer.write(inside, subfiletype=MASK, photometric="mask", metadata=metadata)
        writer.write(pixels[::2, ::2], photometric=kind, subfiletype=1, metadata=metadata)  # overviews
        writer.write(inside[::2, ::2], subfiletype=MASK + 1, photometric="mask", metadata=metadata)
    picture = read_picture(tmp_path / "m.tif")
    assert not picture.stacked
    np.testing.assert_array_equal(picture.pixels.squeeze(), pixels)
    np.testing.assert_array_equal(picture.visible, inside)


def test_masks_of_bytes_and_of_several_pages(tmp_path):
    pages = RNG.integers(0, 255, (3, 40, 50), dtype=np.uint8)
    inside = RNG.random((3, 40, 50)) < 0.5
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for page, mask in zip(pages, inside, strict=True):
            writer.write(page, photometric="minisblack", metadata=None)
            writer.write(mask, subfiletype=MASK, photometric="mask", metadata=None)
    picture = read_picture(tmp_path / "pages.tif")
    np.testing.assert_array_equal(picture.pixels[..., 0], pages)
    np.testing.assert_array_equal(picture.visible, inside)
    mask = Image.fromarray(inside[0] * np.uint8(255))
    mask.encoderinfo = {"tiffinfo": {254: MASK}}
    Image.fromarray(pages[0]).save(tmp_path / "bytes.tif", save_all=True, append_images=[mask])
    picture = read_picture(tmp_path / "bytes.tif")
    np.testing.assert_array_equal(picture.pixels[..., 0], pages[0])
    np.testing.assert_array_equal(picture.visible, inside[0])


def test_a_mask_of_another_size_is_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        writer.write(relief(), photometric="minisblack", metadata=None)
        writer.write(np.ones((20, 25), dtype=bool), subfiletype=MASK, photometric="mask", metadata=None)
    with pytest.raises(ValueError, match=r"m.tif has a mask of the shape \(20, 25\) for pictures of the shape"):
        read_picture(tmp_path / "m.tif")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edge", "dtype"), [(LEAST, np.float32), (1e20, np.float32), (-1e300, np.float64), (LEAST, np.float64)]
)
def test_numbers_for_no_data_in_memory_are_refused_by_name(edge, dtype):
    with pytest.raises(
        ValueError, match=r"image has values .* such as \S+ at \(0, 0\)\. If .* missing data, set .* NaN or .* mask"
    ):
        segment_image(relief(dtype, edge), 2, random_state=0)
    labels = segment_image(relief(dtype, edge), 2, mask=relief() > 0, random_state=0)
    assert set(np.unique(labels[:, 10:])) == {0, 1}
    assert (labels[:, :10] == 255).all()


# labels say which number means no class


def nodata_of(path):
    with tifffile.TiffFile(path) as file:
        tag = file.pages.first.tags.get(NODATA)
        return None if tag is None else tag.value


@pytest.mark.parametrize("background", [255, 0])
def test_labels_of_a_tiff_say_which_number_is_no_class(background, tmp_path):
    picture = read_picture(geotiff(tmp_path / "dem.tif", relief(), "-9999"))
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation, background=background)
    assert nodata_of(tmp_path / "out" / "labels.tif") == str(background)
    assert nodata_of(tmp_path / "out" / "probabilities.tif") is None
    written = tifffile.imread(tmp_path / "out" / "labels.tif")
    expected = segmentation.labels.astype(int)
    expected = np.where(expected == 255, 0, expected + 1) if background == 0 else expected
    np.testing.assert_array_equal(written, expected)
    known = read_labels(tmp_path / "out" / "labels.tif", picture)
    np.testing.assert_array_equal(known, np.where(segmentation.labels == 255, -1, segmentation.labels.astype(int)))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nii.gz", ".npy"])
def test_labels_with_background_0_count_from_1(suffix, tmp_path):
    shape = (40, 50, 1, 1) if suffix.startswith(".nii") else (40, 50, 1)
    picture = Picture(relief(edge=np.nan).reshape(shape), suffix=suffix)
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation, maps=False, background=0)
    known = read_labels(tmp_path / "out" / f"labels{suffix}", picture)
    np.testing.assert_array_equal(known, np.where(segmentation.labels == 255, -1, segmentation.labels.astype(int)))
    with pytest.raises(ValueError, match="background must be 255, or 0 for classes from 1; got 7"):
        write_segmentation(tmp_path / "out", segmentation, background=7)


def test_a_nifti_file_of_labels_names_the_number(tmp_path):
    picture = Picture(RNG.integers(0, 99, (4, 5, 6, 1), dtype=np.int16), suffix=".nii")
    write_labels(tmp_path / "labels.nii", picture, np.zeros((4, 5, 6), dtype=np.uint8))
    assert nibabel.load(tmp_path / "labels.nii").header.get_intent() == ("label", (), "255: no class")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".tif", ".png"])
@pytest.mark.parametrize("background", [255, 0])
@pytest.mark.parametrize("is_complete", [True, False])
def test_written_labels_are_read_as_they_were(suffix, background, is_complete, tmp_path):
    shape = (6, 5, 4) if suffix.startswith(".nii") else (6, 5)
    picture = Picture(RNG.integers(0, 99, (*shape, 1), dtype=np.uint8), suffix=suffix)
    labels = RNG.integers(0, 2, shape, dtype=np.uint8)
    labels[:2] = 0 if is_complete else 255
    path = tmp_path / f"labels{suffix}"
    write_labels(path, picture, labels if background else labels + np.uint8(1), background=background)
    known = read_labels(path, picture)
    np.testing.assert_array_equal(known, np.where(labels == 255, -1, labels.astype(int)))


def test_masks_and_labels_with_a_number_for_no_data(tmp_path):
    picture = Picture(RNG.integers(0, 255, (40, 50, 3), dtype=np.uint8))
    numbers = np.repeat(np.arange(4, dtype=np.uint8), 10)[:, None].repeat(50, axis=1)
    inside = read_mask(geotiff(tmp_path / "mask.tif", numbers, "3"), picture)
    np.testing.assert_array_equal(inside, (numbers > 0) & (numbers < 3))
    known = read_labels(geotiff(tmp_path / "labels.tif", numbers, "3"), picture)
    np.testing.assert_array_equal(known, np.where(numbers == 3, -1, numbers.astype(int)))
    known = read_labels(geotiff(tmp_path / "labels.tif", numbers, "0"), picture)
    np.testing.assert_array_equal(known, numbers.astype(int) - 1)
