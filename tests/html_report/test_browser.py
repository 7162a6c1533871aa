"""The report in a browser: it opens from disk, and asks for nothing."""

import json
import shutil
import subprocess

import pytest
from helpers.command_line import succeeds
from helpers.html_pages import read

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browse(path, folder):
    """The page as the browser has it, the requests that the page made, and what it had to say on its console."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--enable-logging=stderr", "--v=0",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    content = json.loads(log.read_text(encoding="utf-8"))
    started = content["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    params = [event.get("params", {}) for event in content["events"] if event["type"] == started]
    asked = [each for each in params if "url" in each]
    # The browser has requests of its own, for updates of itself; those of a page bear the page's origin.
    ours = [each["url"] for each in asked if "file://" in each.get("network_isolation_key", "file://")]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, ours, console


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_opens_from_disk_without_a_request(drawn, model_and_table, tmp_path):
    model, table, output = model_and_table
    succeeds("report", model, table, "-k", "1:3", "-o", output)
    shown, requests, console = browse(output, tmp_path)
    assert requests == []
    assert console == []
    reader = read(shown)
    assert "models" in [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    assert reader.table("BIC relative to")[0] == ["K", "full", "tied", "diag", "spherical"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_requests_and_complaints_of_a_page_would_be_seen(tmp_path):
    page = tmp_path / "asks.html"
    page.write_text("<img src='http://canary.invalid/a.png'><script>console.error('trouble')</script>")
    _, requests, console = browse(page, tmp_path)
    assert requests == ["http://canary.invalid/a.png"]
    assert len(console) == 1
