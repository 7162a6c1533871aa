"""Settings shared by the gallery pages: their order, warnings as errors, and the time that each page took."""

import time
import warnings
from pathlib import Path
from typing import Any

PAGES = {
    "ideas": (
        "textbook_figures",
        "beyond_kmeans",
        "kmeans_limit",
        "mahalanobis",
        "projections",
        "quadratic_boundaries",
        "lda",
        "responsibilities",
        "e_and_m_steps",
        "evidence_lower_bound",
    ),
    "dangers": ("singularity", "label_switching", "too_many_components"),
    "uses": (
        "species",
        "number_of_components",
        "classification",
        "missing_values",
        "measurement_errors",
        "rows_that_do_not_belong",
        "anomalies",
        "inverse_problem",
        "digits",
    ),
    "images": (
        "color_and_gray",
        "starts",
        "hard_and_soft_labels",
        "neighbors",
        "nuclei",
        "brain_slice",
        "volume",
        "microscope_stack",
        "satellite_bands",
        "ct_series",
    ),
    "speed": ("optimizers", "a_million_pixels"),
}
"""Pages of each section, in reading order."""


class ReadingOrder:
    """Sort key of sphinx-gallery: the position of a page within its section."""

    def __init__(self, folder: str) -> None:
        self.pages = PAGES.get(Path(folder).name, ())

    def __call__(self, filename: str) -> int:
        name = Path(filename).stem
        return self.pages.index(name) if name in self.pages else len(self.pages)

    def __repr__(self) -> str:
        return type(self).__name__  # Sphinx compares this with the last build


_running: list[tuple[float, warnings.catch_warnings]] = []


def watch_page(gallery_conf: dict[str, Any], path: str | None, when: str) -> None:
    """Turn warnings into errors while a page runs, and print its time; called before and after every page."""
    if path is None:  # before a section
        return
    if when == "before":
        caught = warnings.catch_warnings()
        caught.__enter__()
        _running.append((time.monotonic(), caught))
        warnings.simplefilter("error")
        # joblib's resource tracker may warn when it counts the cores, which does not matter here.
        warnings.filterwarnings("ignore", message=".*resource_tracker.*", category=UserWarning)
        # plt.show() is for readers who run the script; with a screen, matplotlib warns that Agg cannot show figures.
        warnings.filterwarnings("ignore", message=".*is non-interactive, and thus.*", category=UserWarning)
    elif _running:
        started, caught = _running.pop()
        caught.__exit__(None, None, None)
        print(f"{time.monotonic() - started:6.1f} s  {Path(path).name}", flush=True)
