"""Which model: searches over numbers of components and covariance models, criteria, and reasons."""

from gaussmix.selection.cells import Cell
from gaussmix.selection.explanation import Explanation
from gaussmix.selection.table import SelectionTable

__all__ = ["Cell", "Explanation", "SelectionTable"]
