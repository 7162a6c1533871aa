"""Attributes of an estimator with a fitted search over models."""

from typing import Any

from gaussmix.core.mixture import Mixture
from gaussmix.estimators.fitted_mixture import FittedMixtureMixin
from gaussmix.estimators.fitted_noise import FittedNoiseMixin
from gaussmix.estimators.gaussian import GaussianMixture
from gaussmix.estimators.set_by_fit import set_by_fit
from gaussmix.selection.cells import Cell
from gaussmix.selection.model_names import ModelSpec
from gaussmix.selection.table import SelectionTable


class FittedSearchMixin(FittedNoiseMixin, FittedMixtureMixin):
    """Attributes of a search, which a subclass sets."""

    cells_: dict[ModelSpec, Cell] = set_by_fit()
    results_: SelectionTable = set_by_fit()
    reason_: str = set_by_fit()
    best_estimator_: GaussianMixture = set_by_fit()
    best_n_components_: int = set_by_fit()
    best_covariance_type_: str = set_by_fit()
    best_params_: dict[str, Any] = set_by_fit()
    best_score_: float = set_by_fit()

    @property
    def mixture_(self) -> Mixture:  # type: ignore[override]
        """The mixture of the chosen model."""
        return self.best_estimator_.mixture_
