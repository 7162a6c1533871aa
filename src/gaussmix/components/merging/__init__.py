"""Merging of components that describe one cluster together."""

from gaussmix.components.merging.merge import merge_components
from gaussmix.components.merging.tree import MergedMixture, MergeTree

__all__ = ["MergeTree", "MergedMixture", "merge_components"]
