"""Ways to pass over the rows."""

from gaussmix.engines.base import AbstractEngine
from gaussmix.engines.distinct import distinct_rows
from gaussmix.engines.native import NativeEngine
from gaussmix.engines.reference import ReferenceEngine
from gaussmix.engines.stacked import StackedEngine

__all__ = ["AbstractEngine", "NativeEngine", "ReferenceEngine", "StackedEngine", "distinct_rows"]
