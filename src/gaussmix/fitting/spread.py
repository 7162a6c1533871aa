"""Center and covariance of the rows that a mixture stands for."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.covariance.triangular import lower_root
from gaussmix.core.forms import FORMS
from gaussmix.core.forms.base import AbstractForm
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray


@dataclass(frozen=True, eq=False)
class Spread:
    """Center of a mixture, and roots of its covariances.

    Attributes
    ----------
    center : (d,) array
        Mean of the mixture.
    root : (d, d) or (d,) array
        Lower root of its covariance, or its diagonal.
    root_within : (d, d) or (d,) array
        Lower root of the pooled covariance within components, or its diagonal.
    """

    center: FloatArray
    root: FloatArray
    root_within: FloatArray

    @classmethod
    def of(cls, mixture: Mixture) -> Self:
        """Return the spread of a mixture, in the form of its covariances."""
        weights = mixture.weights
        center = weights @ mixture.means
        within = np.einsum("k,kij->ij", weights, mixture.covariance.dense())
        between = np.sqrt(weights)[:, None] * (mixture.means - center)
        form = FORMS[mixture.covariance.form]
        return cls(center, _root(within + between.T @ between, form), _root(within, form))


def _root(covariance: FloatArray, form: AbstractForm) -> FloatArray:
    """Return the lower root of a covariance (d, d), or the deviations (d,) if the form is diagonal."""
    if not form.is_diagonal:
        return lower_root(covariance)
    variances = covariance.diagonal()
    if form.features_per_variance(len(variances)) > 1:
        variances = np.full_like(variances, variances.mean())
    return np.sqrt(variances)
