"""Files in parts: windows are the picture's, and labels are those of the picture as a whole."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from gaussmix.imaging import GaussianMixtureSegmenter, label_file, read_labels, read_picture, segment_file
from gaussmix.imaging.files.band_files import label_suffix, open_windows
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.segmentation import Segmentation
from gaussmix.imaging.tile_plan import EDGE, TilePlan

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 60000, (70, 90), dtype=np.uint16)
COLORS = RNG.integers(0, 256, (70, 90, 3), dtype=np.uint8)
PALETTE = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
LABELS = (255 * (GRAY > 30000)).astype(np.uint8)


def stack(*lead, dtype=np.uint16):
    return RNG.integers(0, 4000, (*lead, 40, 50)).astype(dtype)


TIFFS = {
    "one strip": (GRAY, {"metadata": None}),
    "big endian": (GRAY, {"metadata": None, "byteorder": ">"}),
    "strips, LZW": (GRAY, {"compression": "lzw", "rowsperstrip": 7, "predictor": 2}),
    "tiles": (COLORS, {"tile": (32, 16), "photometric": "rgb"}),
    "tiles, deflate": (GRAY.astype(np.float32), {"tile": (16, 32), "compression": "zlib", "predictor": 3}),
    "tiles, JPEG": (COLORS, {"tile": (32, 32), "compression": "jpeg", "photometric": "ycbcr"}),
    "planes": (
        np.ascontiguousarray(COLORS.transpose(2, 0, 1)),
        {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16), "compression": "zstd"},
    ),
    "planes in strips": (
        np.ascontiguousarray(COLORS.transpose(2, 0, 1)),
        {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib", "rowsperstrip": 9},
    ),
    "opacity": (np.dstack([COLORS, LABELS]), {"photometric": "rgb", "extrasamples": ["unassalpha"], "tile": (16, 16)}),
    "palette": (COLORS[..., 0], {"photometric": "palette", "colormap": PALETTE, "tile": (32, 32)}),
    "white is zero": (GRAY, {"photometric": "miniswhite", "compression": "zlib"}),
    "black and white": (GRAY > 30000, {"compression": "packbits"}),
    "no data": (GRAY // 20000, {"extratags": [(42113, 2, 0, "1", True)], "tile": (16, 16)}),
    "wide integers": (GRAY.astype(np.uint32) * 70000, {"tile": (16, 16)}),
    "pages": (stack(3), {"metadata": None, "tile": (16, 16), "compression": "zlib"}),
    "ImageJ": (stack(2, 3, 2), {"imagej": True, "metadata": {"axes": "TZCYX"}}),
    "OME": (stack(2, 3, 2), {"ome": True, "metadata": {"axes": "TZCYX"}, "tile": (16, 16), "compression": "zlib"}),
    "OME, other order": (stack(2, 3, 2), {"ome": True, "metadata": {"axes": "TCZYX"}, "compression": "lzw"}),
}


def tiff(path, pixels, **options):
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack"} | options)
    return path


def windows_of(shape, n):
    """Return windows of a picture of this shape, of one page each."""
    for _ in range(n):
        starts = [int(RNG.integers(0, length)) for length in shape]
        stops = [int(RNG.integers(start, length)) + 1 for start, length in zip(starts, shape, strict=True)]
        yield tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))


def page_of(window, picture):
    return (slice(window[0].start, window[0].start + 1), *window[1:]) if picture.stacked else window


def assert_windows_are_parts(path, options, picture):
    with open_windows(path, options) as found:
        layout = found.layout
        assert (layout.shape, layout.stacked, layout.spacing) == (picture.shape, picture.stacked, picture.spacing)
        assert (layout.channels, layout.suffix, layout.nodata) == (picture.channels, picture.suffix, picture.nodata)
        for drawn in windows_of(picture.shape, 20):
            window = page_of(drawn, picture)
            part = found.read(window)
            np.testing.assert_array_equal(part.pixels, picture.pixels[window])
            assert part.stacked == picture.stacked
            visible = np.ones(picture.shape, bool) if picture.visible is None else picture.visible
            np.testing.assert_array_equal(
                np.ones(part.shape, bool) if part.visible is None else part.visible, visible[window]
            )


@pytest.mark.parametrize("name", TIFFS)
def test_windows_of_tiff_are_parts_of_the_picture(name, tmp_path):
    pixels, options = TIFFS[name]
    path = tiff(tmp_path / "in.tif", pixels, **options)
    assert_windows_are_parts(path, ReadOptions(), read_picture(path))


@pytest.mark.parametrize(("option", "value"), [("volume", True), ("channels", True), ("nodata", 3.0), ("alpha", False)])
def test_windows_follow_the_options(option, value, tmp_path):
    pixels = stack(3) % 7
    path = tiff(tmp_path / "in.tif", pixels, metadata=None, compression="zlib")
    given = {option: value}
    assert_windows_are_parts(path, ReadOptions(**given), read_picture(path, **given))


def test_windows_follow_masks_of_the_file(tmp_path):
    inside = GRAY > 20000
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        writer.write(COLORS, photometric="rgb", metadata=None, tile=(16, 16))
        writer.write(inside, subfiletype=4, photometric="minisblack", metadata=None, compression="packbits")
    picture = read_picture(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.visible, inside)
    assert_windows_are_parts(tmp_path / "in.tif", ReadOptions(), picture)
    with tifffile.TiffWriter(tmp_path / "bits.tif") as writer:  # a mask of the type of the picture
        writer.write(COLORS[..., 0] > 99, photometric="minisblack", metadata=None)
        writer.write(inside, subfiletype=4, photometric="minisblack", metadata=None)
    assert_windows_are_parts(tmp_path / "bits.tif", ReadOptions(), read_picture(tmp_path / "bits.tif"))


def test_tiles_that_are_not_stored_have_no_data(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    profile = {"driver": "GTiff", "count": 2, "height": 70, "width": 90, "dtype": "int16", "nodata": -7}
    kinds = {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True}
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(tmp_path / "in.tif", "w", **profile, **kinds) as file,
    ):
        file.write(np.full((2, 16, 32), 5, np.int16), window=rasterio.windows.Window(16, 32, 32, 16))
    picture = read_picture(tmp_path / "in.tif")
    assert picture.n_visible == 16 * 32
    assert_windows_are_parts(tmp_path / "in.tif", ReadOptions(), picture)


def ome_zarr(path, pixels, names, chunks):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w")
    levels = []
    for level in range(2):
        steps = tuple(2**level if name in "yx" else 1 for name in names)
        part = pixels[tuple(slice(None, None, step) for step in steps)]
        group.create_array(str(level), data=np.ascontiguousarray(part), chunks=chunks)
        levels.append(
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": list(map(float, steps))}]}
        )
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": name, "type": kinds.get(name, "space")} for name in names]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return path


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("names", ["yx", "cyx", "zyx", "tczyx"])
def test_windows_of_ome_zarr_are_parts_of_the_picture(names, level, tmp_path):
    lengths = {"t": 2, "c": 2, "z": 3}
    pixels = stack(*(lengths[name] for name in names[:-2]))
    path = ome_zarr(tmp_path / "in.ome.zarr", pixels, names, (1,) * (len(names) - 2) + (16, 16))
    assert_windows_are_parts(path, ReadOptions(level=level), read_picture(path, level=level))


# labels


def scene(*shape, channels=3, noise=25.0):
    """Return patches of three classes with noise, and darkness without data at one corner."""
    rng, space = np.random.default_rng(list(shape)), shape[-2:]
    truth = rng.integers(0, 3, [-(-length // 20) for length in space]).repeat(20, axis=0).repeat(20, axis=1)
    means = rng.uniform(60, 200, (3, channels))[truth[: space[0], : space[1]]]
    pixels = (means + rng.normal(0, noise, (*shape, channels))).clip(1, 255).astype(np.uint8)
    pixels[..., :50, :60, :] = 0
    return pixels


@pytest.fixture
def small_edges(monkeypatch):
    """Windows that are small enough for a picture of a test to have many."""
    monkeypatch.setitem(EDGE, 2, 256)
    monkeypatch.setitem(EDGE, 3, 32)


@pytest.mark.slow
@pytest.mark.usefixtures("small_edges")
@pytest.mark.parametrize(
    "parameters",
    [
        {"smoothing": 0},
        {"smoothing": 1.2},
        {"smoothing": 1.2, "n_neighbors": 8, "contrast": True},
        {"smoothing": "auto", "covariance_type": "diag", "color_space": "lab"},
    ],
)
def test_labels_of_a_tiff_are_those_of_the_picture_as_a_whole(parameters, tmp_path):
    pixels = scene(620, 530)
    tags = [(42113, 2, 0, "0", True)]
    path = tiff(tmp_path / "in.tif", pixels, photometric="rgb", tile=(64, 48), extratags=tags, metadata=None)
    segmenter = GaussianMixtureSegmenter(3, random_state=0, **parameters)
    result = segment_file(path, tmp_path / "labels.tif", segmenter)
    expected = Segmentation.of(read_picture(path), segmenter)
    labels = tifffile.imread(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, expected.labels)
    np.testing.assert_array_equal(result.counts, expected.counts)
    assert (result.n_visible, result.n_pixels) == (620 * 530 - 3000, 620 * 530)
    np.testing.assert_array_equal(result.thumbnail.labels, expected.labels)
    np.testing.assert_array_equal(result.thumbnail.recolored(), expected.recolored())
    again = label_file(path, tmp_path / "again.tif", segmenter, background=0)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again.tif"), labels + np.uint8(1))
    np.testing.assert_array_equal(again.shares, result.shares)


@pytest.mark.usefixtures("small_edges")
@pytest.mark.parametrize("shape", [(620, 90), (3, 310, 70)])
@pytest.mark.parametrize(
    "parts", [{"rowsperstrip": 7}, {"rowsperstrip": 100}, {"rowsperstrip": 999}, {"tile": (240, 48)}]
)
def test_labels_do_not_depend_on_the_parts_in_which_a_picture_is_stored(parts, shape, tmp_path):
    pixels = scene(*shape, channels=1, noise=5)[..., 0]
    path = tiff(tmp_path / "in.tif", pixels, compression="zlib", metadata=None, **parts)
    with open_windows(path, ReadOptions()) as picture:
        out = tmp_path / f"labels{label_suffix(picture.layout)}"
    segmenter = GaussianMixtureSegmenter(3, smoothing=0, random_state=0)
    segment_file(path, out, segmenter)
    np.testing.assert_array_equal(tifffile.imread(out), Segmentation.of(read_picture(path), segmenter).labels)


@pytest.mark.slow
@pytest.mark.usefixtures("small_edges")
@pytest.mark.parametrize("names", ["cyx", "tcyx", "czyx", "tczyx"])
@pytest.mark.parametrize("kind", ["zarr", "ome.tif", "imagej"])
def test_labels_of_stacks_and_volumes_are_those_of_the_picture_as_a_whole(kind, names, tmp_path):
    shape = (
        *((2,) if "t" in names else ()),
        *((40,) if "z" in names else ()),
        *((70, 90) if "z" in names else (300, 270)),
    )
    pixels = np.moveaxis(scene(*shape, channels=2), -1, -3)
    axes = names.upper().replace("C", "").replace("YX", "CYX")
    if kind == "zarr":
        full = np.moveaxis(pixels, -3, names.index("c"))
        path = ome_zarr(tmp_path / "in.ome.zarr", full, names, (1,) * (len(names) - 2) + (64, 64))
    elif kind == "ome.tif":
        sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
        sizes = {name: size for name, size in sizes.items() if "z" in names or name[-1] != "Z"}
        path = tiff(tmp_path / "in.ome.tif", pixels, metadata={"axes": axes, **sizes}, ome=True, compression="zlib")
    else:
        options = {"imagej": True, "metadata": {"axes": axes, "unit": "um", "spacing": 2.0}, "resolution": (2, 2)}
        path = tiff(tmp_path / "in.tif", pixels, **options)
    with open_windows(path, ReadOptions()) as picture:
        out = tmp_path / f"labels{label_suffix(picture.layout)}"
    segmenter = GaussianMixtureSegmenter(3, smoothing=0.8, random_state=0)
    result = segment_file(path, out, segmenter)
    whole = read_picture(path)
    expected = Segmentation.of(whole, segmenter).labels
    np.testing.assert_array_equal(read_labels(out, whole), np.where(expected == 255, -1, expected.astype(int)))
    assert read_picture(out).spacing == whole.spacing
    assert out.name == ("labels.ome.zarr" if kind == "zarr" else "labels.ome.tif")
    place = (*(0,) * ("t" in names), *(20,) * ("z" in names))
    np.testing.assert_array_equal(result.thumbnail.labels, expected[place])
    np.testing.assert_array_equal(result.thumbnail.picture.pixels, whole.pixels[place])


def test_labels_of_a_geotiff_have_its_place_and_no_data(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 4e5, 0, -10, 5.3e6), "nodata": 0}
    profile = {"driver": "GTiff", "count": 3, "height": 300, "width": 400, "dtype": "uint8", "tiled": True}
    with rasterio.open(tmp_path / "in.tif", "w", **profile, **place) as file:
        file.write(np.moveaxis(scene(300, 400), -1, 0))
    segment_file(tmp_path / "in.tif", tmp_path / "labels.tif", GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    with rasterio.open(tmp_path / "in.tif") as before, rasterio.open(tmp_path / "labels.tif") as after:
        assert (after.crs, after.transform, after.shape) == (before.crs, before.transform, before.shape)
        assert (after.nodata, after.count, after.profile["tiled"]) == (255, 1, True)
        np.testing.assert_array_equal(after.dataset_mask(), before.dataset_mask())
        assert after.colormap(1)[1] == (128, 0, 0, 255)


# plans


@pytest.mark.parametrize("halo", [0, 22])
@pytest.mark.parametrize(
    "shape", [(3000,) * 2, (1, 5000), (1025, 1023), (3, 2049, 1100), (300, 260, 140), (2, 40, 129, 300)]
)
def test_windows_cover_each_pixel_once(shape, halo):
    n_axes = 3 if len(shape) == 4 or shape[-1] < 200 else 2
    plan = TilePlan.of(shape, (1, 100, 70)[-n_axes:], halo)
    covered = np.zeros(shape, dtype=np.uint8)
    for band in plan.bands():
        for window in band:
            outer, inner = plan.padded(window)
            there = np.zeros(shape, dtype=np.uint8)[outer]
            assert there[inner].shape == covered[window].shape
            assert all(part.start % 2 == 0 for part in outer[plan.stacked :])
            covered[window] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("shape", [(20000, 20000), (900, 60000), (300, 200), (5, 4000, 4000), (90, 3000, 3000)])
def test_samples_are_spread_over_the_picture(shape):
    n_axes = 3 if shape[0] == 90 else 2
    plan = TilePlan.of(shape, (256,) * n_axes, 0)
    windows = list(plan.sample(np.random.default_rng(0)))
    n_pixels = sum(np.prod([part.stop - part.start for part in window]) for window in windows)
    assert n_pixels <= 6e6
    assert n_pixels >= min(np.prod(shape) / 4, 2e6)
    for axis, length in enumerate(shape):
        starts, stops = [window[axis].start for window in windows], [window[axis].stop for window in windows]
        assert min(starts) >= 0
        assert max(stops) <= length
        assert max(stops) - min(starts) >= min(0.6 * length, length - 1)


# errors


def test_what_cannot_be_read_in_parts_is_said(tmp_path):
    Image.fromarray(COLORS).save(tmp_path / "photo.png")
    with pytest.raises(
        ValueError, match=r"photo.png cannot be read in parts: convert it to a TIFF in tiles or to OME-Z"
    ):
        segment_file(tmp_path / "photo.png", tmp_path / "out.tif", GaussianMixtureSegmenter(2))
    tiff(tmp_path / "turned.tif", COLORS, photometric="rgb", extratags=[(274, 3, 1, 6, True)])
    with pytest.raises(ValueError, match=r"turned.tif is stored turned, and cannot be read in parts"):
        segment_file(tmp_path / "turned.tif", tmp_path / "out.tif", GaussianMixtureSegmenter(2))
    zeros = np.zeros((17000, 17000), np.uint8)
    tiff(tmp_path / "strip.tif", zeros, compression="zlib", rowsperstrip=17000)
    with pytest.raises(ValueError, match=r"strip.tif stores 17,000 x 17,000 pixels in one part, which take 0.289 GB"):
        segment_file(tmp_path / "strip.tif", tmp_path / "out.tif", GaussianMixtureSegmenter(2))
    with pytest.raises(FileNotFoundError):
        segment_file(tmp_path / "none.tif", tmp_path / "out.tif", GaussianMixtureSegmenter(2))


@pytest.mark.parametrize(("name", "value"), [("position", 1.0), ("bias_field", True)])
def test_what_needs_the_whole_picture_is_refused(name, value, tmp_path):
    path = tiff(tmp_path / "in.tif", COLORS, photometric="rgb")
    with pytest.raises(ValueError, match=rf"in.tif: {name} needs the whole picture"):
        segment_file(path, tmp_path / "out.tif", GaussianMixtureSegmenter(2, **{name: value}))


def test_other_impossible_input_is_refused(tmp_path):
    path = tiff(tmp_path / "in.tif", np.zeros_like(GRAY), extratags=[(42113, 2, 0, "0", True)])
    with pytest.raises(ValueError, match=r"in.tif has no visible pixel in its sample"):
        segment_file(path, tmp_path / "out.tif", GaussianMixtureSegmenter(2))
    path = tiff(tmp_path / "rgb.tif", COLORS, photometric="rgb")
    segmenter = GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(Picture(GRAY[..., None]).pixels)
    with pytest.raises(ValueError, match=r"rgb.tif: .*channel"):
        label_file(path, tmp_path / "out.tif", segmenter)
    with pytest.raises(ValueError, match="background must be 255, or 0 for classes from 1; got 7"):
        segment_file(path, tmp_path / "out.tif", GaussianMixtureSegmenter(2, smoothing=0), background=7)
    assert not (tmp_path / "out.tif").exists()
