"""How long a user of ``gaussmix app`` waits, measured in the page in headless Chromium.

Claims, for a photograph of one megapixel and 5 segments: after a move of a slider, the median time to the preview is
below 150 ms, and until all pixels are labeled below 1 s; a photograph of 12 megapixels shows its first segments within
2 s after it is dropped. The full fit, to all pixels, follows; its time is printed, too.

Method: the photograph is china.jpg of scikit-learn, enlarged, with noise of three gray levels. Sliders are moved by
keys. The page notes the time of the event and of the drawn result (User Timing). The next move waits
for the full fit, and all times begin with the move. "new number": the number of segments has not been shown
before, so that nothing is kept from an earlier fit. For the large photograph, the time begins when the file is handed
to the page. ``--quick`` makes fewer moves.
"""

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from machine import describe_machine, print_machine, warn_when_unfair, write_results
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sklearn.datasets import load_sample_image

SERVE = "from gaussmix.app.server import serve; serve(browser=False, announce=lambda at: print(at, flush=True))"
PREVIEW, ALL, FULL = "gaussmix preview", "gaussmix all pixels", "gaussmix full fit"
MEASURES = {"preview": PREVIEW, "all pixels": ALL, "full fit": FULL}
SIZES = {"1 megapixel": (1250, 800), "12 megapixels": (4000, 3000)}


def main() -> None:
    """Print the latencies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="make fewer moves")
    quick = parser.parse_args().quick
    warn_when_unfair()
    with opened_page() as page:
        found = slider_moves(page, 2 if quick else 6)
        found |= new_numbers(page, 2 if quick else 3)
        found |= {"drop to first segments, 12 megapixels": large_photograph(page, 1 if quick else 3)}
    for name, times in found.items():
        print(
            f"{name:<45}{len(times):3d} times, median {statistics.median(times):6.0f} ms, greatest {max(times):6.0f} ms"
        )
    machine = describe_machine()
    print_machine(machine)
    write_results("app_latency", {"machine": machine, "milliseconds": found})


@contextmanager
def opened_page() -> Iterator[Page]:
    """Yield the page of a new server."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        environment = {**os.environ, "TMPDIR": folder}
        server = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True, env=environment)
        assert server.stdout is not None
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)  # for wait_for_function
            page.goto(server.stdout.readline().strip())
            yield page
        finally:
            browser.close()
            server.terminate()
            server.wait()


def photograph(size: tuple[int, int]) -> dict[str, Any]:
    """Return a photograph as a file for the page."""
    picture = Image.fromarray(load_sample_image("china.jpg")).resize(size, Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(scale=3.0, size=(size[1], size[0], 3))
    pixels = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=92)
    return {"name": f"photo-{size[0]}.jpg", "mimeType": "image/jpeg", "buffer": target.getvalue()}


def open_photograph(page: Page, name: str, until: str = FULL) -> None:
    """Open a photograph and wait until it has been measured."""
    page.evaluate("performance.clearMeasures()")
    file = photograph(SIZES[name])
    page.evaluate(
        "document.getElementById('file').addEventListener('change', () => { window.dropped = performance.now(); },"
        " { once: true, capture: true })"
    )
    page.set_input_files("#file", file)
    page.wait_for_function(f"performance.getEntriesByName('{until}').length >= 1", timeout=120_000)


def slider_moves(page: Page, n: int) -> dict[str, list[float]]:
    """Return times to preview and full result after moves of the smoothing at 5 segments."""
    open_photograph(page, "1 megapixel")
    set_number(page, 5)
    page.evaluate("performance.clearMeasures()")
    slider = page.get_by_label("Smoothing", exact=True)
    for move in range(n):
        slider.press("ArrowRight" if move % 4 < 2 else "ArrowLeft")
        wait_for_full(page, move + 1)
    return {f"smoothing to {name}": times(page, measure) for name, measure in MEASURES.items()}


def new_numbers(page: Page, n: int) -> dict[str, list[float]]:
    """Return times to preview and full result when the number of segments becomes 5, in a picture just opened."""
    found: dict[str, list[float]] = {f"new number to {name}": [] for name in MEASURES}
    for _ in range(n):
        open_photograph(page, "1 megapixel")
        set_number(page, 4)
        page.evaluate("performance.clearMeasures()")
        page.get_by_label("Number of segments").press("ArrowRight")
        wait_for_full(page, 1)
        for name, measure in MEASURES.items():
            found[f"new number to {name}"] += times(page, measure)
    return found


def large_photograph(page: Page, n: int) -> list[float]:
    """Return times from the file to the first segments."""
    found = []
    for _ in range(n):
        open_photograph(page, "12 megapixels", PREVIEW)
        found.append(
            page.evaluate(
                f"(([m]) => m.startTime + m.duration - window.dropped)(performance.getEntriesByName('{PREVIEW}'))"
            )
        )
    return found


def set_number(page: Page, k: int) -> None:
    """Set the number of segments and wait for the full result."""
    page.evaluate("performance.clearMeasures()")
    page.get_by_label("Number of segments").fill(str(k))
    wait_for_full(page, 1)


def wait_for_full(page: Page, n: int) -> None:
    """Wait until so many full results were drawn."""
    page.wait_for_function(f"performance.getEntriesByName('{FULL}').length >= {n}", timeout=120_000)
    page.wait_for_timeout(300)


def times(page: Page, name: str) -> list[float]:
    """Return what the page has measured, in milliseconds."""
    found: list[float] = page.evaluate(f"performance.getEntriesByName('{name}').map((each) => each.duration)")
    return found


if __name__ == "__main__":
    main()
