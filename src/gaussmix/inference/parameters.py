"""Values for the parameters of a mixture, such as standard errors."""

from dataclasses import dataclass

from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Parameters:
    """Values for all parameters of a mixture, such as standard errors or ends of intervals.

    Attributes
    ----------
    weights : (k,) array
        Values for the weights.
    means : (k, d) array
        Values for the means.
    covariances : (k, d, d) array
        Values for all entries of the covariances, for any covariance structure.
    noise_weight : float, or None
        Value for the weight of the noise; None without noise.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    noise_weight: float | None = None
