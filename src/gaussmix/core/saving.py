"""Writing a mixture to a file, with test vectors: a few rows and what a reader of the file must compute for them."""

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.core.model_file import StoredMixture, write_model
from gaussmix.core.validation import LARGEST

if TYPE_CHECKING:
    from gaussmix.core.mixture import Mixture

N_VECTORS = 5
"""Number of rows."""


def save(self: "Mixture", path: str | PathLike[str]) -> None:
    """Write the mixture to a JSON file (docs/model-file.md) without rounding.

    Parameters
    ----------
    path : str or path
        The file to write.
    """
    parts = (self.weights, self.means, self.covariance, self.feature_names)
    stored = StoredMixture(*parts, self.background, self.degrees_of_freedom)
    write_model(path, stored, vectors_of(self))


def vectors_of(mixture: "Mixture") -> dict[str, Any] | None:
    """Return rows drawn from a mixture, always the same ones, with their log densities, responsibilities and labels.

    None if squares overflow.
    """
    rows, _ = mixture.sample(N_VECTORS, 0)
    if not np.abs(rows).max() < LARGEST:
        return None
    log_densities = mixture.log_density(rows)
    if not np.isfinite(log_densities).all():
        return None
    return {
        "rows": rows.tolist(),
        "log_densities": log_densities.tolist(),
        "responsibilities": mixture.responsibilities(rows).tolist(),
        "labels": mixture.labels(rows).tolist(),
    }
