"""The room for pictures in a browser: segments, hints, downloads, cancel, reload, keyboard."""

import contextlib
import io
import re

import numpy as np
import pytest
from helpers.app_pictures import blocks
from PIL import Image

from gaussmix.imaging import GaussianMixtureSegmenter

pytestmark = pytest.mark.slow

READY = ".picture-room[aria-busy=false]"
HEIGHT, WIDTH = 40, 60


def png(pixels):
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def opened(page, name="blocks.png", pixels=None):
    """Open a picture and wait for its full result."""
    content = png(blocks(HEIGHT, WIDTH) if pixels is None else pixels)
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
    page.wait_for_selector(f"#document-name:text('{name}')")
    ready(page)


def ready(page):
    page.wait_for_selector(READY)


def names(page):
    return page.locator("ul.segments .segment-name").all_inner_texts()


def choose(page, name):
    page.locator("ul.segments").get_by_role("radio", name=name).check()


def set_number(page, k):
    """Choose a number of segments and wait for its full result."""
    page.get_by_label("Number of segments").fill(str(k))
    page.wait_for_selector(f"ul.segments li:nth-child({k}):last-child")
    ready(page)


def saved(page, name):
    """Return (name, content) of a file saved by a button."""
    with page.expect_download() as started:
        page.get_by_role("button", name=name, exact=True).click()
    return started.value.suggested_filename, started.value.path().read_bytes()


def image_in(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def point(page, x, y):
    """Return the place in the page of a pixel of the picture."""
    box = page.locator(".picture-sheet").bounding_box()
    return box["x"] + box["width"] * (x + 0.5) / WIDTH, box["y"] + box["height"] * (y + 0.5) / HEIGHT


@contextlib.contextmanager
def followed_by_a_result(page):
    """Wait until what is done inside has made the room busy, however shortly, and its full result is there."""
    page.evaluate(
        "() => { window.wasBusy = false; const room = document.querySelector('.picture-room');"
        " const seen = new MutationObserver((changes) => {"
        " window.wasBusy ||= room.ariaBusy === 'true' || changes.some((change) => change.oldValue === 'true'); });"
        " seen.observe(room, { attributeFilter: ['aria-busy'], attributeOldValue: true }); }"
    )
    yield
    page.wait_for_function("window.wasBusy")
    ready(page)


def drag(page, start, end):
    """Drag the pointer from one pixel to another and wait for the full result."""
    page.mouse.move(*point(page, *start))
    with followed_by_a_result(page):
        page.mouse.down()
        page.mouse.move(*point(page, *end), steps=4)
        page.mouse.up()


def shown(page):
    """Return the colors of the picture on the stage, (height, width, 4)."""
    values = page.evaluate(
        "(() => { const { width, height } = document.querySelector('.picture-canvas');"
        " const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });"
        " copy.drawImage(document.querySelector('.picture-canvas'), 0, 0);"
        " return [...copy.getImageData(0, 0, width, height).data]; })()"
    )
    return np.array(values, dtype=np.uint8).reshape(HEIGHT, WIDTH, 4)


def test_a_picture_shows_its_segments_and_their_number_can_be_changed(page):
    opened(page)
    before = shown(page)
    assert len(names(page)) == 4
    set_number(page, 2)
    assert names(page) == ["Segment 0", "Segment 1"]
    after = shown(page)
    assert (after != before).any()
    assert len(np.unique(after.reshape(-1, 4), axis=0)) == 2
    name, content = saved(page, "Labels")
    assert name == "blocks-labels.png"
    expected = GaussianMixtureSegmenter(2, smoothing=1.0, random_state=0).fit_predict(blocks(HEIGHT, WIDTH))
    np.testing.assert_array_equal(image_in(content), expected)


def paint_two_hints(page):
    page.get_by_label("By hints").check()
    page.locator(".brush-size input").fill("3")
    drag(page, (36, 8), (38, 32))
    assert names(page) == ["Background", "Object"]
    choose(page, "Background")
    drag(page, (5, 8), (6, 32))


def test_two_hints_cut_out_an_object(page):
    opened(page)
    paint_two_hints(page)
    hints = image_in(saved(page, "Hints")[1])
    assert set(np.unique(hints)) == {0, 1, 255}
    known = np.where(hints == 255, -1, hints.astype(int))
    segmenter = GaussianMixtureSegmenter(2, smoothing=15.0, components_per_class=5, random_state=0)
    expected = segmenter.fit_predict(blocks(HEIGHT, WIDTH), labels=known)
    np.testing.assert_array_equal(image_in(saved(page, "Labels")[1]), expected)
    name, content = saved(page, "Save the cut-out of Object as PNG")
    assert name == "blocks-object.png"
    cut = image_in(content)
    np.testing.assert_array_equal(cut[..., 3] > 0, expected == 1)
    np.testing.assert_array_equal(cut[expected == 1, :3], blocks(HEIGHT, WIDTH)[expected == 1])


def test_a_stroke_is_undone_and_redone(page):
    opened(page)
    paint_two_hints(page)
    labels = saved(page, "Labels")[1]
    with followed_by_a_result(page):
        page.keyboard.press("Control+z")
    assert set(np.unique(image_in(saved(page, "Hints")[1]))) == {1, 255}
    with followed_by_a_result(page):
        page.get_by_role("button", name="Redo").click()
    assert saved(page, "Labels")[1] == labels


def test_hints_and_settings_are_there_after_a_reload(page):
    opened(page)
    paint_two_hints(page)
    labels = saved(page, "Labels")[1]
    page.reload()
    page.wait_for_selector("#document-name:text('blocks.png')")
    ready(page)
    assert page.get_by_label("By hints").is_checked()
    assert names(page) == ["Background", "Object"]
    assert saved(page, "Labels")[1] == labels


def test_eraser_rectangle_and_frame(page):
    opened(page)
    page.get_by_label("By hints").check()
    page.get_by_role("button", name="Rectangle").click()
    drag(page, (32, 10), (40, 20))
    page.get_by_role("button", name="Frame").click()
    drag(page, (29, 4), (45, 36))
    hints = image_in(saved(page, "Hints")[1])
    expected = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    expected[4:37, 29:46] = 255
    expected[10:21, 32:41] = 1
    np.testing.assert_array_equal(hints, expected)
    page.get_by_role("button", name="Erase").click()
    page.locator(".brush-size input").fill("80")
    drag(page, (30, 20), (31, 20))
    assert page.get_by_role("button", name="Hints", exact=True).is_hidden()


def test_hints_are_painted_by_keys(page):
    opened(page)
    page.get_by_label("By hints").check()
    page.locator(".brush-size input").fill("4")
    page.locator(".picture-sheet").focus()
    page.keyboard.press("ArrowRight")
    with followed_by_a_result(page):
        page.keyboard.press("Space")
    hints = image_in(saved(page, "Hints")[1])
    assert hints[20, 32] == 1
    assert set(np.unique(hints)) == {1, 255}


def test_segments_are_renamed_merged_hidden_and_separated(page):
    opened(page)
    set_number(page, 4)
    plain = image_in(saved(page, "Labels")[1])
    page.get_by_label("Name").fill("shade")
    page.get_by_label("Merge with").select_option(label="Segment 3")
    assert names(page) == ["shade", "Segment 1", "Segment 2"]
    page.get_by_role("button", name="Hide Segment 1").click()
    page.wait_for_timeout(600)
    np.testing.assert_array_equal(image_in(saved(page, "Labels")[1]), np.array([0, 1, 2, 0])[plain])
    visible = image_in(saved(page, "Cut-out")[1])
    np.testing.assert_array_equal(visible[..., 3] > 0, plain != 1)
    np.testing.assert_array_equal(shown(page)[..., 3] > 0, plain != 1)
    page.get_by_role("button", name="Separate").click()
    assert names(page) == ["shade", "Segment 1", "Segment 2", "Segment 3"]


def test_pointing_shows_probabilities_and_a_click_chooses_the_segment(page):
    opened(page)
    set_number(page, 4)
    page.mouse.move(*point(page, 50, 20))
    page.wait_for_selector(".readout >> text=/Segment 3 (9[0-9]|100) %/")
    page.mouse.click(*point(page, 20, 20))
    assert page.get_by_role("radio", name="Segment 1").is_checked()


@pytest.mark.parametrize("view", ["overlay", "picture", "cut-out", "uncertainty"])
def test_each_view_draws_the_picture(view, page):
    opened(page)
    segments = shown(page)
    page.get_by_label("View").select_option(view)
    page.wait_for_timeout(300)
    drawn = shown(page)
    assert (drawn != segments).any()
    alike = (drawn[..., :3] == blocks(HEIGHT, WIDTH)).all(axis=-1)
    if view == "cut-out":
        assert 0 < alike.mean() < 1
        np.testing.assert_array_equal(alike, drawn[..., 3] > 0)
    else:
        assert alike.all() == (view == "picture")


def test_the_cut_out_is_the_chosen_segment_or_those_that_are_not_hidden(page):
    opened(page)
    set_number(page, 4)
    labels = image_in(saved(page, "Labels")[1])
    page.get_by_label("View").select_option("cut-out")
    for number in (2, 0, 3):
        choose(page, f"Segment {number}")
        np.testing.assert_array_equal(shown(page)[..., 3] > 0, labels == number)
        np.testing.assert_array_equal(image_in(saved(page, "Cut-out")[1])[..., 3] > 0, labels == number)
    for number in (0, 1, 2, 3):
        page.get_by_role("button", name=f"Hide Segment {number}").click()
        np.testing.assert_array_equal(shown(page)[..., 3] > 0, labels > number)
    page.get_by_role("button", name="Cut-out", exact=True).click()
    page.wait_for_selector("#error >> text=All segments are hidden")


def test_with_hints_the_cut_out_leaves_out_the_background(page):
    opened(page)
    paint_two_hints(page)
    page.get_by_label("View").select_option("cut-out")
    labels = image_in(saved(page, "Labels")[1])
    np.testing.assert_array_equal(shown(page)[..., 3] > 0, labels == 1)
    np.testing.assert_array_equal(image_in(saved(page, "Cut-out")[1])[..., 3] > 0, labels == 1)


def test_the_page_says_whether_a_preview_or_the_exact_fit_is_shown(page):
    opened(page)
    assert page.locator(".fit-state").inner_text() == "Exact fit"
    page.route("**/picture/fit", lambda route: None)
    page.get_by_label("Number of segments").fill("3")
    page.wait_for_selector(".fit-state:text-is('Preview')")
    page.wait_for_selector("text=Files are saved from the exact fit")
    assert page.get_by_role("button", name="Labels", exact=True).is_disabled()
    page.unroute("**/picture/fit")
    set_number(page, 2)
    page.wait_for_selector(".fit-state:text-is('Exact fit')")
    assert page.get_by_text("Files are saved from the exact fit").is_hidden()


def test_histograms_have_a_curve_for_each_segment(page):
    opened(page)
    set_number(page, 3)
    for channel in (1, 2, 3):
        page.wait_for_selector(f".histogram:nth-child({channel}) .density:nth-of-type(3):last-of-type")
    assert page.locator(".histogram .density").count() == 9


def test_a_long_fit_is_canceled(page):
    pixels = np.random.default_rng(0).integers(0, 255, (1500, 2000), dtype=np.uint8)
    page.set_input_files("#file", {"name": "large.png", "mimeType": "image/png", "buffer": png(pixels)})
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#status:text('Canceled')")
    assert page.get_by_role("button", name="Labels", exact=True).is_disabled()
    set_number(page, 1)
    assert page.get_by_role("button", name="Labels", exact=True).is_enabled()


def test_the_lines_follow_the_settings(page):
    opened(page)
    set_number(page, 3)
    page.get_by_text("The same as a command and in Python").click()
    page.wait_for_selector("pre:text('gaussmix segment blocks.png -o blocks-segments -k 3 --smoothing 1')")
    page.get_by_label("Colors").select_option("lab")
    page.wait_for_selector("pre:text('--color lab')")


def test_a_wrong_number_is_told(page):
    opened(page, "two.png", np.kron(np.array([[0, 255]], dtype=np.uint8), np.ones((9, 9), dtype=np.uint8)))
    page.get_by_label("Number of segments").fill("5")
    page.wait_for_selector("#error:has-text('2 distinct colors')")
    page.get_by_label("Number of segments").fill("2")
    page.wait_for_selector("#error", state="hidden")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_page(width, new_page, address):
    page = new_page(width)
    page.goto(address)
    opened(page)
    page.get_by_label("By hints").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input:not([hidden]), select, button')].filter((each) => each.offsetParent && !("
        "each.labels?.length || each.ariaLabel || each.textContent.trim())).map((each) => each.outerHTML)"
    )
    assert unnamed == []


def test_a_volume_has_slices_in_three_directions(page, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    volume = np.random.default_rng(0).integers(0, 30, (8, 10, 12), dtype=np.uint8)
    volume[3:] += 120
    tifffile.imwrite(tmp_path / "volume.tif", volume, imagej=True, metadata={"axes": "ZYX"})
    page.set_input_files("#file", tmp_path / "volume.tif")
    page.wait_for_selector("#document-name:text('volume.tif')")
    ready(page)
    output = page.locator(".slices output")
    assert output.inner_text() == "z 5 of 8"
    page.get_by_label("Slice", exact=True).fill("0")
    assert output.inner_text() == "z 1 of 8"
    page.get_by_label("Direction of the slices").select_option(label="Slices across x")
    page.wait_for_selector(".slices output:text('x 7 of 12')")
    assert re.match(r"8 . 10 . 12", page.locator("#status").inner_text())


def test_a_saved_model_is_used_again(page):
    opened(page)
    set_number(page, 3)
    labels, model = saved(page, "Labels")[1], saved(page, "Model")[1]
    set_number(page, 2)
    page.get_by_label("Model file").set_input_files({"name": "m.json", "mimeType": "application/json", "buffer": model})
    page.wait_for_selector("#status:text('Segments of m.json')")
    page.wait_for_selector(".fit-state:text-is('By the saved model')")
    assert saved(page, "Labels")[1] == labels


def test_a_file_that_is_no_model_leaves_the_fit_as_it_is(page):
    opened(page)
    set_number(page, 3)
    labels = saved(page, "Labels")[1]
    for name, content in (("notes.json", b"[]"), ("empty.json", b""), ("picture.json", png(blocks(HEIGHT, WIDTH)))):
        page.get_by_label("Model file").set_input_files(
            {"name": name, "mimeType": "application/json", "buffer": content}
        )
        page.wait_for_selector(f"#error:has-text('{name} is not the model of a segmenter')")
        page.expected("400 (Bad Request)")
        assert saved(page, "Labels")[1] == labels
