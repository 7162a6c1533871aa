"""Subject of a report: a mixture and rows with the same features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.model_input import mixture_of, rows_of
from gaussmix.core.number_checks import column_names
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import FloatArray
from gaussmix.core.validation import check_sample_weight
from gaussmix.diagnostics import FitRecord
from gaussmix.estimators import GaussianMixture


@dataclass(frozen=True, eq=False)
class ModelAndRows:
    """Mixture and rows with the same features.

    Attributes
    ----------
    mixture : Mixture
        Mixture with named features.
    rows : WeightedRows
        Rows of finite numbers.
    record : FitRecord or None
        Record of the fit, if the model is an estimator that keeps one.
    """

    mixture: Mixture
    rows: WeightedRows
    record: FitRecord | None

    @classmethod
    def of(cls, model: Any, X: Any, sample_weight: Any) -> Self:
        """Combine a model with rows; raise ValueError if they do not match."""
        mixture = mixture_of(model)
        rows = rows_of(mixture, X)
        names: Sequence[str] | None = mixture.feature_names
        if names is None:
            columns = column_names(X)
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
        """Share of the variance of each feature that is between the components, (d,)."""
        mixture = self.mixture.without_noise()
        between = mixture.weights @ (mixture.means - mixture.weights @ mixture.means) ** 2
        within = mixture.weights @ mixture.covariance.variances()
        return np.asarray(between / (between + within))

    def separating_features(self, n: int) -> list[int]:
        """Return the positions of the ``n`` features that separate the components best, in ascending order."""
        return sorted(np.argsort(-self.separation, kind="stable")[:n].tolist())

    @property
    def standardized_means(self) -> FloatArray:
        """Differences of the means from that of the mixture, in standard deviations of the mixture, (k, d)."""
        mixture = self.mixture.without_noise()
        center = mixture.weights @ mixture.means
        spread = mixture.weights @ ((mixture.means - center) ** 2 + mixture.covariance.variances())
        return np.asarray((mixture.means - center) / np.sqrt(spread))


def _record_of(model: Any) -> FitRecord | None:
    fitted = getattr(model, "best_estimator_", model)
    return FitRecord.of(fitted.fit_result_) if isinstance(fitted, GaussianMixture) else None
