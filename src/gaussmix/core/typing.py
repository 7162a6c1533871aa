"""The names that annotations use."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Rows = npt.NDArray[Any]

Form = Literal["full", "tied", "diagonal", "spherical"]
"""The shape of the factors of a mixture: a triangle per component, one for all, a row each, or a number each."""

Want = Literal["log_density", "responsibilities", "labels", "scores"]

Random = np.random.Generator | np.random.RandomState
Seed = int | Random | None
