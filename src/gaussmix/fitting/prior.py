"""Prior distributions of covariances and means."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, Form

WEAKEST = 1e-10
"""Pseudo-rows of the weakest prior; it costs a variance of 1e-5 of the usual 1e-12 nats, and regularizes zero ones."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A conjugate prior, the same for every component, in terms of pseudo-rows with a given scatter.

    For means ``m_k`` and precisions ``P_k``, without the constant,

        log p = sum_k 1/2 [strength log det P_k - tr(S P_k) - mean_strength (m_k - center)' P_k (m_k - center)].

    For a tied covariance the first two terms occur once.

    Attributes
    ----------
    strength : float
        Number of pseudo-rows of each covariance, or of the one tied covariance.
    root : (d, d) or (d,) array
        Lower triangular R with ``S = R R'``, in the units of the data, or its diagonal if it has no other entries.
    mean_strength : float
        Number of pseudo-rows at ``center`` in each component.
    center : (d,) array
        Position of these pseudo-rows.
    """

    strength: float
    root: FloatArray
    mean_strength: float
    center: FloatArray

    @classmethod
    def chen_tan(cls, strength: float, root: FloatArray) -> Self:
        """Return the penalty of Chen and Tan, Journal of Multivariate Analysis 100 (2009), 1367-1383, equation 3.

        It is ``- strength sum_k [tr(S P_k) + log det covariance_k]`` with ``S = root root'``. It is equivariant under
        affine maps of the data, and consistent if its strength is negligible relative to the number of rows.

        Parameters
        ----------
        strength : float
            Half the number of pseudo-rows.
        root : (d, d) or (d,) array
            Lower root of the covariance of the pseudo-rows, or its diagonal.

        Returns
        -------
        Prior
            The penalty in terms of pseudo-rows.
        """
        return cls(2 * strength, math.sqrt(2 * strength) * root, 0.0, np.zeros(len(root)))

    @classmethod
    def inverse_wishart(cls, form: Form, root: FloatArray, center: FloatArray, n_components: int) -> Self:
        """Return the prior of Fraley and Raftery, Journal of Classification 24 (2007), 155-181, section 3.

        A covariance has an inverse Wishart distribution with d + 2 degrees of freedom and scale ``root root' /
        k^(2/d)``, a variance has an inverse gamma distribution, and each mean has a normal distribution worth 0.01 rows
        at the center of the data. Diagonal covariances have a scale for each feature (one for all in the paper).

        Parameters
        ----------
        form : {"full", "tied", "diagonal", "spherical"}
            Form of the covariances.
        root : (d, d) or (d,) array
            Lower root of the covariance of the data, restricted to the form.
        center : (d,) array
            Mean of the data.
        n_components : int
            Number of components.

        Returns
        -------
        Prior
            The prior in terms of pseudo-rows.
        """
        d = len(root)
        shrink = n_components ** (-1 / d) / math.sqrt(FORMS[form].features_per_variance(d))
        return cls(FORMS[form].inverse_wishart_rows(n_components, d, d + 2), shrink * root, 0.01, center)

    def strength_each(self, mixture: Mixture) -> float:
        """Return the number of pseudo-rows per component.

        Parameters
        ----------
        mixture : Mixture
            Mixture whose form determines how many components share a covariance.

        Returns
        -------
        float
            Number of pseudo-rows that are added to the count of each component.
        """
        return self.strength / FORMS[mixture.covariance.form].components_per_scatter(mixture.n_components)

    def pseudo_moments(self, mixture: Mixture) -> Moments:
        """Return the sums of the pseudo-rows.

        Parameters
        ----------
        mixture : Mixture
            Mixture of the pass.

        Returns
        -------
        Moments
            Sums to be added to those of the rows.
        """
        covariance, k = mixture.covariance, mixture.n_components
        counts = np.full(k, self.mean_strength)
        scatter = covariance.whitened_scatter(self.root)
        shifts = np.zeros(mixture.means.shape)
        if self.mean_strength > 0:
            centers = covariance.whiten_each(self.center - mixture.means)
            shifts = self.mean_strength * centers
            scatter = scatter + FORMS[covariance.form].products(shifts, centers)
        return Moments(covariance.form, counts, shifts, scatter, 0.0, 0.0, 0.0)

    def log_density(self, mixture: Mixture, pseudo: Moments) -> float:
        """Return the log prior density of the parameters, without its constant.

        Parameters
        ----------
        mixture : Mixture
            The parameters.
        pseudo : Moments
            Result of `pseudo_moments` for these parameters.

        Returns
        -------
        float
            Log density in nats.
        """
        return self.strength_each(mixture) * float(mixture.covariance.log_det().sum()) - 0.5 * pseudo.scatter_trace
