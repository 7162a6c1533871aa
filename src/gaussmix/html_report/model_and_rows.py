"""What a page is about: a mixture, the rows beside it, and how both are called."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.validation import check_sample_weight
from gaussmix.diagnostics import FitRecord
from gaussmix.estimators import GaussianMixture
from gaussmix.plots.inputs import mixture_of, rows_of


@dataclass(frozen=True, eq=False)
class ModelAndRows:
    """A mixture and rows of its features.

    Attributes
    ----------
    mixture : Mixture
        With names of its features.
    rows : WeightedRows
        Finite numbers.
    record : FitRecord or None
        Of the estimator, if there is one that keeps it.
    """

    mixture: Mixture
    rows: WeightedRows
    record: FitRecord | None

    @classmethod
    def of(cls, model: Any, X: Any, sample_weight: Any) -> Self:
        """From what a user has; ValueError says what does not fit together."""
        mixture = mixture_of(model)
        rows = rows_of(mixture, X)
        names: Sequence[str] | None = mixture.feature_names
        if names is None:
            columns = getattr(X, "columns", None)
            names = mixture.names if columns is None else tuple(map(str, columns))
        weights = check_sample_weight(sample_weight, len(rows))
        names = tuple(names)
        return cls(replace(mixture, feature_names=names), WeightedRows(rows, weights, names), _record_of(model))

    @property
    def names(self) -> tuple[str, ...]:
        assert self.mixture.feature_names is not None
        return self.mixture.feature_names

    @property
    def separation(self) -> FloatArray:
        """(d,) the share of a feature's variance, in the mixture, that lies between the components."""
        mixture = self.mixture
        between = mixture.weights @ (mixture.means - mixture.weights @ mixture.means) ** 2
        within = mixture.weights @ mixture.covariance.variances()
        return np.asarray(between / (between + within))

    def most_separate(self, most: int) -> list[int]:
        """So many features that tell components apart most, in their own order."""
        return sorted(np.argsort(-self.separation, kind="stable")[:most].tolist())

    @property
    def standardized_means(self) -> FloatArray:
        """(k, d) how far the means lie from the mixture's own, in its standard deviations."""
        mixture = self.mixture
        center = mixture.weights @ mixture.means
        spread = mixture.weights @ ((mixture.means - center) ** 2 + mixture.covariance.variances())
        return np.asarray((mixture.means - center) / np.sqrt(spread))


def _record_of(model: Any) -> FitRecord | None:
    fitted = getattr(model, "best_estimator_", model)
    return FitRecord.of(fitted) if isinstance(fitted, GaussianMixture) else None
