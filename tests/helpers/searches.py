"""Models that the searches of the tests have, and changes to what they found."""

from dataclasses import replace

import numpy as np

TYPES = ["EII", "EEE", "VEE", "VVV"]
"""The covariance models of the fixture ``search``."""


def with_doubts(cell):
    """The cell with components that are all spurious."""
    spurious = np.ones(cell.n_components, dtype=bool)
    return replace(cell, soundness=replace(cell.soundness, spurious=spurious))
