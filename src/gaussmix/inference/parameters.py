"""A number for every parameter of a mixture."""

from dataclasses import dataclass

from gaussmix.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Parameters:
    """A number for every parameter of a mixture: a standard error, or an end of an interval.

    Attributes
    ----------
    weights : (k,) array
    means : (k, d) array
    covariances : (k, d, d) array
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
