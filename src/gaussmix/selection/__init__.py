"""Model selection: criteria, the search over numbers of components and covariance models, and explanations."""

from gaussmix.selection.cells import Cell
from gaussmix.selection.explanation import Explanation
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.table import SelectionTable

__all__ = ["Cell", "Explanation", "ModelSpec", "SelectionTable"]
