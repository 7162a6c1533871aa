"""Models of the searches in tests, and changes to their results."""

from dataclasses import replace

import numpy as np

TYPES = ["EII", "EEE", "VEE", "VVV"]
"""Covariance structures of the fixture ``search``."""


def with_doubts(cell):
    """Return the cell with all components marked spurious."""
    spurious = np.ones(cell.n_components, dtype=bool)
    return replace(cell, soundness=replace(cell.soundness, spurious=spurious))
