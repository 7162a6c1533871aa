"""``gaussmix segment``: several files, kept models, and what files leave open."""

import nibabel
import numpy as np
import pytest
import tifffile
from helpers.command_line import fails, run, succeeds
from helpers.dicom_files import write, write_series
from helpers.stripes import labels_in, scribbles, stripes
from PIL import Image

from gaussmix import Mixture
from gaussmix.imaging import GaussianMixtureSegmenter, read_picture

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
