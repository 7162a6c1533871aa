"""Diagnostics of rows and of fits, as text and as numbers."""

from gaussmix.diagnostics.fit import FitRecord, inspect_fit
from gaussmix.diagnostics.report import Report
from gaussmix.diagnostics.rows import inspect_rows

__all__ = ["FitRecord", "Report", "inspect_fit", "inspect_rows"]
