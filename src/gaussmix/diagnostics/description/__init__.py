"""Descriptions of clusters: what sets each of them apart, and short rules that select its rows."""

from gaussmix.diagnostics.description.clusters import (
    ClusterDescription,
    ClusterDescriptions,
    FeatureContrast,
    describe,
)
from gaussmix.diagnostics.description.rules import Condition, Rule

__all__ = ["ClusterDescription", "ClusterDescriptions", "Condition", "FeatureContrast", "Rule", "describe"]
