"""A report as one HTML page: what a mixture is, and what it says of some rows."""

from gaussmix.html_report.write import write_report

__all__ = ["write_report"]
