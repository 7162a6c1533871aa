"""Files: what is read is what was written, and what is written lies where the picture does."""

import struct
import zlib

import imagecodecs
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import Picture, read_labels, read_mask, read_picture, write_labels, write_maps, write_picture

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (12, 15, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (12, 15), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (12, 15), dtype=np.uint16)
VOLUME = RNG.integers(0, 4000, (4, 5, 6), dtype=np.int16)
ALPHA = np.repeat([0, 100, 255], 4).astype(np.uint8)[:, None].repeat(15, axis=1)
AFFINE = np.array([[0.0, 0.0, 3.0, -20.0], [-1.5, 0.0, 0.0, 30.0], [0.0, 2.0, 0.0, 5.0], [0.0, 0.0, 0.0, 1.0]])


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack"} | options)
    return path


def nifti(path, values, affine=AFFINE, **header):
    image = nibabel.Nifti1Image(values, affine)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


# pillow


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_colors_are_read_as_they_are(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    picture = read_picture(saved(tmp_path / f"p{suffix}", COLORS, **options))
    np.testing.assert_array_equal(picture.pixels, COLORS)
    assert (picture.alpha, picture.visible, picture.suffix) == (None, None, ".png")


@pytest.mark.parametrize("colors", [GRAY[..., None], COLORS])
def test_opacity_is_kept_apart(tmp_path, colors):
    picture = read_picture(saved(tmp_path / "p.png", np.dstack([colors, ALPHA])))
    np.testing.assert_array_equal(picture.pixels, colors)
    np.testing.assert_array_equal(picture.alpha, ALPHA)
    np.testing.assert_array_equal(picture.visible, ALPHA > 0)


def test_palette_pictures_get_their_colors_and_their_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 2]], dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 0, 9, 9, 9])
    image.save(tmp_path / "plain.png")
    picture = read_picture(tmp_path / "plain.png")
    np.testing.assert_array_equal(picture.pixels, [[[10, 20, 30], [200, 100, 0]], [[200, 100, 0], [9, 9, 9]]])
    assert picture.visible is None
    image.save(tmp_path / "clear.png", transparency=2)
    np.testing.assert_array_equal(read_picture(tmp_path / "clear.png").visible, [[True, True], [True, False]])


@pytest.mark.parametrize("mode", ["1", "L"])
def test_gray_pictures_have_one_channel(mode, tmp_path):
    image = Image.fromarray(COLORS).convert(mode)
    image.save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "gray.png").pixels[..., 0], image.convert("L"))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_with_16_bits_keeps_them_in_every_channel(tmp_path, channels):
    pixels = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP[::-1, ::-1]])[..., :channels]
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels.squeeze())))
    picture = read_picture(tmp_path / "deep.png")
    n_colors = channels - (channels in (2, 4))
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, pixels[..., :n_colors])
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.visible is None or picture.visible, pixels[..., -1] > 0)


def test_deep_png_is_turned_upright_too(tmp_path):
    pixels = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1]])
    whole = imagecodecs.png_encode(np.ascontiguousarray(pixels))
    tags = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0"  # the orientation is 8
    chunk = struct.pack(">I", len(tags)) + b"eXIf" + tags + struct.pack(">I", zlib.crc32(b"eXIf" + tags))
    (tmp_path / "deep.png").write_bytes(whole[:33] + chunk + whole[33:])
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png").pixels, np.rot90(pixels))


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned to the left
    picture = read_picture(saved(tmp_path / "turned.png", COLORS, exif=exif))
    np.testing.assert_array_equal(picture.pixels, np.rot90(COLORS, -1))


def test_large_pictures_are_read_and_pillow_is_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    picture = read_picture(saved(tmp_path / "large.png", COLORS))  # 180 pixels: pillow alone would refuse them
    np.testing.assert_array_equal(picture.pixels, COLORS)
    assert Image.MAX_IMAGE_PIXELS == 50


def test_results_on_a_picture_are_png(tmp_path):
    picture = read_picture(saved(tmp_path / "p.jpg", COLORS))
    for values in (GRAY, DEEP):
        write_labels(tmp_path / "labels.png", picture, values)
        np.testing.assert_array_equal(Image.open(tmp_path / "labels.png"), values)
    write_picture(tmp_path / "colors.png", np.dstack([COLORS, ALPHA]))
    np.testing.assert_array_equal(Image.open(tmp_path / "colors.png"), np.dstack([COLORS, ALPHA]))


# TIFF

TIFFS = {
    "gray": (GRAY, {}, (12, 15, 1), False),
    "16-bit, LZW": (DEEP, {"compression": "lzw"}, (12, 15, 1), False),
    "float": (GRAY.astype(np.float32) / 7, {"compression": "zlib", "predictor": 3}, (12, 15, 1), False),
    "colors": (COLORS, {"photometric": "rgb"}, (12, 15, 3), False),
    "planes": (COLORS.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}, (12, 15, 3), False),
    "pages": (np.stack([DEEP, DEEP[::-1]]), {"metadata": None}, (2, 12, 15, 1), True),
    "time": (np.stack([DEEP, DEEP[::-1]]), {"imagej": True, "metadata": {"axes": "TYX"}}, (2, 12, 15, 1), True),
    "slices": (np.stack([DEEP, DEEP[::-1]]), {"imagej": True, "metadata": {"axes": "ZYX"}}, (2, 12, 15, 1), False),
    "channels": (np.stack([DEEP, DEEP[::-1]]), {"imagej": True, "metadata": {"axes": "CYX"}}, (12, 15, 2), False),
    "all": (
        np.arange(2 * 3 * 2 * 12 * 15, dtype=np.uint16).reshape(2, 3, 2, 12, 15),
        {"imagej": True, "metadata": {"axes": "TZCYX"}},
        (2, 3, 12, 15, 2),
        True,
    ),
    "OME": (np.stack([DEEP] * 3), {"ome": True, "metadata": {"axes": "ZYX"}}, (3, 12, 15, 1), False),
}  # fmt: skip


@pytest.mark.parametrize("name", TIFFS)
def test_axes_of_tiff_files_are_pages_space_and_channels(name, tmp_path):
    pixels, options, shape, stacked = TIFFS[name]
    picture = read_picture(tiff(tmp_path / "p.tif", pixels, **options))
    suffix = ".ome.tif" if name == "OME" else ".tif"
    assert (picture.pixels.shape, picture.stacked, picture.suffix) == (shape, stacked, suffix)
    assert picture.pixels.dtype == pixels.dtype
    channels_at = {"planes": 0, "channels": 0, "all": 2}
    expected = np.moveaxis(pixels, channels_at[name], -1) if name in channels_at else pixels
    np.testing.assert_array_equal(picture.pixels, expected.reshape(shape))


def test_nameless_pages_are_slices_when_that_is_asked_for(tmp_path):
    picture = read_picture(tiff(tmp_path / "p.tif", np.stack([DEEP] * 3), metadata=None), volume=True)
    assert (picture.n_axes, picture.stacked, picture.shape) == (3, False, (3, 12, 15))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_opacity_of_tiff_files_is_kept_apart(tmp_path, dtype):
    scale = np.iinfo(dtype).max // 255
    pixels = np.dstack([COLORS, ALPHA]).astype(dtype) * dtype(scale)
    picture = read_picture(tiff(tmp_path / "p.tif", pixels, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(picture.pixels, pixels[..., :3])
    np.testing.assert_array_equal(picture.alpha, ALPHA)


def test_palettes_and_white_at_zero_are_turned_into_colors(tmp_path):
    colormap = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    picture = read_picture(tiff(tmp_path / "p.tif", GRAY, photometric="palette", colormap=colormap))
    np.testing.assert_array_equal(picture.pixels, (colormap // 257).T[GRAY])
    picture = read_picture(tiff(tmp_path / "w.tif", GRAY, photometric="miniswhite"))
    np.testing.assert_array_equal(picture.pixels[..., 0], 255 - GRAY)


@pytest.mark.parametrize("maps", [0, 4])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_results_on_a_tiff_volume_have_its_axes_and_spacing(kind, maps, tmp_path):
    stack = np.stack([DEEP] * 4)
    options = {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.5, "unit": "um"}, "resolution": (4, 2)}
    if kind == "ome":
        physical = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.5}
        options = {"ome": True, "metadata": {"axes": "ZYX"} | physical}
    picture = read_picture(tiff(tmp_path / "p.tif", stack, **options))
    assert picture.spacing == (2.5, 0.5, 0.25)
    values = RNG.random((4, 12, 15, maps) if maps else (4, 12, 15), dtype=np.float32)
    write_maps(tmp_path / "out.tif", picture, values)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.series[0].axes == ("ZCYX" if maps else "ZYX")
        assert 'PhysicalSizeZUnit="µm"' in file.ome_metadata if kind == "ome" else file.imagej_metadata["unit"] == "um"
    again = read_picture(tmp_path / "out.tif")
    assert again.spacing == picture.spacing
    np.testing.assert_array_equal(again.pixels, values if maps else values[..., None])


def test_results_on_a_flat_tiff_have_its_resolution_and_place_on_earth(tmp_path):
    scale, origin = (33550, 12, 3, (10.0, 10.0, 0.0)), (33922, 12, 6, (0.0, 0.0, 0.0, 4e5, 5e6, 0.0))
    options = {"resolution": (300, 300), "resolutionunit": 2, "extratags": [(*scale, True), (*origin, True)]}
    picture = read_picture(tiff(tmp_path / "p.tif", COLORS, photometric="rgb", **options))
    write_labels(tmp_path / "labels.tif", picture, GRAY)
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), GRAY)
        assert (page.resolution, page.resolutionunit) == ((300, 300), 2)
        assert page.tags[33550].value == scale[3]
        assert page.tags[33922].value == origin[3]


def test_only_the_first_of_several_images_in_a_tiff_is_read_and_that_is_said(tmp_path):
    with tifffile.TiffWriter(tmp_path / "p.tif") as writer:
        writer.write(DEEP, metadata=None)
        writer.write(GRAY[:4, :5], metadata=None)
    with pytest.warns(UserWarning, match="holds images of the shapes .*; the first is read"):
        picture = read_picture(tmp_path / "p.tif")
    np.testing.assert_array_equal(picture.pixels[..., 0], DEEP)


# NIfTI


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_results_on_a_nifti_volume_keep_its_header(suffix, tmp_path):
    source = nifti(tmp_path / f"t1{suffix}", VOLUME, descrip=b"a head", sform_code=4, qform_code=1, cal_max=900)
    picture = read_picture(source)
    np.testing.assert_array_equal(picture.pixels[..., 0], VOLUME)
    assert picture.pixels.dtype == np.int16
    assert picture.spacing == (1.5, 2.0, 3.0)
    assert picture.suffix == suffix
    labels = (VOLUME > 2000).astype(np.uint8)
    maps = RNG.random((4, 5, 6, 3), dtype=np.float32)
    write_labels(tmp_path / f"labels{suffix}", picture, labels)
    write_maps(tmp_path / f"maps{suffix}", picture, maps)
    before = nibabel.load(source)
    for name, values in (("labels", labels), ("maps", maps)):
        image = nibabel.load(tmp_path / f"{name}{suffix}")
        assert image.get_data_dtype() == values.dtype
        np.testing.assert_array_equal(np.asanyarray(image.dataobj), values)
        np.testing.assert_array_equal(image.affine, before.affine)
        np.testing.assert_array_equal(image.get_qform(), before.get_qform())
        for field in ("sform_code", "qform_code", "descrip", "xyzt_units"):
            assert image.header[field] == before.header[field]
        assert image.header["cal_max"] == 0
        assert image.header.get_intent()[0] == ("label" if name == "labels" else "none")


def test_nifti_values_are_scaled_and_channels_come_last(tmp_path):
    image = nibabel.Nifti1Image(VOLUME, AFFINE)
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "scaled.nii.gz")
    picture = read_picture(tmp_path / "scaled.nii.gz")
    assert picture.pixels.dtype == np.float32
    np.testing.assert_allclose(picture.pixels[..., 0], nibabel.load(tmp_path / "scaled.nii.gz").get_fdata())
    four = np.stack([VOLUME, VOLUME[::-1]], axis=-1)
    np.testing.assert_array_equal(read_picture(nifti(tmp_path / "four.nii.gz", four)).pixels, four)
    five = read_picture(nifti(tmp_path / "five.nii.gz", four[:, :, :, None]))
    np.testing.assert_array_equal(five.pixels, four)
    flat = read_picture(nifti(tmp_path / "flat.nii.gz", VOLUME[:, :, 0]))
    assert flat.shape == (4, 5, 1)


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".npy"])
def test_results_on_pixels_from_no_file_are_written_too(suffix, tmp_path):
    picture = Picture(VOLUME[..., None], spacing=(1.0, 2.0, 3.0), suffix=suffix)
    write_labels(tmp_path / f"labels{suffix}", picture, (VOLUME > 9).astype(np.uint8))
    again = read_picture(tmp_path / f"labels{suffix}")
    np.testing.assert_array_equal(again.pixels[..., 0], VOLUME > 9)
    assert again.spacing == (None if suffix == ".npy" else (1.0, 2.0, pytest.approx(3.0)))


# arrays


@pytest.mark.parametrize(
    ("array", "shape", "n_axes"),
    [
        (GRAY, (12, 15, 1), 2),
        (COLORS, (12, 15, 3), 2),
        (VOLUME, (4, 5, 6, 1), 3),
        (VOLUME[..., None], (4, 5, 6, 1), 3),
        (np.asfortranarray(VOLUME), (4, 5, 6, 1), 3),
        (DEEP.astype(">u2"), (12, 15, 1), 2),
    ],
)
def test_arrays_come_back_as_arrays(array, shape, n_axes, tmp_path):
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    assert (picture.pixels.shape, picture.n_axes, picture.suffix) == (shape, n_axes, ".npy")
    np.testing.assert_array_equal(picture.pixels, array.reshape(shape))
    write_maps(tmp_path / "out.npy", picture, picture.pixels.astype(np.float32))
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), array.reshape(shape))


# damage


def damaged_files():
    """Names, how the file is made, and what is said when half of it is there."""
    return {
        "p.png": lambda path: saved(path, COLORS.repeat(9, axis=0)),
        "p.jpg": lambda path: saved(path, COLORS.repeat(9, axis=0)),
        "deep.png": lambda path: path.write_bytes(imagecodecs.png_encode(np.dstack([DEEP] * 3))),
        "plain.tif": lambda path: tiff(path, DEEP),
        "lzw.tif": lambda path: tiff(path, DEEP, compression="lzw"),
        "deflate.tif": lambda path: tiff(path, DEEP, compression="zlib"),
        "pages.tif": lambda path: tiff(path, np.stack([DEEP] * 9), metadata=None, contiguous=False),
        "v.nii": lambda path: nifti(path, VOLUME),
        "v.nii.gz": lambda path: nifti(path, VOLUME),
        "a.npy": lambda path: np.save(path, VOLUME),
    }


@pytest.mark.parametrize("name", damaged_files())
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_files_are_refused_by_name(name, share, tmp_path):
    path = tmp_path / name
    damaged_files()[name](path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=name) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize("name", ["t.png", "t.tif", "t.nii", "t.nii.gz", "t.npy", "t.txt"])
def test_files_of_another_kind_are_refused_by_name(name, tmp_path):
    (tmp_path / name).write_text("hello, this is a text of some length\n" * 20)
    with pytest.raises(ValueError, match=name):
        read_picture(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / f"none-{name}")


def test_what_cannot_be_a_picture_is_refused_by_name(tmp_path):
    np.save(tmp_path / "c.npy", np.ones((3, 3), dtype=complex))
    with pytest.raises(ValueError, match=r"c.npy: has values of type complex128"):
        read_picture(tmp_path / "c.npy")
    np.save(tmp_path / "line.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"line.npy: pixels must have 2 spatial axes"):
        read_picture(tmp_path / "line.npy")
    np.save(tmp_path / "empty.npy", np.ones((0, 3)))
    with pytest.raises(ValueError, match=r"empty.npy has no pixels"):
        read_picture(tmp_path / "empty.npy")
    with pytest.raises(ValueError, match="is a folder"):
        read_picture(tmp_path)
    tiff(tmp_path / "inks.tif", np.dstack([COLORS, GRAY]), photometric="separated", extratags=[(332, 3, 1, 2, True)])
    with pytest.raises(ValueError, match=r"inks.tif .*colors are SEPARATED; convert"):
        read_picture(tmp_path / "inks.tif")


# masks and scribbles


@pytest.fixture
def photo(tmp_path):
    return read_picture(saved(tmp_path / "photo.png", COLORS))


def test_a_mask_is_what_differs_from_zero(photo, tmp_path):
    inside = GRAY > 128
    expected = {"gray.png": inside, "colors.png": inside, "alpha.png": inside & (ALPHA > 0), "m.npy": inside}
    saved(tmp_path / "gray.png", inside.astype(np.uint8))
    saved(tmp_path / "colors.png", np.where(inside[..., None], np.uint8([0, 0, 9]), np.uint8(0)))
    saved(tmp_path / "alpha.png", np.dstack([inside * np.uint8(255), ALPHA]))
    np.save(tmp_path / "m.npy", inside)
    for name, mask in expected.items():
        np.testing.assert_array_equal(read_mask(tmp_path / name, photo), mask)
    block = np.zeros((12, 15), dtype=np.uint8)
    block[:8, :8] = 200
    saved(tmp_path / "m.jpg", block, quality=30)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.jpg", photo), block > 0)


def test_masks_that_do_not_fit_are_refused(photo, tmp_path):
    with pytest.raises(ValueError, match=r"m.png has the shape \(15, 12\), the picture \(12, 15\)"):
        read_mask(saved(tmp_path / "m.png", GRAY.T.copy()), photo)
    with pytest.raises(ValueError, match=r"m.png is empty"):
        read_mask(saved(tmp_path / "m.png", np.zeros_like(GRAY)), photo)
    volume = read_picture(nifti(tmp_path / "v.nii", VOLUME))
    mask = np.ones(VOLUME.shape, dtype=np.uint8)
    assert read_mask(nifti(tmp_path / "m.nii", mask), volume).all()
    moved = AFFINE.copy()
    moved[0, 3] += 1
    with pytest.raises(ValueError, match=r"m.nii has another position in space"):
        read_mask(nifti(tmp_path / "m.nii", mask, moved), volume)


SCRIBBLES = np.full((12, 15), -1)
SCRIBBLES[2, 3:9] = 0
SCRIBBLES[9, 4:12] = 1
SCRIBBLES[4:8, 13] = 2


@pytest.mark.parametrize("kind", ["signed", "255", "65535", "from 1", "float", "opacity"])
def test_scribbles_in_numbers(kind, photo, tmp_path):
    numbers = SCRIBBLES
    match kind:
        case "signed":
            np.save(tmp_path / "s.npy", numbers)
        case "255":
            saved(tmp_path / "s.png", numbers.astype(np.uint8))
        case "65535":
            tiff(tmp_path / "s.tif", numbers.astype(np.uint16))
        case "from 1":
            saved(tmp_path / "s.png", (numbers + 1).astype(np.uint8))
        case "float":
            np.save(tmp_path / "s.npy", np.where(numbers < 0, np.nan, numbers))
        case "opacity":
            gray = np.where(numbers < 0, 0, numbers) + 1
            saved(tmp_path / "s.png", np.dstack([gray, 255 * (numbers >= 0)]).astype(np.uint8))
    path = next(path for path in tmp_path.iterdir() if path.stem == "s")
    expected = numbers + 1 if kind == "opacity" else numbers
    found = read_labels(path, photo)
    np.testing.assert_array_equal(found[numbers >= 0], expected[numbers >= 0])
    assert (found[numbers < 0] == -1).all()


BRUSHES = np.array([[200, 0, 0], [0, 200, 0], [255, 255, 207]], dtype=np.uint8)


@pytest.mark.parametrize("kind", ["over the photograph", "on black", "transparent"])
def test_scribbles_in_colors_are_classes_from_dark_to_bright(kind, photo, tmp_path):
    known = SCRIBBLES >= 0
    under = {"over the photograph": COLORS, "on black": np.zeros_like(COLORS), "transparent": np.zeros_like(COLORS)}
    painted = np.where(known[..., None], BRUSHES[SCRIBBLES], under[kind])
    if kind == "transparent":
        painted = np.dstack([painted, known * np.uint8(255)])
    np.testing.assert_array_equal(read_labels(saved(tmp_path / "s.png", painted), photo), SCRIBBLES)


def test_scribbles_of_one_page_are_of_all_pages(tmp_path):
    stack = read_picture(tiff(tmp_path / "p.tif", np.stack([DEEP, DEEP]), metadata=None))
    np.save(tmp_path / "s.npy", SCRIBBLES)
    np.testing.assert_array_equal(read_labels(tmp_path / "s.npy", stack), [SCRIBBLES, SCRIBBLES])


def test_scribbles_that_say_nothing_are_refused(photo, tmp_path):
    with pytest.raises(ValueError, match=r"s.jpg is a JPEG"):
        read_labels(saved(tmp_path / "s.jpg", COLORS), photo)
    with pytest.raises(ValueError, match=r"s.png is painted in \d+ colors"):
        read_labels(saved(tmp_path / "s.png", COLORS[::-1].copy()), photo)
    with pytest.raises(ValueError, match=r"s.png has no known pixel"):
        read_labels(saved(tmp_path / "s.png", np.full_like(GRAY, 255)), photo)
    np.save(tmp_path / "s.npy", GRAY / 7)
    with pytest.raises(ValueError, match=r"s.npy has values that are not whole numbers"):
        read_labels(tmp_path / "s.npy", photo)
