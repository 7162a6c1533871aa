"""Types used in annotations."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Rows = npt.NDArray[Any]

Form = Literal["full", "tied", "diagonal", "spherical"]
"""Form of factors: a triangle per component, one shared triangle, a vector per component, or a number per component."""

Want = Literal["log_density", "responsibilities", "labels", "scores"]

Random = np.random.Generator | np.random.RandomState
Seed = int | Random | None
