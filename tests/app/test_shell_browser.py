"""The page in a browser: opening files by hand, by dropping and from the command line; reloading; closing."""

import http.server
import json
import signal
import sys
import threading
import urllib.request

import numpy as np
import pytest
from helpers.app_server import LIMIT, running_server
from PIL import Image

pytestmark = pytest.mark.slow

TABLE = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n3,5\n4,4\n2,2.5\n"}
TEXT = {"name": "text.png", "mimeType": "image/png", "buffer": b"This is a letter. " * 20}
DROP = """(files) => {
    const data = new DataTransfer();
    for (const [name, text] of files) data.items.add(new File([text], name));
    for (const type of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def wait_for_room(page, name, kind):
    page.wait_for_selector(f"#document-name:text-is('{name}')")
    assert page.locator("#layout").get_attribute("data-room") == kind
    assert page.title() == f"{name} - gaussmix"


def error_of(page):
    page.wait_for_selector("#error:not([hidden])")
    return page.locator("#error p").text_content()


def test_a_file_that_is_opened_has_its_room_also_after_a_reload(page, picture):
    page.set_input_files("#file", picture)
    wait_for_room(page, "p.png", "picture")
    page.set_input_files("#file", TABLE)
    wait_for_room(page, "t.csv", "table")
    page.reload()
    wait_for_room(page, "t.csv", "table")


def test_two_pages_have_a_document_each(new_page, address, picture):
    first, second = new_page(), new_page()
    for page, file in ((first, picture), (second, TABLE)):
        page.goto(address)
        page.set_input_files("#file", file)
        page.wait_for_url("**#*")
    for page, name, kind in ((first, "p.png", "picture"), (second, "t.csv", "table")):
        page.reload()
        wait_for_room(page, name, kind)


def test_a_file_that_is_dropped_is_opened_and_two_are_not(page):
    page.evaluate(DROP, [["a.csv", "a,b\n1,2\n3,5\n4,4\n"]])
    wait_for_room(page, "a.csv", "table")
    page.evaluate(DROP, [["b.csv", "a,b\n1,2\n"], ["c.csv", "a,b\n1,2\n"]])
    assert error_of(page) == "Drop one file at a time."
    wait_for_room(page, "a.csv", "table")


def test_a_file_that_cannot_be_read_leaves_the_room_as_it_is(page):
    page.set_input_files("#file", TABLE)
    wait_for_room(page, "t.csv", "table")
    page.set_input_files("#file", TEXT)
    assert error_of(page).startswith("text.png is not a picture")
    wait_for_room(page, "t.csv", "table")
    page.click("#error button")
    assert page.locator("#error").is_hidden()
    page.expected("400 (Bad Request)")


def test_a_file_over_the_limit_is_not_sent(new_page, address):
    page = new_page()
    page.route("**/settings", lambda route: route.fulfill(json={"max_upload": 1_000_000, "examples": {}}))
    page.goto(address)
    page.set_input_files("#file", {"name": "large.tif", "mimeType": "image/tiff", "buffer": bytes(2_000_000)})
    assert error_of(page).startswith("large.tif has 2 MB; the page takes files of at most 1 MB. Start the application")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_that_of_the_system_until_it_is_chosen(scheme, new_page, address):
    page = new_page(color_scheme=scheme)
    page.goto(address)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before != after
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after


def test_the_keyboard_opens_a_file(page):
    page.on("filechooser", lambda chooser: None)  # so that no window of the system opens; it takes effect later
    while page.evaluate("document.activeElement.textContent") != "Open a file":
        page.keyboard.press("Tab")
    with page.expect_file_chooser() as chosen:
        page.keyboard.press("Enter")
    chosen.value.set_files(TABLE)
    wait_for_room(page, "t.csv", "table")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(width, new_page, address):
    page = new_page(width)
    page.goto(address)
    page.evaluate("import('./static/status.js').then(({ complain }) => complain('a'.repeat(300)))")
    page.wait_for_selector("#error:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_job_has_a_bar_and_can_be_canceled(page):
    job = {
        "id": "1",
        "title": "Fit",
        "state": "running",
        "fraction": 0.25,
        "text": "start 2",
        "error": "",
        "warnings": [],
    }

    def answer(route):
        if route.request.method == "DELETE":
            job.update(state="canceled")
        route.fulfill(content_type="application/json", body=json.dumps(job))

    page.route("**/jobs/1", answer)
    page.evaluate("""import("./static/jobs.js").then(({ follow }) => {
        window.outcome = follow("1", { after: 0 }).then((done) => done.state, (error) => error.name);
    })""")
    page.wait_for_selector(".job")
    assert page.get_by_role("progressbar", name="Fit").get_attribute("value") == "0.25"
    page.get_by_role("button", name="Cancel").click()
    assert page.evaluate("window.outcome") == "Canceled"
    assert page.locator(".job").count() == 0


def test_a_file_on_the_command_line_is_open(new_page, picture, tmp_path):
    with running_server(tmp_path, picture) as (address, _):
        page = new_page()
        page.goto(address)
        wait_for_room(page, "p.png", "picture")
        page.close()  # it would ask the server that has ended
    assert picture.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a signal for one process is POSIX's")
def test_the_page_says_that_the_server_has_ended(new_page, tmp_path):
    with running_server(tmp_path) as (address, process):
        page = new_page()
        page.goto(address)
        page.wait_for_selector(".welcome")
        process.send_signal(signal.SIGINT)
        assert error_of(page) == "The server has ended. Start gaussmix app again to continue."
        page.close()


def test_closing_the_last_tab_ends_the_server_after_the_grace_time(new_page, tmp_path):
    with running_server(tmp_path, grace=0.5) as (address, process):
        first, second = new_page(), new_page()
        for page in (first, second):
            page.goto(address)
            page.wait_for_selector(".welcome")
        first.close()
        second.wait_for_timeout(1000)
        assert process.poll() is None
        second.close()
        assert process.wait(LIMIT) == 0


def test_the_page_says_that_the_server_was_killed(browser, tmp_path):
    with running_server(tmp_path) as (address, process), browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".welcome")
        process.kill()
        assert error_of(page) == "The server has ended. Start gaussmix app again to continue."


TRIALS = """async (address) => {
    const asked = (path, options) => fetch(address + path, options).then(() => "answered", () => "blocked");
    const shown = (tag, path) => new Promise((resolve) => {
        const node = document.createElement(tag);
        node.onload = () => resolve("answered");
        node.onerror = () => resolve("blocked");
        node.src = address + path;
        document.body.append(node);
    });
    return [
        await asked("settings", { mode: "no-cors" }),
        await asked("documents?name=stranger.csv", { method: "PUT", body: "a,b" }),
        await asked("examples/old_faithful.csv", { method: "POST", mode: "no-cors" }),
        await asked("jobs/1", { method: "DELETE" }),
        await shown("script", "static/main.js"),
        await shown("img", "static/icon.svg"),
    ];
}"""


def test_a_page_of_another_port_gets_nothing(browser, address):
    """Although it knows the address with the token."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as other, browser.new_context() as context:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        with urllib.request.urlopen(f"{address}documents") as answer:
            before = answer.read()
        assert page.evaluate(TRIALS, address) == ["blocked"] * 6
        with urllib.request.urlopen(f"{address}documents") as answer:
            assert answer.read() == before
        assert page.goto(f"{address}").status == 200  # as if it was typed
        other.shutdown()


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Other</title><body></body>")

    def log_message(self, *args):
        pass


def test_the_page_itself_cannot_ask_others(new_page, address, tmp_path):
    with running_server(tmp_path) as (other, _):
        page = new_page()
        page.goto(other)
        page.wait_for_selector(".welcome")
        blocked = (
            """(address) => fetch(address + "settings", { mode: "no-cors" }).then(() => "sent", () => "blocked")"""
        )
        assert page.evaluate(blocked, address) == "blocked"
        page.expected("violates the following Content Security Policy")
        page.expected("violates the document's Content Security Policy")
        page.close()
