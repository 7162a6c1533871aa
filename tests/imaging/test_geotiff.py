"""GeoTIFF: bands with scales, offsets and names, and results that lie in the same place, as GDAL sees them."""

import numpy as np
import pytest
import tifffile

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    read_labels,
    read_picture,
    segment_picture,
    write_labels,
    write_maps,
    write_segmentation,
)

rasterio = pytest.importorskip("rasterio")

from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.transform import Affine  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # of affine in rasterio

RNG = np.random.default_rng(0)
BANDS = RNG.integers(1, 3000, (4, 30, 40), dtype=np.uint16)
PLACES = {
    "projected": {"crs": "EPSG:32632", "transform": Affine(10, 0, 4e5, 0, -10, 5.3e6)},
    "longer pixels": {"crs": "EPSG:2154", "transform": Affine(5, 0, 7e5, 0, -20, 6.6e6)},
    "degrees": {"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 11.5, 0, -1e-4, 48.2)},
    "rotated": {"crs": "EPSG:32632", "transform": Affine(8.0, 6.0, 4e5, 6.0, -8.0, 5.3e6)},
}


def geotiff(path, bands, *, notes=None, **profile):
    """Write bands (n, height, width) with GDAL."""
    n_bands, height, width = bands.shape
    place = PLACES["projected"] if "crs" not in profile and "gcps" not in profile else {}
    options = {"driver": "GTiff", "count": n_bands, "height": height, "width": width, "dtype": bands.dtype}
    options |= {"photometric": "minisblack"}
    with rasterio.open(path, "w", **options | place | profile) as file:
        for name, values in (notes or {}).items():
            setattr(file, name, values)
        file.write(bands)
    return path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes"])
def test_labels_and_maps_have_the_coordinate_system_and_the_transform(place, layout, tmp_path):
    kinds = {
        "strips": {},
        "tiles": {"tiled": True, "blockxsize": 16, "blockysize": 16},
        "planes": {"interleave": "band"},
    }
    path = geotiff(tmp_path / "in.tif", BANDS, compress="deflate", **kinds[layout], **PLACES[place])
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(BANDS, 0, -1))
    write_labels(tmp_path / "labels.tif", picture, RNG.integers(0, 3, picture.shape, dtype=np.uint8))
    write_maps(tmp_path / "maps.tif", picture, RNG.random((*picture.shape, 3), dtype=np.float32))
    with rasterio.open(path) as before:
        for name, count in (("labels.tif", 1), ("maps.tif", 3)):
            with rasterio.open(tmp_path / name) as after:
                assert (after.crs, after.count, after.shape) == (before.crs, count, before.shape)
                assert after.transform.almost_equals(before.transform)
        with rasterio.open(tmp_path / "labels.tif") as after:
            assert after.nodata == 255


def test_pixels_have_the_size_that_the_transform_gives_them(tmp_path):
    assert read_picture(geotiff(tmp_path / "a.tif", BANDS)).spacing == (10.0, 10.0)
    assert read_picture(geotiff(tmp_path / "b.tif", BANDS, **PLACES["longer pixels"])).spacing == (20.0, 5.0)
    assert read_picture(geotiff(tmp_path / "c.tif", BANDS, **PLACES["rotated"])).spacing == pytest.approx((10.0, 10.0))


def test_ground_control_points_are_kept(tmp_path):
    points = [GroundControlPoint(row, col, 4e5 + 10 * col, 5e6 - 10 * row) for row, col in ((0, 0), (0, 39), (29, 7))]
    path = geotiff(tmp_path / "in.tif", BANDS, gcps=points, crs="EPSG:32632")
    picture = read_picture(path)
    write_labels(tmp_path / "labels.tif", picture, np.zeros(picture.shape, dtype=np.uint8))
    with rasterio.open(path) as before, rasterio.open(tmp_path / "labels.tif") as after:
        found = [[(point.row, point.col, point.x, point.y) for point in file.gcps[0]] for file in (before, after)]
        assert found[0] == found[1]
        assert before.gcps[1] == after.gcps[1]


# no data


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("uint16", 65535), ("int16", -9999), ("float32", np.nan)])
def test_no_data_goes_in_and_out(dtype, nodata, tmp_path):
    bands = RNG.integers(40, 60, (2, 30, 40)).astype(dtype)
    bands[:, :, 20:] += np.dtype(dtype).type(100)
    bands[:, :, :10] = nodata
    picture = read_picture(geotiff(tmp_path / "in.tif", bands, nodata=nodata))
    assert picture.n_visible == 30 * 30
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation, maps=False)
    with rasterio.open(tmp_path / "out/labels.tif") as file:
        labels, inside = file.read(1), file.read_masks(1) > 0
    np.testing.assert_array_equal(inside, np.broadcast_to(np.arange(40) >= 10, (30, 40)))
    np.testing.assert_array_equal(labels[:, 10:], np.broadcast_to(np.arange(10, 40) >= 20, (30, 30)))


def test_masks_of_gdal_go_in(tmp_path):
    inside = RNG.random((30, 40)) < 0.7
    path = geotiff(tmp_path / "in.tif", BANDS)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(inside)
    np.testing.assert_array_equal(read_picture(path).visible, inside)


# bands


@pytest.mark.parametrize(
    ("dtype", "scales", "offsets"),
    [
        ("int16", (0.1, 0.1, 0.1, 0.1), (0.0, 0.0, 0.0, 0.0)),
        ("uint16", (1e-4, 1e-4, 1e-4, 2e-4), (-0.1, -0.1, -0.1, 0.5)),
        ("uint8", (2.0, 1.0, 1.0, 1.0), (0.0, 0.0, -7.0, 0.0)),
        ("float32", (1.0, 3.0, 1.0, 1.0), (273.15, 0.0, 0.0, 0.0)),
        ("float64", (0.5, 0.5, 0.5, 0.5), (1e9, 0.0, 0.0, 0.0)),
    ],
)
def test_scales_and_offsets_of_bands_are_applied(dtype, scales, offsets, tmp_path):
    bands = (BANDS % 100).astype(dtype)
    path = geotiff(tmp_path / "in.tif", bands, nodata=50, notes={"scales": scales, "offsets": offsets})
    picture = read_picture(path)
    assert picture.pixels.dtype == (np.float64 if dtype == "float64" else np.float32)
    expected = bands.astype(np.float64) * np.array(scales)[:, None, None] + np.array(offsets)[:, None, None]
    np.testing.assert_allclose(picture.pixels, np.moveaxis(expected, 0, -1), rtol=1e-6)
    np.testing.assert_array_equal(~(bands == 50).all(axis=0), np.ones((30, 40), bool) & (picture.visible is None))


def test_no_data_is_a_stored_number_not_a_value(tmp_path):
    bands = np.array([[[0, 10, 20, 30]] * 3], dtype=np.int16)
    path = geotiff(tmp_path / "in.tif", bands, nodata=10, notes={"scales": (0.5,), "offsets": (5.0,)})
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.visible[0], [True, False, True, True])  # the value 10 is that of 10 stored
    np.testing.assert_array_equal(picture.pixels[0, :, 0], [5.0, 10.0, 15.0, 20.0])


def test_opacity_among_the_bands_has_no_scale(tmp_path):
    bands = np.stack([BANDS[0], BANDS[1], np.where(BANDS[2] > 1500, 65535, 0)]).astype(np.uint16)
    colors = [rasterio.enums.ColorInterp[name] for name in ("gray", "undefined", "alpha")]
    notes = {"colorinterp": colors, "scales": (0.1, 0.2, 1.0), "descriptions": ("near", "far", "inside")}
    picture = read_picture(geotiff(tmp_path / "in.tif", bands, notes=notes))
    assert picture.channels == ("near", "far")
    np.testing.assert_allclose(picture.pixels, np.moveaxis(bands[:2] * [[[0.1]], [[0.2]]], 0, -1), rtol=1e-6)
    np.testing.assert_array_equal(picture.visible, bands[2] > 0)


def test_features_have_the_names_of_the_bands(tmp_path):
    names = ("blue", "green", "red", "near infrared")
    picture = read_picture(geotiff(tmp_path / "in.tif", BANDS, notes={"descriptions": names}))
    assert picture.channels == names
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    assert tuple(segmentation.mixture.feature_names) == names
    same = geotiff(tmp_path / "same.tif", BANDS, notes={"descriptions": ("a", "a", "b", "c")})
    assert read_picture(same).channels == ("channel 0", "channel 1", "channel 2", "channel 3")


def test_labels_with_a_scale_are_the_stored_numbers(tmp_path):
    picture = read_picture(geotiff(tmp_path / "in.tif", BANDS))
    labels = RNG.integers(0, 3, (1, 30, 40), dtype=np.uint8)
    known = read_labels(geotiff(tmp_path / "labels.tif", labels, notes={"scales": (0.5,)}), picture)
    np.testing.assert_array_equal(known, labels[0].astype(int) - 1)


@pytest.mark.parametrize("text", ["<GDALMetadata><Item", '<a><Item name="SCALE" sample="0" role="scale">x</Item></a>'])
def test_notes_that_cannot_be_read_are_an_error(text, tmp_path):
    tags = [(42112, 2, 0, text, True)]
    tifffile.imwrite(tmp_path / "in.tif", BANDS[0], photometric="minisblack", metadata=None, extratags=tags)
    with pytest.raises(ValueError, match=r"in.tif is a damaged TIFF file .*: (its notes|could not convert)"):
        read_picture(tmp_path / "in.tif")
