"""``gaussmix segment``: what it writes and prints, and one clear sentence when the input is wrong."""

import nibabel
import numpy as np
import pytest
import tifffile
from helpers.command_line import fails, run, succeeds
from helpers.dicom_files import write, write_series
from PIL import Image

from gaussmix import Mixture
from gaussmix.imaging import GaussianMixtureSegmenter, read_labels, read_picture

COLORS = np.array([[200, 190, 60], [20, 40, 90], [120, 60, 50]])


def stripes(seed=0, height=20, width=30):
    """Three noisy stripes: bright, dark, between."""
    noise = np.random.default_rng(seed).integers(0, 20, (height, width, 3))
    return (COLORS[np.arange(width) * 3 // width][None] + noise).astype(np.uint8)


def labels_in(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def picture(tmp_path):
    """Stripes that are transparent at the top."""
    pixels = np.dstack([stripes(), np.full((20, 30), 255, dtype=np.uint8)])
    pixels[:5, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def folder(tmp_path):
    """Three pictures of one kind."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(["a.png", "b.png", "c.bmp"]):
        Image.fromarray(stripes(number, height=20 + number)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def volume(tmp_path):
    rng = np.random.default_rng(0)
    values = (np.repeat([900, 100, 500], 5)[None, None].repeat(8, axis=0).repeat(9, axis=1)).astype(np.int16)
    values += rng.integers(0, 60, values.shape, dtype=np.int16)
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [5, -6, 7]
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "t1.nii.gz")
    return tmp_path / "t1.nii.gz"


# one file


@pytest.mark.slow
def test_a_picture_gives_labels_cut_outs_maps_a_figure_and_the_model(picture, tmp_path):
    out = succeeds("segment", picture, "-k", 3, "-o", tmp_path / "out").stdout
    folder = tmp_path / "out"
    numbered = {f"{kind}-{number}.png" for kind in ("segment", "probability") for number in range(3)}
    assert {path.name for path in folder.iterdir()} == numbered | {
        "labels.png", "segments.png", "uncertainty.png", "figure.png", "model.json",
    }  # fmt: skip
    pixels, labels = np.asarray(Image.open(picture)), labels_in(folder / "labels.png")
    segmenter = GaussianMixtureSegmenter(3, random_state=0).fit(pixels)
    np.testing.assert_array_equal(labels, segmenter.predict(pixels))
    np.testing.assert_array_equal(labels[-1], np.repeat([2, 0, 1], 10))
    assert (labels[:5] == 255).all()
    mixture = Mixture.load(folder / "model.json")
    np.testing.assert_array_equal(mixture.means, segmenter.mixture_.means)
    assert mixture.feature_names == ("red", "green", "blue")
    assert "pixels     450" in out
    for number in range(3):
        line = next(line for line in out.splitlines() if line.strip().startswith(f"{number} "))
        red, green, blue = np.rint(pixels[labels == number][:, :3].mean(axis=0)).astype(int)
        assert "33.3 %" in line
        assert line.rstrip().endswith(f"#{red:02x}{green:02x}{blue:02x}")


def test_options_are_those_of_the_segmenter(picture, tmp_path):
    options = ["--color", "gray", "--covariance-type", "tied", "--smoothing", 0.25, "--no-maps"]
    out = succeeds("segment", picture, "-k", 2, "-o", tmp_path / "out", *options).stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "labels.png", "segments.png", "figure.png", "model.json",
    }  # fmt: skip
    mixture = Mixture.load(tmp_path / "out" / "model.json")
    assert (mixture.feature_names, mixture.covariance_type, mixture.n_components) == (("gray",), "tied", 2)
    assert "smoothing  0.25" in out


@pytest.mark.slow
def test_classes_can_be_counted(picture, tmp_path):
    succeeds("segment", picture, "-k", "auto", "-o", tmp_path / "out")
    assert Mixture.load(tmp_path / "out" / "model.json").n_components == 3


def test_a_volume_gives_volumes_in_its_place(volume, tmp_path):
    out = succeeds("segment", volume, "-k", 3, "-o", tmp_path / "out").stdout
    names = {"labels.nii.gz", "probabilities.nii.gz", "uncertainty.nii.gz", "contact-sheet.png", "model.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    labels = nibabel.load(tmp_path / "out" / "labels.nii.gz")
    np.testing.assert_array_equal(labels.affine, nibabel.load(volume).affine)
    np.testing.assert_array_equal(np.asanyarray(labels.dataobj)[0, 0], np.repeat([2, 0, 1], 5))
    assert out.count("0.7 ml") == 3  # 8 * 9 * 5 voxels of 2 mm^3


def test_only_pixels_inside_of_the_mask_count(volume, tmp_path):
    mask = np.zeros((8, 9, 15), dtype=np.uint8)
    mask[2:6] = 1
    nibabel.save(nibabel.Nifti1Image(mask, nibabel.load(volume).affine), tmp_path / "m.nii")
    succeeds("segment", volume, "-k", 3, "-o", tmp_path / "out", "--mask", tmp_path / "m.nii")
    labels = np.asanyarray(nibabel.load(tmp_path / "out" / "labels.nii.gz").dataobj)
    np.testing.assert_array_equal(labels == 255, mask == 0)


@pytest.mark.slow
def test_fractions_are_those_of_the_segmenter(volume, tmp_path):
    out = succeeds("segment", volume, "-k", 3, "-o", tmp_path / "out", "--fractions", "--no-maps").stdout
    fractions = nibabel.load(tmp_path / "out" / "fractions.nii.gz")
    values = np.asanyarray(nibabel.load(volume).dataobj)
    segmenter = GaussianMixtureSegmenter(3, spacing=(2.0, 1.0, 1.0), random_state=0).fit(values)
    expected = segmenter.predict_fractions(values)
    np.testing.assert_array_equal(np.asanyarray(fractions.dataobj), expected)
    np.testing.assert_array_equal(fractions.affine, nibabel.load(volume).affine)
    for volume_of_class in expected.reshape(-1, 3).sum(axis=0, dtype=float) * 2 / 1000:
        assert f"{volume_of_class:.1f} ml" in out


def test_a_field_is_asked_of_the_segmenter(tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", np.stack([stripes()[..., 0]] * 2), photometric="minisblack", metadata=None)
    line = fails("segment", tmp_path / "p.tif", "-k", 2, "-o", tmp_path / "out", "--bias-field")
    assert "p.tif: bias_field=True estimates one field for each image" in line


def scribbles(path, height=20):
    """A few pixels in two colors on a transparent ground: the bright stripe, dark red, and the two others, yellow."""
    painted = np.zeros((height, 30, 4), dtype=np.uint8)
    painted[8:12, 3:7] = [180, 0, 0, 255]
    painted[8:12, 13:17] = painted[8:12, 23:27] = [255, 255, 0, 255]
    Image.fromarray(painted).save(path)
    return path


def test_known_pixels_name_the_classes(picture, tmp_path):
    labels = scribbles(tmp_path / "s.png")
    succeeds("segment", picture, "-o", tmp_path / "out", "--labels", labels)
    found = labels_in(tmp_path / "out" / "labels.png")
    np.testing.assert_array_equal(found[5:], np.repeat([0, 1, 1], 10)[None].repeat(15, axis=0))
    assert (found[:5] == 255).all()
    assert Mixture.load(tmp_path / "out" / "model.json").n_components == 10  # five of each class


def test_table_names_the_painted_colors_and_the_figure_shows_them(picture, tmp_path):
    labels = scribbles(tmp_path / "s.png")
    out = succeeds("segment", picture, "-k", 3, "-o", tmp_path / "out", "--labels", labels).stdout
    lines = [line.split() for line in out.splitlines()]
    assert next(line for line in lines if line[:1] == ["segment"])[1] == "painted"
    assert [line[1] for line in lines if line[:1] in (["0"], ["1"], ["2"])] == ["#b40000", "#ffff00", "-"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "figure.png" in names
    assert "contact-sheet.png" not in names


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (1, 2)])
def test_known_pixels_of_numbers_have_no_painted_colors(numbers, picture, tmp_path):
    known = np.full((20, 30), 255, dtype=np.uint8)
    known[8:12, 3:7], known[8:12, 13:17] = numbers
    Image.fromarray(known).save(tmp_path / "n.png")
    out = succeeds("segment", picture, "-o", tmp_path / "out", "--labels", tmp_path / "n.png", "--no-maps").stdout
    assert "painted" not in out
    assert (tmp_path / "out" / "figure.png").is_file()


@pytest.mark.slow
def test_options_of_photographs_are_those_of_python(picture, tmp_path):
    options = ["--position", 1, "--neighbors", 8, "--contrast", "--smoothing", 0.5, "--no-maps"]
    succeeds("segment", picture, "-k", 3, "-o", tmp_path / "out", *options)
    pixels = np.asarray(Image.open(picture))
    segmenter = GaussianMixtureSegmenter(3, position=1.0, n_neighbors=8, contrast=True, smoothing=0.5, random_state=0)
    np.testing.assert_array_equal(labels_in(tmp_path / "out" / "labels.png"), segmenter.fit(pixels).predict(pixels))
    assert Mixture.load(tmp_path / "out" / "model.json").n_features == 5


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_options_of_known_pixels_are_those_of_python(n_components, picture, tmp_path):
    labels = scribbles(tmp_path / "s.png")
    options = ["--labels", labels, "--components-per-class", n_components, "--connected", "--no-contrast", "--no-maps"]
    succeeds("segment", picture, "-o", tmp_path / "out", *options)
    assert Mixture.load(tmp_path / "out" / "model.json").n_components == 2 * n_components
    found = labels_in(tmp_path / "out" / "labels.png")
    pixels = np.asarray(Image.open(picture))
    known = read_labels(labels, read_picture(picture))
    segmenter = GaussianMixtureSegmenter(
        "auto", components_per_class=n_components, connected=True, contrast=False, random_state=0
    )
    np.testing.assert_array_equal(found, segmenter.fit(pixels, labels=known).predict(pixels, labels=known))


@pytest.mark.parametrize("option", [["--connected"], ["--components-per-class", 2], ["--components-per-class", 1]])
def test_options_of_known_pixels_are_refused_without_them(option, picture, tmp_path):
    line = fails("segment", picture, "-k", 2, "-o", tmp_path / "out", *option)
    assert line == f"Error: {option[0]} requires known pixels: give --labels, or omit it."


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--neighbors", 5], "n_neighbors must be"),
        (["--neighbors", 26], "n_neighbors must be"),
        (["--neighbors", 6], "n_neighbors must be"),
    ],
)
def test_impossible_neighbors_are_refused(option, message, picture, tmp_path):
    assert message in fails("segment", picture, "-k", 2, "-o", tmp_path / "out", *option)


@pytest.mark.slow
@pytest.mark.slow
def test_folders_of_ome_zarr_are_pictures(tmp_path):
    zarr = pytest.importorskip("zarr")
    (tmp_path / "pictures").mkdir()
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space"} for name in "yx")]
    for number in range(2):
        group = zarr.open_group(tmp_path / f"pictures/{number}.ome.zarr", mode="w")
        for level in range(2):
            pixels = np.moveaxis(stripes(number), -1, 0)[:, :: 2**level, :: 2**level]
            group.create_array(str(level), data=np.ascontiguousarray(pixels))
        scales = [{"type": "scale", "scale": [1.0, 2.0**level, 2.0**level]} for level in range(2)]
        levels = [{"path": str(level), "coordinateTransformations": [scales[level]]} for level in range(2)]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    run("segment", tmp_path / "pictures/0.ome.zarr", "-k", 3, "--level", 1, "-o", tmp_path / "one")
    truth = np.array([2, 0, 1])[np.arange(0, 30, 2) * 3 // 30]
    labels = zarr.open_group(tmp_path / "one/labels.ome.zarr", mode="r")["0"][...]
    np.testing.assert_array_equal(labels, np.broadcast_to(truth, (10, 15)))
    for _ in range(2):  # over older results
        run("segment", tmp_path / "pictures", "-k", 3, "-o", tmp_path / "all")
    for number in range(2):
        labels = zarr.open_group(tmp_path / f"all/{number}/labels.ome.zarr", mode="r")["0"][...]
        np.testing.assert_array_equal(labels, np.broadcast_to(np.array([2, 0, 1])[np.arange(30) // 10], (20, 30)))


@pytest.mark.parametrize("as_volume", [False, True])
def test_pages_of_a_tiff_are_a_stack_or_a_volume(as_volume, tmp_path):
    pages = np.stack([stripes(seed)[..., 0] for seed in range(4)])
    tifffile.imwrite(tmp_path / "p.tif", pages, photometric="minisblack", metadata=None)
    succeeds("segment", tmp_path / "p.tif", "-k", 2, "-o", tmp_path / "out", *["--volume"] * as_volume)
    with tifffile.TiffFile(tmp_path / "out" / "labels.tif") as file:
        assert file.series[0].axes == ("ZYX" if as_volume else "TYX")
    assert (tmp_path / "out" / "contact-sheet.png").is_file()


@pytest.mark.slow
def test_files_of_an_earlier_run_that_stay_are_named(picture, tmp_path):
    succeeds("segment", picture, "-k", 3, "-o", tmp_path / "out")
    result = succeeds("segment", picture, "-k", 2, "-o", tmp_path / "out")
    assert "still has files of an earlier run: probability-2.png, segment-2.png" in result.stderr


# several files


@pytest.mark.slow
def test_a_folder_is_segmented_with_one_model(folder, tmp_path):
    out = succeeds("segment", folder, "-k", 3, "-o", tmp_path / "out").stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "b", "c", "model.json", "contact-sheet.png"}
    images = [np.asarray(Image.open(folder / name)) for name in ("a.png", "b.png", "c.bmp")]
    segmenter = GaussianMixtureSegmenter(3, random_state=0).fit(images)
    for name, labels in zip("abc", segmenter.predict(images), strict=True):
        assert {path.name for path in (tmp_path / "out" / name).iterdir()} == {"labels.png", "segments.png"}
        np.testing.assert_array_equal(labels_in(tmp_path / "out" / name / "labels.png"), labels)
        assert any(line.split()[:2] == [name, "33.3"] for line in out.splitlines())
    model = Mixture.load(tmp_path / "out" / "model.json")
    np.testing.assert_array_equal(model.means, segmenter.mixture_.means)


@pytest.mark.slow
def test_each_file_can_have_its_own_model_whatever_its_kind(folder, volume, tmp_path):
    succeeds("segment", folder, volume, "-k", 2, "-o", tmp_path / "out", "--each", "--maps")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "b", "c", "t1", "contact-sheet.png"}
    alone = GaussianMixtureSegmenter(2, random_state=0).fit(np.asarray(Image.open(folder / "b.png")))
    np.testing.assert_array_equal(Mixture.load(tmp_path / "out" / "b" / "model.json").means, alone.mixture_.means)
    assert (tmp_path / "out" / "b" / "probability-1.png").is_file()
    assert (tmp_path / "out" / "t1" / "probabilities.nii.gz").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("each", [False, True])
def test_a_damaged_file_is_left_out_and_named(each, folder, tmp_path):
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    result = run("segment", folder, "-k", 3, "-o", tmp_path / "out", *["--each"] * each)
    assert result.exit_code == 2
    assert "1 of 3 files could not be segmented: " in result.stderr
    assert "b.png is a damaged picture: " in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"a", "c"}
    assert " 33.3 " in result.stdout


@pytest.mark.slow
def test_masks_of_a_folder_go_by_name(folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for number, name in enumerate("abc"):
        mask = np.zeros((20 + number, 30), dtype=np.uint8)
        mask[number + 2 :] = 1
        Image.fromarray(mask).save(masks / f"{name}.png")
    succeeds("segment", folder, "-k", 3, "-o", tmp_path / "out", "--mask", masks)
    for number, name in enumerate("abc"):
        labels = labels_in(tmp_path / "out" / name / "labels.png")
        np.testing.assert_array_equal((labels == 255).all(axis=1), np.arange(20 + number) < number + 2)
    (masks / "c.png").unlink()
    line = fails("segment", folder, "-k", 3, "-o", tmp_path / "out", "--mask", masks)
    assert f"masks has no mask for {folder / 'c.bmp'}; name it c.*" in line


def test_labels_of_a_folder_go_by_name_and_are_of_some_files(folder, tmp_path):
    (tmp_path / "labels").mkdir()
    scribbles(tmp_path / "labels" / "b.png", height=21)
    out = succeeds("segment", folder, "-o", tmp_path / "out", "--labels", tmp_path / "labels").stdout
    assert "painted    0 #b40000, 1 #ffff00" in out
    for name in "abc":
        np.testing.assert_array_equal(labels_in(tmp_path / "out" / name / "labels.png")[9], np.repeat([0, 1, 1], 10))
    (tmp_path / "labels" / "b.png").rename(tmp_path / "labels" / "d.png")
    line = fails("segment", folder, "-o", tmp_path / "out", "--labels", tmp_path / "labels")
    assert "has no labels for any file" in line
    line = fails("segment", folder, "-o", tmp_path / "out", "--labels", tmp_path / "labels" / "d.png")
    assert "d.png is for one picture only" in line


def dicom_series(folder, seed=0, **fields):
    """A series of two materials; the labels are 0 and 1 along x."""
    pytest.importorskip("pydicom")
    stored = np.repeat([100, 900], 5)[:, None, None] + np.random.default_rng(seed).integers(0, 60, (10, 9, 6))
    write_series(folder, stored.astype(np.uint16), RescaleIntercept=-1024, **fields)
    return folder


@pytest.mark.slow
def test_a_dicom_series_is_one_picture_as_a_folder_or_as_files(tmp_path):
    series = dicom_series(tmp_path / "ct")
    out = succeeds("segment", series, "-k", 2, "-o", tmp_path / "out").stdout
    assert "volume" in out
    assert "0.3 ml" in out  # 270 voxels of 0.9375 cubic millimeters
    labels = nibabel.load(tmp_path / "out" / "labels.nii.gz")
    np.testing.assert_array_equal(labels.get_fdata(), np.indices((10, 9, 6))[0] // 5)
    np.testing.assert_allclose(labels.affine, read_picture(series).affine, atol=1e-5)
    files = sorted(series.iterdir())[::-1]
    succeeds("segment", *files, "-k", 2, "-o", tmp_path / "again")
    again = nibabel.load(tmp_path / "again" / "labels.nii.gz")
    np.testing.assert_array_equal(again.get_fdata(), labels.get_fdata())
    (tmp_path / "masks").mkdir()
    nibabel.save(
        nibabel.Nifti1Image((labels.get_fdata() == 1).astype(np.uint8), labels.affine), tmp_path / "masks" / "ct.nii.gz"
    )
    other = dicom_series(tmp_path / "later", 1, SeriesInstanceUID="1.2.5")
    succeeds("segment", *files, other, "--with", tmp_path / "out" / "model.json", "-o", tmp_path / "both")
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"ct", "later", "contact-sheet.png"}
    out = succeeds("segment", series, "--mask", tmp_path / "masks", "-k", 1, "-o", tmp_path / "masked").stdout
    assert "pixels     270" in out


def test_a_folder_of_several_series_is_refused_and_radiographs_are_pictures(tmp_path):
    dicom_series(tmp_path / "study", SeriesDescription="scout")
    one = dicom_series(tmp_path / "more", SeriesInstanceUID="1.2.5")
    for path in one.iterdir():
        path.rename(tmp_path / "study" / f"B{path.name}")
    message = "has 2 series (CT 2 phantom, 6 files; CT 2 scout, 6 files): give the files of one"
    assert message in fails("segment", tmp_path / "study", "-k", 2, "-o", tmp_path / "out")
    (tmp_path / "x").mkdir()
    for number in range(2):
        write(tmp_path / "x" / f"IM{number}", stripes(number)[..., 0], Modality="DX")
    succeeds("segment", tmp_path / "x", "-k", 2, "-o", tmp_path / "out")
    assert labels_in(tmp_path / "out" / "IM1" / "labels.png").shape == (20, 30)


@pytest.mark.slow
def test_a_kept_model_segments_the_next_pictures(folder, tmp_path):
    succeeds("segment", folder / "a.png", "-k", 3, "-o", tmp_path / "out")
    model = tmp_path / "out" / "model.json"
    segmenter = GaussianMixtureSegmenter.load(model)
    out = succeeds("segment", folder / "b.png", "--with", model, "-o", tmp_path / "one").stdout
    written = {path.name for path in (tmp_path / "one").iterdir()}
    assert {"labels.png", "figure.png", "probability-2.png"} <= written
    assert "model.json" not in written | set(out.split())
    np.testing.assert_array_equal(
        labels_in(tmp_path / "one" / "labels.png"), segmenter.predict(read_picture(folder / "b.png").pixels)
    )
    out = succeeds("segment", folder, "--with", model, "-o", tmp_path / "all").stdout
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"a", "b", "c", "contact-sheet.png"}
    assert "fitted to" not in out
    for name in ("a.png", "b.png", "c.bmp"):
        labels = labels_in(tmp_path / "all" / name[0] / "labels.png")
        np.testing.assert_array_equal(labels, segmenter.predict(read_picture(folder / name).pixels))


@pytest.mark.slow
def test_a_model_of_a_folder_or_of_known_pixels_is_kept_too(folder, tmp_path):
    known = np.full((21, 30), 255, dtype=np.uint8)
    known[3:6, 2:9], known[3:6, 12:19], known[3:6, 22:29] = 2, 0, 1
    Image.fromarray(known).save(tmp_path / "b.png")
    succeeds("segment", folder / "b.png", "--labels", tmp_path / "b.png", "-o", tmp_path / "one")
    model = tmp_path / "one" / "model.json"
    out = tmp_path / "again"
    succeeds("segment", folder / "b.png", "--with", model, "--labels", tmp_path / "b.png", "-o", out)
    np.testing.assert_array_equal(labels_in(out / "labels.png"), labels_in(tmp_path / "one" / "labels.png"))
    succeeds("segment", folder, "-k", 3, "-o", tmp_path / "all")
    succeeds("segment", folder / "c.bmp", "--with", tmp_path / "all" / "model.json", "-o", tmp_path / "c")
    np.testing.assert_array_equal(
        labels_in(tmp_path / "c" / "labels.png"), labels_in(tmp_path / "all" / "c" / "labels.png")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "dtype"), [(257, np.uint16), (1, np.uint8), (0, np.uint8)])
def test_values_in_another_unit_are_noticed(scale, dtype, tmp_path):
    pixels = stripes()[..., 0]
    GaussianMixtureSegmenter(3, smoothing=0, random_state=0).fit(pixels).save(tmp_path / "m.json")
    Image.fromarray((pixels * dtype(scale)).astype(dtype)).save(tmp_path / "gray.png")
    both = tmp_path / "both"
    both.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray((pixels * dtype(scale)).astype(dtype)).save(both / name)
    for given, name in ((tmp_path / "gray.png", "gray.png"), (both, "a.png")):
        said = succeeds("segment", given, "--with", tmp_path / "m.json", "-o", tmp_path / f"out-{name}").stderr
        expected = f"{name}: 100 % of the pixels are far from every class of the model" if scale == 257 else ""
        assert expected in said
        assert bool(said) == bool(expected)


def test_a_kept_model_refuses_what_it_does_not_fit_to(folder, tmp_path):
    GaussianMixtureSegmenter(3, smoothing=0, random_state=0).fit(stripes()).save(tmp_path / "m.json")
    with_model = ("segment", folder / "a.png", "--with", tmp_path / "m.json", "-o", tmp_path / "out")
    for option in (["-k", 3], ["--color", "rgb"], ["--seed", 0], ["--each"], ["--connected"], ["--no-contrast"]):
        assert "is fixed by the model of --with; omit one of the two." in fails(*with_model, *option)
    Image.fromarray(stripes()[..., 0]).save(tmp_path / "gray.png")
    message = "gray.png: the model was fitted to 2 axes and 3 channels; got an image with 2 axes and 1 channels."
    assert message in fails("segment", tmp_path / "gray.png", *with_model[2:])
    assert "a.png is not the model of a segmenter" in fails(*with_model[:3], folder / "a.png", *with_model[4:])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_files_of_one_name_have_folders_with_their_suffixes(folder, tmp_path):
    Image.fromarray(stripes()).save(folder / "a.bmp")
    succeeds("segment", folder, "-k", 2, "-o", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"a.bmp", "a.png", "b", "c"}


# what files leave open


def bands(last):
    """Noise in three bands, and a step in the last."""
    noise = np.random.default_rng(0).normal(90, 8, (20, 30, 4))
    noise[..., 3] = np.where(np.arange(30) < 15, 40, 200) + noise[..., 3] - 90
    return noise.clip(1, 255).astype(last)


STEP = np.broadcast_to(np.arange(30) >= 15, (20, 30))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bands.npy", ["--no-alpha"]),
        ("bands.tif", ["--no-alpha"]),
        ("bands.png", ["--no-alpha"]),
        ("wide.npy", ["--channels"]),
        ("pages.tif", ["--channels"]),
    ],
)
def test_channels_are_what_the_options_say(name, options, tmp_path):
    values = bands(np.uint8)
    wide = np.concatenate([values, values[..., :2]], axis=-1).astype(np.uint16)
    path = tmp_path / name
    match name:
        case "bands.npy":
            np.save(path, values)
        case "bands.tif":
            tifffile.imwrite(path, values, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
        case "bands.png":
            Image.fromarray(values).save(path)
        case "wide.npy":
            np.save(path, wide)
        case "pages.tif":
            tifffile.imwrite(path, np.moveaxis(wide, -1, 0), photometric="minisblack", metadata=None)
    succeeds("segment", path, "-k", 2, "-o", tmp_path / "out", "--no-maps", *options)
    labels = tmp_path / "out" / f"labels{path.suffix}"
    found = {".npy": np.load, ".tif": tifffile.imread, ".png": labels_in}[path.suffix](labels)
    np.testing.assert_array_equal(found, STEP)
    assert Mixture.load(tmp_path / "out" / "model.json").n_features == (6 if "--channels" in options else 4)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "background"), [("-9999", 0), ("nan", 255), ("-3.4028234663852886e+38", 0)])
def test_a_number_for_no_data_and_the_label_of_such_pixels_can_be_given(background, number, tmp_path):
    values = bands(np.float32)[..., 3]
    values[:5] = float(number)
    tifffile.imwrite(tmp_path / "dem.tif", values, photometric="minisblack", metadata=None)
    np.save(tmp_path / "dem.npy", values)
    nibabel.save(nibabel.Nifti1Image(values[..., None], np.eye(4)), tmp_path / "dem.nii")
    expected = STEP.astype(int) + (background == 0)
    expected[:5] = background
    for suffix, read in (
        (".tif", tifffile.imread),
        (".npy", np.load),
        (".nii", lambda path: nibabel.load(path).dataobj),
    ):
        options = ["--nodata", number, "--background", background, "--no-maps"]
        succeeds("segment", tmp_path / f"dem{suffix}", "-k", 2, "-o", tmp_path / "out", *options)
        found = np.asarray(read(tmp_path / "out" / f"labels{suffix}"))
        np.testing.assert_array_equal(found.reshape(20, 30), expected)


def test_options_that_cannot_be_are_refused(picture, tmp_path):
    def says(*options):
        return fails("segment", picture, "-k", 2, "-o", tmp_path / "out", *options)

    assert "nodata must be a number or nan; got 'none'" in says("--nodata", "none")
    assert "volume and channels exclude each other" in says("--volume", "--channels")
    assert "--max-gigabytes must be positive; got 0" in says("--max-gigabytes", 0)
    assert "the limit is 1 kB" in says("--max-gigabytes", 1e-6)
    assert "'--background'" in run("segment", picture, "-o", tmp_path / "out", "--background", 7).stderr


@pytest.mark.slow
def test_one_file_that_cannot_be_read_does_not_stop_the_others(folder, tmp_path):
    """Whatever is wrong with it: no traceback, one sentence, and its name without control characters."""
    (folder / "damaged.tif").write_bytes(b"II*\0\xff\xff\xff\x7f")
    (folder / "damaged.nii").write_bytes(b"\x5c\x01\0\0" + b"\xff" * 400)
    (folder / "huge.npy").write_bytes(
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999), }".ljust(118)
    )
    (folder / "clear\x1b]0;title\x1b[2J.png").write_bytes(b"hello")
    (folder / "scan.png").write_bytes(b"\0" * 128 + b"DICM")
    result = run("segment", folder, "-k", 3, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {"a", "b", "c"}
    assert "5 of 8 files could not be segmented" in result.stderr
    for said in (
        "damaged.tif is a TIFF file without an image",
        "damaged.nii ",
        "huge.npy is damaged",
        "scan.png has no pixels",
    ):
        assert said in result.stderr
    assert "clear\\x1b]0;title\\x1b[2J.png is not a picture" in result.stderr
    assert "\x1b" not in result.stderr + result.stdout
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_names_with_control_characters_are_printed_with_escapes(folder, tmp_path):
    for name in ("red\x1b[31m.png", "bell\x9b2J.png", "back\u202egnp.png"):
        Image.fromarray(stripes()).save(folder / name)
    result = succeeds("segment", folder, "-k", 2, "-o", tmp_path / "out")
    for said in ("red\\x1b[31m", "bell\\x9b2J", "back\\u202egnp"):
        assert said in result.stdout
    assert not set("\x1b\x9b\u202e") & set(result.stdout + result.stderr)


def test_a_folder_without_pictures_names_the_program_that_converts_what_it_has(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "IM0001").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "IM0001 is an HDF5, netCDF or MATLAB file: read an array with h5py" in fails(
        "segment", tmp_path / "scans", "-o", tmp_path / "out"
    )


# errors


def test_what_cannot_be_segmented_is_refused_in_one_sentence(picture, tmp_path):
    def says(path, *options):
        return fails("segment", path, "-o", tmp_path / "out", *(options or ("-k", 2)))

    (tmp_path / "text.png").write_text("hello")
    assert "text.png is not a picture that pillow can read." in says(tmp_path / "text.png")
    whole = picture.read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    assert "half.png is a damaged picture" in says(tmp_path / "half.png")
    assert "does not exist" in says(tmp_path / "none.png")
    Image.fromarray(np.full((9, 9, 3), 7, dtype=np.uint8)).save(tmp_path / "flat.png")
    assert "flat.png: image has only one color" in says(tmp_path / "flat.png")
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).save(tmp_path / "tiny.png")
    assert "tiny.png: image has 4 distinct colors, fewer than n_components=5" in says(tmp_path / "tiny.png", "-k", 5)
    Image.fromarray(np.zeros((4, 4, 4), dtype=np.uint8)).save(tmp_path / "clear.png")
    assert "clear.png has no visible pixel" in says(tmp_path / "clear.png")
    Image.fromarray(np.ones((30, 20), dtype=np.uint8)).save(tmp_path / "m.png")
    line = says(picture, "-k", 2, "--mask", tmp_path / "m.png")
    assert "m.png has the shape (30, 20), the picture (20, 30); they must be equal" in line
    for k in (0, 256, "some"):
        assert f"-k must be a number from 1 to 255 (a label is one byte) or auto; got '{k}'" in says(picture, "-k", k)
    assert "--smoothing must be a number or auto; got 'much'" in says(picture, "-k", 2, "--smoothing", "much")
    assert "smoothing must be" in says(picture, "-k", 2, "--smoothing", -1)
    assert "was given twice" in says(picture, picture, "-k", 2)
    (tmp_path / "empty").mkdir()
    assert "has no pictures (.png, .jpg" in says(tmp_path / "empty")
    assert not (tmp_path / "out").exists()


def test_one_model_is_of_pictures_of_one_kind(folder, volume, tmp_path):
    line = fails("segment", folder, volume, "-k", 2, "-o", tmp_path / "out")
    assert f"{volume} has 3 axes and 1 channel, {folder / 'a.png'} 2 axes and 3 channels" in line
    assert "use --each" in line


def test_outputs_that_cannot_be_written_are_refused_before_the_work(picture, folder, tmp_path):
    assert "does not exist" in fails("segment", picture, "-k", 2, "-o", tmp_path / "none" / "out")
    assert "is a file; give a folder name" in fails("segment", picture, "-k", 2, "-o", picture)
    picture.rename(tmp_path / "segments.png")
    assert "is an input" in fails("segment", tmp_path / "segments.png", "-k", 2, "-o", tmp_path)


@pytest.mark.slow
def test_nothing_is_left_behind_when_writing_fails(picture, tmp_path, monkeypatch):
    def no_room(path, figure):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("gaussmix.cli.segment_files.write_figure", no_room)
    result = run("segment", picture, "-k", 2, "-o", tmp_path / "out")
    assert (result.exit_code, "pixels" in result.stdout) == (2, True)
    assert result.stderr == f"Error: {tmp_path / 'out' / 'figure.png'}: no space left on device.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


# tile by tile


@pytest.fixture
def tiled(tmp_path):
    """A TIFF in tiles."""
    pixels = stripes(height=300, width=420)
    tifffile.imwrite(tmp_path / "map.tif", pixels, photometric="rgb", tile=(64, 64), metadata=None)
    return tmp_path / "map.tif"


@pytest.mark.slow
@pytest.mark.parametrize("by_size", [True, False])
def test_a_large_picture_is_segmented_tile_by_tile(by_size, tiled, tmp_path, monkeypatch):
    if by_size:
        monkeypatch.setattr("gaussmix.cli.segment_tiles.TILED_ABOVE", 100_000)
    said = succeeds("segment", tiled, "-k", 3, "-o", tmp_path / "out", *([] if by_size else ["--tiles"])).stdout
    assert "126,000 of 126,000, tile by tile" in said
    assert "33.3 %" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figure.png", "labels.tif", "model.json"]
    truth = np.broadcast_to(np.array([2, 0, 1])[np.arange(420) // 140], (300, 420))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/labels.tif"), truth)
    run("segment", tiled, "--with", tmp_path / "out/model.json", "--tiles", "--background", 0, "-o", tmp_path / "again")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again/labels.tif"), truth + 1)
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["figure.png", "labels.tif"]


@pytest.mark.slow
def test_what_needs_the_whole_picture_is_not_done_tile_by_tile(tiled, picture, tmp_path, monkeypatch):
    monkeypatch.setattr("gaussmix.cli.segment_tiles.TILED_ABOVE", 1000)
    for number, options in enumerate([["--maps"], ["--position", 1], ["--no-tiles"]]):
        run("segment", tiled, "-k", 2, "--smoothing", 0, "-o", tmp_path / f"out{number}", *options)
        assert (tmp_path / f"out{number}/segments.png").exists()
        wrong = f"{options[0]} needs the whole picture in memory: omit it, or --tiles"
        if options != ["--no-tiles"]:
            assert wrong in fails("segment", tiled, "--tiles", "-o", tmp_path / "no", *options)
    run("segment", picture, "-k", 2, "-o", tmp_path / "png")  # cannot be read in parts
    assert "--tiles is for one file; got 2" in fails("segment", tiled, picture, "--tiles", "-o", tmp_path / "no")
    assert "cannot be read in parts" in fails("segment", picture, "--tiles", "-o", tmp_path / "no")
