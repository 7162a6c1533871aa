"""Attributes and methods of an estimator with a fitted posterior."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.posterior import Posterior
from gaussmix.core.text import Entry
from gaussmix.core.typing import FloatArray
from gaussmix.core.whitened import WhitenedMixture
from gaussmix.estimators.fitted_mixture import FittedMixtureMixin
from gaussmix.estimators.fitted_run import FittedRunMixin
from gaussmix.estimators.set_by_fit import set_by_fit
from gaussmix.fitting.fit_posterior import PosteriorFit


class FittedPosteriorMixin(FittedRunMixin, FittedMixtureMixin):
    """Attributes and methods of an estimator with a posterior; a subclass sets ``fit_result_``."""

    fit_result_: PosteriorFit = set_by_fit()

    def _whitened(self) -> WhitenedMixture:
        return self.posterior_.whitened()

    def predictive_log_density(self, X: Any) -> FloatArray:
        """Return the log density of each row averaged over the posterior: a mixture of t distributions.

        Parameters
        ----------
        X : (n, d) array-like or table
            Rows with the columns of the fit.

        Returns
        -------
        (n,) array
            In nats. It integrates to one, unlike ``score_samples``, which averages the logarithm as scikit-learn does.
        """
        check_is_fitted(self)
        rows = self._rows_in_memory(X, None, reset=False)
        return self.posterior_.predictive_log_density(rows.values)

    @property
    def posterior_(self) -> Posterior:
        """The posterior distribution."""
        return self.fit_result_.posterior

    @property
    def mixture_(self) -> Mixture:  # type: ignore[override]
        """The mixture of the expected parameters."""
        return self.posterior_.mixture

    @property
    def weight_concentration_(self) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Parameters of the distribution of the weights."""
        return self.posterior_.weights.concentration

    @property
    def mean_precision_(self) -> FloatArray:
        """Precisions of the means, in rows."""
        return self.posterior_.components.mean_precision

    @property
    def degrees_of_freedom_(self) -> FloatArray | float:
        """Degrees of freedom of the precision matrices."""
        degrees = self.posterior_.components.degrees
        if FORMS[self.posterior_.covariance.form].is_shared:
            return float(degrees[0] / self.posterior_.prior.matrices_per_scatter)
        return degrees

    @property
    def weight_concentration_prior_(self) -> float:
        """Concentration of the prior of the weights."""
        return self.posterior_.prior.concentration

    @property
    def mean_precision_prior_(self) -> float:
        """Precision of the means in the prior, in rows."""
        return self.posterior_.prior.mean_precision

    @property
    def mean_prior_(self) -> FloatArray:
        """Mean of the prior."""
        return self.posterior_.prior.mean

    @property
    def degrees_of_freedom_prior_(self) -> float:
        """Degrees of freedom of the precision matrices in the prior."""
        return self.posterior_.prior.degrees

    @property
    def covariance_prior_(self) -> FloatArray | float:
        """Inverse scale of the precision matrices in the prior."""
        return self.posterior_.prior.inverse_scale

    @property
    def start_lower_bounds_(self) -> FloatArray:
        """Bounds that the starts reached in nats, greatest first."""
        return np.array(self.fit_result_.bounds)

    @property
    def lower_bound_(self) -> float:
        """Evidence lower bound of the returned posterior, in nats over all rows."""
        return self.fit_result_.bound

    @property
    def lower_bounds_(self) -> list[float]:
        """Evidence lower bound after each iteration, in nats over all rows."""
        return [float(value) for value in self.history_["lower_bound"][1:]]

    def _result_entries(self) -> list[Entry]:
        return [Entry("evidence lower bound", f"{self.lower_bound_:.4f}"), *super()._result_entries()]
