"""The application in Chromium: a page that must not complain, nor ask for anything beyond the loopback address."""

import shutil
from urllib.parse import urlsplit

import pytest
from helpers.app_server import running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SEEN_BEFORE_THE_PAGE = ("--no-first-run", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *SEEN_BEFORE_THE_PAGE]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Address of a running application without a document at first; the tests of a module share it."""
    with running_server(tmp_path_factory.mktemp("server")) as (address, _):
        yield address


@pytest.fixture
def new_page(browser):
    """Make a page: `new_page(width=1280, height=800, **options of the context)`; all pages are checked at the end."""
    contexts, trouble = [], []

    def make(width=1280, height=800, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("console", lambda said: trouble.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda asked: None if is_local(asked.url) else trouble.append(f"request: {asked.url}"))
        page.expected = lambda text: trouble.remove(next(each for each in trouble if text in each))
        return page

    yield make
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture
def page(new_page, address):
    """A page of the application, 1280 pixels wide."""
    page = new_page()
    page.goto(address)
    return page


def is_local(url):
    parts = urlsplit(url)
    return parts.scheme in ("blob", "data") or parts.hostname == "127.0.0.1"
