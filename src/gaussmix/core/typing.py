"""Types used in annotations.

At run time the arrays are plain ``numpy.ndarray`` and `ArrayLike` is a class of its own, because ``help`` would show
NumPy's definitions in full.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from numpy.typing import ArrayLike as ArrayLike

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    SmallIntArray = npt.NDArray[np.int32]
    BoolArray = npt.NDArray[np.bool_]
    Rows = npt.NDArray[Any]
else:

    class ArrayLike:
        """Anything that `numpy.asarray` accepts: arrays, numbers, nested sequences of numbers."""

    FloatArray = IntArray = SmallIntArray = BoolArray = Rows = np.ndarray

Form = Literal["full", "tied", "diagonal", "spherical", "factor"]
"""Form of factors: a triangle per component, one shared triangle, a vector or a number per component, or d (1 + q)
numbers per component."""

Want = Literal["log_density", "responsibilities", "labels", "scores"]

Random = np.random.Generator | np.random.RandomState
Seed = int | Random | None
