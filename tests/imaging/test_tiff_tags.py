"""What the tags of a TIFF say of its pixels: which end is black, which side is up, how far apart they are."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import Picture, read_labels, read_mask, read_picture, write_labels

RNG = np.random.default_rng(0)
PAPER = np.ones((40, 56), dtype=bool)
PAPER[18:22, 5:45] = False
PAPER[3, 50:] = False


def packed(path, numbers, bits, photometric):
    """Write unsigned numbers of few bits, as programs for scans do; tifffile and pillow write whole bytes."""
    height, width = numbers.shape
    stream = np.unpackbits(numbers.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :].reshape(height, -1)
    rows = np.packbits(stream, axis=-1).tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(rows)))
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    start = 8 + len(rows) + len(rows) % 2
    path.write_bytes(struct.pack("<2sHI", b"II", 42, start) + rows + b"\0" * (len(rows) % 2) + directory + b"\0" * 4)
    return path


# white is zero


@pytest.mark.parametrize("compression", ["group4", "group3", "tiff_lzw", None])
@pytest.mark.parametrize("photometric", [0, 1])
def test_paper_is_white_whichever_number_stands_for_white(photometric, compression, tmp_path):
    Image.fromarray(PAPER).save(tmp_path / "fax.tif", compression=compression, tiffinfo={262: photometric})
    np.testing.assert_array_equal(read_picture(tmp_path / "fax.tif").pixels[..., 0], PAPER * np.uint8(255))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_grays_of_few_bits_are_negated_within_their_bits(bits, tmp_path):
    most = 2**bits - 1
    grays = RNG.integers(0, most + 1, (12, 16), dtype=np.uint8)
    plain = read_picture(packed(tmp_path / "plain.tif", grays, bits, 1))
    np.testing.assert_array_equal(plain.pixels[..., 0], grays)
    np.testing.assert_array_equal(read_picture(packed(tmp_path / "n.tif", grays, bits, 0)).pixels[..., 0], most - grays)
    assert plain.shown().max() > 127


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.float32])
def test_grays_of_many_bits_keep_their_order_reversed(dtype, tmp_path):
    grays = RNG.integers(0, 30000, (12, 15)).astype(dtype)
    tifffile.imwrite(tmp_path / "n.tif", grays, photometric="miniswhite", metadata=None)
    found = read_picture(tmp_path / "n.tif").pixels[..., 0].astype(float)
    np.testing.assert_array_equal(np.argsort(found, axis=None), np.argsort(-grays.astype(float), axis=None))
    if dtype == np.uint16:
        np.testing.assert_array_equal(found, 65535 - grays.astype(float))


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_of_masks_and_labels_the_stored_number_counts(photometric, tmp_path):
    picture = Picture(RNG.integers(0, 255, (*PAPER.shape, 3), dtype=np.uint8))
    tifffile.imwrite(tmp_path / "mask.tif", PAPER, photometric=photometric)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif", picture), PAPER)
    np.testing.assert_array_equal(read_labels(tmp_path / "mask.tif", picture), PAPER.astype(int) - 1)
    tifffile.imwrite(tmp_path / "bytes.tif", PAPER * np.uint8(255), photometric=photometric)
    np.testing.assert_array_equal(read_mask(tmp_path / "bytes.tif", picture), PAPER)


def test_a_palette_of_two_colors_is_read(tmp_path):
    Image.fromarray(PAPER).save(
        tmp_path / "p.tif", compression="tiff_lzw", tiffinfo={262: 3, 320: tuple([0, 257 * 9] * 3)}
    )
    np.testing.assert_array_equal(read_picture(tmp_path / "p.tif").pixels, 9 * PAPER[..., None].repeat(3, axis=-1))


# orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_as_other_programs_show_them(orientation, tmp_path):
    turned = RNG.integers(0, 255, (30, 20, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(turned).save(tmp_path / "turned.png", exif=exif)
    tag = (274, 3, 1, orientation, True)
    options = {"photometric": "rgb", "metadata": None, "resolution": (4, 2), "extratags": [tag]}
    tifffile.imwrite(tmp_path / "turned.tif", turned, **options)
    picture, expected = read_picture(tmp_path / "turned.tif"), read_picture(tmp_path / "turned.png")
    np.testing.assert_array_equal(picture.pixels, expected.pixels)
    assert picture.spacing == ((0.25, 0.5) if orientation >= 5 else (0.5, 0.25))
    labels = RNG.integers(0, 3, picture.shape, dtype=np.uint8)
    write_labels(tmp_path / "labels.tif", picture, labels)
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        assert file.pages.first.tags.get(274) is None
        assert file.pages.first.resolution == ((2, 4) if orientation >= 5 else (4, 2))
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.tif", picture), labels)
    tifffile.imwrite(tmp_path / "mask.tif", turned[..., 0] // 128, photometric="minisblack", extratags=[tag])
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif", picture), expected.pixels[..., 0] > 127)


def test_pages_channels_and_opacity_are_turned_too(tmp_path):
    pages = RNG.integers(0, 255, (4, 30, 20, 4), dtype=np.uint8)
    pages[..., 3] = 255 * (pages[..., 3] > 99)
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "metadata": None}
    tifffile.imwrite(tmp_path / "t.tif", pages, extratags=[(274, 3, 1, 8, True)], **options)
    picture = read_picture(tmp_path / "t.tif")
    np.testing.assert_array_equal(picture.pixels, np.rot90(pages, 1, (1, 2))[..., :3])
    np.testing.assert_array_equal(picture.alpha, np.rot90(pages, 1, (1, 2))[..., 3])


def test_a_map_stays_in_the_rows_of_its_place_on_earth(tmp_path):
    tags = [(274, 3, 1, 6, True), (33550, 12, 3, (10.0, 10.0, 0.0), True), (33922, 12, 6, (0.0,) * 6, True)]
    heights = RNG.normal(size=(30, 20)).astype(np.float32)
    tifffile.imwrite(tmp_path / "map.tif", heights, photometric="minisblack", metadata=None, extratags=tags)
    np.testing.assert_array_equal(read_picture(tmp_path / "map.tif").pixels[..., 0], heights)


# units

STACK = RNG.integers(0, 99, (4, 20, 30), dtype=np.uint16)


@pytest.mark.parametrize(
    ("sizes", "units", "spacing"),
    [
        ((0.25, 0.25, 1000.0), (None, None, "nm"), (1.0, 0.25, 0.25)),
        ((250.0, 0.25, 0.001), ("nm", "µm", "mm"), (1000.0, 250.0, 250.0)),
        ((2.5, 2.5, 0.005), ("Å", "Å", "µm"), (50.0, 2.5, 2.5)),
        ((1.0, 1.0, 1.0), ("mm", "mm", "in"), (25.4, 1.0, 1.0)),
        ((1.0, 2.0, 3.0), ("µm", "um", "μm"), (3.0, 2.0, 1.0)),
        ((1.0, 1.0, 2.0), ("pixel", "pixel", "pixel"), (2.0, 1.0, 1.0)),
        ((0.5, 0.5, 2.0), ("pixel", "pixel", "µm"), None),
        ((0.5, 0.5, 0.0), (None, None, None), None),
    ],
)
def test_units_of_ome_are_converted_to_that_of_x(sizes, units, spacing, tmp_path):
    stated = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", sizes, strict=True)}
    stated |= {f"PhysicalSize{axis}Unit": unit for axis, unit in zip("XYZ", units, strict=True) if unit}
    tifffile.imwrite(tmp_path / "z.ome.tif", STACK, metadata={"axes": "ZYX"} | stated)
    found = read_picture(tmp_path / "z.ome.tif").spacing
    assert found == (None if spacing is None else pytest.approx(spacing))


@pytest.mark.parametrize(("unit", "across", "expected"), [("um", "nm", 0.0025), ("mm", "cm", 25.0), ("um", None, 2.5)])
def test_units_of_imagej_are_converted_to_that_of_x(unit, across, expected, tmp_path):
    notes = {"axes": "ZYX", "unit": unit, "spacing": 2.5} | ({"zunit": across} if across else {})
    tifffile.imwrite(tmp_path / "z.tif", STACK, imagej=True, resolution=(4, 4), metadata=notes)
    assert read_picture(tmp_path / "z.tif").spacing == pytest.approx((expected, 0.25, 0.25))


# axes


@pytest.mark.parametrize("shape", [(2, 2, 2, 2, 4, 5), (2, 3, 8, 9)])
def test_axes_without_names_are_refused_in_a_sentence(shape, tmp_path):
    tifffile.imwrite(tmp_path / "q.tif", np.zeros(shape, dtype=np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match=rf"q.tif has {len(shape)} axes of the lengths .* write it with names"):
        read_picture(tmp_path / "q.tif")


def test_axes_with_names_may_be_six(tmp_path):
    pixels = RNG.integers(0, 255, (2, 3, 2, 12, 15, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", pixels, photometric="rgb", imagej=True, metadata={"axes": "TZCYXS"})
    picture = read_picture(tmp_path / "p.tif")
    assert (picture.shape, picture.pixels.shape[-1], picture.stacked) == ((2, 3, 12, 15), 6, True)


def test_pages_without_names_may_be_channels(tmp_path):
    bands = RNG.integers(0, 9999, (6, 12, 15), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "bands.tif", bands, photometric="minisblack", metadata=None)
    np.save(tmp_path / "bands.npy", np.moveaxis(bands, 0, -1))
    for name in ("bands.tif", "bands.npy"):
        np.testing.assert_array_equal(read_picture(tmp_path / name, channels=True).pixels, np.moveaxis(bands, 0, -1))
    with pytest.raises(ValueError, match="volume and channels exclude each other"):
        read_picture(tmp_path / "bands.tif", channels=True, volume=True)
