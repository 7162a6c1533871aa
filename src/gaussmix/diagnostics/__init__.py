"""What is to be known about some rows before a fit, and about a fit after it, in words and as numbers."""

from gaussmix.diagnostics.fit import FitRecord, inspect_fit
from gaussmix.diagnostics.report import Report
from gaussmix.diagnostics.rows import inspect_rows

__all__ = ["FitRecord", "Report", "inspect_fit", "inspect_rows"]
