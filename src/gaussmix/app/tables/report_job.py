"""The report on a model and the rows as an HTML page, as a job."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gaussmix.core.progress import Listener, progress_told
from gaussmix.core.typing import FloatArray
from gaussmix.html_report import write_report


def report_page(report: Listener, model: Any, rows: FloatArray, title: str) -> str:
    """Return the page that `gaussmix.html_report.write_report` writes about a model and the rows of its fit."""
    report(None, "Report")
    with TemporaryDirectory() as folder, progress_told(report):
        path = Path(folder, "report.html")
        write_report(path, model, rows, title=title, progress=True)
        return path.read_text(encoding="utf-8")
