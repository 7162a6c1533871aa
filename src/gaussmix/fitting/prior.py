"""What is believed of the covariances and means before the rows are seen."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from gaussmix.core.forms import FORMS
from gaussmix.core.mixture import Mixture
from gaussmix.core.moments import Moments
from gaussmix.core.typing import FloatArray, Form

WEAKEST = 1e-10
"""Pseudo-rows: a variance of 1e-5 of its kind loses 1e-12 nats, and a singular one still has digits."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A conjugate prior, the same for every component: pseudo-rows of a given scatter.

    For means ``m_k`` and precisions ``P_k``, without the constant,

        log p = sum_k 1/2 [strength log det P_k - tr(S P_k) - mean_strength (m_k - center)' P_k (m_k - center)].

    Of a tied covariance the first two terms are taken once.

    Attributes
    ----------
    strength : float
        Pseudo-rows behind each covariance; of a tied one, behind the only one.
    root : (d, d) array
        Lower triangular R with ``S = R R'``, in the squared units of the data.
    mean_strength : float
        Pseudo-rows at ``center``, in each component.
    center : (d,) array
        Where these are.
    """

    strength: float
    root: FloatArray
    mean_strength: float
    center: FloatArray

    @classmethod
    def chen_tan(cls, strength: float, root: FloatArray) -> Self:
        """The penalty of Chen and Tan, Journal of Multivariate Analysis 100 (2009), 1367-1383, equation 3.

        It is ``- strength sum_k [tr(S P_k) + log det covariance_k]`` with ``S = root root'``. It follows any affine
        map of the data, and is consistent when its strength vanishes beside the number of rows.

        Parameters
        ----------
        strength : float
            Twice as many pseudo-rows.
        root : (d, d) array
            Lower root of their covariance.

        Returns
        -------
        Prior
            As pseudo-rows.
        """
        return cls(2 * strength, math.sqrt(2 * strength) * root, 0.0, np.zeros(len(root)))

    @classmethod
    def inverse_wishart(cls, form: Form, root: FloatArray, center: FloatArray, n_components: int) -> Self:
        """The prior of Fraley and Raftery, Journal of Classification 24 (2007), 155-181, section 3.

        An inverse Wishart distribution with d + 2 degrees of freedom and scale ``root root' / k^(2/d)`` for a
        covariance, inverse gamma ones for variances, and for each mean a normal one worth 0.01 rows at the center of
        the data. Diagonal covariances have a scale for every feature (in their paper one for all).

        Parameters
        ----------
        form : {"full", "tied", "diagonal", "spherical"}
            The shape of the covariances.
        root : (d, d) array
            Lower root of the covariance of the data, as far as the form sees it.
        center : (d,) array
            Mean of the data.
        n_components : int
            How many components.

        Returns
        -------
        Prior
            As pseudo-rows.
        """
        d = len(root)
        shrink = n_components ** (-1 / d) / math.sqrt(FORMS[form].features_per_variance(d))
        return cls(FORMS[form].inverse_wishart_rows(n_components, d), shrink * root, 0.01, center)

    def strength_each(self, mixture: Mixture) -> float:
        """Pseudo-rows that a component's covariance is divided by in addition.

        Parameters
        ----------
        mixture : Mixture
            Says how many components share a covariance.

        Returns
        -------
        float
            A number of rows.
        """
        return self.strength / FORMS[mixture.covariance.form].components_per_scatter(mixture.n_components)

    def pseudo_moments(self, mixture: Mixture) -> Moments:
        """What the pseudo-rows add to the sums of a pass.

        Parameters
        ----------
        mixture : Mixture
            The one that was passed in.

        Returns
        -------
        Moments
            Sums that add to those of the rows.
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
        """The logarithm of the density of the parameters, without its constant.

        Parameters
        ----------
        mixture : Mixture
            The parameters.
        pseudo : Moments
            `pseudo_moments` of them.

        Returns
        -------
        float
            In nats.
        """
        return self.strength_each(mixture) * float(mixture.covariance.log_det().sum()) - 0.5 * pseudo.scatter_trace
