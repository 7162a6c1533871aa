"""OME-Zarr: axes by type, levels, and results with the positions of the picture, as zarr reads them."""

import json
import sys
from typing import Any

import numpy as np
import pytest

from gaussmix import MissingDependencyError
from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Picture,
    read_labels,
    read_mask,
    read_picture,
    segment_picture,
    write_labels,
    write_maps,
    write_segmentation,
)

zarr = pytest.importorskip("zarr")

RNG = np.random.default_rng(0)
LENGTHS = {"t": 2, "c": 3, "z": 4, "y": 24, "x": 30}
KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
UNITS = {"t": "second", "z": "micrometer", "y": "nanometer", "x": "nanometer"}
SCALE = {"t": 10.0, "c": 1.0, "z": 2.0, "y": 250.0, "x": 200.0}
SHIFT = {"t": 0.0, "c": 0.0, "z": 0.5, "y": 1000.0, "x": -300.0}


def entries(names, version):
    """Return the metadata of axes, which were names in version 0.3 and absent before."""
    if version in ("0.1", "0.2"):
        return {}
    if version == "0.3":
        return {"axes": list(names)}
    units = [{"unit": UNITS[name]} if name in UNITS else {} for name in names]
    return {"axes": [{"name": name, "type": KINDS[name]} | unit for name, unit in zip(names, units, strict=True)]}


def ome_zarr(path, pixels, names, *, version="0.5", n_levels=1, labels=None, shift=None, common=None):
    """Write an image, every level half as large in y and x as the one before."""
    new = version == "0.5"
    group = zarr.open_group(path, mode="w", zarr_format=3 if new else 2)
    datasets = []
    for level in range(n_levels):
        steps = [2**level if name in "yx" else 1 for name in names]
        part = pixels[tuple(slice(None, None, step) for step in steps)]
        options: dict[str, Any] = {"dimension_names": list(names)} if new else {}
        array = group.create_array(str(level), shape=part.shape, chunks=[1] * (part.ndim - 2) + [16, 32],
                                   dtype=part.dtype, **options)  # fmt: skip
        array[...] = part
        scale = [SCALE[name] * step for name, step in zip(names, steps, strict=True)]
        transformations = [{"type": "scale", "scale": scale}]
        if shift:
            transformations.append({"type": "translation", "translation": [shift[name] for name in names]})
        told = {"coordinateTransformations": transformations} if version in ("0.4", "0.5") else {}
        datasets.append({"path": str(level), **told})
    image = {"name": "cells", "datasets": datasets, **entries(names, version)}
    if common:
        image["coordinateTransformations"] = [{"type": "scale", "scale": [common.get(name, 1.0) for name in names]}]
    found = {"multiscales": [image if new else image | {"version": version}]}
    if labels:
        found["omero"] = {"channels": [{"label": label, "window": {}, "color": "FFFFFF"} for label in labels]}
    group.attrs.update({"ome": {"version": "0.5", **found}} if new else found)
    return path


def pixels_of(names, **lengths):
    shape = tuple((LENGTHS | lengths)[name] for name in names)
    return RNG.integers(0, 4000, shape, dtype=np.uint16)


def metadata(path):
    attributes = zarr.open_group(path, mode="r").attrs.asdict()
    return attributes.get("ome", attributes)


def positions(path, level, names):
    """Return the scale and the translation along named axes."""
    image = metadata(path)["multiscales"][0]
    found = [axis["name"] for axis in image["axes"]]
    steps = {step["type"]: step for step in image["datasets"][level]["coordinateTransformations"]}
    shift = steps.get("translation", {}).get("translation", [0.0] * len(found))
    return [(steps["scale"]["scale"][found.index(name)], shift[found.index(name)]) for name in names]


# reading


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("names", ["yx", "cyx", "zyx", "czyx", "tyx", "tcyx", "tczyx"])
def test_axes_are_pages_space_and_channels_by_type(names, version, tmp_path):
    pixels = pixels_of(names)
    picture = read_picture(ome_zarr(tmp_path / "in.zarr", pixels, names, version=version))
    expected = np.moveaxis(pixels, names.index("c"), -1) if "c" in names else pixels[..., None]
    np.testing.assert_array_equal(picture.pixels, expected)
    assert (picture.stacked, picture.suffix) == ("t" in names, ".ome.zarr")
    assert picture.spacing == pytest.approx(((2000.0,) if "z" in names else ()) + (250.0, 200.0))


@pytest.mark.parametrize(("lengths", "shape"), [({"t": 1, "z": 1}, (24, 30, 3)), ({"t": 1}, (4, 24, 30, 3)),
                                                ({"z": 1}, (2, 24, 30, 3)), ({"c": 1}, (2, 4, 24, 30, 1))])  # fmt: skip
@pytest.mark.parametrize("version", ["0.1", "0.3", "0.4", "0.5"])
def test_axes_of_length_one_are_no_axes_of_the_picture_but_of_the_results(version, lengths, shape, tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("tczyx", **lengths), "tczyx", version=version)
    picture = read_picture(path)
    assert picture.pixels.shape == shape
    labels = RNG.integers(0, 3, picture.shape, dtype=np.uint8)
    write_labels(tmp_path / "labels.ome.zarr", picture, labels)
    full = (lengths.get("t", 2), lengths.get("z", 4), 24, 30)
    np.testing.assert_array_equal(
        zarr.open_group(tmp_path / "labels.ome.zarr", mode="r")["0"][...], labels.reshape(full)
    )
    assert [axis["name"] for axis in metadata(tmp_path / "labels.ome.zarr")["multiscales"][0]["axes"]] == list("tzyx")
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.ome.zarr", picture), labels)


def test_a_level_is_read_with_its_spacing(tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("cyx"), "cyx", n_levels=3)
    for level in range(3):
        picture = read_picture(path, level=level)
        np.testing.assert_array_equal(picture.pixels, read_picture(path).pixels[:: 2**level, :: 2**level])
        assert picture.spacing == (250.0 * 2**level, 200.0 * 2**level)
    for level, wrong in ((3, "has the levels 0 to 2; got level 3"), (-1, "level must be a number from 0")):
        with pytest.raises(ValueError, match=wrong):
            read_picture(path, level=level)


def test_transformations_of_all_levels_follow_those_of_each(tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("zyx"), "zyx", shift=SHIFT, common={"y": 2.0, "x": 2.0})
    picture = read_picture(path)
    assert picture.spacing == pytest.approx((2000.0, 500.0, 400.0))
    write_labels(tmp_path / "labels.ome.zarr", picture, np.zeros(picture.shape, np.uint8))
    assert positions(tmp_path / "labels.ome.zarr", 0, "zyx") == [(2.0, 0.5), (500.0, 2000.0), (400.0, -600.0)]


def test_channels_are_features_by_name(tmp_path):
    names = ["DAPI", "GFP", "RFP"]
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("cyx"), "cyx", labels=names)
    segmentation = segment_picture(read_picture(path), GaussianMixtureSegmenter(2, smoothing=0, random_state=0))
    assert list(segmentation.mixture.feature_names) == names
    same = ome_zarr(tmp_path / "same.zarr", pixels_of("cyx"), "cyx", labels=["a", "a", "b"])
    assert read_picture(same).channels == ("red", "green", "blue")


def test_the_first_series_of_bioformats2raw_is_read(tmp_path):
    zarr.open_group(tmp_path / "in.zarr", mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    pixels = pixels_of("tczyx")
    ome_zarr(tmp_path / "in.zarr/0", pixels, "tczyx", version="0.4")
    np.testing.assert_array_equal(read_picture(tmp_path / "in.zarr").pixels, np.moveaxis(pixels, 1, -1))
    ome_zarr(tmp_path / "in.zarr/1", pixels_of("tczyx"), "tczyx", version="0.4")
    with pytest.warns(UserWarning, match=r"holds 2 images; the first is read: .*in.zarr/0"):
        np.testing.assert_array_equal(read_picture(tmp_path / "in.zarr").pixels, np.moveaxis(pixels, 1, -1))


# results


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("names", ["yx", "cyx", "czyx", "tczyx"])
def test_results_have_the_version_the_levels_and_the_positions_of_the_picture(names, version, tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of(names), names, version=version, n_levels=3, shift=SHIFT)
    picture = read_picture(path)
    segmentation = segment_picture(picture, GaussianMixtureSegmenter(3, smoothing=0, random_state=0))
    write_segmentation(tmp_path / "out", segmentation)
    kept = names.replace("c", "")
    for name, axes in (
        ("labels", kept),
        ("uncertainty", kept),
        ("probabilities", "t" * ("t" in names) + "c" + kept[-2 - ("z" in names) :]),
    ):
        result = tmp_path / f"out/{name}.ome.zarr"
        assert [axis["name"] for axis in metadata(result)["multiscales"][0]["axes"]] == list(axes)
        group = zarr.open_group(result, mode="r")
        assert group.metadata.zarr_format == (3 if version == "0.5" else 2)
        for level in range(3):
            assert positions(result, level, kept) == positions(path, level, kept)
            array = group[str(level)]
            assert array.shape[-2:] == (24 // 2**level, -(-30 // 2**level))
            assert version == "0.4" or array.metadata.dimension_names == tuple(axes)
            values = {"labels": segmentation.labels, "uncertainty": segmentation.uncertainty}.get(name)
            if values is not None:
                np.testing.assert_array_equal(array[...], values[..., :: 2**level, :: 2**level])
    found = np.moveaxis(group["0"][...], axes.index("c"), -1)
    np.testing.assert_array_equal(found, segmentation.probabilities)
    units = [axis.get("unit") for axis in metadata(result)["multiscales"][0]["axes"] if axis["name"] != "c"]
    assert units == [UNITS[name] for name in kept]
    np.testing.assert_array_equal(read_labels(tmp_path / "out/labels.ome.zarr", picture), segmentation.labels)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("background", [255, 0])
def test_labels_have_colors_and_a_transparent_background(background, version, tmp_path):
    picture = read_picture(ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx", version=version))
    labels = RNG.integers(1, 4, picture.shape, dtype=np.uint8)
    labels[:16] = background
    write_labels(tmp_path / "labels.ome.zarr", picture, labels, background=background)
    label = metadata(tmp_path / "labels.ome.zarr")["image-label"]
    assert label["version"] == version
    opacity = {entry["label-value"]: entry["rgba"][3] for entry in label["colors"]}
    assert opacity == {1: 255, 2: 255, 3: 255, background: 0}
    array = zarr.open_group(tmp_path / "labels.ome.zarr", mode="r")["0"]
    assert array.fill_value == background
    np.testing.assert_array_equal(array[...], labels)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_in_the_group_of_an_image_are_listed_there(version, tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("cyx"), "cyx", version=version, n_levels=2)
    before, picture = metadata(path), read_picture(path)
    for name in ("cells", "tissue", "cells"):
        write_labels(path / "labels" / name, picture, RNG.integers(0, 3, picture.shape, dtype=np.uint8))
    assert metadata(path / "labels")["labels"] == ["cells", "tissue"]
    for name in ("cells", "tissue"):
        found = metadata(path / "labels" / name)
        assert found["image-label"]["source"] == {"image": "../../"}
        assert len(found["multiscales"][0]["datasets"]) == 2
    assert metadata(path) == before
    assert zarr.open_group(path / "labels", mode="r").metadata.zarr_format == (3 if version == "0.5" else 2)
    np.testing.assert_array_equal(
        read_mask(path / "labels/cells", picture), read_picture(path / "labels/cells").pixels[..., 0] > 0
    )
    np.testing.assert_array_equal(read_picture(path).pixels, picture.pixels)


def test_results_of_other_pictures_may_be_ome_zarr_too(tmp_path):
    picture = Picture(pixels_of("tzyxc"), stacked=True, spacing=(2.0, 1.0, 1.0), suffix=".ome.zarr")
    values = RNG.random((*picture.shape, 2), dtype=np.float32)
    write_maps(tmp_path / "maps.ome.zarr", picture, values)
    np.testing.assert_array_equal(read_picture(tmp_path / "maps.ome.zarr").pixels, values)
    assert positions(tmp_path / "maps.ome.zarr", 0, "zyx") == [(2.0, 0.0), (1.0, 0.0), (1.0, 0.0)]


def test_older_results_are_replaced_as_a_whole(tmp_path):
    picture = read_picture(ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx"))
    labels = RNG.integers(0, 3, picture.shape, dtype=np.uint8)
    nothing = np.full(picture.shape, 255, dtype=np.uint8)  # whose chunks are not stored
    for values in (labels, nothing):
        write_labels(tmp_path / "labels.ome.zarr", picture, values)
        np.testing.assert_array_equal(zarr.open_group(tmp_path / "labels.ome.zarr", mode="r")["0"][...], values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "labels.ome.zarr"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    picture = Picture(pixels_of("yxc"), suffix=".ome.zarr")
    (tmp_path / "notes.ome.zarr").mkdir()
    (tmp_path / "notes.ome.zarr/text").write_text("mine")
    with pytest.raises(ValueError, match=r"notes.ome.zarr is not an OME-Zarr image, which would be replaced"):
        write_labels(tmp_path / "notes.ome.zarr", picture, np.zeros(picture.shape, np.uint8))
    assert (tmp_path / "notes.ome.zarr/text").read_text() == "mine"


# errors


def test_what_is_no_image_is_an_error_that_says_what_to_do(tmp_path):
    zarr.create_array(tmp_path / "array.zarr", data=pixels_of("yx"))
    zarr.open_group(tmp_path / "plain.zarr", mode="w")
    zarr.open_group(tmp_path / "plate.zarr", mode="w").attrs["ome"] = {"version": "0.5", "plate": {"wells": []}}
    for name, text in (("array", "give the folder of its OME-Zarr image"), ("plain", "without OME-Zarr metadata"),
                       ("plate", "give the folder of one, such as A/1/0")):  # fmt: skip
        with pytest.raises(ValueError, match=rf"{name}.zarr is .*{text}"):
            read_picture(tmp_path / f"{name}.zarr")


@pytest.mark.parametrize("names", ["xyc", "zct", "tzc", "ccyx"])
def test_axes_in_another_order_are_refused(names, tmp_path):
    lengths = tuple(LENGTHS[name] for name in names)
    path = ome_zarr(tmp_path / "in.zarr", np.zeros(lengths, np.uint8), names, version="0.4")
    with pytest.raises(
        ValueError, match=r"in.zarr is a damaged OME-Zarr image: its axes are .*; they must be time, one"
    ):
        read_picture(path)


def test_damage_names_the_file(tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx")
    (path / "0/zarr.json").write_text("{")
    with pytest.raises(ValueError, match=r"in.zarr is a damaged OME-Zarr image"):
        read_picture(path)
    document = json.loads((path / "zarr.json").read_text())
    del document["attributes"]["ome"]["multiscales"][0]["datasets"]
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"in.zarr is a damaged OME-Zarr image: .*datasets"):
        read_picture(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda levels: levels.append(levels[0] | {"path": "s1"}), "is not complete: its level s1 does not exist"),
        (lambda levels: levels[0].update(path="nothing"), "is not complete: its level nothing does not exist"),
        (
            lambda levels: levels[0].update(coordinateTransformations=[{"type": "scale", "path": "s"}]),
            "is a damaged OME-Zarr image: its scale is not stated in its metadata",
        ),
        (
            lambda levels: levels[0]["coordinateTransformations"].append({"type": "translation", "translation": []}),
            "is a damaged OME-Zarr image: its translation is not stated",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_levels_that_are_not_there_are_named(change, message, tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx")
    document = json.loads((path / "zarr.json").read_text())
    change(document["attributes"]["ome"]["multiscales"][0]["datasets"])
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"in.zarr {message}"):
        read_picture(path)


@pytest.mark.parametrize("omero", [None, {}, {"channels": None}, {"channels": []}])
def test_channels_without_a_description_have_no_names(omero, tmp_path):
    pixels = pixels_of("cyx")
    path = ome_zarr(tmp_path / "in.zarr", pixels, "cyx")
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["omero"] = omero
    (path / "zarr.json").write_text(json.dumps(document))
    picture = read_picture(path)
    assert not picture.names
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(pixels, 0, -1))


def test_the_limit_of_size_holds_before_anything_is_read(tmp_path):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx", n_levels=2)
    with pytest.raises(ValueError, match=r"has 24 x 30 pixels, 1.44 kB when decoded; the limit is 1 kB"):
        read_picture(path, max_bytes=1000)
    assert read_picture(path, max_bytes=1000, level=1).shape == (12, 15)


def test_without_zarr_the_error_names_the_extra(tmp_path, monkeypatch):
    path = ome_zarr(tmp_path / "in.zarr", pixels_of("yx"), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    picture = Picture(pixels_of("yxc"), suffix=".ome.zarr")
    for use in (lambda: read_picture(path), lambda: write_maps(tmp_path / "out.ome.zarr", picture, np.zeros((24, 30)))):
        with pytest.raises(MissingDependencyError, match=r'needs zarr: pip install "gaussmix\[microscopy\]"'):
            use()
