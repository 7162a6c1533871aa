"""Report on a mixture and rows as a single HTML file."""

from gaussmix.html_report.write import write_report

__all__ = ["write_report"]
