"""``gaussmix segment``: what it writes and prints, and one clear sentence when the input is wrong."""

import nibabel
import numpy as np
import pytest
import tifffile
from helpers.command_line import fails, run, succeeds
from helpers.stripes import labels_in, scribbles, stripes
from PIL import Image

from gaussmix import Mixture
from gaussmix.imaging import GaussianMixtureSegmenter, read_labels, read_picture

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
