"""OME-TIFF and ImageJ hyperstacks: axes by name, channels as features, and physical sizes of the results."""

import numpy as np
import pytest
import tifffile

from gaussmix.imaging import GaussianMixtureSegmenter, read_labels, read_picture, segment_picture, write_segmentation

RNG = np.random.default_rng(0)
SIZES = {
    "one unit": {"X": (0.25, "µm"), "Y": (0.25, "µm"), "Z": (1.0, "µm")},
    "two units": {"X": (0.25, "µm"), "Y": (0.5, "µm"), "Z": (1000.0, "nm")},
    "lateral only": {"X": (65.0, "nm"), "Y": (65.0, "nm")},
    "millimeters": {"X": (0.01, "mm"), "Y": (0.01, "mm"), "Z": (0.03, "mm")},
}
NAMES = ["DAPI", "GFP"]


def cells(*lead):
    """Return two channels (..., 2, 24, 32) with nuclei in the first and bodies in the second."""
    nucleus = np.hypot(*np.mgrid[-12:12, -16:16]) < 6
    body = np.hypot(*np.mgrid[-12:12, -16:16]) < 11
    means = np.stack([np.where(nucleus, 9000, 500), np.where(body, 5000, 300)])
    return (means + RNG.normal(0, 100, (*lead, 2, 24, 32))).clip(0).astype(np.uint16)


def attributes(sizes):
    found = {f"PhysicalSize{axis}": length for axis, (length, _) in sizes.items()}
    return found | {f"PhysicalSize{axis}Unit": unit for axis, (_, unit) in sizes.items()}


def ome(path, pixels, axes, sizes, **notes):
    metadata = {"axes": axes, **attributes(sizes), **notes}
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata=metadata)
    return path


def described(path):
    """Return the attributes of the pixels of an OME-TIFF, as numbers and texts."""
    with tifffile.TiffFile(path) as file:
        return tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("axes", "result"), [("CYX", "YX"), ("ZCYX", "ZYX"), ("TCYX", "TYX"), ("TZCYX", "TZYX")])
def test_results_of_ome_tiff_are_ome_tiff_of_the_same_sizes(axes, result, sizes, tmp_path):
    lead = {"C": (), "Z": (3,), "T": (2,)}[axes[0]] + ((3,) if axes.startswith("TZ") else ())
    path = ome(tmp_path / "in.ome.tif", cells(*lead), axes, SIZES[sizes], Channel={"Name": NAMES})
    picture = read_picture(path)
    assert (picture.channels, picture.stacked, picture.suffix) == (tuple(NAMES), "T" in axes, ".ome.tif")
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation)
    for name in ("labels", "uncertainty", "probabilities"):
        found = described(tmp_path / f"out/{name}.ome.tif")
        assert attributes(SIZES[sizes]).items() <= found.items()
    with tifffile.TiffFile(tmp_path / "out/labels.ome.tif") as file:
        assert file.series[0].axes == result
        np.testing.assert_array_equal(file.series[0].asarray(), segmentation.labels)
    again = read_picture(tmp_path / "out/labels.ome.tif")
    assert (again.spacing, again.shape) == (picture.spacing, picture.shape)
    np.testing.assert_array_equal(read_labels(tmp_path / "out/labels.ome.tif", picture), segmentation.labels)
    assert read_picture(tmp_path / "out/probabilities.ome.tif").pixels.shape == (*picture.shape, 3)


def test_channels_of_ome_tiff_are_features_by_name(tmp_path):
    path = ome(tmp_path / "in.ome.tif", cells(), "CYX", SIZES["one unit"], Channel={"Name": NAMES})
    segmentation = segment_picture(read_picture(path), GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    assert tuple(segmentation.mixture.feature_names) == tuple(NAMES)
    np.testing.assert_allclose(segmentation.mixture.means, [[500, 300], [500, 5000], [9000, 5000]], atol=60)


@pytest.mark.parametrize("names", [["DAPI", "DAPI"], ["DAPI", ""], None])
def test_channels_without_names_of_their_own_are_numbered(names, tmp_path):
    notes = {} if names is None else {"Channel": {"Name": names}}
    path = ome(tmp_path / "in.ome.tif", cells(), "CYX", SIZES["one unit"], **notes)
    assert read_picture(path).channels == ("channel 0", "channel 1")


@pytest.mark.parametrize("order", ["TZCYX", "ZCYX", "CYX", "TCYX"])
def test_imagej_hyperstacks_have_axes_by_name_and_physical_sizes(order, tmp_path):
    lead = tuple({"T": 2, "Z": 3}[axis] for axis in order if axis in "TZ")
    pixels = cells(*lead)
    notes = {"axes": order, "unit": "um", "spacing": 1.5}
    tifffile.imwrite(tmp_path / "in.tif", pixels, imagej=True, resolution=(5, 4), metadata=notes)
    picture = read_picture(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(pixels, -3, -1))
    assert picture.spacing == ((1.5, 0.25, 0.2) if "Z" in order else (0.25, 0.2))
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation)
    for name in ("labels", "probabilities"):
        with tifffile.TiffFile(tmp_path / f"out/{name}.tif") as file:
            assert file.series[0].axes == (order.replace("C", "") if name == "labels" else order)
            assert file.imagej_metadata["unit"] == "um"
            assert file.pages.first.resolution == (5, 4)
            assert "Z" not in order or file.imagej_metadata["spacing"] == 1.5
