"""Engines, which make passes over the rows."""

from gaussmix.core.engines.base import AbstractEngine
from gaussmix.core.engines.distinct import distinct_rows
from gaussmix.core.engines.native import NativeEngine
from gaussmix.core.engines.reference import ReferenceEngine
from gaussmix.core.engines.stacked import StackedEngine

__all__ = ["AbstractEngine", "NativeEngine", "ReferenceEngine", "StackedEngine", "distinct_rows"]
