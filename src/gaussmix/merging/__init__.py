"""Components are not clusters: which components make a cluster together."""

from gaussmix.merging.components import merge_components
from gaussmix.merging.tree import MergedMixture, MergeTree

__all__ = ["MergeTree", "MergedMixture", "merge_components"]
