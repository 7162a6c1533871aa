"""A report on a mixture and rows as one HTML file."""

from gaussmix.html_report.write import write_report

__all__ = ["write_report"]
