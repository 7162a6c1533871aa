"""Which model: searches over numbers of components and covariance models, criteria, and reasons."""

from gaussmix.selection.cells import Cell
from gaussmix.selection.estimator import GaussianMixtureIC
from gaussmix.selection.reasons import Reason
from gaussmix.selection.table import SelectionTable

__all__ = ["Cell", "GaussianMixtureIC", "Reason", "SelectionTable"]
