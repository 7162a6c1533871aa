"""What the room keeps about a picture: previews and full fits, hints, segments."""

import numpy as np
import pytest
import tifffile
from helpers.app_pictures import block_session, blocks, complete, session_of
from PIL import Image

from gaussmix.app.pictures import planes
from gaussmix.app.pictures import session as module
from gaussmix.app.pictures.results import fit_labels
from gaussmix.app.pictures.settings import Settings
from gaussmix.imaging import GaussianMixtureSegmenter

TRUTH = np.tile(np.arange(60) * 4 // 60, (40, 1))


def stroke(session, value, columns):
    """Paint a vertical stroke."""
    plane = session.hints(-1, 0).copy()
    plane[5:35, columns] = value
    session.set_hints(-1, 0, plane)


def hinted(session):
    """Paint the first block as class 0 and the third as class 1."""
    stroke(session, 0, slice(3, 8))
    stroke(session, 1, slice(33, 40))
    session.change(Settings(use_hints=True))
    return session


def test_a_preview_shows_the_segments_of_a_thinned_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FITTED_PIXELS", 500)
    monkeypatch.setattr(module, "LABELED_PIXELS", 1000)
    session = block_session(tmp_path)
    session.make_preview()
    assert session.state()["result"]["is_full"] is False
    assert (session.labels(-1, 0) == TRUTH).mean() > 0.95
    with pytest.raises(ValueError, match="not complete yet"):
        session.full_result()


def test_the_full_result_is_that_of_the_segmenter(tmp_path):
    session = complete(block_session(tmp_path, smoothing=0.5, color_space="lab"))
    segmenter = GaussianMixtureSegmenter(4, color_space="lab", smoothing=0.5, random_state=0)
    np.testing.assert_array_equal(session.labels(-1, 0), segmenter.fit_predict(blocks()))
    state = session.state()["result"]
    assert (state["is_full"], state["n_classes"], state["n_visible"]) == (True, 4, 2400)
    np.testing.assert_allclose(sum(state["shares"]), 1)


def test_the_full_result_with_hints_is_that_of_the_segmenter(tmp_path):
    session = complete(hinted(block_session(tmp_path)))
    known = np.full((40, 60), -1)
    known[5:35, 3:8], known[5:35, 33:40] = 0, 1
    segmenter = GaussianMixtureSegmenter(2, smoothing=15.0, components_per_class=5, random_state=0)
    expected = segmenter.fit_predict(blocks(), labels=known)
    np.testing.assert_array_equal(session.labels(-1, 0), expected)
    assert (expected[:, :15] == 0).all()


def test_auto_is_estimated_once_and_then_kept_for_previews(tmp_path):
    session = block_session(tmp_path, n_components="auto", smoothing="auto")
    complete(session)
    result = session.state()["result"]
    assert result["n_classes"] == 4
    session.change(session.settings)
    session.make_preview()
    preview = session.state()["result"]
    assert (preview["n_classes"], preview["smoothing"]) == (4, result["smoothing"])


def test_a_full_fit_for_older_settings_is_dropped(tmp_path):
    session = block_session(tmp_path)
    arguments, accept = session.full_fit()
    session.change(Settings(n_components=2))
    session.make_preview()
    accept(fit_labels(lambda fraction, text: None, *arguments))
    assert session.state()["result"]["n_classes"] == 2


@pytest.mark.parametrize("change", ["settings", "hints", "no hints"])
def test_each_change_makes_a_new_version(change, tmp_path):
    session = block_session(tmp_path)
    before = session.version
    match change:
        case "settings":
            session.change(Settings(n_components=3))
        case "hints":
            stroke(session, 0, slice(0, 3))
        case _:
            session.clear_hints()
    assert session.version > before


def test_hints_do_not_count_unless_they_are_used(tmp_path):
    session = hinted(block_session(tmp_path))
    assert session.parameters["n_components"] == 2
    session.change(Settings(n_components=3))
    assert session.parameters == {"n_components": 3, "smoothing": 1.0, "random_state": 0}
    assert session.info()["n_hinted"] == 2


def test_one_class_of_hints_suffices(tmp_path):
    session = block_session(tmp_path)
    stroke(session, 1, slice(33, 40))
    session.change(Settings(use_hints=True))
    session.make_preview()
    assert (session.labels(-1, 0)[:, 32:42] == 1).mean() > 0.9
    complete(session)
    assert session.state()["result"]["n_classes"] == 2


def test_hints_are_erased(tmp_path):
    session = hinted(block_session(tmp_path))
    stroke(session, module.UNKNOWN, slice(0, 60))
    assert session.known is None
    assert (session.hints(-1, 0) == module.UNKNOWN).all()


def test_hints_of_a_large_plane_cover_all_its_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(planes, "MOST_SHOWN", 600)
    session = block_session(tmp_path)
    plane = session.hints(-1, 0).copy()
    assert plane.shape == (20, 30)
    plane[:, 0] = 1
    session.set_hints(-1, 0, plane)
    assert (session.known[:, :2] == 1).all()
    assert (session.known[:, 2:] == -1).all()


def test_hints_and_labels_of_a_volume_are_seen_in_all_directions(tmp_path):
    volume = np.random.default_rng(0).normal(size=(8, 10, 12)).astype(np.float32)
    volume[:, :, 6:] += 8
    tifffile.imwrite(tmp_path / "volume.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    session = session_of(tmp_path / "volume.tif", n_components=2)
    for axis, index, columns in ((0, 3, slice(0, 3)), (1, 5, slice(9, 12))):
        plane = session.hints(axis, index).copy()
        plane[:, columns] = axis
        session.set_hints(axis, index, plane)
    assert session.hints(2, 1)[3, 0] == 0
    assert session.hints(2, 10)[4, 5] == 1
    session.change(Settings(use_hints=True))
    session.make_preview()
    complete(session)
    labels = np.stack([session.labels(0, index) for index in range(8)])
    np.testing.assert_array_equal(labels, np.broadcast_to(np.arange(12) >= 6, (8, 10, 12)))
    np.testing.assert_array_equal(session.labels(2, 7), np.ones((8, 10)))


def test_pages_become_slices_of_a_volume(tmp_path):
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((3, 8, 9), dtype=np.uint8), photometric="minisblack")
    session = session_of(tmp_path / "pages.tif")
    assert [each["name"] for each in session.info()["directions"]] == ["page"]
    session.read(volume=True)
    assert [each["name"] for each in session.info()["directions"]] == ["z", "y", "x"]


@pytest.mark.parametrize("whole", [True, False])
def test_probabilities_at_a_pixel(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LABELED_PIXELS", 300)
    session = block_session(tmp_path)
    if whole:
        complete(session)
    else:
        session.make_preview()
    for x, number in ((5, 0), (20, 1), (37, 2), (55, 3)):
        found = session.probabilities(-1, 0, x, 20)
        assert found.argmax() == number
        np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


def test_uncertainty_is_highest_where_classes_overlap(tmp_path):
    rng = np.random.default_rng(0)
    pixels = np.clip(100 + 60 * (np.arange(90) >= 45) + rng.normal(scale=25, size=(60, 90)), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "gray.png")
    session = complete(session_of(tmp_path / "gray.png", n_components=2, smoothing=0.0))
    uncertainty = session.uncertainty(-1, 0)
    assert (
        uncertainty[np.abs(pixels.astype(int) - 130) < 4].mean()
        > 3 * uncertainty[np.abs(pixels.astype(int) - 130) > 50].mean()
    )


def test_histograms_have_a_density_for_each_class(tmp_path):
    session = complete(hinted(block_session(tmp_path)))
    channels = session.histograms()
    assert [each["name"] for each in channels] == ["red", "green", "blue"]
    for each in channels:
        assert len(each["densities"]) == 2
        widths, heights = np.diff(each["edges"]), np.array(each["heights"])
        np.testing.assert_allclose((widths * heights).sum(), 1)


SEGMENTS = [
    {"classes": [0, 2], "name": "dark", "color": "#112233", "hidden": False},
    {"classes": [1], "name": "", "color": "", "hidden": True},
    {"classes": [3], "name": "", "color": "", "hidden": False},
]


def test_segments_are_kept_while_their_number_is_the_same(tmp_path):
    session = complete(block_session(tmp_path))
    session.set_segments(SEGMENTS)
    assert complete(session).state()["segments"] == SEGMENTS
    session.change(Settings(n_components=3))
    session.make_preview()
    assert [each["classes"] for each in session.state()["segments"]] == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (SEGMENTS[:2], "Each class from 0 to 3"),
        ([*SEGMENTS, SEGMENTS[1]], "Each class from 0 to 3"),
        ([*SEGMENTS, {**SEGMENTS[1], "classes": []}], "no class"),
        ([{**SEGMENTS[0], "color": "red"}, *SEGMENTS[1:]], "#rrggbb"),
        ([{**SEGMENTS[0], "name": "x" * 81}, *SEGMENTS[1:]], "80 characters"),
        ("dark", "list of objects"),
        ([{"classes": [0]}], "list of objects"),
    ],
)
def test_wrong_segments_are_refused(wrong, message, tmp_path):
    session = complete(block_session(tmp_path))
    with pytest.raises(ValueError, match=message):
        session.set_segments(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 21}, "at most 20"),
        ({"n_components": "many"}, "n_components"),
        ({"color_space": "cmyk"}, "color_space"),
        ({"smoothing": -1}, "smoothing"),
        ({"smoothing": None}, "smoothing"),
        ({"connected": "yes"}, "connected"),
        ({"n_clusters": 3}, "n_clusters"),
        ([3], "object"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings.of(wrong)


def test_a_picture_without_visible_pixels_is_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4, 4), dtype=np.uint8)).save(tmp_path / "nothing.png")
    with pytest.raises(ValueError, match="no visible pixel"):
        session_of(tmp_path / "nothing.png")


@pytest.mark.parametrize("with_hints", [False, True])
def test_all_pixels_are_labeled_by_the_classes_of_the_preview(with_hints, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FITTED_PIXELS", 500)
    monkeypatch.setattr(module, "LABELED_PIXELS", 600)
    session = block_session(tmp_path)
    if with_hints:
        hinted(session)
    session.make_preview()
    classes = session.result.segmentation.segmenter.mixture_
    session.label_all()
    assert session.result.segmentation.labels.shape == (40, 60)
    assert session.result.segmentation.segmenter.mixture_ is classes
    assert not session.result.is_full


def test_a_large_picture_is_not_labeled_before_its_full_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LABELED_PIXELS", 600)
    monkeypatch.setattr(module, "LABELED_AT_ONCE", 2000)
    session = block_session(tmp_path)
    session.label_all()
    session.make_preview()
    session.label_all()
    assert session.result.segmentation.labels.shape == (20, 30)


def test_numbers_next_to_the_current_one_are_prepared(tmp_path):
    session = complete(block_session(tmp_path, smoothing=0.0))
    session.prepare()
    session.change(Settings(n_components=5, smoothing=0.0))
    session.make_preview()
    assert session.state()["result"]["n_classes"] == 5


def test_a_kept_model_labels_another_picture_until_settings_change(tmp_path):
    complete(block_session(tmp_path, n_components=3)).result.segmentation.segmenter.save(tmp_path / "model.json")
    session = complete(block_session(tmp_path))
    session.use_model(tmp_path / "model.json")
    state = session.state()
    assert (state["with_model"], state["result"]["n_classes"], state["result"]["is_full"]) == (True, 3, True)
    segmenter = GaussianMixtureSegmenter.load(tmp_path / "model.json")
    np.testing.assert_array_equal(session.labels(-1, 0), segmenter.predict(blocks()))
    session.change(session.settings)
    session.make_preview()
    assert (session.state()["with_model"], session.state()["result"]["n_classes"]) == (False, 4)


def test_a_model_of_other_pictures_is_refused(tmp_path):
    GaussianMixtureSegmenter(2, smoothing=0, random_state=0).fit(blocks()[..., 0]).save(tmp_path / "gray.json")
    session = complete(block_session(tmp_path))
    with pytest.raises(ValueError, match="1 channels"):
        session.use_model(tmp_path / "gray.json")
    (tmp_path / "text.json").write_text("no model")
    with pytest.raises(ValueError, match=r"text\.json"):
        session.use_model(tmp_path / "text.json")
    assert session.state()["with_model"] is False
