"""Attributes and methods of a fitted mixture of factor analyzers."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.covariance import Factor
from gaussmix.core.engines import engine_for
from gaussmix.core.engines.distant_rows import require_in_memory
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray


class FittedFactorsMixin:
    """Loadings, noise and factor scores; a subclass has ``mixture_`` and ``_checked_rows``."""

    mixture_: Mixture
    _rows: Any

    @property
    def loadings_(self) -> FloatArray:
        """Loadings, ``(k, d, q)``, with ``covariance_type="factor"``; they are determined up to a rotation."""
        return self._factor_covariance().loadings

    @property
    def noise_variances_(self) -> FloatArray:
        """Variances of the noise, ``(k, d)``, with ``covariance_type="factor"``."""
        return self._factor_covariance().noise_variances

    def factor_scores(self, X: Any) -> FloatArray:
        """Return the expected factors of each row, given its component.

        Parameters
        ----------
        X : (n, d) array-like or table
            Complete rows with the columns of the fit.

        Returns
        -------
        (n, q) array
            Expected factors ``E[z | x, k]`` of the most probable component k of each row, in units of the loadings.

        Raises
        ------
        AttributeError
            If the covariances do not have factors.
        ValueError
            If X is not valid or has missing values.
        """
        check_is_fitted(self)
        factors, rows = self._factor_covariance(), require_in_memory(self._rows(X, None, None), "factor_scores")
        if not rows.is_exact:
            raise ValueError("factor_scores needs complete rows: fill in the missing values of X")
        labels = engine_for(rows).score_rows(self.mixture_.whitened(), "labels")
        scores = np.empty((rows.n_rows, factors.n_factors))
        for component in range(factors.n_components):
            own = labels == component
            scores[own] = factors.scores(rows.values[own] - self.mixture_.means[component], component)
        return scores

    def _factor_covariance(self) -> Factor:
        covariance = self.mixture_.covariance
        if not isinstance(covariance, Factor):
            raise AttributeError(f'covariance_type={covariance.name!r} has no factors: use covariance_type="factor"')
        return covariance
