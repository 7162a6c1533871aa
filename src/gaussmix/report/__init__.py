"""What is to be known about some rows before a fit, and about a fit after it, in words and as numbers."""

from gaussmix.report.fitted import FitRecord, inspect_fit
from gaussmix.report.rows import inspect_rows
from gaussmix.report.text import Report

__all__ = ["FitRecord", "Report", "inspect_fit", "inspect_rows"]
