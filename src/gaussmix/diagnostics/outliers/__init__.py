"""Outliers under a mixture: p-values from held-out rows, control of false discoveries, explanations."""

from gaussmix.diagnostics.outliers.calibration import CalibrationScores
from gaussmix.diagnostics.outliers.explanation import OutlierExplanation, explain_rows
from gaussmix.diagnostics.outliers.flags import CONTROLS, flag_rows

__all__ = ["CONTROLS", "CalibrationScores", "OutlierExplanation", "explain_rows", "flag_rows"]
