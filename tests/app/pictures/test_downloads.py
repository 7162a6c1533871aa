"""What the user takes away, compared with the calls in Python and the command line."""

import io
import zipfile

import nibabel
import numpy as np
import pytest
import tifffile
from helpers.app_pictures import block_session, blocks, complete, session_of
from helpers.command_line import succeeds
from PIL import Image

from gaussmix.app.pictures.downloads import download, lines_of
from gaussmix.app.pictures.lines import stem_of
from gaussmix.app.pictures.settings import Settings
from gaussmix.imaging import GaussianMixtureSegmenter, read_labels, read_picture

MERGED = [
    {"classes": [0, 3], "name": "", "color": "", "hidden": False},
    {"classes": [1], "name": "", "color": "#ff0000", "hidden": False},
    {"classes": [2], "name": "", "color": "", "hidden": False},
]


def image_in(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def with_hints(session):
    plane = session.hints(-1, 0).copy()
    plane[5:35, 3:8], plane[5:35, 33:40] = 0, 1
    session.set_hints(-1, 0, plane)
    session.change(Settings(use_hints=True, connected=True))
    return session


def test_labels_and_cut_outs_are_those_of_the_python_call(tmp_path):
    session = complete(block_session(tmp_path))
    expected = GaussianMixtureSegmenter(4, smoothing=1.0, random_state=0).fit_predict(blocks())
    labels = download(session, "labels")
    assert labels.name == "blocks-labels.png"
    np.testing.assert_array_equal(image_in(labels.content), expected)
    cut = download(session, "cutout", [1, 3])
    assert cut.name == "blocks-cut-out-1-3.png"
    inside = np.isin(expected, [1, 3])
    np.testing.assert_array_equal(image_in(cut.content)[..., 3], 255 * inside)
    np.testing.assert_array_equal(image_in(cut.content)[inside, :3], blocks()[inside])


def test_merged_segments_are_one(tmp_path):
    session = complete(block_session(tmp_path))
    plain = image_in(download(session, "labels").content)
    session.set_segments(MERGED)
    np.testing.assert_array_equal(image_in(download(session, "labels").content), np.array([0, 1, 2, 0])[plain])
    cut = image_in(download(session, "cutout", [0]).content)
    np.testing.assert_array_equal(cut[..., 3] > 0, np.isin(plain, [0, 3]))
    with zipfile.ZipFile(io.BytesIO(download(session, "probabilities").content)) as archive:
        assert archive.namelist() == ["probability-0.png", "probability-1.png", "probability-2.png"]
        total = sum(image_in(archive.read(name)).astype(int) for name in archive.namelist())
    assert np.abs(total - 255).max() <= 2
    assert download(session, "figure").content[:4] == b"\x89PNG"


@pytest.mark.parametrize("kind", ["plain", "hints", "merged", "lab"])
def test_the_lines_of_python_write_the_same_labels(kind, tmp_path, monkeypatch):
    session = block_session(tmp_path, color_space="lab" if kind == "lab" else "rgb")
    if kind == "hints":
        with_hints(session)
        hints = download(session, "hints")
        (tmp_path / hints.name).write_bytes(hints.content)
    complete(session)
    if kind == "merged":
        session.set_segments(MERGED)
    monkeypatch.chdir(tmp_path)
    exec(lines_of(session)["python"], {})
    assert (tmp_path / "blocks-labels.png").read_bytes() == download(session, "labels").content


@pytest.mark.parametrize("kind", ["plain", "hints", "auto"])
def test_the_command_line_writes_the_same_labels(kind, tmp_path, monkeypatch):
    given = {"n_components": "auto", "smoothing": "auto"} if kind == "auto" else {"color_space": "lab"}
    session = block_session(tmp_path, "two words.png", **given)
    if kind == "hints":
        with_hints(session)
        hints = download(session, "hints")
        (tmp_path / hints.name).write_bytes(hints.content)
    complete(session)
    monkeypatch.chdir(tmp_path)
    command = lines_of(session)["command"]
    words = (
        command.replace("'two words.png'", "two_words.png").replace("'", "").replace("two words", "two_words").split()
    )
    assert words[:2] == ["gaussmix", "segment"]
    succeeds(*(word.replace("two_words", "two words") for word in words[1:]))
    written = image_in((tmp_path / "two words-segments" / "labels.png").read_bytes())
    np.testing.assert_array_equal(written, image_in(download(session, "labels").content))


def test_hints_are_read_back(tmp_path):
    session = with_hints(block_session(tmp_path))
    hints = download(session, "hints")
    (tmp_path / hints.name).write_bytes(hints.content)
    np.testing.assert_array_equal(read_labels(tmp_path / hints.name, session.picture), session.known)


def test_the_model_labels_pictures_as_the_page_does(tmp_path):
    session = complete(block_session(tmp_path))
    (tmp_path / "model.json").write_bytes(download(session, "model").content)
    segmenter = GaussianMixtureSegmenter.load(tmp_path / "model.json")
    np.testing.assert_array_equal(segmenter.predict(blocks()), session.labels(-1, 0))


def test_a_nifti_volume_keeps_its_affine(tmp_path):
    rng = np.random.default_rng(0)
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    values = rng.normal(size=(9, 8, 7)) + 9 * (np.arange(9) > 4)[:, None, None]
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), affine), tmp_path / "scan.nii.gz")
    session = complete(session_of(tmp_path / "scan.nii.gz", n_components=2))
    for what, name in (("labels", "scan-labels.nii.gz"), ("probabilities", "scan-probabilities.nii.gz")):
        made = download(session, what)
        assert made.name == name
        (tmp_path / name).write_bytes(made.content)
        np.testing.assert_array_equal(nibabel.load(tmp_path / name).affine, affine)
    with pytest.raises(ValueError, match="flat pictures"):
        download(session, "cutout", [0])
    assert download(session, "figure").content[:4] == b"\x89PNG"


def test_a_tiff_keeps_its_resolution(tmp_path):
    tifffile.imwrite(tmp_path / "scan.tif", blocks(), photometric="rgb", resolution=(300, 300), resolutionunit="INCH")
    session = complete(session_of(tmp_path / "scan.tif", n_components=4))
    (tmp_path / "labels.tif").write_bytes(download(session, "labels").content)
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[1] == 300


def test_the_archive_has_everything(tmp_path):
    session = complete(with_hints(block_session(tmp_path)))
    with zipfile.ZipFile(io.BytesIO(download(session, "all").content)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "labels.png", "segments.png", "uncertainty.png", "probability-0.png", "probability-1.png", "segment-0.png",
            "segment-1.png", "figure.png", "model.json", "blocks-hints.png", "segment.sh", "segment.py",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("what", "segments", "message"),
    [
        ("everything", (), "no download"),
        ("cutout", (), "from 0 to 3"),
        ("cutout", (4,), "from 0 to 3"),
        ("cutout", (-1,), "from 0 to 3"),
        ("hints", (), "no hints"),
    ],
)
def test_what_cannot_be_made_is_refused(what, segments, message, tmp_path):
    session = complete(block_session(tmp_path))
    with pytest.raises(ValueError, match=message):
        download(session, what, segments)


def test_a_preview_cannot_be_saved(tmp_path):
    session = block_session(tmp_path)
    session.make_preview()
    with pytest.raises(ValueError, match="not complete"):
        download(session, "labels")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.png", "a"), ("a.nii.gz", "a"), ("A.NII.GZ", "A"), ("a.b.tif", "a.b"), (".png", ".png"), ("photo", "photo")],
)
def test_the_stem_of_a_name(name, stem):
    assert stem_of(name) == stem


def test_transparent_pixels_have_no_segment(tmp_path):
    pixels = np.dstack([blocks(), np.full((40, 60), 255, dtype=np.uint8)])
    pixels[:7, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "part.png")
    session = complete(session_of(tmp_path / "part.png", n_components=4))
    session.set_segments(MERGED)
    (tmp_path / "labels.png").write_bytes(download(session, "labels").content)
    assert (image_in(download(session, "labels").content)[:7] == 255).all()
    assert not read_picture(tmp_path / "labels.png").visible[:7].any()


@pytest.mark.parametrize("way", ["python", "command"])
def test_the_lines_for_a_kept_model_give_the_same_labels(way, tmp_path, monkeypatch):
    GaussianMixtureSegmenter(3, smoothing=0.5, random_state=0).fit(blocks(seed=1)).save(tmp_path / "blocks-model.json")
    session = block_session(tmp_path)
    session.use_model(tmp_path / "blocks-model.json")
    monkeypatch.chdir(tmp_path)
    lines = lines_of(session)
    if way == "python":
        exec(lines["python"], {})
        written = tmp_path / "blocks-labels.png"
    else:
        assert lines["command"] == "gaussmix segment blocks.png --with blocks-model.json -o blocks-segments"
        succeeds(*lines["command"].split()[1:])
        written = tmp_path / "blocks-segments" / "labels.png"
    np.testing.assert_array_equal(image_in(written.read_bytes()), image_in(download(session, "labels").content))
