"""Arrays as values of JSON, which has no NaN."""

import math
from typing import Any

import numpy as np


def as_json(value: Any) -> Any:
    """Return arrays as lists, and numbers that are not finite as None, in dicts and lists of any depth."""
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
