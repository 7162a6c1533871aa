"""A number for every parameter of a mixture."""

from dataclasses import dataclass

from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Parameters:
    """A number for every parameter of a mixture: a standard error, or an end of an interval.

    Attributes
    ----------
    weights : (k,) array
        One number for each weight.
    means : (k, d) array
        One for each entry of the means.
    covariances : (k, d, d) array
        One for each entry of the covariances, whatever their structure.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
